"""Facts: counts per scope, day, kind and code, derived from resources as they come. They identify nobody."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection
from hub.store.scopes import WITHIN

LATE_DAYS: Final = (0, 2, 8, 31, 91)
"""First days of the spans by which lateness is told: of days to come, within a day, a week, a month, a quarter, longer."""


class FactKey(Struct, frozen=True, order=True):
    """What is counted: for example the scope of a clinic, a day, `encounter`, and the code of its kind."""

    scope: int
    day: date
    kind: str
    code: str


class Stats(Struct, frozen=True):
    """The hub, or one of its regions, at a glance. The last two are the hub's alone."""

    facilities: int
    nodes: int
    parked: int
    quarantine: int
    conflicts: int
    resources: int | None
    database_bytes: int | None


async def add_counts(
    connection: Connection,
    deltas: Mapping[FactKey, int],
    arrivals: Mapping[tuple[int, date], int],
    *,
    regardless: bool = False,
) -> tuple[int, int] | None:
    """Adds to counts, which may also go down, and to arrivals: what came today for the first time, `(scope, the day it is about)`, by how
    late it came. In the transaction that stores what they were derived from.

    While records are counted anew (`hub.counting`) nothing is added, unless `regardless`, and it is said between which keys, `(after, up
    to)`, they are about to be. One statement does both, so that nobody begins to count anew between the look and what is added: TRUNCATE
    waits for the lock that it has of the table before it looks.
    """
    facts = sorted((key, delta) for key, delta in deltas.items() if delta)
    came = sorted(arrivals.items())
    if not facts and not came:
        return None
    row = await connection.fetchrow(
        """
        WITH anew AS MATERIALIZED (SELECT after_key, upto_key FROM recount WHERE after_key < upto_key AND NOT $9::boolean),
        counted AS (
            INSERT INTO fact (scope, day, kind, code, n)
            SELECT * FROM unnest($1::int[], $2::date[], $3::text[], $4::text[], $5::bigint[]) WHERE NOT EXISTS (SELECT FROM anew)
            ON CONFLICT (scope, day, kind, code) DO UPDATE SET n = fact.n + excluded.n
        ), arrived AS (
            INSERT INTO arrival (scope, day, late, n)
            SELECT scope, today, width_bucket(today - about, $10::int[])::smallint AS late, sum(n)
            FROM unnest($6::int[], $7::date[], $8::bigint[]) AS came (scope, about, n),
                LATERAL (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS clock
            WHERE NOT EXISTS (SELECT FROM anew) GROUP BY scope, today, late ORDER BY scope, late
            ON CONFLICT (scope, day, late) DO UPDATE SET n = arrival.n + excluded.n
        )
        SELECT after_key, upto_key FROM anew
        """,
        *([getattr(key, field) for key, _ in facts] for field in FactKey.__struct_fields__),
        [delta for _, delta in facts],
        [scope for (scope, _), _ in came],
        [day for (_, day), _ in came],
        [n for _, n in came],
        regardless,
        list(LATE_DAYS),
    )
    return (row["after_key"], row["upto_key"]) if row is not None else None


async def waits_for_recount(connection: Connection) -> bool:
    """Whether records are still to be counted anew."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM recount WHERE after_key < upto_key)"))


async def counted_by(connection: Connection) -> int | None:
    """The version of the rules by which records are counted; None when nothing was counted yet."""
    version: int | None = await connection.fetchval("SELECT version FROM recount")
    return version


async def begin_recount(connection: Connection, version: int, *, anew: bool = False) -> bool:
    """Throws all counts away and has every record counted again, unless that was done for this version; `anew`: in any case.

    The lock that TRUNCATE takes waits for the transactions that have counted something already; later ones see what is to be counted.
    """
    # The row before the table, as slices do: in another order the two would wait for each other.
    present = await connection.fetchval("SELECT version FROM recount FOR UPDATE")
    if present == version and not anew:
        return False
    await connection.execute("TRUNCATE fact")
    # Two processes that come here at once wait for each other at the lock; the second one begins again, which costs nothing.
    await connection.execute(
        """
        INSERT INTO recount (version, upto_key) SELECT $1, coalesce(max(key), 0) FROM resource
        ON CONFLICT (single) DO UPDATE
        SET version = excluded.version, after_key = 0, upto_key = excluded.upto_key, begun = pg_current_xact_id()
        """,
        version,
    )
    return True


async def lock_recount(connection: Connection) -> tuple[int, int] | None:
    """Between which keys records wait to be counted, locked until the transaction ends. None when all are counted, another process is at
    it, or transactions that were under way when it began still are: what they store is not to be seen yet."""
    row = await connection.fetchrow(
        """
        SELECT after_key, upto_key FROM recount
        WHERE after_key < upto_key AND pg_snapshot_xmin(pg_current_snapshot()) > begun FOR UPDATE SKIP LOCKED
        """
    )
    return (row["after_key"], row["upto_key"]) if row is not None else None


async def note_recount(connection: Connection, after_key: int) -> None:
    """Records up to here are counted."""
    await connection.execute("UPDATE recount SET after_key = $1", after_key)


async def read_facts(connection: Connection, kind: str, since: date) -> dict[FactKey, int]:
    """The counts of a kind from a day on."""
    rows = await connection.fetch(
        "SELECT scope, day, kind, code, n FROM fact WHERE kind = $1 AND day >= $2 AND n <> 0", kind, since
    )
    return {FactKey(row["scope"], row["day"], row["kind"], row["code"]): row["n"] for row in rows}


async def count_patients(connection: Connection, scopes: Sequence[int]) -> int:
    """How many patients these scopes have together."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(n), 0) FROM fact WHERE kind = 'patient' AND scope = ANY($1::int[])", scopes
        )
    )


async def read_stats(connection: Connection, region: str = "") -> Stats:
    """The hub or a region at a glance. The number of resources is Postgres's own estimate: counting would read them all."""
    row = await connection.fetchrow(
        f"""
        WITH held AS (SELECT id FROM scope WHERE {WITHIN})
        SELECT (SELECT count(*) FROM facility JOIN scope ON scope.id = facility.scope WHERE home IS NULL AND ($1 = '' OR region = $1)),
            (SELECT count(*) FROM node WHERE state = 'active' AND ($1 = '' OR region = $1)),
            (SELECT count(*) FROM parked WHERE scope IN (SELECT id FROM held)),
            (SELECT count(*) FROM quarantine WHERE resolved IS NULL AND scope IN (SELECT id FROM held)),
            (SELECT count(*) FROM conflict WHERE scope IN (SELECT id FROM held)),
            CASE WHEN $1 = '' THEN (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'resource'::regclass) END,
            CASE WHEN $1 = '' THEN pg_database_size(current_database()) END
        """,
        region,
    )
    return Stats(*row)
