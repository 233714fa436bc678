"""Dashboards read from a standby that is fresh enough, else from the primary; who has just written sees what she wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.errors import PostgresFault
from hub.postgres.engine import Database
from hub.postgres.standbys import Standbys, beat, position
from hub.settings import Settings
from tests.cluster.shape import Cluster

LAG_SECONDS_MAX = 5


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    one = Database(cluster.shard(2).dsn, connections_max=4, pooled=True)
    yield one
    await one.close()


@pytest.fixture
async def standbys(database: Database) -> AsyncIterator[Standbys]:
    one = Standbys(database, Settings(replica_lag_seconds_max=LAG_SECONDS_MAX))
    yield one
    await one.close()


async def make_beat(database: Database, standbys: Standbys) -> None:
    async with database.transaction() as connection:
        at = await beat(connection)
    standbys.note_beat(at)


async def served(standbys: Standbys, seen: str = "") -> str:
    async with standbys.reading(seen) as reading:
        return "primary" if reading.server == "primary" else "standby"


async def until_served_by(standbys: Standbys, who: str) -> None:
    async with asyncio.timeout(60):
        while await served(standbys) != who:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def still(cluster: Cluster) -> AsyncIterator[None]:
    """The standby takes in nothing while this lasts."""
    pool = Database(cluster.shard(2).dsn, connections_max=1, pooled=True)
    standby = Standbys(pool, Settings())
    await pool.look_for_primary()
    (one,) = standby._in_turn()
    try:
        async with one.transaction() as connection:
            await connection.execute("SELECT pg_wal_replay_pause()")
        async with asyncio.timeout(60), one.transaction() as connection:
            while await connection.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":
                await asyncio.sleep(0.01)
        yield
    finally:
        async with one.transaction() as connection:
            await connection.execute("SELECT pg_wal_replay_resume()")
        await standby.close()
        await pool.close()


async def test_what_is_read_comes_from_a_standby_and_says_how_old_it_is(
    cluster: Cluster, database: Database, standbys: Standbys
) -> None:
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")
    async with standbys.reading("") as reading:
        assert 0 <= reading.age_seconds <= LAG_SECONDS_MAX
        assert await reading.connection.fetchval("SELECT pg_is_in_recovery()")
        with pytest.raises(PostgresFault):
            async with standbys.reading("") as another:
                await another.connection.execute("DELETE FROM heartbeat")


async def test_who_has_just_written_sees_it(cluster: Cluster, database: Database, standbys: Standbys) -> None:
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")
    async with still(cluster):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO audit (actor, action, object) VALUES ('me', 'test.seen', 'x')")
        async with database.transaction() as connection:
            seen = await position(connection)
        assert await served(standbys) == "standby", "for who has not written it is fresh enough"
        async with standbys.reading(seen) as reading:
            assert reading.server == "primary"
            assert await reading.connection.fetchval("SELECT count(*) FROM audit WHERE action = 'test.seen'") >= 1


async def test_a_standby_that_is_too_far_behind_is_passed_over(
    cluster: Cluster, database: Database, standbys: Standbys
) -> None:
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")
    async with still(cluster):
        await make_beat(database, standbys)
        assert standbys._beat is not None
        at, made = standbys._beat
        standbys._beat = (at, made - LAG_SECONDS_MAX)  # so long ago, by a clock that nobody sets
        assert await served(standbys) == "primary"
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")


async def test_a_standby_that_is_dead_is_routed_around(
    cluster: Cluster, database: Database, standbys: Standbys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")
    standby = cluster.shard(2).standby
    standby.kill(stay_away=True)
    try:
        assert await served(standbys) == "primary"
        assert await served(standbys) == "primary", "it is not asked again for a while"
    finally:
        await asyncio.to_thread(standby.start)
    monkeypatch.setattr("hub.postgres.standbys.SHUNNED_SECONDS", 0.0)
    standbys._shunned.clear()
    await make_beat(database, standbys)
    await until_served_by(standbys, "standby")


async def test_no_clock_of_another_machine_counts(database: Database, standbys: Standbys) -> None:
    standbys.note_beat(1_000.0)
    assert standbys._age(999.0, 5e9) == pytest.approx(1.0, abs=0.5)
    assert standbys._age(1_002.0, 5e9) == 0.0
    assert standbys._age(None, 5e9) is None
