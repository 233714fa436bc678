"""A facility moves to another shard, or gets another data key, while an export is made: every record is in it once, whole."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hub import facilities, relocating, sharding
from hub.authoring import put
from hub.blobs.keeping import plain_of
from hub.exporting import jobs, working
from hub.exporting.working import work
from hub.relocating import move_facility
from hub.rotation import data as data_rotation
from hub.runtime import Hub
from hub.store import exports, rings
from hub.store.scopes import GLOBAL, ensure_scope
from hub.upkeep import rotate
from tests.hub.conftest import NOW_MS
from tests.hub.exporting.conftest import ALL, NATION, NOW, patient, unzipped

NAMES = [f"{facility}-{number}" for facility in ("w1", "w2") for number in range(6)]


@pytest.fixture
async def filled(two: Hub) -> Hub:
    """w1 is on the first shard and w2 on the second, with six patients each."""
    await move_facility(two, "tests", "w2", 2, lambda *_: None)
    for facility, shard in (("w1", 1), ("w2", 2)):
        await store(two, shard, f"facility/{facility}", facility)
    return two


async def store(hub: Hub, at: int, name: str, prefix: str, numbers: range = range(6)) -> None:
    place = hub.shards.at(at)
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes([name])
        await put(place, shard, scope, [patient(f"{prefix}-{number}") for number in numbers], NOW_MS)


async def of_type(hub: Hub, job: str, type_: str = "Patient") -> Counter[str]:
    """The ids of a type in an export, and how often each is there."""
    row, parts = await jobs.find(hub, NATION, job)
    assert row.state == "done"
    assert [part for part in parts if part.kind == "error"] == []
    found: Counter[str] = Counter()
    for part in (part for part in parts if part.type == type_):
        key = hub.keys.own_seal.open(part.key, working.about(part.object))
        raw = b"".join([piece async for piece in plain_of(hub.shards.first, part.object, key, part.size, 0, part.size)])
        found.update(one["id"] for one in unzipped(raw))
    return found


Moves = list[tuple[str, int]]


def moving(monkeypatch: pytest.MonkeyPatch, hub: Hub, when: tuple[int, str], moves: Moves) -> None:
    """These facilities move once, before or after the rows of a shard are read."""
    export = working._Work._export
    left = list(moves)

    async def move(place: int, moment: str) -> None:
        while left and (place, moment) == when:
            facility, target = left.pop(0)
            await move_facility(hub, "tests", facility, target, lambda *_: None)

    async def exported(self: Any, place: Any, row: Any) -> None:
        await move(place.id, "before")
        await export(self, place, row)
        await move(place.id, "after")

    monkeypatch.setattr(working._Work, "_export", exported)


@pytest.mark.parametrize("when", [(1, "before"), (1, "after"), (2, "before"), (2, "after")])
@pytest.mark.parametrize(
    "moves", [[("w1", 2)], [("w2", 1)], [("w1", 2), ("w2", 1)], [("w2", 1), ("w2", 2)]], ids=lambda moves: str(moves)
)
async def test_a_facility_that_moves_meanwhile_is_there_once(
    filled: Hub, monkeypatch: pytest.MonkeyPatch, when: tuple[int, str], moves: Moves
) -> None:
    job = await jobs.begin(filled, NATION, "", ALL, "", NOW)
    moving(monkeypatch, filled, when, moves)
    assert await work(filled, NOW_MS)
    assert await of_type(filled, job) == dict.fromkeys(NAMES, 1)


async def test_a_facility_that_moves_between_two_slices_is_there_once(
    filled: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "ROWS_A_SLICE", 3)
    monkeypatch.setattr("hub.exporting.round.ROUND_BYTES", 1)
    slice_ = working._Work._slice
    slices = 0

    async def sliced(self: Any, *arguments: Any) -> Any:
        nonlocal slices
        slices += 1
        if slices == 2:
            await move_facility(filled, "tests", "w1", 2, lambda *_: None)
        return await slice_(self, *arguments)

    monkeypatch.setattr(working._Work, "_slice", sliced)
    job = await jobs.begin(filled, NATION, "", ALL, "", NOW)
    assert await work(filled, NOW_MS)
    assert await of_type(filled, job) == dict.fromkeys(NAMES, 1)
    async with filled.database.transaction() as connection:  # what was made of it before is not kept
        loose = await connection.fetchval("SELECT count(*) FROM blob_loose WHERE since = '-infinity'")
        row = await exports.find_job(connection, job, NATION.name)
    assert loose > 0
    assert row is not None
    assert row.rows == 12 + 4, "and the names of the region's clinics, on both shards"


async def test_one_facility_is_exported_from_where_it_is_now(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a process that goes on with what another had begun."""
    job = await jobs.begin(filled, NATION, "w1", ALL, "", NOW)
    know = working._Work._know

    async def dying(self: Any, place: Any) -> None:
        await know(self, place)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(working._Work, "_know", dying)
        with pytest.raises(KeyboardInterrupt):
            await work(filled, NOW_MS)
    await move_facility(filled, "tests", "w1", 2, lambda *_: None)
    async with filled.database.transaction() as connection:
        await connection.execute("UPDATE export_job SET lease = now() - interval '1 second'")
    assert await work(filled, NOW_MS)
    assert await of_type(filled, job) == dict.fromkeys(NAMES[:6], 1)


async def test_a_facility_that_is_at_home_nowhere_is_waited_for(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await jobs.begin(filled, NATION, "", ALL, "", NOW)

    async def end(_self: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hub.relocating._Relocation._take", end)
        with pytest.raises(KeyboardInterrupt):
            await move_facility(filled, "tests", "w1", 2, lambda *_: None)
    assert not await work(filled, NOW_MS)
    await relocating.go_on(filled)
    async with filled.database.transaction() as connection:
        await connection.execute("UPDATE export_job SET lease = NULL")
    assert await work(filled, NOW_MS)
    assert await of_type(filled, job) == dict.fromkeys(NAMES, 1)


async def test_a_new_facility_holds_nothing_up(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    export = working._Work._export
    times = 0

    async def exported(self: Any, place: Any, row: Any) -> None:
        nonlocal times
        times += 1
        await facilities.add_facility(filled, "tests", f"new-{times}", "Clinic", "west", NOW_MS, 1)
        await export(self, place, row)

    monkeypatch.setattr(working._Work, "_export", exported)
    job = await jobs.begin(filled, NATION, "", ALL, "", NOW)
    assert await work(filled, NOW_MS)
    assert times == 2
    assert await of_type(filled, job) == dict.fromkeys(NAMES, 1)


async def test_a_region_without_the_first_shard_has_what_all_have_too(two: Hub) -> None:
    await sharding.serve_region(two, "tests", 2, "east")
    await facilities.add_facility(two, "tests", "e1", "Clinic e1", "east", NOW_MS, 2)
    await store(two, 2, "facility/e1", "e1", range(2))
    await store(two, 1, "facility/w1", "w1", range(2))
    async with two.database.transaction() as connection:
        await ensure_scope(connection, two.keys, GLOBAL)
    place = two.shards.first
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes([GLOBAL])
        questions = {"resourceType": "Questionnaire", "id": "of-all", "status": "active"}
        await put(place, shard, scope, [questions], NOW_MS)
    job = await jobs.begin(two, type(NATION)(NATION.name, "operator", "east"), "", ALL, "", NOW)
    assert await work(two, NOW_MS)
    assert await of_type(two, job) == {"e1-0": 1, "e1-1": 1}
    assert await of_type(two, job, "Questionnaire") == {"of-all": 1}


async def rotated(hub: Hub, at: int, facility: str) -> None:
    """Another data key, and nothing under the old one any more."""
    place = hub.shards.at(at)
    async with place.transaction() as connection:
        wanted = await rings.scopes_matching(connection, facility, None)
        assert await data_rotation.begin(connection, place.keys, wanted, "test") == wanted
    while await rotate(place):
        pass
    async with place.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM key_rotation") == 0


async def with_slices(
    monkeypatch: pytest.MonkeyPatch, hub: Hub, before: Callable[[], Any], after: Callable[[], Any]
) -> Counter[str]:
    """An export of w1, with something else done around its first slice."""
    slice_ = working._Work._slice
    done = False

    async def sliced(self: Any, *arguments: Any) -> Any:
        nonlocal done
        first, done = not done, True
        if first:
            await before()
        rows = await slice_(self, *arguments)
        if first:
            await after()
        return rows

    monkeypatch.setattr(working._Work, "_slice", sliced)
    job = await jobs.begin(hub, NATION, "w1", ALL, "", NOW)
    assert await work(hub, NOW_MS)
    return await of_type(hub, job)


async def nothing() -> None:
    return None


async def test_rows_under_a_key_that_came_since_the_ring_was_read(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rotate_now() -> None:
        await rotated(filled, 1, "w1")

    assert await with_slices(monkeypatch, filled, rotate_now, nothing) == dict.fromkeys(NAMES[:6], 1)


async def test_rows_under_a_key_that_is_gone_since_they_were_read(filled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first row that is read is under the newer key, which has to be looked for; the others are under one that is gone by then."""
    place = filled.shards.at(1)

    async def use_another() -> None:
        async with place.transaction() as connection:
            await data_rotation.begin(
                connection, place.keys, await rings.scopes_matching(connection, "w1", None), "test"
            )
        for _ in range(2):
            await rotate(place)
        body = {**patient("w1-0"), "gender": "female"}
        async with place.shard() as shard:
            (scope,) = await shard.named_scopes(["facility/w1"])
            await put(place, shard, scope, [body], NOW_MS)

    async def end() -> None:
        while await rotate(place):
            pass

    assert await with_slices(monkeypatch, filled, use_another, end) == dict.fromkeys(NAMES[:6], 1)


async def test_the_instant_of_an_export_stays_whoever_begins_it_again(filled: Hub) -> None:
    """Who was overtaken while it noted the beginning changes nothing of what the other noted."""
    job = await jobs.begin(filled, NATION, "", ALL, "", NOW)
    async with filled.database.transaction() as connection:
        await exports.begin_job(connection, job, NOW, {1: 5}, {1: {}})
        await exports.begin_job(connection, job, NOW.replace(year=2100), {1: 9, 2: 9}, {1: {7: 7}, 2: {}})
        row = await exports.find_job(connection, job, NATION.name)
        places = await exports.read_places(connection, job)
    assert row is not None
    assert row.instant == NOW
    assert (places[1].upto_key, places[1].homes) == (5, {})
