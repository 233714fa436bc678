"""Searching what administrators did, and what waits for a person, a page at a time by number."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection


class Act(Struct, frozen=True):
    """An entry of the audit. Entries of all shards have one order: by time, shard and number."""

    at: datetime
    shard: int
    id: int
    actor: str
    action: str
    object: str


class Aside(Struct, frozen=True):
    """Something in quarantine: why, from whom, since when; never what."""

    id: int
    node: str
    facility: str
    facility_name: str
    region: str
    reason: str
    detail: str
    since: datetime


class OpenConflicts(Struct, frozen=True):
    """Conflicts that wait for a clinic's people."""

    facility: str
    facility_name: str
    region: str
    resources: int
    elements: int
    oldest: datetime


Position = tuple[datetime, int, int]
"""Time, shard and number of an entry: where a page ends."""
NEWEST: Final[Position] = (datetime.max.replace(tzinfo=UTC), 0, 0)


async def acts(
    connection: Connection,
    region: str,
    *,
    actor: str = "",
    action: str = "",
    about: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: Position = NEWEST,
    limit: int,
) -> list[Act]:
    """Entries before a position, the latest first. `action`: an act, or the beginning of several that ends with a point (`node.`).

    Who sees one region sees what was done to its facilities, nodes and people, and what its nodes did.
    """
    rows = await connection.fetch(
        """
        SELECT at, (SELECT shard FROM shard_self) AS shard, id, actor, action, object FROM audit
        WHERE at <= $7 AND (at, (SELECT shard FROM shard_self), id) < ($7::timestamptz, $9::int, $10::bigint)
            AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3 OR (right($3, 1) = '.' AND starts_with(action, $3)))
            AND ($4 = '' OR object = $4) AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
            AND ($1 = '' OR object IN (SELECT id FROM facility WHERE region = $1) OR object IN (SELECT id FROM node WHERE region = $1)
                OR actor IN (SELECT id FROM node WHERE region = $1)
                OR (starts_with(action, 'user.') AND object IN (
                    SELECT account.name FROM account JOIN facility ON facility.id = account.facility WHERE facility.region = $1)))
        ORDER BY at DESC, id DESC LIMIT $8
        """,
        *(region, actor, action, about, since, until, before[0], limit, *before[1:]),
    )
    return [Act(*row) for row in rows]


async def aside(
    connection: Connection, region: str, *, node: str = "", facility: str = "", after: int = 0, limit: int
) -> list[Aside]:
    """What is in quarantine and not dealt with, the oldest first; of a node or a facility ('' for all)."""
    rows = await connection.fetch(
        """
        SELECT quarantine.id, quarantine.node, facility.id, facility.name, facility.region, reason, detail, since
        FROM quarantine JOIN home_facility AS facility USING (scope)
        WHERE resolved IS NULL AND quarantine.id > $4 AND ($1 = '' OR facility.region = $1) AND ($2 = '' OR quarantine.node = $2)
            AND ($3 = '' OR facility.id = $3)
        ORDER BY quarantine.id LIMIT $5
        """,
        *(region, node, facility, after, limit),
    )
    return [Aside(*row) for row in rows]


async def aside_in(connection: Connection, region: str, number: int) -> bool:
    """Whether this is in quarantine, from a facility of the region."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT 1 FROM quarantine JOIN home_facility AS facility USING (scope)
                WHERE quarantine.id = $2 AND resolved IS NULL AND ($1 = '' OR facility.region = $1))
            """,
            *(region, number),
        )
    )


async def open_conflicts(connection: Connection, region: str, *, facility: str = "", limit: int) -> list[OpenConflicts]:
    """Facilities with open conflicts, those with the oldest first."""
    rows = await connection.fetch(
        """
        SELECT facility.id, facility.name, facility.region, count(*), sum(elements)::bigint, min(since)
        FROM conflict JOIN home_facility AS facility USING (scope) WHERE ($1 = '' OR facility.region = $1) AND ($2 = '' OR facility.id = $2)
        GROUP BY facility.id, facility.name, facility.region ORDER BY min(since), facility.id LIMIT $3
        """,
        *(region, facility, limit),
    )
    return [OpenConflicts(*row) for row in rows]
