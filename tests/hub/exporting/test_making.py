"""How exports are made: one process goes on where another died, at constant memory, and nothing of a patient rests in the clear."""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from hub.blobs.sweeping import sweep
from hub.errors import StoreFault
from hub.exporting import jobs, working
from hub.exporting.lines import Line
from hub.exporting.round import STREAMS_MAX, Round
from hub.exporting.working import exporting, work
from hub.runtime import Hub, opened
from hub.settings import Settings
from hub.states import States
from hub.store.resources import NewRow, insert_fresh
from hub.store.scopes import named_scopes
from sync_protocol import elements, pack
from sync_protocol.register import Stamp
from tests.hub.conftest import NOW_MS
from tests.hub.exporting.conftest import (
    ALL,
    NATION,
    NOW,
    exported,
    finished,
    kick_off,
    lines,
    objects,
    observation,
    patient,
    store,
)


async def count(hub: Hub, table: str, where: str = "true") -> int:
    async with hub.database.transaction() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {where}"))


async def many(hub: Hub, number: int, scope: str = "facility/f0") -> None:
    """So many patients and as many observations."""
    for first in range(0, number, 250):
        bodies = [patient(f"p{n}") for n in range(first, min(first + 250, number))]
        await store(hub, scope, *bodies, *(observation(f"o{body['id']}", body["id"]) for body in bodies))


async def run_out(hub: Hub) -> None:
    """The lease of whoever works on exports is over."""
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE export_job SET lease = now() - interval '1 second' WHERE lease IS NOT NULL")


@pytest.fixture
async def other(settings: Settings, hub: Hub) -> AsyncIterator[Hub]:
    """Another process of the same hub."""
    async with opened(settings) as one:
        yield one


async def test_another_process_goes_on_where_one_died(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, other: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "ROWS_A_SLICE", 20)
    monkeypatch.setattr("hub.exporting.round.ROUND_BYTES", 1)
    await many(hub, 60)
    location = await kick_off(client, admin)
    flush = working._Work._flush
    rounds = 0

    async def dying(self: Any, place: int, after: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise KeyboardInterrupt
        await flush(self, place, after)

    with monkeypatch.context() as patch:
        patch.setattr(working._Work, "_flush", dying)
        with pytest.raises(KeyboardInterrupt):
            await work(hub, NOW_MS)
    done = await count(hub, "export_part")
    assert done > 0
    assert not await work(other, NOW_MS), "it is leased still"
    await run_out(hub)
    assert await work(other, NOW_MS)
    manifest = await finished(client, admin, hub, location)
    found = await lines(client, admin, manifest["output"])
    assert sorted(one["id"] for one in found["Patient"]) == sorted(f"p{n}" for n in range(60))
    assert len(found["Observation"]) == 60
    assert len(manifest["output"]) > done


async def test_who_was_overtaken_adds_nothing(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, other: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stood still for longer than its lease, and goes on."""
    await many(hub, 5)
    location = await kick_off(client, admin)
    kept = working._Work._kept

    async def slow(self: Any, number: int, file: Any) -> Any:
        part = await kept(self, number, file)
        if self._hub is hub:
            await run_out(hub)
            assert await work(other, NOW_MS)
        return part

    monkeypatch.setattr(working._Work, "_kept", slow)
    await work(hub, NOW_MS)
    manifest = await finished(client, admin, hub, location)
    assert sum(file["count"] for file in manifest["output"]) == 10


async def test_only_so_many_are_made_at_once(hub: Hub, other: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await jobs.begin(hub, NATION, "", ALL, "", NOW)
    begun = 0
    release = asyncio.Event()

    async def waiting(_self: Any) -> None:
        nonlocal begun
        begun += 1
        await release.wait()

    monkeypatch.setattr(working._Work, "run", waiting)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work(one, NOW_MS)) for one in (hub, other)]
        while begun < hub.settings.exports_max:
            await asyncio.sleep(0.01)
        assert not await work(hub, NOW_MS)
        release.set()
    assert [task.result() for task in running] == [True, True]


async def test_what_is_deleted_is_made_no_further_and_erased(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "ROWS_A_SLICE", 20)
    monkeypatch.setattr("hub.exporting.round.ROUND_BYTES", 1)
    await many(hub, 40)
    location = await kick_off(client, admin)
    flush = working._Work._flush
    rounds = 0

    async def cancelled(self: Any, place: int, after: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            assert (await client.delete(location, headers=admin)).status_code == 202
        await flush(self, place, after)

    monkeypatch.setattr(working._Work, "_flush", cancelled)
    await work(hub, NOW_MS)
    assert rounds == 2
    assert (await client.get(location, headers=admin)).status_code == 404
    assert (await client.delete(location, headers=admin)).status_code == 404
    while await sweep(hub.shards.first, NOW_MS + 2 * 86_400_000):
        pass
    assert objects(hub) == []
    for table in ("export_job", "export_place", "export_part", "blob_loose"):
        assert await count(hub, table) == 0


async def test_exports_are_forgotten_with_their_files(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub
) -> None:
    await many(hub, 1)
    location = await kick_off(client, admin)
    await finished(client, admin, hub, location)
    assert len(objects(hub)) == 2
    hours = timedelta(hours=hub.settings.export_hours)
    for later, left in ((hours - timedelta(minutes=1), 2), (hours + timedelta(minutes=1), 0)):
        while await sweep(hub.shards.first, int((NOW + later).timestamp() * 1000)):
            pass
        assert len(objects(hub)) == left
    assert (await client.get(location, headers=admin)).status_code == 404


async def test_one_that_never_succeeds_is_given_up_and_told(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(hub, 1)
    location = await kick_off(client, admin)

    async def away(*_: Any) -> None:
        raise StoreFault

    with monkeypatch.context() as patch:
        patch.setattr(hub.shards.first.stores.of("west"), "put", away)
        assert not await work(hub, NOW_MS)
        assert (await client.get(location, headers=admin)).status_code == 202
        for _ in range(working.TRIES_MAX):
            await run_out(hub)
            await work(hub, NOW_MS)
    told = await client.get(location, headers=admin)
    assert told.status_code == 500
    assert told.json()["resourceType"] == "OperationOutcome"
    assert not await work(hub, NOW_MS)


async def test_a_serving_hub_makes_them_by_itself(client: httpx.AsyncClient, admin: dict[str, str], hub: Hub) -> None:
    await many(hub, 3)
    async with exporting(hub, lambda: NOW_MS):
        location = await kick_off(client, admin)
        async with asyncio.timeout(30):
            while (await client.get(location, headers=admin)).status_code == 202:
                await asyncio.sleep(0.02)
        assert len((await client.get(location, headers=admin)).json()["output"]) == 2


# --- what it takes ---


def test_a_round_ends_before_it_has_too_many_streams() -> None:
    some = Round()
    for number in range(STREAMS_MAX):
        assert not some.full
        some.add(f"region-{number}", Line("output", "Patient", b"{}"))
    assert some.full
    assert len(some.files()) == STREAMS_MAX
    assert not some.full
    assert some.files() == []


async def fill(hub: Hub, number: int) -> None:
    """So many observations of a usual size, sealed as the hub does, some of which cannot be compressed."""
    async with hub.database.transaction() as connection:
        (scope,) = await named_scopes(connection, ["facility/f0"])
        states, stamp = States(hub.shards.first), Stamp(7, 1, NOW_MS, NOW_MS, "ama", "midwife")
        for first in range(0, number, 5_000):
            rows = []
            for at in range(first, min(first + 5_000, number)):
                body = observation(f"o{at}", f"p{at % 1000}") | {"note": [{"text": os.urandom(150).hex()}]}
                made, _ = elements.write(None, None, elements.parse(msgspec.json.encode(body)), f"o{at}", stamp)
                named, rkey = pack.named(made), hub.keys.resource_key(made.name)
                rows.append(NewRow(rkey, scope.id, pack.hash_named(named), states.seal(scope, rkey, named)))
            await insert_fresh(connection, rows)


@pytest.mark.slow
async def test_a_hundred_thousand_resources_take_no_more_memory_than_ten_thousand(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.exporting.round.ROUND_BYTES", 1 << 20)
    peaks = []
    total = 0
    for number in (10_000, 100_000):
        await fill(hub, number)
        location = await kick_off(client, admin)
        gc.collect()
        tracemalloc.start()
        await work(hub, NOW_MS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        manifest = (await client.get(location, headers=admin)).json()
        total = sum(file["count"] for file in manifest["output"])
    assert total == 100_000
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 40 << 20


async def test_large_rows_are_read_a_few_at_a_time(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "BYTES_A_SLICE", 100_000)
    await store(hub, "facility/f1", *(observation(f"x{n}", "p") for n in range(3)))
    bodies = [observation(f"o{n}", "p", os.urandom(20_000).hex()) for n in range(30)]
    await store(hub, "facility/f0", *bodies)
    slice_ = working._Work._slice
    sizes = []

    async def measured(self: Any, place: Any, after: int, upto: int) -> Any:
        rows = await slice_(self, place, after, upto)
        sizes.append(sum(len(row.state or b"") for row in rows))
        return rows

    monkeypatch.setattr(working._Work, "_slice", measured)
    assert len((await exported(client, admin, hub, "/fhir/Group/f0/$export"))["Observation"]) == 30
    assert len((await exported(client, admin, hub))["Observation"]) == 33
    assert max(sizes) < 150_000
    assert len(sizes) > 12
