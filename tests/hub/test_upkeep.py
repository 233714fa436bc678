"""What a serving hub does by itself: older records are found after an upgrade, regions know their facilities, nothing holds it up."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from hub import sharding
from hub.authoring import put
from hub.clues import PATIENT
from hub.finding import find
from hub.runtime import Hub
from hub.store.nodes import NodeRow, add_node
from hub.upkeep import tidy, upkeep
from sync_protocol.exchange.finding import Find, Found, read_found
from sync_protocol.exchange.messages import encode
from tests.hub.conftest import NOW_MS

ASKED = encode(Find("ama", "midwife", names="Adaeze Okafor", born="1991-03-14"))


@pytest.fixture
async def node(hub: Hub) -> NodeRow:
    row = NodeRow("n", "f1", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    async with hub.database.transaction() as connection:
        await add_node(connection, hub.keys, row)
    return row


async def asked(hub: Hub, node: NodeRow) -> Found:
    return read_found(await find(hub.shards.first, node, ASKED, NOW_MS))


async def old_patients(hub: Hub, count: int) -> None:
    """Patients of f0 that were stored before there were clues: what the hub writes itself gets none."""
    bodies = [
        {
            "resourceType": PATIENT,
            "id": f"p{number}",
            "name": [{"given": ["Adaeze"], "family": "Okafor"}],
            "birthDate": f"{1991 - number}-03-14",
        }
        for number in range(count)
    ]
    async with hub.shards.first.shard() as shard:
        (scope,) = await shard.named_scopes(["facility/f0"])
        await put(hub.shards.first, shard, scope, bodies, NOW_MS)


async def test_records_that_were_there_before_are_found_after_the_backfill(
    hub: Hub, node: NodeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.clues.ROWS_A_SLICE", 7)
    await old_patients(hub, 20)
    assert (await asked(hub, node)).candidates == []
    await tidy(hub, NOW_MS)
    found = (await asked(hub, node)).candidates
    assert found[0].born == "1991-03-14"
    assert found[0].facility == "Clinic f0"
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT after_key = upto_key FROM clue_backfill")
        before = await connection.fetchval("SELECT count(*) FROM clue")
    await tidy(hub, NOW_MS)
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM clue") == before


async def test_a_damaged_record_holds_nobody_up(hub: Hub, node: NodeRow) -> None:
    await old_patients(hub, 3)
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE resource SET state = 'damaged' WHERE key = (SELECT max(key) FROM resource)")
    await tidy(hub, NOW_MS)
    assert (await asked(hub, node)).candidates


async def test_what_nobody_foresaw_ends_one_round_and_not_the_upkeep(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0
    again = asyncio.Event()

    async def failing(_hub: Hub, _now_ms: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            again.set()
        raise LookupError

    monkeypatch.setattr("hub.upkeep.tidy", failing)
    monkeypatch.setattr("hub.upkeep.ROUND_SECONDS", 0.0)
    async with upkeep(hub, lambda: NOW_MS), asyncio.timeout(10):
        await again.wait()


async def test_facilities_are_told_to_their_region_once(hub: Hub, node: NodeRow) -> None:
    await tidy(hub, NOW_MS)
    await tidy(hub, NOW_MS)
    async with hub.shards.first.shard() as shard:
        (region,) = await shard.named_scopes(["region/west"])
        rows = await shard.scan_scope(region.id, 0, 10)
    assert (len(rows), region.seq) == (2, 2)


async def test_nothing_of_a_person_stands_in_the_clear(hub: Hub, node: NodeRow) -> None:
    await old_patients(hub, 1)
    await tidy(hub, NOW_MS)
    await asked(hub, node)
    async with hub.database.transaction() as connection:
        for table in ("clue", "audit", "referral", "feed"):
            told = json.dumps([str(dict(row)) for row in await connection.fetch(f"SELECT * FROM {table}")])
            assert "Okafor" not in told


async def test_a_database_that_keeps_one_waiting_holds_up_no_others_heartbeat(
    two: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.upkeep.BEAT_SECONDS", 0.01)
    sealed = two.shards.map.shards[2].address
    assert sealed is not None
    address = two.shards.opened_address(2, sealed).replace("host=", "host=/nowhere,")
    await sharding.change_shard(two, "tests", 2, address)  # who has no standby has nobody to tell
    beats: set[datetime] = set()
    refresh, begun = two.shards.refresh, 0

    async def counted() -> bool:
        nonlocal begun
        begun += 1
        return await refresh()

    monkeypatch.setattr(two.shards, "refresh", counted)
    async with two.database.transaction() as connection:
        await connection.execute("LOCK TABLE shard_map_version")
        async with upkeep(two, lambda: NOW_MS), asyncio.timeout(30):
            while len(beats) < 3:
                async with two.shards.at(2).transaction() as second:
                    beats.add(await second.fetchval("SELECT at FROM heartbeat"))
            assert begun <= 3, (
                "by the beat, the round, and whoever has seen another timeline: none begins beside itself"
            )
