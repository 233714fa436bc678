"""Scopes: what a node holds. Each has a counter, an epoch, a digest and a data key."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from hub.keys import Keys
from hub.postgres.engine import Connection

DIGEST_BYTES: Final = 16
DIGEST_MODULUS: Final = 1 << (8 * DIGEST_BYTES)
GLOBAL: Final = "global"


class ScopeRow(Struct, frozen=True):
    """A scope. `seq` is the last position of its feed, `digest` the sum of its resources' hashes mod 2^128."""

    id: int
    name: str
    kind: str
    seq: int
    epoch: int
    digest: int
    data_key: bytes


class Epoch(Struct, frozen=True):
    """An epoch of a scope: positions after `start_seq` were given in it, or in a later one."""

    epoch: int
    start_seq: int


class Advance(Struct, frozen=True):
    """What a transaction adds to a scope: `count` positions, and `digest_delta`, mod 2^128."""

    scope: int
    count: int
    digest_delta: int


def facility_scope(facility: str) -> str:
    """The name of a facility's scope."""
    return f"facility/{facility}"


def region_scope(region: str) -> str:
    """The name of the scope of a region's reference data."""
    return f"region/{region}"


async def ensure_scope(connection: Connection, keys: Keys, name: str) -> int:
    """The id of the scope, which is made with a data key of its own when it is not there."""
    found: int | None = await connection.fetchval("SELECT id FROM scope WHERE name = $1", name)
    if found is None:
        await connection.execute(
            "INSERT INTO scope (name, kind, data_key) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
            name,
            name.split("/")[0],
            keys.new_data_key(),
        )
        found = await connection.fetchval("SELECT id FROM scope WHERE name = $1", name)
        assert found is not None
    return found


SCOPE_COLUMNS: Final = "scope.id, scope.name, scope.kind, scope.seq, scope.epoch, scope.digest, scope.data_key"


async def scopes_of_node(connection: Connection, node: str) -> list[ScopeRow]:
    """The scopes that a node holds, by id."""
    rows = await connection.fetch(
        f"""
        SELECT {SCOPE_COLUMNS} FROM scope JOIN node_scope ON node_scope.scope = scope.id
        WHERE node_scope.node = $1 ORDER BY scope.id
        """,
        node,
    )
    return [scope_row(row) for row in rows]


async def read_scopes(connection: Connection, scopes: Sequence[int]) -> list[ScopeRow]:
    """These scopes, by id."""
    rows = await connection.fetch(f"SELECT {SCOPE_COLUMNS} FROM scope WHERE id = ANY($1::int[]) ORDER BY id", scopes)
    return [scope_row(row) for row in rows]


async def named_scopes(connection: Connection, names: Sequence[str]) -> list[ScopeRow]:
    """The scopes of these names, by id."""
    rows = await connection.fetch(f"SELECT {SCOPE_COLUMNS} FROM scope WHERE name = ANY($1::text[]) ORDER BY id", names)
    return [scope_row(row) for row in rows]


async def former_scopes(connection: Connection, keys: Sequence[int]) -> dict[int, frozenset[int]]:
    """Resource → the scopes that it was in before it moved; those that never moved are not among them."""
    rows = await connection.fetch(
        "SELECT key, array_agg(scope) FROM former WHERE key = ANY($1::bigint[]) GROUP BY key", keys
    )
    return {key: frozenset(scopes) for key, scopes in rows}


async def note_former(connection: Connection, keys: Sequence[int], scope: int) -> None:
    """Notes that these resources were in a scope, before they leave it."""
    await connection.execute(
        "INSERT INTO former (key, scope) SELECT unnest($1::bigint[]), $2 ON CONFLICT DO NOTHING", keys, scope
    )


def scope_row(row: "Sequence[object]") -> ScopeRow:
    identity, name, kind, seq, epoch, digest, data_key = row
    return ScopeRow(identity, name, kind, seq, epoch, int.from_bytes(digest, "big"), data_key)  # type: ignore[arg-type]


async def advance_scopes(connection: Connection, advances: Sequence[Advance], epoch: int) -> dict[int, int]:
    """Takes positions in the feeds of scopes: scope → the first of them. The last thing before a commit.

    The lock on a scope's row makes the order of positions the order of commits: whoever comes next waits until this
    transaction has ended. The first in another epoch than the scope's begins that epoch.
    """
    wanted = {advance.scope: advance for advance in advances}
    locked = await connection.fetch(
        "SELECT id, seq, epoch, digest FROM scope WHERE id = ANY($1::int[]) ORDER BY id FOR NO KEY UPDATE",
        sorted(wanted),
    )
    begun = [(row["id"], row["seq"]) for row in locked if row["epoch"] != epoch]
    if begun:
        await connection.execute(
            """
            INSERT INTO lineage (scope, epoch, start_seq)
            SELECT scope, $2, start_seq FROM unnest($1::int[], $3::bigint[]) AS begun (scope, start_seq)
            ON CONFLICT (scope, epoch) DO NOTHING
            """,
            [scope for scope, _ in begun],
            epoch,
            [seq for _, seq in begun],
        )
    digests = [
        ((int.from_bytes(row["digest"], "big") + wanted[row["id"]].digest_delta) % DIGEST_MODULUS).to_bytes(
            DIGEST_BYTES, "big"
        )
        for row in locked
    ]
    await connection.execute(
        """
        UPDATE scope SET seq = scope.seq + new.count, epoch = $4, digest = new.digest
        FROM unnest($1::int[], $2::bigint[], $3::bytea[]) AS new (id, count, digest) WHERE scope.id = new.id
        """,
        [row["id"] for row in locked],
        [wanted[row["id"]].count for row in locked],
        digests,
        epoch,
    )
    return {row["id"]: row["seq"] + 1 for row in locked}


async def advance_scope(connection: Connection, scope: int, count: int, digest_delta: int, epoch: int) -> int:
    """`advance_scopes` for one scope: the first of its positions."""
    return (await advance_scopes(connection, [Advance(scope, count, digest_delta)], epoch))[scope]


async def read_lineage(connection: Connection, scopes: Sequence[int], epochs_max: int) -> dict[int, list[Epoch]]:
    """The last epochs of each scope, oldest first."""
    rows = await connection.fetch(
        """
        SELECT scope, epoch, start_seq FROM (
            SELECT *, row_number() OVER (PARTITION BY scope ORDER BY ordinal DESC) AS age
            FROM lineage WHERE scope = ANY($1::int[])
        ) AS aged WHERE age <= $2 ORDER BY scope, ordinal
        """,
        scopes,
        epochs_max,
    )
    lineage: dict[int, list[Epoch]] = {scope: [] for scope in scopes}
    for row in rows:
        lineage[row["scope"]].append(Epoch(row["epoch"], row["start_seq"]))
    return lineage


async def rebuild_digest(connection: Connection, scope: int) -> int:
    """The sum of the hashes of a scope's rows, counted from all of them: what `digest` has to be."""
    total = 0
    async for row in connection.cursor("SELECT hash FROM resource WHERE scope = $1", scope, prefetch=10_000):
        total += int.from_bytes(row["hash"], "big")
    return total % DIGEST_MODULUS
