"""Connections: safe behind a pooler, replaced when they break, and a schema that is brought up to date once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from itertools import count

import asyncpg
import pytest

from hub.errors import Busy, MigrationFault, PostgresFault
from hub.postgres.embedded import SocketAddress
from hub.postgres.engine import COPY_ROWS_MIN, Connection, Database
from hub.postgres.migrate import LOCK, head, migrate, present
from hub.store.feed import Pointer, append_feed
from tests.hub.conftest import administer

SLEEPERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    one = Database(dsn, connections_max=2, pooled=True)
    yield one
    await one.close()


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


async def test_whether_a_connection_is_there_is_asked_by_nothing_but_what_uses_it(database: Database) -> None:
    said: list[str] = []
    async with database.transaction() as connection:
        connection.add_query_logger(lambda one: said.append(one.query))
    async with database.transaction() as connection:
        await connection.execute("SELECT 1")
    assert said[:3] == ["COMMIT;", "BEGIN;", "SELECT 1"]


async def test_all_that_were_kept_are_replaced_when_all_broke(database: Database, tables: SocketAddress) -> None:
    async with database.transaction() as one, database.transaction() as other:
        pids = {one.get_server_pid(), other.get_server_pid()}
    await administer(tables, SLEEPERS)
    async with database.transaction() as one, database.transaction() as other:
        assert not pids & {one.get_server_pid(), other.get_server_pid()}


async def test_none_is_used_again_that_was_kept_beside_one_that_broke(
    database: Database, tables: SocketAddress
) -> None:
    """A server that vanished answers on none of them, and each would keep somebody waiting for as long as a command may take."""
    async with database.transaction() as one, database.transaction() as other:
        pids = {one.get_server_pid(), other.get_server_pid()}
    await administer(tables, f"SELECT pg_terminate_backend({min(pids)})")
    for _ in pids:
        async with database.transaction() as connection:  # each in turn: one of them is the broken one's
            await connection.execute("SELECT 1")
    async with database.transaction() as one, database.transaction() as other:
        assert not pids & {one.get_server_pid(), other.get_server_pid()}


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


async def test_a_connection_that_leads_to_what_is_a_standby_now_is_not_used_again(dsn: str) -> None:
    database = Database(dsn, connections_max=1, pooled=True)
    async with database.transaction() as connection:
        await connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    async def write() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO audit (actor, action, object) VALUES ('a', 'b', 'c')")

    with pytest.raises(PostgresFault):
        await write()
    await write()
    await database.close()


async def test_connections_to_a_primary_that_was_followed_by_another_are_not_used_again(dsn: str) -> None:
    database = Database(dsn.replace("host=", "host=/nowhere,"), connections_max=2, pooled=True)
    async with database.transaction() as one, database.transaction() as other:
        assert await one.fetchval("SELECT 1") == 1
    assert database.timeline == 1
    database.heard_of(1)
    async with database.transaction() as again:
        assert again in (one, other)
    database.heard_of(2)
    for _ in range(2):
        with pytest.raises(PostgresFault, match="Only an old primary"):
            async with database.transaction():
                pass
    unhurried = database.unhurried()
    with pytest.raises(PostgresFault, match="Only an old primary"):
        async with unhurried.transaction():
            pass
    await unhurried.close()
    await database.close()


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


async def test_a_migration_waits_for_another_however_long_it_takes(
    empty: SocketAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.postgres.migrate.PAUSE_SECONDS", 0.01)
    await administer(empty, "ALTER DATABASE empty SET lock_timeout = '20ms'")
    first = await asyncpg.connect(host=empty.folder, user=empty.user, database=empty.database)
    second = Database(empty, connections_max=1, pooled=True)
    asked, asking = 0, second.transaction

    def counted() -> AbstractAsyncContextManager[Connection]:
        nonlocal asked
        asked += 1
        return asking()

    monkeypatch.setattr(second, "transaction", counted)
    async with asyncio.timeout(60):
        async with first.transaction():
            await first.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            waiting = asyncio.create_task(migrate(second))
            while asked < 5:
                await asyncio.sleep(0.01)
            assert await present(second) is None
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


async def test_who_is_interrupted_leaves_no_transaction_open(dsn: str, database: Database) -> None:
    """At whatever moment it is: while a transaction begins, in its midst, while it ends."""
    interrupted = Database(dsn, connections_max=1, pooled=True)

    async def work() -> None:
        async with interrupted.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(23)")

    await work()
    for turns in count():
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            await task
            break
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        async with database.transaction() as other:
            await other.execute("SET LOCAL lock_timeout = '5s'")
            await other.execute("SELECT pg_advisory_xact_lock(23)")
        await work()
    await interrupted.close()
