"""Which scopes are getting another data key, how far each is, and the rows that are sealed with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.keys.seals import HEADER_BYTES
from hub.postgres.engine import Connection

ANNOUNCED: Final = "announced"
USED: Final = "used"
SEALING: Final = "sealing"
SEALED: Final = "sealed"
STUCK: Final = "stuck"


class SealedTable(Struct, frozen=True):
    """A table with rows that are sealed with their `scope`'s data key: its numbers, what a row is sealed about, and the sealed bytes."""

    name: str
    key: str
    about: str
    sealed: str


SEALED_TABLES: Final = (
    SealedTable("resource", "key", "rkey", "state"),
    SealedTable("parked", "id", "rkey", "state"),
    SealedTable("quarantine", "id", "rkey", "payload"),
    SealedTable("relay", "number", "id", "body"),
    SealedTable("blob", "number", "name", "key"),
    SealedTable("blob_upload", "number", "convert_to(id, 'UTF8')", "key"),
)
"""All there are; each has an index that begins with scope, and none on what is sealed."""


class RotationRow(Struct, frozen=True):
    """A scope that is getting another data key. `place`: which of `SEALED_TABLES` is at it; `after_row`: how far; `version`: what all is
    being sealed with, since sealing began."""

    scope: int
    step: str
    place: int
    after_row: int
    version: int | None


class SealedRow(Struct, frozen=True):
    """A locked row: its key, what it is sealed about, and the sealed bytes."""

    key: int
    about: bytes
    sealed: bytes


class RotationStatus(Struct, frozen=True):
    """A rotation for people. `waiting`: for transactions that began before the step; `table` and `after_row`: how far it is."""

    scope: str
    step: str
    waiting: bool
    table: str
    after_row: int
    begun: datetime


_COLUMNS: Final = ", ".join(RotationRow.__struct_fields__)


async def begin(connection: Connection, scopes: Sequence[int], step: str) -> list[int]:
    """Notes that these scopes get another key, but for those that are getting one. One that was stuck begins anew. Returns which."""
    rows = await connection.fetch(
        """
        INSERT INTO key_rotation (scope, step) SELECT unnest($1::int[]), $2
        ON CONFLICT (scope) DO UPDATE SET step = excluded.step, waits = NULL, place = 0, after_row = 0, begun = now()
        WHERE key_rotation.step = $3 RETURNING scope
        """,
        sorted(scopes),
        step,
        STUCK,
    )
    return sorted(row["scope"] for row in rows)


async def note_who_is_waited_for(connection: Connection) -> bool:
    """Notes for each step that was committed since which transactions are running: they may not know of it. Whether there was one.

    By virtual transaction ids, as `CREATE INDEX CONCURRENTLY` waits for others: clocks play no part in it.
    """
    done = await connection.fetchval(
        """
        WITH running AS (
            SELECT coalesce(array_agg(virtualxid), '{}') AS ids FROM pg_locks
            WHERE locktype = 'virtualxid' AND granted AND pid <> pg_backend_pid()
        ), noted AS (UPDATE key_rotation SET waits = running.ids FROM running WHERE waits IS NULL RETURNING 1)
        SELECT count(*) FROM noted
        """
    )
    return bool(done)


async def lock_ripe(connection: Connection, steps: Sequence[str], limit: int) -> list[RotationRow]:
    """Rotations at these steps that nobody is running any more who does not know of it, locked; not those that another process is at."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM key_rotation WHERE step = ANY($1::text[]) AND waits IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND virtualxid = ANY(key_rotation.waits)
        ) ORDER BY scope LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        steps,
        limit,
    )
    return [RotationRow(*row) for row in rows]


async def lock_sealing(connection: Connection) -> RotationRow | None:
    """A rotation with rows to be sealed anew, locked; not one that another process is at."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM key_rotation WHERE step = $1 ORDER BY scope LIMIT 1 FOR UPDATE SKIP LOCKED", SEALING
    )
    return RotationRow(*row) if row is not None else None


async def set_step(connection: Connection, scopes: Sequence[int], step: str) -> None:
    """The next step of locked rotations."""
    await connection.execute(
        "UPDATE key_rotation SET step = $2, waits = NULL, place = 0, after_row = 0 WHERE scope = ANY($1::int[])",
        scopes,
        step,
    )


async def begin_sealing(connection: Connection, versions: Mapping[int, int]) -> None:
    """Locked rotations seal anew from now on: scope → version of the key."""
    await connection.execute(
        """
        UPDATE key_rotation SET step = $3, waits = NULL, place = 0, after_row = 0, version = new.version
        FROM unnest($1::int[], $2::int[]) AS new (scope, version) WHERE key_rotation.scope = new.scope
        """,
        list(versions),
        list(versions.values()),
        SEALING,
    )


async def note_progress(connection: Connection, scope: int, place: int, after_row: int) -> None:
    """How far a locked rotation is."""
    await connection.execute(
        "UPDATE key_rotation SET place = $2, after_row = $3 WHERE scope = $1", scope, place, after_row
    )


async def end(connection: Connection, scopes: Sequence[int]) -> None:
    """Forgets rotations that are over."""
    await connection.execute("DELETE FROM key_rotation WHERE scope = ANY($1::int[])", scopes)


async def next_rows(
    connection: Connection, table: SealedTable, scope: int, after: int, rows_max: int, bytes_max: int
) -> list[int]:
    """Keys of the next rows of a scope, as many as are not much more than so many bytes together."""
    rows = await connection.fetch(
        f"""
        SELECT key FROM (
            SELECT key, bytes, sum(bytes) OVER (ORDER BY key) AS total FROM (
                SELECT {table.key} AS key, octet_length({table.sealed}) AS bytes FROM {table.name}
                WHERE scope = $1 AND {table.key} > $2 ORDER BY {table.key} LIMIT $3
            ) AS following
        ) AS sized WHERE total - bytes < $4 ORDER BY key
        """,
        scope,
        after,
        rows_max,
        bytes_max,
    )
    return [row["key"] for row in rows]


async def lock_rows(connection: Connection, table: SealedTable, scope: int, keys: Sequence[int]) -> list[SealedRow]:
    """Those of these rows that are still of the scope, locked in the order of their keys."""
    rows = await connection.fetch(
        f"""
        SELECT {table.key}, coalesce({table.about}, ''), {table.sealed} FROM {table.name}
        WHERE {table.key} = ANY($2::bigint[]) AND scope = $1 ORDER BY {table.key} FOR NO KEY UPDATE
        """,
        scope,
        keys,
    )
    return [SealedRow(*row) for row in rows]


async def write_sealed(connection: Connection, table: SealedTable, sealed: Sequence[tuple[int, bytes]]) -> None:
    """Writes locked rows back, nothing of them changed but their seal."""
    await connection.execute(
        f"""
        UPDATE {table.name} SET {table.sealed} = new.sealed FROM unnest($1::bigint[], $2::bytea[]) AS new (key, sealed)
        WHERE {table.name}.{table.key} = new.key
        """,
        [key for key, _ in sealed],
        [one for _, one in sealed],
    )


async def count_others(connection: Connection, scope: int, header: bytes) -> int:
    """How many rows of a scope are not sealed with the key whose seals begin with this header: the proof that older ones may go."""
    assert len(header) == HEADER_BYTES
    counts = " + ".join(
        f"(SELECT count(*) FROM {table.name} WHERE scope = $1 AND substring({table.sealed} FOR {HEADER_BYTES}) <> $2)"
        for table in SEALED_TABLES
    )
    return int(await connection.fetchval(f"SELECT {counts}", scope, header))


async def list_rotations(connection: Connection) -> list[RotationStatus]:
    """All rotations, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT scope.name, step, step NOT IN ('sealing', 'stuck'), place, after_row, begun
        FROM key_rotation JOIN scope ON scope.id = key_rotation.scope ORDER BY begun, scope.name
        """
    )
    return [RotationStatus(row[0], row[1], row[2], SEALED_TABLES[row[3]].name, row[4], row[5]) for row in rows]
