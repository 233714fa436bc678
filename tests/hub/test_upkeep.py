"""What a serving hub does by itself: older records are found after an upgrade, regions know their facilities, nothing holds it up."""

import json
from datetime import UTC, datetime

import pytest

from hub.authoring import put
from hub.clues import PATIENT
from hub.finding import find
from hub.runtime import Hub
from hub.store.nodes import NodeRow, add_node
from hub.upkeep import tidy
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
    return read_found(await find(hub, node, ASKED, NOW_MS))


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
    async with hub.shard() as shard:
        (scope,) = await shard.named_scopes(["facility/f0"])
        await put(hub, shard, scope, bodies, NOW_MS)


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


async def test_facilities_are_told_to_their_region_once(hub: Hub, node: NodeRow) -> None:
    await tidy(hub, NOW_MS)
    await tidy(hub, NOW_MS)
    async with hub.shard() as shard:
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
