"""Migrations run while clinics go on: nobody who writes waits long, whatever another transaction holds."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection as AlchemyConnection

from hub.postgres.embedded import SocketAddress
from hub.postgres.engine import Database
from hub.postgres.migrate import head, migrate, present, upgrade

RELEASED = "0004"
"""The revision that hubs were at before shards."""
BEFORE_INDEXES = "0009"
LARGE = {"resource", "feed", "former", "clue", "fact"}
HELD = """
    SELECT relname, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE pid = pg_backend_pid() AND relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture
async def database(empty: SocketAddress) -> AsyncIterator[Database]:
    one = Database(empty, connections_max=2, pooled=True)
    yield one
    await one.close()


@pytest.fixture
async def clinic(empty: SocketAddress) -> AsyncIterator[asyncpg.Connection]:
    """A connection of an exchange: it waits for nobody longer than a few seconds."""
    connection = await asyncpg.connect(host=empty.folder, user=empty.user, database=empty.database)
    await connection.execute("SET lock_timeout = '5s'")
    yield connection
    await connection.close()


@pytest.fixture
async def long(empty: SocketAddress) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody whose transactions take long."""
    connection = await asyncpg.connect(host=empty.folder, user=empty.user, database=empty.database)
    yield connection
    await connection.close()


async def brought_to(database: Database, revision: str) -> None:
    async with database.alchemy() as connection:
        await connection.run_sync(upgrade, revision)


async def tables(connection: asyncpg.Connection) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
    return [row["tablename"] for row in await connection.fetch(query)]


async def write(connection: asyncpg.Connection, names: Sequence[str]) -> None:
    """Takes of each table the lock that INSERT, UPDATE and DELETE take."""
    for name in names:
        await connection.execute(f"LOCK TABLE {name} IN ROW EXCLUSIVE MODE")


async def waiting(connection: asyncpg.Connection) -> bool:
    """Whether anybody waits for a lock here."""
    query = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database())"
    return bool(await connection.fetchval(query))


async def test_clinics_write_while_a_migration_waits_for_somebody(
    database: Database, clinic: asyncpg.Connection, long: asyncpg.Connection
) -> None:
    await brought_to(database, RELEASED)
    names = await tables(clinic)
    async with asyncio.timeout(60):
        async with long.transaction():
            await write(long, names)
            migrating = asyncio.create_task(migrate(database))
            tries = 0
            while tries < 3:  # it waits, gives way, and comes again
                while not await waiting(long):
                    await asyncio.sleep(0.01)
                tries += 1
                async with clinic.transaction():
                    await write(clinic, names)
            assert not migrating.done()
        await migrating
    assert await present(database) == head()


async def test_clinics_write_while_indexes_are_built(
    database: Database, clinic: asyncpg.Connection, long: asyncpg.Connection
) -> None:
    await brought_to(database, BEFORE_INDEXES)
    names = await tables(clinic)
    async with asyncio.timeout(60):
        async with long.transaction():
            await write(long, ["audit"])
            migrating = asyncio.create_task(migrate(database))
            while not await clinic.fetchval("SELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)"):
                assert not migrating.done()
                await asyncio.sleep(0.01)
            async with clinic.transaction():
                await clinic.execute("SET LOCAL lock_timeout = '50ms'")
                await write(clinic, names)
            assert await clinic.fetchval("SELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)")
        await migrating
    assert await clinic.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert await present(database) == head()


async def test_an_index_that_was_left_unfinished_is_built_anew(database: Database, clinic: asyncpg.Connection) -> None:
    await brought_to(database, BEFORE_INDEXES)
    await clinic.execute("INSERT INTO audit (actor, action, object) VALUES ('a', 'b', 'c'), ('a', 'b', 'c')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await clinic.execute("CREATE UNIQUE INDEX CONCURRENTLY audit_actor ON audit (actor)")
    await clinic.execute("CREATE INDEX audit_at ON audit (at, id)")  # and one that was finished before the process died
    await migrate(database)
    found = await clinic.fetch("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid")
    assert found == []
    defined = await clinic.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'audit_actor'")
    assert defined.endswith("(actor, at)")


async def test_what_keeps_others_from_a_table_takes_no_time(database: Database) -> None:
    """A revision that takes a table's lock reads no large table before it is committed, and builds no index of one that is in use."""
    held: list[tuple[set[str], set[tuple[str, str]]]] = []

    def listen(connection: AlchemyConnection) -> None:
        before: set[str] = set()

        @event.listens_for(connection, "begin")
        def begun(one: AlchemyConnection) -> None:
            before.clear()
            before.update(one.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())

        @event.listens_for(connection, "commit")
        def committed(one: AlchemyConnection) -> None:
            held.append((set(before), {(row[0], row[1]) for row in one.execute(text(HELD))}))

    await brought_to(database, RELEASED)
    async with database.alchemy() as connection:
        await connection.run_sync(listen)
        await connection.run_sync(upgrade)
    strong = {"ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
    assert any(mode in strong for _, locks in held for _, mode in locks), "locks are seen"
    for before, locks in held:
        kept = {name for name, mode in locks if name in before and mode in strong}
        assert not kept or not LARGE & {name for name, _ in locks}, kept
        assert {name for name, mode in locks if name in before and mode == "ShareLock"} == set()
