"""Scopes: what a node holds. Each has a counter, an epoch, a digest and a ring of data keys."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from hub.errors import FacilityMoved
from hub.keys import Keys, rings
from hub.postgres.engine import Connection
from hub.postgres.servers import TIMELINE
from hub.store.wrapping import master_in_use

DIGEST_BYTES: Final = 16
DIGEST_MODULUS: Final = 1 << (8 * DIGEST_BYTES)
GLOBAL: Final = "global"
TIMELINE_SHIFT: Final = 24
MOVES_SHIFT: Final = 44
EPOCH_MASK: Final = (1 << 62) - 1
WITHIN: Final = """($1 = '' OR scope.name = 'region/' || $1
    OR EXISTS (SELECT FROM facility WHERE facility.scope = scope.id AND facility.region = $1))"""
"""That a joined scope is of the region that is the first parameter; '' is all of them."""


class ScopeRow(Struct, frozen=True):
    """A scope. `seq` is the last position of its feed, `digest` the sum of its resources' hashes mod 2^128, `data_key` its ring of data
    keys (`hub.keys.rings`)."""

    id: int
    name: str
    kind: str
    seq: int
    epoch: int
    digest: int
    data_key: bytes
    home: int | None = None
    """The shard where it is at home; None: here. A scope that is at home elsewhere is written to there, and mirrored or only known here."""
    moving: int | None = None
    """The shard that it is being moved to: nobody is brought into it from another shard, or out of it, meanwhile."""
    sending: bool = False
    """Whether something that was said of it here is still on its way to its home."""


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
        master, now_ms = await master_in_use(connection, keys.masters.first.id)
        await connection.execute(
            "INSERT INTO scope (name, kind, data_key) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
            name,
            name.split("/")[0],
            await keys.data.new_ring(master, now_ms),
        )
        found = await connection.fetchval("SELECT id FROM scope WHERE name = $1", name)
        assert found is not None
    return found


async def put_foreign(connection: Connection, scope: ScopeRow, home: int) -> int:
    """Knows of a scope that is at home on another shard. Returns its id here. One that is at home here stays so.

    What is sealed here with its keys stays readable here, whatever its home does with its own: keys are added to the ring, and go from it
    when nothing here is under them (`hub.rotation`). So whoever brings rows as they are, brings their scope's row as it was read with them.
    """
    await connection.execute(
        "INSERT INTO scope (name, kind, data_key, home) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        *(scope.name, scope.kind, scope.data_key, home),
    )
    row = await connection.fetchrow(f"SELECT {SCOPE_COLUMNS} FROM scope WHERE name = $1 FOR NO KEY UPDATE", scope.name)
    here = scope_row(row)
    if here.home is not None:
        await join_ring(connection, scope, here)
        await connection.execute("UPDATE scope SET home = $2 WHERE id = $1 AND home IS DISTINCT FROM $2", here.id, home)
    return here.id


async def join_ring(connection: Connection, there: ScopeRow, here: ScopeRow) -> bytes:
    """The ring of a locked scope that is at home elsewhere, with all keys that its rows there may be under, and those here."""
    ring = rings.pack(rings.joined(rings.read(there.data_key), rings.read(here.data_key)))
    if ring != here.data_key:
        await connection.execute("UPDATE scope SET data_key = $2 WHERE id = $1", here.id, ring)
    return ring


SCOPE_COLUMNS: Final = (
    "scope.id, scope.name, scope.kind, scope.seq, scope.epoch, scope.digest, scope.data_key, scope.home, scope.moving,"
    " scope.home IS NOT NULL AND EXISTS (SELECT FROM relay WHERE relay.scope = scope.id)"
)


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
    identity, name, kind, seq, epoch, digest, data_key, *where = row
    return ScopeRow(identity, name, kind, seq, epoch, int.from_bytes(digest, "big"), data_key, *where)  # type: ignore[arg-type]


async def advance_scopes(connection: Connection, advances: Sequence[Advance], epoch: int) -> dict[int, int]:
    """Takes positions in the feeds of scopes: scope → the first of them. The last thing before a commit.

    The lock on a scope's row makes the order of positions the order of commits: whoever comes next waits until this
    transaction has ended. The first in another epoch than the scope's begins that epoch. Each timeline of Postgres, which a promotion
    begins, is one of its own, since what was written on the one before may be lost, and so is each stay of a scope on a shard.
    Raises `FacilityMoved` when one is not at home here any more.
    """
    wanted = {advance.scope: advance for advance in advances}
    locked = await connection.fetch(
        f"SELECT id, seq, epoch, digest, home, moves, {TIMELINE} AS timeline FROM scope"
        " WHERE id = ANY($1::int[]) ORDER BY id FOR NO KEY UPDATE",
        sorted(wanted),
    )
    if any(row["home"] is not None for row in locked):
        raise FacilityMoved
    epochs = {row["id"]: epoch_of(epoch, row["timeline"], row["moves"]) for row in locked}
    begun = [(row["id"], epochs[row["id"]], row["seq"]) for row in locked if row["epoch"] != epochs[row["id"]]]
    if begun:
        await connection.execute(
            """
            INSERT INTO lineage (scope, epoch, start_seq)
            SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[]) ON CONFLICT (scope, epoch) DO NOTHING
            """,
            *(list(column) for column in zip(*begun, strict=True)),
        )
    digests = [
        ((int.from_bytes(row["digest"], "big") + wanted[row["id"]].digest_delta) % DIGEST_MODULUS).to_bytes(
            DIGEST_BYTES, "big"
        )
        for row in locked
    ]
    await connection.execute(
        """
        UPDATE scope SET seq = scope.seq + new.count, epoch = new.epoch, digest = new.digest
        FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bigint[]) AS new (id, count, digest, epoch)
        WHERE scope.id = new.id
        """,
        [row["id"] for row in locked],
        [wanted[row["id"]].count for row in locked],
        digests,
        [epochs[row["id"]] for row in locked],
    )
    return {row["id"]: row["seq"] + 1 for row in locked}


def epoch_of(epoch: int, timeline: int, moves: int) -> int:
    """A process's epoch on a timeline, for a scope that has changed its home so often. On the first one, and at its first home, its own."""
    return (epoch + ((timeline - 1) << TIMELINE_SHIFT) + (moves << MOVES_SHIFT)) & EPOCH_MASK


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
