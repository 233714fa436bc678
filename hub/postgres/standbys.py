"""Reading from standbys: one that answers and is fresh enough, else the next, else the primary.

How far a standby is behind is told by a row that the primary writes each second (`heartbeat`), as it stands there: the time of the last
transaction that came would tell nothing while nobody writes. A serving process knows what it made the primary write, and how long ago that
was by its own steady clock, so that no machine's clock is compared with another's. Who has just written names the position in the log that
her write ended at, and a standby that has not come so far is passed over.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from time import monotonic
from typing import Final

from msgspec import Struct

from hub.errors import Busy, PostgresFault
from hub.postgres.engine import Connection, Database
from hub.postgres.servers import Server, state_within
from hub.settings import Settings

CONNECTIONS_MAX: Final = 8
SHUNNED_SECONDS: Final = 5.0
"""So long a standby that did not answer is not asked again."""
READ_ONLY: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""All that is read in it is of one moment: a record and the keys that it is under, the rows of a table and their sum."""

FRESHNESS: Final = """
    SELECT pg_is_in_recovery() AS standby,
        (SELECT extract(epoch FROM at)::float8 FROM heartbeat) AS beat, extract(epoch FROM clock_timestamp())::float8 AS now,
        CASE WHEN $1 = '' OR NOT pg_is_in_recovery() THEN true ELSE pg_last_wal_replay_lsn() >= $1::pg_lsn END AS seen
"""


class Reading(Struct, frozen=True):
    """A connection for reading. `age_seconds`: what is read may be so old. `server`: who answers, for people."""

    connection: Connection
    age_seconds: float
    server: str


class Standbys:
    """The other servers of a database's address, each with a pool of its own."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._age_max = settings.replica_lag_seconds_max
        self._pools: dict[str, Database] = {}
        self._shunned: dict[str, float] = {}
        self._turns = count()
        self._beat: tuple[float, float] | None = None
        """What the primary wrote when it was last made to, in seconds since 1970 by its clock, and when that was by ours."""

    @asynccontextmanager
    async def reading(self, seen: str) -> AsyncIterator[Reading]:
        """A transaction that only reads. Raises what `Database.transaction` does, when the primary has to be asked and does not answer."""
        async with AsyncExitStack() as stack:
            yield await self._fresh(stack, seen) or await self._primary(stack)

    async def _fresh(self, stack: AsyncExitStack, seen: str) -> Reading | None:
        """The first standby in turn that answers and is fresh enough; its transaction ends with the stack."""
        for pool in self._in_turn():
            (server,) = pool.servers
            try:
                async with AsyncExitStack() as trying:
                    connection = await trying.enter_async_context(pool.transaction())
                    await connection.execute(READ_ONLY)
                    row = await connection.fetchrow(FRESHNESS, seen)
                    age = self._age(row["beat"], row["now"])
                    if row["standby"] and row["seen"] and age is not None and age <= self._age_max:
                        await stack.enter_async_context(trying.pop_all())
                        return Reading(connection, age, server.name)
            except (PostgresFault, Busy):
                self._shun(server)
        return None

    def note_beat(self, at: float) -> None:
        """The primary has just written this."""
        self._beat = (at, monotonic())

    def _age(self, beat: float | None, now: float) -> float | None:
        """How far a standby is behind that has this heartbeat; by its own clock where this process has made none. None: it has none."""
        if beat is None:
            return None
        if self._beat is not None:
            at, made = self._beat
            now = at + monotonic() - made
        return max(0.0, now - beat)

    async def look_around(self) -> None:
        """Asks the others whether one of them is the primary now: somebody may promote it where ours is away, or ours may come back."""
        await asyncio.gather(*(self._look_at(pool) for pool in self._in_turn()))

    async def _look_at(self, pool: Database) -> None:
        (server,) = pool.servers
        try:
            async with pool.transaction() as connection:
                state = await state_within(server, connection)
        except (PostgresFault, Busy):
            self._shun(server)
        else:
            self._database.heard_of(state.timeline)

    def _shun(self, server: Server) -> None:
        self._shunned[server.name] = monotonic() + SHUNNED_SECONDS

    async def age_of(self, server: Server) -> float | None:
        """How far one standby is behind, in seconds; None when nobody wrote a heartbeat yet. Raises what `Database.transaction` does."""
        async with self._pool(server).transaction() as connection:
            row = await connection.fetchrow(FRESHNESS, "")
            return self._age(row["beat"], row["now"])

    async def _primary(self, stack: AsyncExitStack) -> Reading:
        connection = await stack.enter_async_context(self._database.transaction())
        await connection.execute(READ_ONLY)
        return Reading(connection, 0.0, "primary")

    def _in_turn(self) -> list[Database]:
        """Pools of the servers that are not the primary and were not away just now, another one first each time."""
        primary = self._database.primary.server.name if self._database.primary is not None else ""
        now = monotonic()
        others = [
            server
            for server in self._database.servers
            if len(self._database.servers) > 1 and server.name != primary and self._shunned.get(server.name, 0.0) <= now
        ]
        turn = next(self._turns) % max(1, len(others))
        return [self._pool(server) for server in [*others[turn:], *others[:turn]]]

    def _pool(self, server: Server) -> Database:
        if server.name not in self._pools:
            pooled = self._settings.dsn_pooled
            self._pools[server.name] = Database(server, connections_max=CONNECTIONS_MAX, pooled=pooled)
        return self._pools[server.name]

    async def close(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            await pool.close()


async def beat(connection: Connection) -> float:
    """What the primary says each second, by which standbys tell how far behind they are: its time, in seconds since 1970."""
    query = """
        INSERT INTO heartbeat (at) VALUES (clock_timestamp()) ON CONFLICT (single) DO UPDATE SET at = excluded.at
        RETURNING extract(epoch FROM at)::float8
        """
    return float(await connection.fetchval(query))


async def position(connection: Connection) -> str:
    """How far the log of the primary goes: given to `reading`, it shows what was written up to now."""
    return str(await connection.fetchval("SELECT pg_current_wal_insert_lsn()::text"))
