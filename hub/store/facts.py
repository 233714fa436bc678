"""Facts: counts per scope, day, kind and code, derived from resources as they come. They identify nobody."""

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from hub.postgres.engine import Connection


class FactKey(Struct, frozen=True, order=True):
    """What is counted: for example the scope of a clinic, a day, `encounter`, and the code of its kind."""

    scope: int
    day: date
    kind: str
    code: str


class Stats(Struct, frozen=True):
    """The hub at a glance."""

    facilities: int
    nodes: int
    resources: int
    parked: int
    quarantine: int
    conflicts: int
    database_bytes: int


async def add_facts(connection: Connection, deltas: Mapping[FactKey, int]) -> None:
    """Adds to counts, which may also go down; in the transaction that stores what they were derived from."""
    ordered = sorted((key, delta) for key, delta in deltas.items() if delta)
    if ordered:
        await connection.execute(
            """
            INSERT INTO fact (scope, day, kind, code, n)
            SELECT * FROM unnest($1::int[], $2::date[], $3::text[], $4::text[], $5::bigint[])
            ON CONFLICT (scope, day, kind, code) DO UPDATE SET n = fact.n + excluded.n
            """,
            *([getattr(key, field) for key, _ in ordered] for field in FactKey.__struct_fields__),
            [delta for _, delta in ordered],
        )


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


async def read_stats(connection: Connection) -> Stats:
    """The hub at a glance. The number of resources is Postgres's own estimate: counting would read them all."""
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM facility), (SELECT count(*) FROM node WHERE state = 'active'),
            (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'resource'::regclass),
            (SELECT count(*) FROM parked), (SELECT count(*) FROM quarantine WHERE resolved IS NULL),
            (SELECT count(*) FROM conflict), pg_database_size(current_database())
        """
    )
    return Stats(*row)
