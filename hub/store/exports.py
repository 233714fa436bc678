"""Exports: what was asked for, how far each is, and the files made of it. A row says nothing of a patient."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from hub.postgres.engine import Connection

_HOMES: Final = msgspec.msgpack.Decoder(dict[int, int])


class JobRow(Struct, frozen=True):
    """An export. `instant`: its transactionTime, once it has begun. `rows`: resources that were looked at."""

    id: str
    actor: str
    region: str
    facility: str
    members: str
    request: str
    types: list[str]
    since: datetime | None
    state: str
    made: datetime
    instant: datetime | None
    ended: datetime | None
    rows: int
    tries: int


class PartRow(Struct, frozen=True):
    """A file of an export: gzip, `size` bytes, of `count` lines. `key`: its object's, sealed."""

    number: int
    kind: str
    type: str
    count: int
    object: str
    key: bytes
    size: int


class PlaceRow(Struct, frozen=True):
    """How far an export is on a shard. `homes`: scopes that were at home there when it began → how often they had moved by then."""

    place: int
    after_key: int
    upto_key: int
    homes: dict[int, int]


class ScopeHome(Struct, frozen=True):
    """A scope that a shard knows, and whether it is at home `here`. `region`: 'global' for what all have."""

    id: int
    name: str
    region: str
    here: bool
    moves: int


class Slice(Struct, frozen=True):
    """Rows that were looked at, up to a key; `state` is empty where they are not wanted."""

    key: int
    rkey: bytes
    scope: int
    hash: bytes
    state: bytes | None
    stored: datetime


class Reach(Struct, frozen=True):
    """What a shard held at an instant: all keys up to this one, and nothing stored before it is still to be committed."""

    instant: datetime
    upto_key: int


JOB_COLUMNS: Final = ", ".join(JobRow.__struct_fields__)
PART_COLUMNS: Final = ", ".join(PartRow.__struct_fields__)
CLAIMING: Final = 0x6578706F
"""Advisory lock of whoever begins to work on an export."""


async def add_job(connection: Connection, job: JobRow) -> None:
    """Notes that an export was asked for."""
    await connection.execute(
        """
        INSERT INTO export_job (id, actor, region, facility, members, request, types, since, made)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *(job.id, job.actor, job.region, job.facility, job.members, job.request, job.types, job.since, job.made),
    )


async def count_open_jobs(connection: Connection, actor: str) -> int:
    """How many exports of somebody are not done."""
    return int(await connection.fetchval("SELECT count(*) FROM export_job WHERE actor = $1 AND state = 'open'", actor))


async def find_job(connection: Connection, job: str, actor: str) -> JobRow | None:
    """An export that this person asked for."""
    row = await connection.fetchrow(f"SELECT {JOB_COLUMNS} FROM export_job WHERE id = $1 AND actor = $2", job, actor)
    return JobRow(*row) if row is not None else None


async def jobs_of(connection: Connection, actor: str, region: str, limit: int) -> list[JobRow]:
    """The exports that somebody asked for and may have still ('' is all regions), the latest first."""
    rows = await connection.fetch(
        f"""
        SELECT {JOB_COLUMNS} FROM export_job WHERE actor = $1 AND ($2 = '' OR region = $2) ORDER BY made DESC, id LIMIT $3
        """,
        *(actor, region, limit),
    )
    return [JobRow(*row) for row in rows]


async def claim_job(connection: Connection, holder: str, at_once: int, lease_seconds: float) -> JobRow | None:
    """The next export that nobody works on, leased, if not so many are being worked on already."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", CLAIMING)
    row = await connection.fetchrow(
        f"""
        UPDATE export_job SET lease = clock_timestamp() + make_interval(secs => $3), holder = $1, tries = tries + 1
        WHERE id = (
            SELECT id FROM export_job WHERE state = 'open' AND (lease IS NULL OR lease < clock_timestamp())
            ORDER BY lease NULLS FIRST, made LIMIT 1
        ) AND (SELECT count(*) FROM export_job WHERE state = 'open' AND lease >= clock_timestamp()) < $2
        RETURNING {JOB_COLUMNS}
        """,
        *(holder, at_once, lease_seconds),
    )
    return JobRow(*row) if row is not None else None


async def renew_lease(connection: Connection, job: str, holder: str, rows: int, lease_seconds: float) -> bool:
    """Keeps working on an export, and says how far it is. False when it was deleted, or another process took it over."""
    found = await connection.fetchval(
        """
        UPDATE export_job SET lease = clock_timestamp() + make_interval(secs => $4), rows = rows + $3, tries = 0
        WHERE id = $1 AND holder = $2 AND state = 'open' RETURNING 1
        """,
        *(job, holder, rows, lease_seconds),
    )
    return found is not None


async def put_back(connection: Connection, job: str, holder: str, wait_seconds: float) -> None:
    """Leaves an export to whoever comes by after a while."""
    await connection.execute(
        "UPDATE export_job SET lease = clock_timestamp() + make_interval(secs => $3), holder = '' WHERE id = $1 AND holder = $2",
        *(job, holder, wait_seconds),
    )


async def end_job(connection: Connection, job: str, holder: str, state: str, at: datetime) -> None:
    """Notes that an export is done, or failed."""
    await connection.execute(
        "UPDATE export_job SET state = $3, ended = $4, lease = NULL, holder = '' WHERE id = $1 AND holder = $2",
        *(job, holder, state, at),
    )


async def drop_jobs(connection: Connection, jobs: Sequence[str]) -> None:
    """Forgets exports; their files are loose, and deleted next."""
    await connection.execute("DELETE FROM export_job WHERE id = ANY($1::text[])", jobs)
    await _drop_made(connection, jobs)


async def _drop_made(connection: Connection, jobs: Sequence[str]) -> None:
    await connection.execute("DELETE FROM export_place WHERE job = ANY($1::text[])", jobs)
    await connection.execute(
        """
        WITH dropped AS (DELETE FROM export_part WHERE job = ANY($1::text[]) RETURNING object)
        INSERT INTO blob_loose (object, since) SELECT object, '-infinity' FROM dropped
        """,
        jobs,
    )


async def stale_jobs(connection: Connection, ended_before: datetime, made_before: datetime, limit: int) -> list[str]:
    """Exports that ended before then, or were asked for long before and never ended; locked until the transaction ends."""
    rows = await connection.fetch(
        """
        SELECT id FROM export_job WHERE ended < $1 OR (ended IS NULL AND made < $2) LIMIT $3 FOR UPDATE SKIP LOCKED
        """,
        *(ended_before, made_before, limit),
    )
    return [row["id"] for row in rows]


# --- how far ---


async def read_places(connection: Connection, job: str) -> dict[int, PlaceRow]:
    """Shard → how far the export is there; none before it began."""
    rows = await connection.fetch("SELECT place, after_key, upto_key, homes FROM export_place WHERE job = $1", job)
    return {place: PlaceRow(place, after, upto, _HOMES.decode(homes)) for place, after, upto, homes in rows}


async def begin_job(
    connection: Connection, job: str, instant: datetime, reaches: Mapping[int, int], homes: Mapping[int, dict[int, int]]
) -> None:
    """Notes what an export is of: shard → last key, shard → scopes at home, and the instant. Of one that has begun nothing changes."""
    await connection.execute("UPDATE export_job SET instant = $2 WHERE id = $1 AND instant IS NULL", job, instant)
    await connection.execute(
        """
        INSERT INTO export_place (job, place, upto_key, homes)
        SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::bytea[]) ON CONFLICT DO NOTHING
        """,
        *(job, list(reaches), list(reaches.values())),
        [msgspec.msgpack.encode(homes[place]) for place in reaches],
    )


async def begin_anew(connection: Connection, job: str) -> None:
    """An export has not begun yet; the files that it had are loose, and deleted next."""
    await connection.execute("UPDATE export_job SET instant = NULL, rows = 0 WHERE id = $1", job)
    await _drop_made(connection, [job])


async def note_place(connection: Connection, job: str, place: int, after_key: int) -> None:
    """Notes that all up to this key is in files."""
    await connection.execute(
        "UPDATE export_place SET after_key = $3 WHERE job = $1 AND place = $2", job, place, after_key
    )


async def add_parts(connection: Connection, job: str, parts: Sequence[PartRow]) -> None:
    """Adds files to an export; their numbers follow those that there are."""
    await connection.execute(
        """
        INSERT INTO export_part (job, number, kind, type, count, object, key, size)
        SELECT $1, (SELECT coalesce(max(number), 0) FROM export_part WHERE job = $1) + part.number, kind, type, count, object, key, size
        FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::bigint[])
            AS part (number, kind, type, count, object, key, size)
        """,
        job,
        *([getattr(part, field) for part in parts] for field in PartRow.__struct_fields__),
    )


async def read_parts(connection: Connection, job: str) -> list[PartRow]:
    """The files of an export."""
    rows = await connection.fetch(f"SELECT {PART_COLUMNS} FROM export_part WHERE job = $1 ORDER BY number", job)
    return [PartRow(*row) for row in rows]


# --- what is in a shard ---


async def region_of_facility(connection: Connection, facility: str) -> str | None:
    """A facility's region, in the hub's own database."""
    found: str | None = await connection.fetchval("SELECT region FROM facility_place WHERE facility = $1", facility)
    return found


async def facility_of_record(connection: Connection, rkey: bytes) -> tuple[str, str] | None:
    """Facility and region in whose records a resource is."""
    row = await connection.fetchrow(
        """
        SELECT facility.id, facility.region FROM resource JOIN facility USING (scope) JOIN scope ON scope.id = resource.scope
        WHERE rkey = $1 AND home IS NULL
        """,
        rkey,
    )
    return (row[0], row[1]) if row is not None else None


async def reach_of(connection: Connection) -> Reach:
    """What the shard holds now.

    `stored` is the time a transaction began, so one that is still open may commit what seems to have been stored before now: the instant
    is when the first of those began. What is committed later has been stored at that instant or after it.
    """
    row = await connection.fetchrow(
        """
        SELECT least(clock_timestamp(), (
            SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        )), (SELECT coalesce(max(key), 0) FROM resource)
        """
    )
    return Reach(row[0], row[1])


async def scopes_of_region(connection: Connection, region: str) -> list[ScopeHome]:
    """The scopes of a region ('' is all regions) that are known here: facilities, reference data, and what all have."""
    rows = await connection.fetch(
        """
        SELECT scope.id, scope.name, coalesce(facility.region, nullif(split_part(scope.name, '/', 2), ''), 'global'), home IS NULL, moves
        FROM scope LEFT JOIN facility ON facility.scope = scope.id
        """
    )
    found = [ScopeHome(*row) for row in rows]
    return [one for one in found if region in ("", one.region) or one.region == "global"]


async def scan(
    connection: Connection,
    scopes: Sequence[int],
    since: datetime | None,
    after_key: int,
    upto_key: int,
    limit: int,
    bytes_max: int,
) -> list[Slice]:
    """The next rows by key: at most `limit` are looked at, and about `bytes_max` fetched. Those of other scopes come without their state.

    By key, which a row keeps when its patient moves: nothing is passed over or met twice that moves meanwhile. `stored` has no index, since
    one on a column that every update changes would end HOT updates: what was stored since an instant is found by looking at all rows, some
    300,000 a second. A single scope is read by its own index.
    """
    one = len(scopes) == 1
    rows = await connection.fetch(
        f"""
        SELECT key, rkey, scope, hash, CASE WHEN wanted THEN state END, stored FROM (
            SELECT *, coalesce(sum(CASE WHEN wanted THEN octet_length(state) ELSE 0 END)
                OVER (ORDER BY key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
            FROM (
                SELECT key, rkey, scope, hash, state, stored,
                    scope = ANY($1::int[]) AND ($2::timestamptz IS NULL OR stored >= $2) AS wanted
                FROM resource WHERE key > $3 AND key <= $4 {"AND scope = ($1::int[])[1]" if one else ""}
                ORDER BY key LIMIT $5
            ) AS looked
        ) AS measured WHERE before < $6 ORDER BY key
        """,
        *(list(scopes), since, after_key, upto_key, limit, bytes_max),
    )
    return [Slice(*row) for row in rows]
