"""Materialised views over facts and pregnancies: refreshing them, and reading them for a region or one facility.

Every view has a row for each facility and, under scope 0, one for its region, so that no page adds up facilities. What is read of several
databases is added up by `hub.console.sums`. No function here reads facts themselves, and none answers for more than a region when it is
given one ('' means all).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection

VIEWS: Final = ("pregnancy_week", "danger_day", "issue_count", "birth_month", "arrival_month", "month_count")
"""The quickest first: the slowest should keep none of them waiting."""
REFRESH_LOCK: Final = 0x6D65_6474_6563_6803
"""The advisory lock of whoever refreshes: "medtech" and a number."""
WHOLE_REGION: Final = 0
"""The scope under which a view has a region's sum."""


class Refreshed(Struct, frozen=True):
    """When a view was refreshed last, and how long that took."""

    view: str
    at: datetime
    ms: int


class MonthCount(Struct, frozen=True):
    """How often something of a kind and code was in a month."""

    region: str
    scope: int
    month: date
    kind: str
    code: str
    n: int


class DangerDay(Struct, frozen=True):
    """How often a danger sign was found on a day."""

    region: str
    scope: int
    day: date
    code: str
    n: int


class PregnancyWeek(Struct, frozen=True):
    """Pregnancies in a week of pregnancy (-1: not known, or after the birth), and those of which a contact is overdue."""

    region: str
    scope: int
    week: int
    n: int
    overdue: int
    overdue_after: int


class BirthMonth(Struct, frozen=True):
    """Women who gave birth in a month; of them with at least four, eight contacts before, and seen again within two days."""

    region: str
    scope: int
    month: date
    n: int
    four: int
    eight: int
    soon: int


class Issue(Struct, frozen=True):
    """How often something is odd: `future`, `past`, `undated`, `pair`, `conflict`, `quarantine`, `parked`."""

    region: str
    scope: int
    issue: str
    n: int


class ArrivalMonth(Struct, frozen=True):
    """What came in a month, by how late it came (a span of `hub.store.facts.LATE_DAYS`)."""

    region: str
    scope: int
    month: date
    late: int
    n: int


async def lock_refreshing(connection: Connection) -> bool:
    """Whether this process may refresh until the transaction ends: one does, of all that serve. Held by the transaction, since a
    session's lock is lost behind a pooler."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", REFRESH_LOCK))


async def refresh(connection: Connection, view: str) -> None:
    """Refreshes one of `VIEWS` while others read it, and notes when and how long it took; in the same transaction, so that no number is
    ever said to be newer than it is. The view's numbers are of the transaction's begin."""
    assert view in VIEWS
    await connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")
    await connection.execute(
        """
        INSERT INTO refreshed (view, at, ms) VALUES ($1, now(), extract(milliseconds FROM clock_timestamp() - now())::int)
        ON CONFLICT (view) DO UPDATE SET at = excluded.at, ms = excluded.ms
        """,
        view,
    )


async def read_refreshed(connection: Connection) -> list[Refreshed]:
    """When each view was refreshed; those that never were are not among them."""
    return [Refreshed(*row) for row in await connection.fetch("SELECT view, at, ms FROM refreshed")]


async def month_counts(
    connection: Connection, region: str, scopes: Sequence[int], kinds: Sequence[str], since: date, until: date
) -> list[MonthCount]:
    """Counts of kinds in months from one to another, of scopes or (`WHOLE_REGION`) of whole regions."""
    rows = await connection.fetch(
        """
        SELECT region, scope, month, kind, code, n FROM month_count
        WHERE ($1 = '' OR region = $1) AND scope = ANY($2::int[]) AND kind = ANY($3::text[]) AND month BETWEEN $4 AND $5
        """,
        *(region, scopes, kinds, since, until),
    )
    return [MonthCount(*row) for row in rows]


async def danger_days(connection: Connection, region: str, scope: int, since: date) -> list[DangerDay]:
    """Danger signs by day, from a day on."""
    rows = await connection.fetch(
        "SELECT region, scope, day, code, n FROM danger_day WHERE ($1 = '' OR region = $1) AND scope = $2 AND day >= $3",
        *(region, scope, since),
    )
    return [DangerDay(*row) for row in rows]


async def pregnancy_weeks(connection: Connection, region: str, scopes: Sequence[int]) -> list[PregnancyWeek]:
    """Pregnancies by week."""
    rows = await connection.fetch(
        """
        SELECT region, scope, week, n, overdue, overdue_after FROM pregnancy_week
        WHERE ($1 = '' OR region = $1) AND scope = ANY($2::int[])
        """,
        *(region, scopes),
    )
    return [PregnancyWeek(*row) for row in rows]


async def birth_months(
    connection: Connection, region: str, scopes: Sequence[int], since: date, until: date
) -> list[BirthMonth]:
    """Births by month."""
    rows = await connection.fetch(
        """
        SELECT region, scope, month, n, four, eight, soon FROM birth_month
        WHERE ($1 = '' OR region = $1) AND scope = ANY($2::int[]) AND month BETWEEN $3 AND $4
        """,
        *(region, scopes, since, until),
    )
    return [BirthMonth(*row) for row in rows]


async def issues(connection: Connection, region: str, scopes: Sequence[int]) -> list[Issue]:
    """What is odd."""
    rows = await connection.fetch(
        """
        SELECT region, scope, issue, n FROM issue_count WHERE ($1 = '' OR region = $1) AND scope = ANY($2::int[])
        """,
        *(region, scopes),
    )
    return [Issue(*row) for row in rows]


async def worst(connection: Connection, region: str, issue: str, limit: int) -> list[tuple[str, str, str, int]]:
    """The facilities with the most of something odd: `(region, id, name, n)`."""
    rows = await connection.fetch(
        """
        SELECT facility.region, facility.id, facility.name, n FROM issue_count JOIN home_facility AS facility USING (scope)
        WHERE ($1 = '' OR facility.region = $1) AND issue = $2 ORDER BY n DESC, facility.id LIMIT $3
        """,
        *(region, issue, limit),
    )
    return [(row["region"], row["id"], row["name"], row["n"]) for row in rows]


async def arrivals(connection: Connection, region: str, scope: int, since: date) -> list[ArrivalMonth]:
    """How late things came, by the month of their arrival."""
    rows = await connection.fetch(
        "SELECT region, scope, month, late, n FROM arrival_month WHERE ($1 = '' OR region = $1) AND scope = $2 AND month >= $3",
        *(region, scope, since),
    )
    return [ArrivalMonth(*row) for row in rows]
