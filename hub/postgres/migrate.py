"""Brings the database to the schema of this program, while others go on writing. Forward only; one process at a time, the others wait.

Each revision is a transaction of its own. It waits for a table's lock so briefly that whoever queues behind it hardly notices; when it does
not get it, all that it did is undone, and it is tried again. What takes long on tables that are written to is done without such locks:
indexes by `hub.migrations.concurrently`, and what reads large tables in a revision that changes none (tests/hub/test_migrating.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from sqlalchemy import event
from sqlalchemy.engine import Connection as AlchemyConnection

from hub import migrations
from hub.errors import Busy, MigrationFault
from hub.postgres.engine import Database

FOLDER: Final = Path(migrations.__file__).parent
LOCK: Final = 0x6D65_6474_6563_6801
"""The advisory lock of migrations: "medtech" and a number."""
LOCK_WAIT_MS: Final = 500
"""For the lock of a table. Less than Postgres waits until it looks for a deadlock: it is the migration that gives way."""
PAUSE_SECONDS: Final = 0.5
log = structlog.get_logger()


def head() -> str:
    """The newest revision this program knows. Files in `versions/` are named by their revision: `0001_hub.py`."""
    return max(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


async def present(database: Database) -> str | None:
    """The revision of the database, or None when it is empty."""
    try:
        async with database.transaction() as connection:
            revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            return revision
    except asyncpg.UndefinedTableError:
        return None


async def migrate(database: Database) -> None:
    """Runs what is missing. What fails leaves the schema as the last whole revision made it.

    Raises `MigrationFault` when the database is newer than this program, `PostgresFault` when it is not there.
    """
    revision = await present(database)
    if revision is not None and revision > head():
        raise MigrationFault(f"The database is at {revision}, this program knows {head()}.")
    if revision != head():
        unhurried = database.unhurried()
        try:
            async with _alone(database):
                while not await _upgraded(unhurried):
                    log.info("a migration waits for others, and is tried again")
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await unhurried.close()


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """While nobody else migrates. The lock is a transaction's, since a session's is lost behind a pooler; whoever waits for it asks again
    and again, since an index that is built waits for everybody who is in a statement."""
    while True:
        async with database.transaction() as connection:
            if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                # After the query, and as a simple one: until another is run in its place, a query that was prepared keeps its snapshot,
                # and indexes that are built wait for everybody who has one.
                await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield
                return
        await asyncio.sleep(PAUSE_SECONDS)


async def _upgraded(database: Database) -> bool:
    """Whether all is done; False: others were in the way."""
    try:
        async with database.alchemy() as connection:
            await connection.run_sync(upgrade)
    except Busy:
        return False
    return True


def upgrade(connection: AlchemyConnection, revision: str = "head") -> None:
    """Alembic is imported only when there is something to do: most commands find nothing, and start sooner."""
    from alembic import command
    from alembic.config import Config

    @event.listens_for(connection, "begin")
    def wait_briefly(begun: AlchemyConnection) -> None:
        begun.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
