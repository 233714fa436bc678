"""Whose an export is: a person's of a region, each region's files in its own store, and nothing of it in the clear."""

import httpx
import pytest

from hub.blobs.keeping import plain_of
from hub.errors import NotFound
from hub.exporting import jobs, working
from hub.exporting.working import work
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store.scopes import GLOBAL, ensure_scope
from tests.hub.conftest import NOW_MS
from tests.hub.exporting.conftest import ALL, EAST, NATION, NOW, WEST, exported, objects, patient, store, unzipped


@pytest.fixture
async def regions(hub: Hub, east: None) -> None:
    await store(hub, "facility/f0", patient("west-1", "Okafor"))
    await store(hub, "facility/e0", patient("east-1", "Wanjiru"))
    await store(hub, "region/east", {"resourceType": "Organization", "id": "east-office", "name": "East"})
    async with hub.database.transaction() as connection:
        await ensure_scope(connection, hub.keys, GLOBAL)
    await store(hub, "global", {"resourceType": "Questionnaire", "id": "of-all", "status": "active"})


async def contents(hub: Hub, visitor: Visitor, job: str) -> dict[str, set[str]]:
    """Region of the object → ids in it."""
    found: dict[str, set[str]] = {}
    _, parts = await jobs.find(hub, visitor, job)
    for part in parts:
        key = hub.keys.own_seal.open(part.key, working.about(part.object))
        raw = b"".join([piece async for piece in plain_of(hub.shards.first, part.object, key, part.size, 0, part.size)])
        found.setdefault(part.object.partition("/")[0], set()).update(one["id"] for one in unzipped(raw))
    return found


async def test_an_operator_exports_her_region_alone(hub: Hub, regions: None) -> None:
    for visitor, region, ids in ((WEST, "west", {"west-1"}), (EAST, "east", {"east-1", "east-office"})):
        job = await jobs.begin(hub, visitor, "", ALL, "", NOW)
        await work(hub, NOW_MS)
        assert await contents(hub, visitor, job) == {region: ids, "global": {"of-all"}}
    for group in ("e0",):
        with pytest.raises(NotFound):
            await jobs.begin(hub, WEST, group, ALL, "", NOW)


async def test_each_regions_files_are_in_its_own_store(hub: Hub, regions: None) -> None:
    job = await jobs.begin(hub, NATION, "", ALL, "", NOW)
    await work(hub, NOW_MS)
    found = await contents(hub, NATION, job)
    assert found == {"west": {"west-1"}, "east": {"east-1", "east-office"}, "global": {"of-all"}}


async def test_an_export_is_its_askers_alone(hub: Hub, regions: None) -> None:
    of_all = await jobs.begin(hub, NATION, "", ALL, "", NOW)
    await work(hub, NOW_MS)
    for visitor in (WEST, EAST, Visitor("bob", "admin", "")):
        with pytest.raises(NotFound):
            await jobs.find(hub, visitor, of_all)
        with pytest.raises(NotFound):
            await jobs.fetch(hub, visitor, of_all, 1)
        with pytest.raises(NotFound):
            await jobs.drop(hub, visitor, of_all)
    # Who had all regions when she asked, and has one now.
    with pytest.raises(NotFound):
        await jobs.find(hub, Visitor(NATION.name, "operator", "west"), of_all)


async def test_a_group_of_another_region_is_none(hub: Hub, regions: None) -> None:
    members = [{"entity": {"reference": "Patient/east-1"}}]
    group = {"resourceType": "Group", "id": "theirs", "type": "person", "actual": True, "member": members}
    await store(hub, "facility/e0", group)
    with pytest.raises(NotFound):
        await jobs.begin(hub, WEST, "theirs", ALL, "", NOW)
    # A Group here that names somebody of another clinic brings up nobody.
    await store(hub, "facility/f0", {**group, "id": "ours"})
    job = await jobs.begin(hub, WEST, "ours", ALL, "", NOW)
    await work(hub, NOW_MS)
    assert await contents(hub, WEST, job) == {}


async def test_nothing_of_an_export_stands_in_the_clear(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, regions: None
) -> None:
    assert (await exported(client, admin, hub))["Patient"] == {"west-1", "east-1"}
    for path in objects(hub):
        content = path.read_bytes()
        assert not content.startswith(b"\x1f\x8b")
        assert b"Okafor" not in content
    async with hub.database.transaction() as connection:
        for table in ("export_job", "export_place", "export_part", "audit"):
            assert "west-1" not in str([dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")])
