"""A scope as it stands on one shard, read there and written on another: rows, pointers, positions.

Numbers of scopes and resources are each shard's own: `copied` keeps, for each scope that came from elsewhere, which number there is
which here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection
from hub.store.feed import Pointer, append_feed
from hub.store.resources import ResourceRow
from hub.store.scopes import SCOPE_COLUMNS, ScopeRow, scope_row

SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""First in a transaction that reads several things as of one moment."""


class Arriving(Struct, frozen=True):
    """A resource on its way in, as it is to be here."""

    scope: int
    rkey: bytes
    hash: bytes
    state: bytes


async def lock_scope(connection: Connection, name: str) -> ScopeRow | None:
    """A scope's row, locked until the transaction ends: nothing is published in it, and nobody else copies it."""
    row = await connection.fetchrow(f"SELECT {SCOPE_COLUMNS} FROM scope WHERE name = $1 FOR UPDATE", name)
    return scope_row(row) if row is not None else None


async def epochs(connection: Connection, scope: int) -> list[tuple[int, int]]:
    """All epochs of a scope with the position that each began after, oldest first."""
    rows = await connection.fetch("SELECT epoch, start_seq FROM lineage WHERE scope = $1 ORDER BY ordinal", scope)
    return [(row["epoch"], row["start_seq"]) for row in rows]


async def pointers_between(
    connection: Connection, scope: int, after_seq: int, upto_seq: int, limit: int
) -> list[Pointer]:
    """The next pointers of a scope up to a position, whoever made them."""
    rows = await connection.fetch(
        "SELECT scope, seq, key, source, elements FROM feed WHERE scope = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
        *(scope, after_seq, upto_seq, limit),
    )
    return [Pointer(*row) for row in rows]


async def numbers_here(connection: Connection, scope: int, sources: Sequence[int]) -> dict[int, int]:
    """Number there → number here, of those that came before."""
    rows = await connection.fetch(
        "SELECT source, key FROM copied WHERE scope = $1 AND source = ANY($2::bigint[])", scope, sources
    )
    return {row["source"]: row["key"] for row in rows}


async def note_numbers(connection: Connection, scope: int, pairs: Mapping[int, int]) -> None:
    """Notes which number there is which here."""
    await connection.execute(
        """
        INSERT INTO copied (scope, source, key) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[])
        ON CONFLICT (scope, source) DO UPDATE SET key = excluded.key
        """,
        *(scope, list(pairs), list(pairs.values())),
    )


async def lock_any(connection: Connection, rkeys: Sequence[bytes], keys: Sequence[int]) -> list[ResourceRow]:
    """What is here under any of these, locked until the transaction ends, in the order of keys."""
    rows = await connection.fetch(
        """
        SELECT key, rkey, scope, hash, state FROM resource
        WHERE rkey = ANY($1::bytea[]) OR key = ANY($2::bigint[]) ORDER BY key FOR NO KEY UPDATE
        """,
        *(rkeys, keys),
    )
    return [ResourceRow(*row) for row in rows]


async def put_rows(connection: Connection, rows: Sequence[tuple[int, Arriving]]) -> None:
    """Writes resources over rows that there are, by their numbers here."""
    await connection.execute(
        """
        UPDATE resource SET rkey = new.rkey, scope = new.scope, hash = new.hash, state = new.state, stored = now()
        FROM unnest($1::bigint[], $2::int[], $3::bytea[], $4::bytea[], $5::bytea[]) AS new (key, scope, rkey, hash, state)
        WHERE resource.key = new.key
        """,
        [key for key, _ in rows],
        *([getattr(one, field) for _, one in rows] for field in Arriving.__struct_fields__),
    )


async def append_pointers(
    connection: Connection, scope: int, pointers: Sequence[Pointer], keys: Mapping[int, int]
) -> None:
    """Adds pointers of a scope from elsewhere, at the positions that they have there."""
    here = [Pointer(scope, one.seq, keys[one.key], one.source, one.elements) for one in pointers if one.key in keys]
    await append_feed(connection, here)


async def set_position(
    connection: Connection, scope: int, source: ScopeRow, lineage: Sequence[tuple[int, int]]
) -> None:
    """The scope stands here where it stands at home: position, epoch, digest, and the epochs before."""
    await connection.execute(
        "UPDATE scope SET seq = $2, epoch = $3, digest = $4 WHERE id = $1",
        *(scope, source.seq, source.epoch, source.digest.to_bytes(16, "big")),
    )
    await connection.execute("DELETE FROM lineage WHERE scope = $1", scope)
    await connection.executemany(
        "INSERT INTO lineage (scope, epoch, start_seq) VALUES ($1, $2, $3)",
        [(scope, epoch, start) for epoch, start in lineage],
    )


async def empty(connection: Connection, scope: int) -> None:
    """Nothing of a scope from elsewhere is here any more: it is copied anew. What another scope here had once, and points to, counts as
    a stub until then."""
    for table in ("feed", "lineage", "copied"):
        await connection.execute(f"DELETE FROM {table} WHERE scope = $1", scope)
    await connection.execute("DELETE FROM clue WHERE key IN (SELECT key FROM resource WHERE scope = $1)", scope)
    kept = "EXISTS (SELECT FROM former WHERE former.key = resource.key AND former.scope <> $1)"
    await connection.execute(f"UPDATE resource SET hash = $2 WHERE scope = $1 AND {kept}", scope, bytes(16))
    await connection.execute(f"DELETE FROM resource WHERE scope = $1 AND NOT {kept}", scope)
    await connection.execute(
        "UPDATE scope SET seq = 0, epoch = 0, digest = $2 WHERE id = $1", scope, (0).to_bytes(16, "big")
    )


async def set_home(connection: Connection, scope: int, home: int | None) -> None:
    """Where a scope is at home from now on; None: here."""
    await connection.execute("UPDATE scope SET home = $2, moving = NULL WHERE id = $1", scope, home)


async def note_move(there: Connection, here: Connection, scopes: tuple[int, int]) -> None:
    """The scope has changed its home once more. `scopes`: its number there and here."""
    moves = await there.fetchval("SELECT moves FROM scope WHERE id = $1", scopes[0])
    await here.execute("UPDATE scope SET moves = $2 WHERE id = $1", scopes[1], moves + 1)


async def set_moving(connection: Connection, scope: int, target: int | None) -> None:
    """To which shard a scope is being moved."""
    await connection.execute("UPDATE scope SET moving = $2 WHERE id = $1", scope, target)


async def scopes_here(there: Connection, here: Connection, wanted: Sequence[int]) -> dict[int, int]:
    """Scope's number there → here, of those that both know."""
    rows = await there.fetch("SELECT id, name FROM scope WHERE id = ANY($1::int[])", sorted(set(wanted)))
    known = await here.fetch("SELECT name, id FROM scope WHERE name = ANY($1::text[])", [row["name"] for row in rows])
    numbers = {row["name"]: row["id"] for row in known}
    return {row["id"]: numbers[row["name"]] for row in rows if row["name"] in numbers}


async def rkeys_here(there: Connection, here: Connection, scope: int, wanted: Sequence[bytes]) -> dict[bytes, bytes]:
    """A record's key there → here, of those that have another: somebody else's record has theirs here."""
    rows = await there.fetch("SELECT key, rkey FROM resource WHERE rkey = ANY($1::bytea[])", list(set(wanted)))
    numbers = await numbers_here(here, scope, [row["key"] for row in rows])
    found = await here.fetch("SELECT key, rkey FROM resource WHERE key = ANY($1::bigint[])", list(numbers.values()))
    now = {row["key"]: row["rkey"] for row in found}
    pairs = {row["rkey"]: now[numbers[row["key"]]] for row in rows if row["key"] in numbers}
    return {before: after for before, after in pairs.items() if before != after}


async def left_behind(connection: Connection, scope: int, limit: int) -> list[ResourceRow]:
    """Records of a scope that is at home elsewhere now, which still stand here whole."""
    rows = await connection.fetch(
        """
        SELECT key, rkey, scope, hash, state FROM resource
        WHERE scope = $1 AND hash <> $2 ORDER BY key LIMIT $3 FOR NO KEY UPDATE
        """,
        *(scope, bytes(16), limit),
    )
    return [ResourceRow(*row) for row in rows]


async def forget(connection: Connection, scope: int, stubs: Mapping[int, bytes]) -> None:
    """Takes records away; of those that another scope here had once, and points to, what stands for them stays."""
    keys = list(stubs)
    await connection.execute("DELETE FROM clue WHERE key = ANY($1::bigint[])", keys)
    await connection.execute(
        "DELETE FROM duplicate WHERE first = ANY($1::bigint[]) OR second = ANY($1::bigint[])", keys
    )
    kept = [
        row["key"]
        for row in await connection.fetch(
            "SELECT DISTINCT key FROM former WHERE key = ANY($1::bigint[]) AND scope <> $2", keys, scope
        )
    ]
    await connection.execute(
        """
        UPDATE resource SET hash = $1, state = new.state
        FROM unnest($2::bigint[], $3::bytea[]) AS new (key, state) WHERE resource.key = new.key
        """,
        *(bytes(16), kept, [stubs[key] for key in kept]),
    )
    gone = sorted(set(keys) - set(kept))
    await connection.execute("DELETE FROM former WHERE key = ANY($1::bigint[])", gone)
    await connection.execute("DELETE FROM resource WHERE key = ANY($1::bigint[])", gone)


async def forget_feed(connection: Connection, scope: int) -> None:
    """Takes away the feed of a scope that is at home elsewhere now, and how it was numbered."""
    for table in ("feed", "lineage", "copied"):
        await connection.execute(f"DELETE FROM {table} WHERE scope = $1", scope)
    await connection.execute("UPDATE scope SET seq = 0, epoch = 0, digest = $2 WHERE id = $1", scope, bytes(16))
