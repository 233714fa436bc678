"""Brings the database to the schema of this program. Forward only; one process at a time, the others wait."""

from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import Connection as AlchemyConnection

from hub import migrations
from hub.errors import MigrationFault
from hub.postgres.engine import Database

FOLDER: Final = Path(migrations.__file__).parent
LOCK: Final = 0x6D65_6474_6563_6801
"""The advisory lock of migrations: "medtech" and a number."""


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
    """Runs what is missing, all in one transaction: afterwards the schema is the new one, or the one it was.

    Raises `MigrationFault` when the database is newer than this program, `PostgresFault` when it is not there.
    """
    revision = await present(database)
    if revision is not None and revision > head():
        raise MigrationFault(f"The database is at {revision}, this program knows {head()}.")
    if revision != head():
        unhurried = database.unhurried()
        try:
            async with unhurried.alchemy() as connection:
                # Whoever comes second waits for as long as the first one's migration takes.
                await connection.execute(text("SET LOCAL lock_timeout = 0"))
                # Held until commit; a session's lock would be lost behind a pooler.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                await connection.run_sync(upgrade)
        finally:
            await unhurried.close()


def upgrade(connection: AlchemyConnection) -> None:
    """Alembic is imported only when there is something to do: most commands find nothing, and start sooner."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
