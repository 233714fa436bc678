"""Connections to Postgres: one pool, safe behind PgBouncer in transaction mode, and transactions on it.

SQLAlchemy keeps the pool and carries the migrations; the store speaks asyncpg itself, because its rows come and go in
arrays and by COPY.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias
from uuid import uuid4
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.transaction import Transaction
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import Busy, HubError, PostgresFault
from hub.postgres.embedded import SocketAddress
from hub.postgres.servers import Server, State, primary_of, servers_of, state_of, survey

Connection: TypeAlias = asyncpg.Connection
"""An asyncpg connection inside a transaction: what all functions of `hub.store` take."""

CONNECT_SECONDS_MAX: Final = 10
COMMAND_SECONDS_MAX: Final = 60
WAIT_FOR_CONNECTION_SECONDS_MAX: Final = 15
STATEMENTS_KEPT: Final = 200
COPY_ROWS_MIN: Final = 500
"""From here on COPY is faster than a statement with arrays, for all that it asks for the columns first."""

GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What asyncpg says when Postgres shuts down, is not there any more, has no room, or is a standby now. (An InternalClientError: that a
connection broke between two of its messages.)"""

IN_THE_WAY: Final = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    TimeoutError,
)
"""What is said when others were in the way; the whole transaction may be tried again."""


class Database:
    """A pool of connections to the primary of the servers that an address names. `pooled` says that a pooler in transaction mode stands
    between, such as PgBouncer: a prepared statement then is not there any more in the next transaction, so none is kept."""

    def __init__(
        self,
        address: SocketAddress | str | Server,
        *,
        connections_max: int,
        pooled: bool,
        command_seconds_max: float | None = COMMAND_SECONDS_MAX,
    ) -> None:
        self._address, self._pooled = address, pooled
        self.servers = [address] if isinstance(address, Server) else servers_of(address)
        self.primary: State | None = None
        """The server that was the primary when it was last looked for."""
        self.timeline = 0
        """The highest timeline that was ever heard of; a primary on a lower one is not spoken to."""
        self._timelines: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        """Connection → the timeline of the primary that it leads to."""
        self._generations: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        """Connection → how often one had broken while nobody used it, when this one was made."""
        self._generation = 0
        self._statements = 0 if pooled else STATEMENTS_KEPT
        self._command_seconds_max = command_seconds_max
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connected,
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=WAIT_FOR_CONNECTION_SECONDS_MAX,
            connect_args={
                "prepared_statement_cache_size": self._statements,
                "prepared_statement_name_func": lambda: f"__medtech_{uuid4()}__",
            },
        )
        event.listen(self.engine.sync_engine, "checkout", self._refuse_what_is_over)

    def _refuse_what_is_over(self, connection: Any, *_: Any) -> None:
        """Lets a connection go that leads to a primary which another one has followed: one that came back would take what is written. And
        one that was kept beside one that broke: each might keep somebody waiting, to find out the same."""
        one = connection.driver_connection
        if self._timelines.get(one, self.timeline) < self.timeline or self._generations[one] < self._generation:
            raise DisconnectionError

    async def _connected(self, *_: Any, **__: Any) -> Connection:
        generation = self._generation
        connection = await self._connect_to_primary()
        self._generations[connection] = generation
        return connection

    async def _connect_to_primary(self) -> Connection:
        """A connection to the one server there is, or to whichever is the primary."""
        if len(self.servers) == 1:
            return await self._connect(**self.servers[0].where)
        if self.primary is None:
            await self.look_for_primary()
        assert self.primary is not None
        connection: Connection | None = None
        try:
            connection = await self._connect(**self.primary.server.where)
            now = await state_of(self.primary.server, connection)
        except BaseException:
            if connection is not None:
                connection.terminate()
            self.primary = None  # whoever comes next looks around
            raise
        if now == self.primary:
            self._timelines[connection] = now.timeline
            return connection
        await connection.close(timeout=CONNECT_SECONDS_MAX)
        self.primary = None
        return await self._connect_to_primary()

    async def look_for_primary(self) -> State:
        """Asks all servers who is the primary. Raises `PostgresFault` when none is, or none that is not out of date."""
        states = await survey(self.servers, self._connect)
        if not states:
            raise PostgresFault("The database is not reachable: none of its servers answers.")
        self.primary = primary_of(states, self.timeline)
        self.heard_of(self.primary.timeline)
        return self.primary

    def heard_of(self, timeline: int) -> None:
        """A primary is on this timeline. Connections to an earlier one are not used again."""
        if timeline > self.timeline:
            self.timeline = timeline
            if self.primary is not None and self.primary.timeline < timeline:
                self.primary = None

    async def _connect(self, **where: Any) -> Connection:
        connection: Connection = await asyncpg.connect(
            **where,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=self._command_seconds_max,
            statement_cache_size=self._statements,
        )
        return connection

    def unhurried(self) -> "Database":
        """The same database over one connection whose commands may take as long as they need: for migrations."""
        one = Database(self._address, connections_max=1, pooled=self._pooled, command_seconds_max=None)
        one.heard_of(self.timeline)
        return one

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def alchemy(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection, whose transactions are the caller's. Raises `PostgresFault` when there is none to be had, `Busy` when
        others were in the way."""
        try:
            async with self.engine.connect() as connection:
                yield connection
        except NoConnectionFree as error:
            raise Busy("All connections to the database are in use.") from error
        except (OSError, *GONE) as error:
            raise unreachable(error) from error
        except SQLAlchemyError as error:
            # SQLAlchemy's error, of its dialect's, of asyncpg's.
            told = error.__cause__ and error.__cause__.__cause__
            if isinstance(told, GONE) or getattr(error, "connection_invalidated", False):
                raise unreachable(error) from error
            if isinstance(told, IN_THE_WAY):
                raise Busy("Others were in the way for too long.") from error
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction, committed at the end, rolled back on any error.

        Raises `PostgresFault` when Postgres is not there or goes away, `Busy` when no connection becomes free or others
        are in the way for too long: then it may be tried again.
        """
        try:
            connecting, connection, begun = await self._begun()
        except NoConnectionFree as error:
            raise Busy("All connections to the database are in use.") from error
        except HubError:
            raise  # there is no primary
        except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unreachable(error) from error
        try:
            async with AsyncExitStack() as ending:
                ending.push_async_exit(begun)
                yield connection
        except asyncpg.QueryCanceledError as error:
            raise Busy("The database took too long.") from error
        except GONE as error:
            # Behind a pooler it may live on, and lead to what is a standby now: it is not used again.
            self.primary = None
            await connecting.invalidate()
            raise unreachable(error) from error
        except IN_THE_WAY as error:
            raise Busy("Others were in the way for too long.") from error
        finally:
            await connecting.close()

    async def _begun(self, *, again: bool = True) -> tuple[AsyncConnection, Connection, Transaction]:
        """A connection and a transaction on it. Whether one that was kept still leads anywhere is found out by beginning it, and not by
        asking for that alone; if not, it is let go of with all that were kept beside it, and a new one is tried."""
        connecting = await self.engine.connect()
        connection: Connection = (await connecting.get_raw_connection()).driver_connection
        try:
            transaction = connection.transaction()
            await transaction.start()
        except BaseException as error:
            await connecting.invalidate()
            await connecting.close()
            if not isinstance(error, Exception):  # asyncpg has many ways to say that it broke while nobody used it
                raise
            self.primary = None
            self._generation = max(self._generation, self._generations[connection] + 1)
            if not again:
                raise unreachable(error) from error
        else:
            return connecting, connection, transaction
        return await self._begun(again=False)


def unreachable(error: Exception) -> PostgresFault:
    """The fault, with the kind of error but not its text, which may repeat parts of an address."""
    return PostgresFault(f"The database is not reachable ({type(error).__name__}).")
