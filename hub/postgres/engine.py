"""Connections to Postgres: one pool, safe behind PgBouncer in transaction mode, and transactions on it.

SQLAlchemy keeps the pool and carries the migrations; the store speaks asyncpg itself, because its rows come and go in
arrays and by COPY.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from uuid import uuid4

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import Busy, PostgresFault
from hub.postgres.embedded import SocketAddress

Connection: TypeAlias = asyncpg.Connection
"""An asyncpg connection inside a transaction: what all functions of `hub.store` take."""

CONNECT_SECONDS_MAX: Final = 10
COMMAND_SECONDS_MAX: Final = 60
WAIT_FOR_CONNECTION_SECONDS_MAX: Final = 15
STATEMENTS_KEPT: Final = 200

GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)
"""What asyncpg says when Postgres shuts down, is not there any more, or has no room."""

IN_THE_WAY: Final = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    TimeoutError,
)
"""What is said when others were in the way; the whole transaction may be tried again."""


class Database:
    """A pool of connections. `pooled` says that a pooler in transaction mode stands between, such as PgBouncer:
    a prepared statement then is not there any more in the next transaction, so none is kept."""

    def __init__(
        self,
        address: SocketAddress | str,
        *,
        connections_max: int,
        pooled: bool,
        command_seconds_max: float | None = COMMAND_SECONDS_MAX,
    ) -> None:
        self._address, self._pooled = address, pooled
        if isinstance(address, SocketAddress):
            where: dict[str, Any] = {
                "host": address.folder,
                "port": address.port,
                "user": address.user,
                "database": address.database,
            }
        else:
            where = {"dsn": address.replace("postgresql+asyncpg://", "postgresql://", 1)}
        kept = 0 if pooled else STATEMENTS_KEPT

        async def connect(*_: Any, **__: Any) -> Connection:
            connection: Connection = await asyncpg.connect(
                **where,
                timeout=CONNECT_SECONDS_MAX,
                command_timeout=command_seconds_max,
                statement_cache_size=kept,
            )
            return connection

        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=WAIT_FOR_CONNECTION_SECONDS_MAX,
            pool_pre_ping=True,
            connect_args={
                "prepared_statement_cache_size": kept,
                "prepared_statement_name_func": lambda: f"__medtech_{uuid4()}__",
            },
        )

    def unhurried(self) -> "Database":
        """The same database over one connection whose commands may take as long as they need: for migrations."""
        return Database(self._address, connections_max=1, pooled=self._pooled, command_seconds_max=None)

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def alchemy(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection in a transaction. Raises `PostgresFault` when there is none to be had."""
        try:
            async with self.engine.begin() as connection:
                yield connection
        except NoConnectionFree as error:
            raise Busy("All connections to the database are in use.") from error
        except (OSError, *GONE) as error:
            raise unreachable(error) from error
        except SQLAlchemyError as error:
            if isinstance(error.__cause__, GONE) or getattr(error, "connection_invalidated", False):
                raise unreachable(error) from error
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction, committed at the end, rolled back on any error.

        Raises `PostgresFault` when Postgres is not there or goes away, `Busy` when no connection becomes free or others
        are in the way for too long: then it may be tried again.
        """
        try:
            connecting = await self.engine.connect()
        except NoConnectionFree as error:
            raise Busy("All connections to the database are in use.") from error
        except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unreachable(error) from error
        try:
            connection: Connection = (await connecting.get_raw_connection()).driver_connection
            async with connection.transaction():
                yield connection
        except asyncpg.QueryCanceledError as error:
            raise Busy("The database took too long.") from error
        except GONE as error:
            raise unreachable(error) from error
        except IN_THE_WAY as error:
            raise Busy("Others were in the way for too long.") from error
        finally:
            await connecting.close()


def unreachable(error: Exception) -> PostgresFault:
    """The fault, with the kind of error but not its text, which may repeat parts of an address."""
    return PostgresFault(f"The database is not reachable ({type(error).__name__}).")
