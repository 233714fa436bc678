"""Connections: safe behind a pooler, replaced when they break, and a schema that is brought up to date once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.errors import Busy, MigrationFault, PostgresFault
from hub.postgres.embedded import SocketAddress
from hub.postgres.engine import Database
from hub.postgres.migrate import LOCK, head, migrate, present
from hub.store.feed import COPY_ROWS_MIN, Pointer, append_feed
from tests.hub.conftest import administer

SLEEPERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

WAIT_UNTIL_SOMEBODY_HAS_WAITED_LONG = """
    DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - interval '50ms') LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
    END $$
"""


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    one = Database(dsn, connections_max=2, pooled=True)
    yield one
    await one.close()


@pytest.fixture
async def empty(postgres: SocketAddress) -> AsyncIterator[SocketAddress]:
    await administer(postgres, "CREATE DATABASE empty")
    yield SocketAddress(postgres.folder, database="empty")
    await administer(postgres, "DROP DATABASE empty WITH (FORCE)")


@pytest.mark.parametrize("pooled", [True, False])
async def test_behind_a_pooler_nothing_is_left_for_the_next_transaction(dsn: str, pooled: bool) -> None:
    """A pooler gives the next transaction another connection: a statement prepared before would not be there."""
    database = Database(dsn, connections_max=1, pooled=pooled)
    async with database.transaction() as connection:
        for _ in range(2):
            assert await connection.fetchval("SELECT $1::bigint + 1", 1) == 2
        await append_feed(connection, [Pointer(1, seq, 1, None, None) for seq in range(COPY_ROWS_MIN)])
    async with database.transaction() as connection:
        kept = await connection.fetch("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%bigint%'")
        assert bool(kept) is not pooled
    await database.close()


async def test_a_broken_connection_is_replaced(database: Database, tables: SocketAddress) -> None:
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await administer(tables, SLEEPERS)
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_connection_that_breaks_in_a_transaction_is_the_database_s_fault(
    database: Database, tables: SocketAddress
) -> None:
    async def interrupted() -> None:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE half_done (n int)")
            await administer(tables, SLEEPERS)
            await connection.execute("INSERT INTO half_done VALUES (1)")

    with pytest.raises(PostgresFault):
        await interrupted()
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT to_regclass('half_done')") is None


async def test_who_waits_too_long_for_another_is_told_to_come_again(database: Database) -> None:
    async def wait() -> None:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL lock_timeout = '20ms'")
            await connection.execute("LOCK TABLE shard")

    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE shard")
        with pytest.raises(Busy) as caught:
            await wait()
    assert caught.value.exit_code == 75
    await wait()


async def test_a_migration_waits_for_another_however_long_it_takes(empty: SocketAddress) -> None:
    await administer(empty, "ALTER DATABASE empty SET lock_timeout = '20ms'")
    first = await asyncpg.connect(host=empty.folder, user=empty.user, database=empty.database)
    second = Database(empty, connections_max=1, pooled=True)
    async with asyncio.timeout(60), first.transaction():
        await first.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        waiting = asyncio.create_task(migrate(second))
        await first.execute(WAIT_UNTIL_SOMEBODY_HAS_WAITED_LONG)
    await waiting
    assert await present(second) == head()
    await second.close()
    await first.close()


async def test_a_cancelled_transaction_leaves_its_connection_usable(dsn: str) -> None:
    database = Database(dsn, connections_max=1, pooled=True)
    began = asyncio.Event()

    async def long() -> None:
        async with database.transaction() as connection:
            began.set()
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(long())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30), database.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_an_error_of_the_caller_passes_unchanged_and_nothing_is_kept(database: Database) -> None:
    async def broken() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO audit (actor, action, object) VALUES ('a', 'b', 'c')")
            await connection.execute("INSERT INTO region (name, shard) VALUES ('r', 99)")

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await broken()
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit") == 0


async def test_several_may_bring_the_schema_up_to_date_at_once(empty: SocketAddress) -> None:
    databases = [Database(empty, connections_max=1, pooled=True) for _ in range(3)]
    assert await present(databases[0]) is None
    async with asyncio.timeout(60):
        await asyncio.gather(*(migrate(database) for database in databases))
    assert [await present(database) for database in databases] == [head()] * 3
    for database in databases:
        await database.close()


async def test_a_newer_database_is_left_alone(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(MigrationFault, match="9999"):
        await migrate(database)
