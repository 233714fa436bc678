"""What the hub does to Postgres works through PgBouncer in transaction mode, whoever else is served by the same connections."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.errors import Busy
from hub.postgres import failover
from hub.postgres.engine import Database
from hub.postgres.servers import survey
from tests.cluster.shape import Cluster

AT_ONCE = 120
"""More than PgBouncer opens to Postgres."""
ROWS = 50


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    one = Database(cluster.shard(1).dsn, connections_max=AT_ONCE, pooled=True)
    async with one.transaction() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS pooled (who int, n int); TRUNCATE pooled")
    yield one
    await one.close()


async def test_many_at_once_do_all_that_the_hub_does(database: Database) -> None:
    """COPY, arrays, statements with arguments run again and again, an advisory lock and a setting that end with their transaction."""

    async def work(who: int) -> None:
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock_shared(7)")
            await connection.execute("SET LOCAL lock_timeout = '7s'")
            await connection.copy_records_to_table("pooled", records=[(who, n) for n in range(ROWS)])
            await connection.execute("INSERT INTO pooled SELECT $1, n FROM unnest($2::int[]) n", who, list(range(ROWS)))
            for _ in range(3):
                assert await connection.fetchval("SELECT count(*) FROM pooled WHERE who = $1", who) == 2 * ROWS
            assert await connection.fetchval("SHOW lock_timeout") == "7s"

    await asyncio.gather(*(work(who) for who in range(AT_ONCE)))
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pooled") == AT_ONCE * ROWS * 2
        assert await connection.fetchval("SHOW lock_timeout") == "30s", "nobody's setting is left behind"
        held = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7")
        assert held == 0
        kept = await connection.fetchval("SELECT count(*) FROM pg_prepared_statements")
        assert kept == 0
        backends = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()"
        )
        assert backends <= 40


async def test_asking_servers_what_they_are_while_others_use_the_same_connections(
    cluster: Cluster, database: Database
) -> None:
    async def busy() -> None:
        for _ in range(20):
            async with database.transaction() as connection:
                await connection.fetchval("SELECT $1::int", 1)

    async def look() -> None:
        for _ in range(3):
            assert len(await failover.standings(database.servers)) == 2
            assert len(await survey(database.servers, direct)) == 2

    await asyncio.gather(*(busy() for _ in range(60)), *(look() for _ in range(5)))


async def direct(**where: object) -> asyncpg.Connection:
    return await asyncpg.connect(**where, statement_cache_size=0)


async def test_a_commit_that_waits_for_its_standby_and_is_given_up_is_not_acknowledged(cluster: Cluster) -> None:
    shard = cluster.shard(1)
    impatient = Database(shard.dsn, connections_max=1, pooled=True, command_seconds_max=1)
    async with impatient.transaction() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS given_up (n int)")
    standby = await asyncio.to_thread(lambda: shard.standby)
    standby.kill(stay_away=True)
    with pytest.raises(Busy):
        async with impatient.transaction() as connection:
            await connection.execute("INSERT INTO given_up VALUES (1)")
    await impatient.close()
