"""Files: what there is in which scope, what is on its way, and which objects nothing names any more.

Every object in a store is named by a blob, a piece of an upload, a part of an export, or it is loose: it was noted before it was written,
and is deleted when it stays so. So no crash leaves an object that nobody knows of, and the store need never be listed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.errors import FacilityMoved
from hub.postgres.engine import Connection


class BlobRow(Struct, frozen=True):
    """A file in a scope. `key`: its object's, sealed with the scope's data key."""

    name: bytes
    scope: int
    object: str
    key: bytes
    size: int
    media_type: str
    made: datetime
    referred: datetime


class UploadRow(Struct, frozen=True):
    """A file on its way. `received` bytes of `size` are here."""

    id: str
    scope: int
    author: str
    name: bytes
    key: bytes
    size: int
    received: int
    pieces: int
    touched: datetime


class PieceRow(Struct, frozen=True):
    """A part of a file on its way, from the byte `at` on."""

    at: int
    size: int
    object: str


BLOB_COLUMNS: Final = ", ".join(f"blob.{name}" for name in BlobRow.__struct_fields__)
REMOVING: Final = 0x626C6F62
"""Advisory lock of whoever removes files."""
UPLOAD_COLUMNS: Final = ", ".join(UploadRow.__struct_fields__)


async def blobs_named(connection: Connection, names: Sequence[bytes], scope: int) -> list[BlobRow]:
    """Those of these files that a scope has. They are not removed while the transaction lasts."""
    rows = await connection.fetch(
        f"SELECT {BLOB_COLUMNS} FROM blob WHERE name = ANY($1::bytea[]) AND scope = $2 FOR KEY SHARE", names, scope
    )
    return [BlobRow(*row) for row in rows]


async def blob_of_node(connection: Connection, name: bytes, node: str) -> BlobRow | None:
    """A file, if one of the node's scopes has it."""
    row = await connection.fetchrow(
        f"SELECT {BLOB_COLUMNS} FROM blob JOIN node_scope USING (scope) WHERE name = $1 AND node = $2 LIMIT 1",
        name,
        node,
    )
    return BlobRow(*row) if row is not None else None


async def blob_of_region(connection: Connection, name: bytes, region: str) -> BlobRow | None:
    """A file, if a facility of the region has it; '' is all regions."""
    row = await connection.fetchrow(
        f"""
        SELECT {BLOB_COLUMNS} FROM blob JOIN facility USING (scope)
        WHERE blob.name = $1 AND (facility.region = $2 OR $2 = '') LIMIT 1
        """,
        *(name, region),
    )
    return BlobRow(*row) if row is not None else None


async def blob_of_scope(connection: Connection, name: bytes, scope: int) -> BlobRow | None:
    """A file of a scope."""
    found = await blobs_named(connection, [name], scope)
    return found[0] if found else None


async def add_blobs(connection: Connection, rows: Sequence[BlobRow]) -> set[bytes]:
    """Adds files to their scopes. Returns the names of those that were not there yet."""
    added = await connection.fetch(
        """
        INSERT INTO blob (name, scope, object, key, size, media_type, made, referred)
        SELECT * FROM unnest($1::bytea[], $2::int[], $3::text[], $4::bytea[], $5::bigint[], $6::text[],
            $7::timestamptz[], $8::timestamptz[])
        ON CONFLICT (name, scope) DO NOTHING RETURNING name
        """,
        *([getattr(row, field) for row in rows] for field in BlobRow.__struct_fields__),
    )
    return {row["name"] for row in added}


async def note_referred(connection: Connection, scope: int, names: Sequence[bytes], at: datetime) -> None:
    """Notes that something speaks of these files of a scope."""
    await connection.execute(
        "UPDATE blob SET referred = $3 WHERE scope = $1 AND name = ANY($2::bytea[]) AND referred < $3", scope, names, at
    )


async def remove_unreferred(connection: Connection, scope: int, before: datetime) -> int:
    """Removes the files of a scope that nothing has spoken of since then; objects that nobody else has are loose. Returns how many.

    Two statements, and one process at a time: who else has an object is asked when all that was being done to it is done.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REMOVING)
    rows = await connection.fetch("DELETE FROM blob WHERE scope = $1 AND referred < $2 RETURNING object", scope, before)
    await connection.execute(
        """
        INSERT INTO blob_loose (object, since)
        SELECT object, '-infinity' FROM unnest($1::text[]) AS removed (object)
        WHERE NOT EXISTS (SELECT FROM blob WHERE blob.object = removed.object)
        """,
        [row["object"] for row in rows],
    )
    return len(rows)


async def objects_named(connection: Connection, objects: Sequence[str]) -> set[str]:
    """Those of these objects that a file or a piece of one is."""
    rows = await connection.fetch(
        """
        SELECT object FROM blob WHERE object = ANY($1::text[])
        UNION SELECT object FROM blob_piece WHERE object = ANY($1::text[])
        """,
        objects,
    )
    return {row["object"] for row in rows}


# --- objects that nothing names ---


async def note_loose(connection: Connection, objects: Sequence[str], since: datetime) -> None:
    """Notes objects before they are written."""
    await connection.execute("INSERT INTO blob_loose (object, since) SELECT unnest($1::text[]), $2", objects, since)


async def own_objects(connection: Connection, objects: Sequence[str]) -> int:
    """Takes objects that are being written off the list, with the row that names them from now on. Returns how many were still on it."""
    rows = await connection.fetch("DELETE FROM blob_loose WHERE object = ANY($1::text[]) RETURNING 1", objects)
    return len(rows)


async def release(connection: Connection, name: str) -> None:
    """An object that was written is not wanted: it is deleted next."""
    await connection.execute("UPDATE blob_loose SET since = '-infinity' WHERE object = $1", name)


async def take_loose(connection: Connection, before: datetime, limit: int) -> list[str]:
    """Objects that have been loose since before then, locked until the transaction ends; another process passes them over."""
    rows = await connection.fetch(
        "SELECT object FROM blob_loose WHERE since < $1 LIMIT $2 FOR UPDATE SKIP LOCKED", before, limit
    )
    return [row["object"] for row in rows]


async def drop_loose(connection: Connection, objects: Sequence[str]) -> None:
    """Forgets objects that the store does not have any more."""
    await connection.execute("DELETE FROM blob_loose WHERE object = ANY($1::text[])", objects)


# --- uploads ---


async def add_upload(connection: Connection, row: UploadRow) -> None:
    """Notes that a file is going to come."""
    await connection.execute(
        f"INSERT INTO blob_upload ({UPLOAD_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(getattr(row, field) for field in UploadRow.__struct_fields__),
    )


async def find_upload(connection: Connection, upload: str, author: str) -> UploadRow | None:
    """A file on its way from this node."""
    row = await connection.fetchrow(
        f"SELECT {UPLOAD_COLUMNS} FROM blob_upload WHERE id = $1 AND author = $2", upload, author
    )
    return UploadRow(*row) if row is not None else None


async def count_uploads(connection: Connection, author: str) -> int:
    """How many files are on their way from this node and not all here."""
    return int(
        await connection.fetchval("SELECT count(*) FROM blob_upload WHERE author = $1 AND received < size", author)
    )


async def advance_upload(connection: Connection, upload: str, at: int, size: int, now: datetime) -> bool:
    """Moves an upload on by `size` bytes, if it is at the byte `at`. False when somebody else was faster, or ended it."""
    done = await connection.fetchval(
        """
        UPDATE blob_upload SET received = received + $3, pieces = pieces + 1, touched = $4
        WHERE id = $1 AND received = $2 RETURNING 1
        """,
        *(upload, at, size, now),
    )
    return done is not None


async def add_piece(connection: Connection, upload: str, piece: PieceRow) -> None:
    """Notes a piece that is in the store."""
    await connection.execute(
        "INSERT INTO blob_piece VALUES ($1, $2, $3, $4)", upload, piece.at, piece.size, piece.object
    )


async def read_pieces(connection: Connection, upload: str) -> list[PieceRow]:
    """The pieces of an upload, in order."""
    rows = await connection.fetch("SELECT at, size, object FROM blob_piece WHERE upload = $1 ORDER BY at", upload)
    return [PieceRow(*row) for row in rows]


async def drop_pieces(connection: Connection, uploads: Sequence[str]) -> None:
    """The pieces of these uploads are loose, and deleted next."""
    await connection.execute(
        """
        WITH dropped AS (DELETE FROM blob_piece WHERE upload = ANY($1::text[]) RETURNING object)
        INSERT INTO blob_loose (object, since) SELECT object, '-infinity' FROM dropped
        """,
        uploads,
    )


async def drop_uploads(connection: Connection, uploads: Sequence[str]) -> None:
    """Forgets uploads with their pieces."""
    await connection.execute("DELETE FROM blob_upload WHERE id = ANY($1::text[])", uploads)
    await drop_pieces(connection, uploads)


async def stale_uploads(connection: Connection, before: datetime, limit: int) -> list[str]:
    """Uploads that nothing came for since then, locked until the transaction ends."""
    rows = await connection.fetch(
        "SELECT id FROM blob_upload WHERE touched < $1 LIMIT $2 FOR UPDATE SKIP LOCKED", before, limit
    )
    return [row["id"] for row in rows]


async def hold_home(connection: Connection, scope: int) -> None:
    """Keeps a scope at home here until the transaction ends. Raises `FacilityMoved` when it is not any more."""
    if await connection.fetchval("SELECT home FROM scope WHERE id = $1 FOR SHARE", scope) is not None:
        raise FacilityMoved


# --- what still speaks of files ---


class Mark(Struct, frozen=True):
    """How far a look through a scope's records is that began then."""

    scope: int
    begun: datetime
    after_key: int


async def next_mark(
    connection: Connection, now: datetime, made_before: datetime, begun_before: datetime
) -> Mark | None:
    """The scope to be looked through now, its row locked: one that is not ended, or one with old files whose last look is long ago."""
    await connection.execute(
        """
        INSERT INTO blob_mark (scope, begun)
        SELECT DISTINCT blob.scope, $1::timestamptz FROM blob LEFT JOIN blob_mark USING (scope)
        WHERE blob.made < $2 AND (blob_mark.scope IS NULL OR (blob_mark.ended AND blob_mark.begun < $3)) LIMIT 1
        ON CONFLICT (scope) DO UPDATE SET begun = excluded.begun, after_key = 0, ended = false
        WHERE blob_mark.ended AND blob_mark.begun < $3
        """,
        *(now, made_before, begun_before),
    )
    row = await connection.fetchrow(
        "SELECT scope, begun, after_key FROM blob_mark WHERE NOT ended ORDER BY scope LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return Mark(*row) if row is not None else None


async def note_mark(connection: Connection, scope: int, after_key: int, *, ended: bool) -> None:
    """Notes how far the look through a scope is."""
    await connection.execute(
        "UPDATE blob_mark SET after_key = $2, ended = $3 WHERE scope = $1", scope, after_key, ended
    )
