"""Facilities and nodes as the console shows them: how each is, the worst first, by region, a page at a time.

Every function takes the region that its reader may see ('' for all), and limits what it reads by it: nothing that a page asks for by
number or name is found outside of it.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection

HEALTH: Final = ("well", "waiting", "late", "clock", "full", "differs", "silent")
"""How a node is, the worst last; a node is what is worst of it."""
WAITING_MIN: Final = 500
LATE_HOURS: Final = 24
SILENT_HOURS: Final = 7 * 24
CLOCK_MS: Final = 5 * 60_000
DISK_PERCENT: Final = 10
_IS: Final = f"""
    CASE WHEN coalesce(node.last_seen, node.enrolled) < now() - interval '{SILENT_HOURS} hours' THEN 6
        WHEN node.status->'agreed' = 'false' THEN 5
        WHEN (node.status->>'disk')::int < {DISK_PERCENT} THEN 4
        WHEN abs(node.clock_offset_ms) > {CLOCK_MS} THEN 3
        WHEN coalesce(node.last_seen, node.enrolled) < now() - interval '{LATE_HOURS} hours' THEN 2
        WHEN node.pending >= {WAITING_MIN} THEN 1 ELSE 0 END
"""
_SEEN: Final = "($1 = '' OR {table}.region = $1)"
_AT_HOME: Final = "EXISTS (SELECT 1 FROM scope WHERE scope.id = facility.scope AND scope.home IS NULL)"
"""Every shard of a region knows all its facilities; each is told by the one where it is at home."""


class RegionHealth(Struct, frozen=True):
    """How many active nodes of a region are so (an index of `HEALTH`), and how many facilities are at the worst so."""

    region: str
    health: int
    nodes: int
    facilities: int
    pending: int


class RegionRow(Struct, frozen=True):
    """A region with the number of its facilities; also of those that have no active node."""

    region: str
    facilities: int
    without_node: int


class NodeLine(Struct, frozen=True):
    """A node in a list."""

    id: str
    name: str
    facility: str
    facility_name: str
    region: str
    role: str
    state: str
    health: int
    enrolled: datetime
    last_seen: datetime | None
    pending: int | None
    behind: int | None
    version: str | None
    clock_offset_ms: int | None
    disk: int | None
    agreed: bool | None
    exchanges: int


class FacilityLine(Struct, frozen=True):
    """A facility in a list, with its active nodes together."""

    id: str
    name: str
    region: str
    scope: int
    nodes: int
    health: int | None
    last_seen: datetime | None
    pending: int


class Live(Struct, frozen=True):
    """A region at this moment. `exchanges`: since its nodes were enrolled; `online`: seen within the last quarter of an hour."""

    region: str
    exchanges: int
    nodes: int
    online: int
    pending: int


_NODE_COLUMNS: Final = f"""
    node.id, node.name, node.facility, facility.name AS facility_name, node.region, node.role, node.state,
    CASE WHEN node.state = 'active' THEN {_IS} ELSE -1 END AS health,
    node.enrolled, node.last_seen, node.pending, node.behind, node.version, node.clock_offset_ms,
    (node.status->>'disk')::int AS disk, (node.status->>'agreed')::boolean AS agreed, node.exchanges
"""
_FACILITY_LINES: Final = f"""
    SELECT facility.id, facility.name, facility.region, facility.scope, count(node.id) AS nodes,
        max({_IS}) FILTER (WHERE node.id IS NOT NULL) AS health,
        max(node.last_seen) AS last_seen, coalesce(sum(node.pending), 0)::bigint AS pending
    FROM facility LEFT JOIN node ON node.facility = facility.id AND node.state = 'active'
"""


async def region_health(connection: Connection, region: str) -> list[RegionHealth]:
    """How the nodes and facilities of each region are."""
    rows = await connection.fetch(
        f"""
        WITH each AS (
            SELECT region, facility, {_IS} AS health, coalesce(pending, 0) AS pending
            FROM node WHERE state = 'active' AND {_SEEN.format(table="node")}
        ), worst AS (SELECT region, max(health) AS health FROM each GROUP BY region, facility)
        SELECT region, health, sum(nodes)::int, sum(facilities)::int, sum(pending)::bigint FROM (
            SELECT region, health, count(*) AS nodes, 0 AS facilities, sum(pending) AS pending FROM each GROUP BY region, health
            UNION ALL SELECT region, health, 0, count(*), 0 FROM worst GROUP BY region, health
        ) AS counted GROUP BY region, health
        """,
        region,
    )
    return [RegionHealth(*row) for row in rows]


async def regions(connection: Connection, region: str) -> list[RegionRow]:
    """The regions, by name."""
    rows = await connection.fetch(
        f"""
        SELECT facility.region, count(*), count(*) FILTER (WHERE node.facility IS NULL)
        FROM facility LEFT JOIN (SELECT DISTINCT facility FROM node WHERE state = 'active') AS node ON node.facility = facility.id
        WHERE {_SEEN.format(table="facility")} AND {_AT_HOME} GROUP BY facility.region ORDER BY facility.region
        """,
        region,
    )
    return [RegionRow(*row) for row in rows]


async def nodes(
    connection: Connection, region: str, *, state: str = "active", health: int = -1, after: str = "", limit: int
) -> list[NodeLine]:
    """Nodes by id: of a state ('' for any) and of a health (-1 for any)."""
    rows = await connection.fetch(
        f"""
        SELECT {_NODE_COLUMNS} FROM node JOIN facility ON facility.id = node.facility
        WHERE {_SEEN.format(table="node")} AND ($2 = '' OR node.state = $2) AND node.id > $4 AND ($3 = -1 OR {_IS} = $3)
        ORDER BY node.id LIMIT $5
        """,
        *(region, state, health, after, limit),
    )
    return [NodeLine(*row) for row in rows]


async def worst_nodes(connection: Connection, region: str, limit: int) -> list[NodeLine]:
    """The nodes that somebody should look at, the worst and longest unseen first."""
    rows = await connection.fetch(
        f"""
        SELECT * FROM (
            SELECT {_NODE_COLUMNS} FROM node JOIN facility ON facility.id = node.facility
            WHERE {_SEEN.format(table="node")} AND node.state = 'active'
        ) AS each WHERE health > 0 ORDER BY health DESC, coalesce(last_seen, enrolled), id LIMIT $2
        """,
        *(region, limit),
    )
    return [NodeLine(*row) for row in rows]


async def node(connection: Connection, region: str, node_id: str) -> NodeLine | None:
    """One node; None when there is none in that region."""
    row = await connection.fetchrow(
        f"""
        SELECT {_NODE_COLUMNS} FROM node JOIN facility ON facility.id = node.facility
        WHERE {_SEEN.format(table="node")} AND node.id = $2
        """,
        *(region, node_id),
    )
    return NodeLine(*row) if row is not None else None


async def nodes_of(connection: Connection, region: str, facility: str) -> list[NodeLine]:
    """The nodes of a facility, of any state, the latest enrolled first."""
    rows = await connection.fetch(
        f"""
        SELECT {_NODE_COLUMNS} FROM node JOIN facility ON facility.id = node.facility
        WHERE {_SEEN.format(table="node")} AND node.facility = $2 ORDER BY node.enrolled DESC, node.id
        """,
        *(region, facility),
    )
    return [NodeLine(*row) for row in rows]


async def facilities(
    connection: Connection, region: str, *, asked: str = "", after: str = "", limit: int
) -> list[FacilityLine]:
    """Facilities by id; `asked`: that have this in their name or id, whatever its case."""
    rows = await connection.fetch(
        f"""
        {_FACILITY_LINES}
        WHERE facility.id IN (
            SELECT id FROM facility
            WHERE {_SEEN.format(table="facility")} AND {_AT_HOME} AND id > $3
                AND ($2 = '' OR strpos(lower(name || ' ' || id), lower($2)) > 0)
            ORDER BY id LIMIT $4
        )
        GROUP BY facility.id ORDER BY facility.id
        """,
        *(region, asked, after, limit),
    )
    return [FacilityLine(*row) for row in rows]


async def facility(connection: Connection, region: str, facility_id: str) -> FacilityLine | None:
    """One facility; None when there is none in that region."""
    row = await connection.fetchrow(
        f"{_FACILITY_LINES} WHERE {_SEEN.format(table='facility')} AND {_AT_HOME} AND facility.id = $2 GROUP BY facility.id",
        *(region, facility_id),
    )
    return FacilityLine(*row) if row is not None else None


async def live(connection: Connection) -> list[Live]:
    """All regions at this moment: what is shared by everybody who looks on."""
    rows = await connection.fetch(
        """
        SELECT region, sum(exchanges)::bigint, count(*), count(*) FILTER (WHERE last_seen > now() - interval '15 minutes'),
            coalesce(sum(pending), 0)::bigint
        FROM node WHERE state = 'active' GROUP BY region
        """
    )
    return [Live(*row) for row in rows]
