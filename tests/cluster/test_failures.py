"""Parts of a cluster die, outright; nothing that was acknowledged is missing afterwards, and everything comes back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest

from hub.cluster import postgres
from hub.cluster.shape import DATABASE, read
from hub.errors import PostgresFault, PromotionRefused
from hub.places import Place
from hub.postgres import failover
from hub.postgres.failover import Standing
from hub.postgres.servers import Server, servers_of
from hub.runtime import opened
from hub.settings import load
from hub.upkeep import beat_at, look_around_at
from tests.cluster.shape import Cluster
from tests.cluster.writing import writing


async def test_a_primary_is_killed_and_its_standby_promoted(cluster: Cluster) -> None:
    shard = cluster.shard(2)
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        old = shard.primary
        old.kill(stay_away=True)
        done = await asyncio.to_thread(shard.promote)
        assert not done["may_be_lost"]
        assert not done["synchronous"], "there is no other standby"
        await writer.wait_for_more()
        assert writer.faults > 0
        assert await writer.missing() == set()
        await asyncio.to_thread(old.start)
        await asyncio.to_thread(shard.wait_until_whole)
        assert old.role == "standby"
        await writer.wait_for_more()
        assert await writer.missing() == set()


async def test_a_primary_that_is_killed_comes_back_by_itself(cluster: Cluster) -> None:
    shard = cluster.shard(1)
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        primary = shard.primary
        primary.kill()
        await writer.wait_for_more()
        assert await writer.missing() == set()
    await asyncio.to_thread(primary.wait_until_it_answers)
    assert primary.role == "primary"


async def test_a_standby_that_is_killed_catches_up(cluster: Cluster) -> None:
    shard = cluster.shard(1)
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        shard.standby.kill()
        await writer.wait_for_more(200)
        await asyncio.to_thread(shard.wait_until_whole)
        assert await writer.missing() == set()


async def test_without_any_standby_nothing_is_acknowledged(cluster: Cluster) -> None:
    shard = cluster.shard(1)
    standby = shard.standby
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        standby.kill(stay_away=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await writer.wait_for_more()
        await asyncio.to_thread(standby.start)
        await writer.wait_for_more()
        assert await writer.missing() == set()


async def test_a_pooler_that_is_killed_comes_back(cluster: Cluster) -> None:
    shard = cluster.shard(1)
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        shard.primary.pooler.kill()
        await writer.wait_for_more()
        assert await writer.missing() == set()


async def test_a_living_primary_hands_over_to_its_standby(cluster: Cluster) -> None:
    shard = cluster.shard(2)
    before = shard.primary.name
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        refused = await asyncio.to_thread(cluster.call, "shard", "promote", "2", expect=1)
        assert refused["error"] == "PromotionRefused"
        done = await asyncio.to_thread(shard.promote, force=True)
        assert done["former"] is not None
        assert not done["may_be_lost"]
        await writer.wait_for_more()
        await asyncio.to_thread(shard.wait_until_whole)
        assert shard.primary.name != before
        assert await writer.missing() == set()


async def test_a_primary_whose_standby_does_not_follow_goes_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = cluster.shard(2)
    before = shard.primary.name
    monkeypatch.setattr(failover, "CATCH_UP_SECONDS_MAX", 0.0)
    async with writing(shard.dsn) as writer:
        await writer.wait_for_more()
        with pytest.raises(PromotionRefused, match="the primary goes on"):
            await failover.promote(writer.database.servers, force=True)
        await writer.wait_for_more()
        assert await writer.missing() == set()
    assert shard.primary.name == before


async def test_a_server_that_does_not_answer_at_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a pooler that has not noticed yet that its server is back, a primary would be promoted over."""
    servers = servers_of("postgresql://medtech@/medtech?host=/a,/b")
    one, other = (Standing(server, 1, True, 1, 0, 0, 0.0, True, 0, "", False) for server in servers)
    answers = [[one], [one], [one, other]]

    async def standings(_: Sequence[Server]) -> list[Standing]:
        return answers.pop(0)

    monkeypatch.setattr(failover, "standings", standings)
    assert await failover.settled(servers) == [one, other]
    answers += [[one]] * 1_000
    monkeypatch.setattr(failover, "ASK_AGAIN_SECONDS", 0.1)
    assert await failover.settled(servers) == [one]


async def test_a_standby_that_is_behind_what_was_heard_of_is_not_promoted(cluster: Cluster) -> None:
    shard = cluster.shard(2)
    servers = servers_of(shard.dsn)
    primary = failover.primary_among(await failover.standings(servers))
    assert primary is not None
    shard.primary.kill(stay_away=True)
    with pytest.raises(PromotionRefused, match=f"timeline {primary.timeline + 1}"):
        await failover.promote(servers, force=False, timeline_min=primary.timeline + 1)


async def test_an_old_primary_that_answers_is_not_written_to(cluster: Cluster) -> None:
    """A standby was promoted by somebody who could not reach the primary, which waits for no standby; nobody makes it one yet."""
    shard = cluster.shard(2)
    old, new = shard.primary.name, shard.standby.name
    direct = {one.name: postgres.direct(one) for one in read(cluster.data).servers(cluster.data, 2)}
    async with opened(load({}, {"data": str(cluster.data)})) as hub:
        place = hub.shards.at(2)
        await beat_when_it_answers(place)
        with cluster.left_alone():
            await failover.tell(direct[old], failover.GO_ON_ALONE)
            await failover.tell(direct[new], (*failover.GO_ON_ALONE, "SELECT pg_promote()"))
            await beat_at(place)
            assert await beats(direct[new]) < await beats(direct[old]), "it is not known yet"
            before = await beats(direct[old])
            await look_around_at(place)
            await beat_at(place)
            assert await beats(direct[old]) == before < await beats(direct[new])
            known = (await failover.standing(direct[new])).timeline
            assert hub.shards.map.shards[2].timeline == known
            async with opened(load({}, {"data": str(cluster.data)})) as another:
                assert another.shards.at(2).database.timeline == known
            await failover.tell(direct[new], failover.FENCE)
            with pytest.raises(PostgresFault):
                await beat_at(place)
            await failover.tell(direct[new], (*failover.UNFENCE, *failover.SYNCHRONOUS_AGAIN))
        await asyncio.to_thread(shard.wait_until_whole)
        assert shard.primary.name == new


async def beat_when_it_answers(place: Place) -> None:
    """A pooler says for a second that its server is away after that has come back."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await beat_at(place)
            except PostgresFault:
                await asyncio.sleep(0.05)


async def beats(server: Server) -> datetime:
    async with failover.connected(msgspec.structs.replace(server, where={**server.where, "database": DATABASE})) as one:
        found: datetime = await one.fetchval("SELECT at FROM heartbeat")
        return found


def test_a_worker_that_is_killed_answers_again_at_its_address(cluster: Cluster) -> None:
    worker = cluster.worker(0)
    killed = worker.pid
    worker.kill()
    worker.wait_until_it_answers()
    assert worker.pid != killed
    assert cluster.answers(0)
