"""The map of shards, in the hub's own database: which there are, which regions each serves, where each facility is. One version for all."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from hub.errors import Exists, NotFound
from hub.postgres.engine import Connection

FIRST: Final = 1
"""The shard that is the hub's own database."""


QUARANTINE_NUMBERS: Final = 1_000_000_000
"""What each shard has of them."""


class ShardRow(Struct, frozen=True):
    """A shard. `address`: sealed; None: the hub's own database. `open`: whether it takes new regions and facilities."""

    id: int
    address: bytes | None
    open: bool
    timeline: int


class RegionRow(Struct, frozen=True):
    """A region: on which shards, and on which of them its reference data are at home."""

    name: str
    home: int
    shards: tuple[int, ...]


class ShardMap(Struct, frozen=True):
    """All of it, as of a version."""

    version: int
    shards: Mapping[int, ShardRow]
    regions: Mapping[str, RegionRow]


async def read_map(connection: Connection) -> ShardMap:
    """The map. It has a row a shard and a row a region: few."""
    version = await map_version(connection)
    shards = await connection.fetch("SELECT id, address, open, timeline FROM shard ORDER BY id")
    regions = await connection.fetch(
        """
        SELECT name, region.shard, array_agg(region_shard.shard ORDER BY region_shard.shard) AS shards
        FROM region JOIN region_shard ON region_shard.region = name GROUP BY name, region.shard ORDER BY name
        """
    )
    return ShardMap(
        version,
        {row["id"]: ShardRow(*row) for row in shards},
        {row["name"]: RegionRow(row["name"], row["shard"], tuple(row["shards"])) for row in regions},
    )


async def map_version(connection: Connection) -> int:
    """The version of the map."""
    return int(await connection.fetchval("SELECT version FROM shard_map_version"))


async def lock_map(connection: Connection) -> None:
    """Whoever changes the map does so alone; it is another version then."""
    await connection.execute("UPDATE shard_map_version SET version = version + 1")


async def add_shard(connection: Connection, shard: int, address: bytes) -> None:
    """Adds a shard. Raises `Exists`."""
    added = await connection.fetchval(
        "INSERT INTO shard (id, address) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id", shard, address
    )
    if added is None:
        raise Exists(f"There is a shard {shard} already.", hint="`medtech-hub shard list` names those there are.")


async def change_shard(
    connection: Connection, shard: int, *, address: bytes | None = None, is_open: bool | None = None
) -> None:
    """Gives a shard another address, or opens or closes it. Raises `NotFound`."""
    changed = await connection.fetchval(
        "UPDATE shard SET address = coalesce($2, address), open = coalesce($3, open) WHERE id = $1 RETURNING id",
        *(shard, address, is_open),
    )
    if changed is None:
        raise no_shard(shard)


async def note_timeline(connection: Connection, shard: int, timeline: int) -> None:
    """Notes that a shard's primary is on a timeline; a lower one is not noted."""
    await connection.execute("UPDATE shard SET timeline = $2 WHERE id = $1 AND timeline < $2", shard, timeline)


async def add_region(connection: Connection, region: str, shard: int) -> None:
    """Puts a region on a shard; on its first one its reference data are at home."""
    await connection.execute(
        "INSERT INTO region (name, shard) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", region, shard
    )
    await connection.execute(
        "INSERT INTO region_shard (region, shard) VALUES ($1, $2) ON CONFLICT DO NOTHING", region, shard
    )


async def place_facility(connection: Connection, facility: str, region: str, shard: int) -> tuple[str, int]:
    """Where a facility is: here, unless it had a place before, which stays. `(region, shard)`."""
    await connection.execute(
        "INSERT INTO facility_place (facility, region, shard) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(facility, region, shard),
    )
    return await read_place(connection, facility)


async def read_place(connection: Connection, facility: str) -> tuple[str, int]:
    """Where a facility is, `(region, shard)`. Raises `NotFound`."""
    row = await connection.fetchrow("SELECT region, shard FROM facility_place WHERE facility = $1", facility)
    if row is None:
        raise NotFound(f"There is no facility {facility}.", hint="`medtech-hub facility list` names those there are.")
    return row["region"], row["shard"]


async def move_place(connection: Connection, facility: str, shard: int) -> None:
    """The facility is on this shard from now on."""
    await connection.execute("UPDATE facility_place SET shard = $2 WHERE facility = $1", facility, shard)


class Move(Struct, frozen=True):
    """A facility on its way from shard to shard. `id`: no other move, before or after, has it."""

    id: int
    facility: str
    region: str
    source: int
    target: int


async def begin_move(connection: Connection, facility: str, source: int, target: int) -> Move:
    """Notes that a facility is being moved; the move, which leads to another shard when that was begun before."""
    await connection.execute(
        "INSERT INTO facility_move (facility, source, target) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(facility, source, target),
    )
    (move,) = [one for one in await moves(connection) if one.facility == facility]
    return move


async def moves(connection: Connection) -> list[Move]:
    """The facilities that are being moved, the first first."""
    rows = await connection.fetch(
        """
        SELECT facility_move.id, facility, region, source, target
        FROM facility_move JOIN facility_place USING (facility) ORDER BY facility_move.id
        """
    )
    return [Move(*row) for row in rows]


async def hold_moves(connection: Connection) -> None:
    """No move begins or ends until this transaction does."""
    await connection.execute("LOCK TABLE facility_move IN SHARE MODE")


async def lock_move(connection: Connection, move: int) -> bool:
    """Whether a move goes on still; locked, so that nobody ends it before this transaction does."""
    found = await connection.fetchval("SELECT id FROM facility_move WHERE id = $1 FOR UPDATE", move)
    return found is not None


async def end_move(connection: Connection, move: int) -> None:
    """The facility has moved."""
    await connection.execute("DELETE FROM facility_move WHERE id = $1", move)


async def emptiest(connection: Connection, shards: Sequence[int]) -> int:
    """Of these shards the open one with the fewest facilities. Raises `NotFound` when none is open."""
    found = await connection.fetchval(
        """
        SELECT shard.id FROM shard LEFT JOIN facility_place ON facility_place.shard = shard.id
        WHERE shard.id = ANY($1::int[]) AND open GROUP BY shard.id ORDER BY count(facility), shard.id LIMIT 1
        """,
        shards,
    )
    if found is None:
        raise NotFound("No shard of this region is open.", hint="Open one, or add one: `medtech-hub shard`.")
    return int(found)


async def count_facilities(connection: Connection, shard: int) -> int:
    """How many facilities are on a shard."""
    return int(await connection.fetchval("SELECT count(*) FROM facility_place WHERE shard = $1", shard))


async def claim(connection: Connection, hub_id: str, shard: int) -> tuple[str, int]:
    """Whose database this is, `(hub, shard)`: ours, when nobody claimed it before."""
    query = "SELECT hub_id, shard FROM shard_self"
    row = await connection.fetchrow(query)
    if row is None:
        await connection.execute(
            "INSERT INTO shard_self (hub_id, shard) VALUES ($1, $2) ON CONFLICT DO NOTHING", hub_id, shard
        )
        # People name what is in quarantine by its number alone.
        first = (shard - FIRST) * QUARANTINE_NUMBERS + 1
        if shard > FIRST:
            await connection.execute(f"ALTER TABLE quarantine ALTER COLUMN id RESTART WITH {first}")
        row = await connection.fetchrow(query)
    return row["hub_id"], row["shard"]


def no_shard(shard: int) -> NotFound:
    """There is no such shard."""
    return NotFound(f"There is no shard {shard}.", hint="`medtech-hub shard list` names those there are.")
