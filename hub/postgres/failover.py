"""Making a standby the primary: which one, what becomes of the old one, and what is known of what may be lost.

Everything is done over connections to the servers, or to the PgBouncers before them; nothing here needs to be on their machines.

* A primary that answers is *fenced* first: new transactions there only read, for good (`ALTER SYSTEM`), and those under way are ended.
  The standby then takes what it wrote to the end, so nothing is lost, synchronous or not.
* Of a primary that is gone, a synchronous standby has everything that was acknowledged: a commit is answered when `k` of the standbys have
  it (`synchronous_standby_names`), so among all but fewer than `k` of them is one that has it, and that is the most advanced. Otherwise
  commits may be lost, and the answer says so.
* Where no other standby is left, the new primary goes on without one, or nobody could write: this is said, and written into its settings
  and those of every standby that is made of it, until `restore_synchronous`.

An old primary that comes back is no danger to a synchronous shard: without its standby it acknowledges nothing. But never let anything
cancel a commit that waits for a standby (`statement_timeout`, `pg_cancel_backend`): Postgres then answers that it was committed, and
warns. Ending the connection is right.

Postgres 17 documentation: 26.2.8 Synchronous Replication, 26.3 Failover, 9.28.4 Recovery Control Functions.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from msgspec import Struct

from hub.errors import PostgresFault, PromotionRefused
from hub.postgres.servers import TIMELINE, Server

ANSWER_SECONDS_MAX: Final = 3.0
PROMOTION_SECONDS_MAX: Final = 120
CATCH_UP_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.05
ASK_AGAIN_SECONDS: Final = 2.0
"""So long a server that does not answer is asked again: a pooler says for a second that its server is away after that has come back."""

AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What connecting to a server says that does not answer, or ends meanwhile. A TimeoutError is an OSError."""

STANDING: Final = f"""
    SELECT s.system_identifier AS system, r.standby,
        CASE WHEN r.standby THEN greatest(w.received_tli, c.timeline_id, m.min_recovery_end_timeline)
            ELSE {TIMELINE} END AS timeline,
        (CASE WHEN r.standby THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
            ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint AS position,
        (CASE WHEN r.standby THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint AS replayed,
        CASE WHEN r.standby AND pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 ELSE 0 END AS replay_seconds,
        coalesce(w.status = 'streaming', false) AS streaming,
        (SELECT count(*)::int FROM pg_stat_replication
            WHERE state = 'streaming' AND application_name <> 'pg_basebackup') AS standbys,
        current_setting('synchronous_standby_names') AS synchronous,
        current_setting('default_transaction_read_only')::bool AS fenced
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() m, (SELECT pg_is_in_recovery() AS standby) r
    LEFT JOIN pg_stat_wal_receiver w ON true
"""

FENCE: Final = ("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
UNFENCE: Final = ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
GO_ON_ALONE: Final = ("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
SYNCHRONOUS_AGAIN: Final = ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
END_OTHERS: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
QUORUM: Final = re.compile(r"\s*(?:ANY|FIRST)?\s*(\d+)\s*\(", re.IGNORECASE)


class Standing(Struct, frozen=True):
    """What a server says of itself. Positions are bytes of the log since its beginning: `position` written (by a primary) or received,
    `replayed` shown to readers. `standbys` stream from it. `synchronous` is its `synchronous_standby_names`, `fenced` whether new
    transactions only read."""

    server: Server
    system: int
    standby: bool
    timeline: int
    position: int
    replayed: int
    replay_seconds: float
    streaming: bool
    standbys: int
    synchronous: str
    fenced: bool

    @property
    def progress(self) -> tuple[int, int]:
        """How far its log goes; of two standbys the greater one has all that the other has."""
        return self.timeline, self.position


class Promotion(Struct, frozen=True):
    """What was done. `former`: the old primary, if it answered and was fenced. `synchronous`: whether commits wait for a standby now.
    `may_be_lost`: whether commits that were acknowledged may be missing."""

    promoted: str
    timeline: int
    former: str | None
    synchronous: bool
    may_be_lost: bool
    seconds: float


class ServerRow(Struct, frozen=True):
    """A server as people see it. `lag_bytes`: of the primary's log, not yet shown to its readers."""

    server: str
    role: str
    timeline: int | None
    lag_bytes: int | None
    lag_seconds: float | None
    note: str


async def standings(servers: Sequence[Server]) -> list[Standing]:
    """What all servers that answer say of themselves, asked at once."""
    answers = await asyncio.gather(*(standing(server) for server in servers), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, AWAY):
            raise answer
    return [answer for answer in answers if isinstance(answer, Standing)]


async def settled(servers: Sequence[Server]) -> list[Standing]:
    """The same, with time for those that do not answer at once."""
    deadline = time.monotonic() + ASK_AGAIN_SECONDS
    while len(found := await standings(servers)) < len(servers) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    return found


async def standing(server: Server) -> Standing:
    """What a server says of itself. Raises one of `AWAY`."""
    async with (
        asyncio.timeout(ANSWER_SECONDS_MAX),
        connected(server) as connection,
        # Behind a pooler only a transaction stays on one connection from a statement's parsing to its execution.
        connection.transaction(readonly=True),
    ):
        return Standing(server, **dict(await connection.fetchrow(STANDING)))


def primary_among(found: Sequence[Standing]) -> Standing | None:
    """The primary: not in recovery, and of several (an old one that came back) the one on the highest timeline."""
    return max((one for one in found if not one.standby), key=lambda one: one.timeline, default=None)


def most_advanced(found: Sequence[Standing]) -> Standing | None:
    """The standby that has all that any of them has."""
    return max((one for one in found if one.standby), key=lambda one: one.progress, default=None)


def acknowledged_by(synchronous_standby_names: str) -> int:
    """By how many standbys a commit is had when it is answered. PostgreSQL 17 documentation, 19.6.2 `synchronous_standby_names`."""
    if not synchronous_standby_names.strip():
        return 0
    quorum = QUORUM.match(synchronous_standby_names)
    return int(quorum[1]) if quorum else 1


def everything_is_there(found: Sequence[Standing], candidate: Standing, servers: int) -> bool:
    """Whether the most advanced standby has all that was acknowledged by a primary that does not answer, of `servers` in all."""
    standbys_away = servers - 1 - sum(one.standby for one in found)
    return standbys_away < acknowledged_by(candidate.synchronous)


async def promote(servers: Sequence[Server], *, force: bool, timeline_min: int = 0) -> Promotion:
    """Makes the most advanced standby the primary. `force`: though the primary answers. `timeline_min`: the highest timeline heard of.

    Raises `PromotionRefused` when the primary answers and it is not forced, no standby answers, or none that came as far as
    `timeline_min` (unless forced); `PostgresFault` when the standby does not become the primary.
    """
    begun = time.monotonic()
    found = await settled(servers)
    primary, candidate = primary_among(found), most_advanced(found)
    if candidate is None:
        raise PromotionRefused(f"Of {len(servers)} servers {len(found)} answer, and none of them is a standby.")
    if len({one.system for one in found}) > 1:
        raise PromotionRefused("These servers do not belong together: they were not made of one another.")
    if primary is not None and not force:
        raise PromotionRefused(
            f"The primary {primary.server.name} answers.",
            hint="With --force another one takes its place all the same; nothing is lost by it.",
        )
    if candidate.timeline < timeline_min and not force:
        raise PromotionRefused(
            f"The standby {candidate.server.name} stopped before timeline {timeline_min}: what was written on that would be lost.",
            hint="Bring back a server that was on that timeline. With --force it is lost.",
        )
    complete = candidate.timeline >= timeline_min and everything_is_there(found, candidate, len(servers))
    if primary is not None:
        await hand_over(primary, candidate)
        complete = True
    alone = not any(one.standby and one is not candidate for one in found)
    timeline = await become_primary(candidate, alone=alone)
    return Promotion(
        promoted=candidate.server.name,
        timeline=timeline,
        former=primary.server.name if primary is not None else None,
        synchronous=acknowledged_by(candidate.synchronous) > 0 and not alone,
        may_be_lost=not complete,
        seconds=round(time.monotonic() - begun, 3),
    )


async def hand_over(primary: Standing, candidate: Standing) -> None:
    """Fences the primary, and waits until the standby has all that it wrote. Raises `PromotionRefused`, the primary as it was."""
    end = await fence(primary.server)
    if not await reaches(candidate.server, end, CATCH_UP_SECONDS_MAX):
        await tell(primary.server, UNFENCE)
        raise PromotionRefused(
            f"The standby {candidate.server.name} does not get what the primary wrote; the primary goes on.",
            hint="See in its log why it does not follow.",
        )


async def fence(server: Server) -> int:
    """Lets nobody write on a primary any more, and tells where its log ends."""
    async with connected(server) as connection:
        for statement in FENCE:
            await connection.execute(statement)
        # The postmaster takes it before its children do: when one of them has it, whoever connects from now on has it.
        while not await asked(connection, "SELECT current_setting('default_transaction_read_only')::bool"):
            await asyncio.sleep(POLL_SECONDS)
        await connection.execute(END_OTHERS)
        return int(await asked(connection, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"))


async def become_primary(candidate: Standing, *, alone: bool) -> int:
    """Promotes a standby, and tells the timeline that it begins. Raises `PostgresFault`."""
    if candidate.fenced:
        await tell(candidate.server, UNFENCE)
    if alone and acknowledged_by(candidate.synchronous):
        await tell(candidate.server, GO_ON_ALONE)
    await tell(candidate.server, (f"SELECT pg_promote(true, {PROMOTION_SECONDS_MAX})",))
    now = await standing(candidate.server)
    if now.standby:
        raise PostgresFault(f"{candidate.server.name} did not become the primary within {PROMOTION_SECONDS_MAX} s.")
    # So that its files say the new timeline too: pg_rewind looks there.
    await tell(candidate.server, ("CHECKPOINT",))
    return now.timeline


async def restore_synchronous(found: Sequence[Standing]) -> bool:
    """Lets commits wait for standbys again after a promotion that left none, once one has caught up. Tells whether anything was done.

    The primary first: until it waits, no standby may say that it has everything.
    """
    primary = primary_among(found)
    if primary is None or not primary.standbys:
        return False
    if not acknowledged_by(primary.synchronous) and not any(
        one.streaming and one.position >= primary.position for one in found
    ):
        return False
    if primary.fenced:
        return False  # somebody else is about to take its place
    followers = [one for one in found if one.standby and one.streaming]
    waiting = [one for one in (primary, *followers) if not acknowledged_by(one.synchronous)]
    for one in waiting:
        await tell(one.server, SYNCHRONOUS_AGAIN)
    return bool(waiting)


async def reaches(server: Server, position: int, seconds_max: float) -> bool:
    """Whether a standby receives the log up to a position within this time."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        try:
            if (await standing(server)).position >= position:
                return True
        except AWAY:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return False


async def tell(server: Server, statements: Sequence[str]) -> None:
    """Says statements that stand outside of any transaction."""
    async with connected(server, seconds_max=PROMOTION_SECONDS_MAX + ANSWER_SECONDS_MAX) as connection:
        for statement in statements:
            await connection.execute(statement)


async def asked(connection: asyncpg.Connection, question: str) -> Any:
    async with connection.transaction(readonly=True):
        return await connection.fetchval(question)


@asynccontextmanager
async def connected(server: Server, seconds_max: float = ANSWER_SECONDS_MAX) -> AsyncIterator[asyncpg.Connection]:
    """A connection to one server, directly or by its pooler."""
    connection = await asyncpg.connect(
        **server.where, timeout=ANSWER_SECONDS_MAX, command_timeout=seconds_max, statement_cache_size=0
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=ANSWER_SECONDS_MAX)


def rows(servers: Sequence[Server], found: Sequence[Standing]) -> list[ServerRow]:
    """A shard's servers for people, in the order of its address."""
    by_name = {one.server.name: one for one in found}
    primary = primary_among(found)
    return [row(server, by_name.get(server.name), primary) for server in servers]


def row(server: Server, one: Standing | None, primary: Standing | None) -> ServerRow:
    if one is None:
        return ServerRow(server.name, "away", None, None, None, "does not answer")
    if one is primary:
        return ServerRow(server.name, "primary", one.timeline, 0, 0.0, primary_note(one))
    if not one.standby:
        return ServerRow(server.name, "old primary", one.timeline, None, None, "make it a standby of the new one")
    lag = max(0, primary.position - one.replayed) if primary is not None else None
    return ServerRow(
        server.name, "standby", one.timeline, lag, one.replay_seconds, "" if one.streaming else "does not follow"
    )


def primary_note(one: Standing) -> str:
    if one.fenced:
        return "fenced: reads only"
    if not acknowledged_by(one.synchronous):
        return "commits wait for no standby"
    if one.standbys < acknowledged_by(one.synchronous):
        return "commits wait for a standby that is not there"
    return "commits wait for a standby"
