"""Statements about pregnancies, and the pregnancies that follow of them (`hub.maternal`). By numbers and keyed hashes, never by names."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from hub.maternal import Course, Statement
from hub.postgres.engine import Connection

FOLLOWERS_LOCK = 0x6D65_6474_6563_6802
"""The advisory lock of whoever follows changes: "medtech" and a number. One at a time, or the later of two could write what is older."""


class StatementRow(Struct, frozen=True):
    """A statement with the number of the resource that says it. `episode`, `visit`: keyed hashes of what it names."""

    key: int
    scope: int
    said: Statement
    episode: bytes | None
    visit: bytes | None


async def write_statements(connection: Connection, written: Sequence[StatementRow], gone: Sequence[int]) -> None:
    """Keeps what locked resources say instead of what they said; `gone`: keys of those that say nothing. Notes whose pregnancy changed."""
    if not written and not gone:
        return
    ordered = sorted(written, key=lambda row: row.key)
    await connection.execute(
        """
        WITH new AS (
            SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::date[], $6::date[], $7::date[], $8::int[],
                $9::bytea[], $10::bytea[]) AS new (key, scope, kind, code, day, until, expected, rank, episode, visit)
        ), changed AS (
            SELECT episode, visit FROM maternal WHERE key = ANY($1::bigint[] || $11::bigint[])
            UNION SELECT episode, visit FROM new
        ), removed AS (DELETE FROM maternal WHERE key = ANY($11::bigint[])
        ), stored AS (
            INSERT INTO maternal SELECT * FROM new
            ON CONFLICT (key) DO UPDATE SET scope = excluded.scope, kind = excluded.kind, code = excluded.code,
                day = excluded.day, until = excluded.until, expected = excluded.expected, rank = excluded.rank,
                episode = excluded.episode, visit = excluded.visit
        )
        INSERT INTO maternal_stale (episode, visit) SELECT DISTINCT episode, visit FROM changed
        """,
        [row.key for row in ordered],
        [row.scope for row in ordered],
        *(
            [getattr(row.said, field) for row in ordered]
            for field in ("kind", "code", "day", "until", "expected", "rank")
        ),
        [row.episode for row in ordered],
        [row.visit for row in ordered],
        list(gone),
    )


async def follow_all(connection: Connection, scope: int) -> None:
    """Has all pregnancies of a scope worked out anew: it was brought here from another shard, perhaps before that was done there."""
    await connection.execute(
        "INSERT INTO maternal_stale (episode) SELECT DISTINCT episode FROM maternal WHERE scope = $1 AND episode IS NOT NULL",
        scope,
    )


async def lock_following(connection: Connection) -> bool:
    """Whether this process may follow changes until the transaction ends."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", FOLLOWERS_LOCK))


async def take_stale(connection: Connection, limit: int) -> list[bytes]:
    """The next pregnancies of which something changed, each once; they are taken off the list when the transaction commits."""
    rows = await connection.fetch(
        """
        WITH taken AS (
            DELETE FROM maternal_stale
            WHERE number IN (SELECT number FROM maternal_stale ORDER BY number LIMIT $1) RETURNING episode, visit
        )
        SELECT episode FROM taken WHERE episode IS NOT NULL
        UNION SELECT maternal.episode FROM taken JOIN maternal USING (visit)
        WHERE maternal.kind = 'contact' AND maternal.episode IS NOT NULL
        """,
        limit,
    )
    return [row["episode"] for row in rows]


async def any_stale(connection: Connection) -> bool:
    """Whether changes wait to be followed."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT 1 FROM maternal_stale)"))


async def statements_of(connection: Connection, episodes: Sequence[bytes]) -> dict[bytes, list[StatementRow]]:
    """Pregnancy → its statements: those that name it, and those said at one of its visits."""
    rows = await connection.fetch(
        """
        WITH named AS (SELECT * FROM maternal WHERE episode = ANY($1::bytea[]))
        SELECT episode AS pregnancy, * FROM named
        UNION ALL
        SELECT named.episode, maternal.* FROM named JOIN maternal ON maternal.visit = named.visit
        WHERE named.kind = 'contact' AND maternal.kind <> 'contact' AND maternal.episode IS NULL
        """,
        episodes,
    )
    found: dict[bytes, list[StatementRow]] = {episode: [] for episode in episodes}
    for row in rows:
        said = Statement(
            kind=row["kind"],
            code=row["code"],
            day=row["day"],
            until=row["until"],
            expected=row["expected"],
            rank=row["rank"],
        )
        found[row["pregnancy"]].append(StatementRow(row["key"], row["scope"], said, row["episode"], row["visit"]))
    return found


async def write_courses(connection: Connection, courses: Mapping[bytes, tuple[int, Course] | None]) -> None:
    """Keeps what follows for pregnancies, with their scopes; None: there is none of that name."""
    nothing = [episode for episode, found in courses.items() if found is None]
    if nothing:
        await connection.execute("DELETE FROM pregnancy WHERE episode = ANY($1::bytea[])", nothing)
    rows = [(episode, *found) for episode, found in courses.items() if found is not None]
    if rows:
        await connection.execute(
            """
            INSERT INTO pregnancy (episode, scope, began, expected, born, over, contacts, seen_soon, overdue_from, overdue_until)
            SELECT * FROM unnest($1::bytea[], $2::int[], $3::date[], $4::date[], $5::date[], $6::bool[], $7::int[], $8::bool[],
                $9::date[], $10::date[])
            ON CONFLICT (episode) DO UPDATE SET scope = excluded.scope, began = excluded.began, expected = excluded.expected,
                born = excluded.born, over = excluded.over, contacts = excluded.contacts, seen_soon = excluded.seen_soon,
                overdue_from = excluded.overdue_from, overdue_until = excluded.overdue_until
            """,
            [episode for episode, _, _ in rows],
            [scope for _, scope, _ in rows],
            *([getattr(one, field) for _, _, one in rows] for field in Course.__struct_fields__),
        )
