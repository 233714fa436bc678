"""A facility gets another data key and moves to another shard, before, meanwhile, after: its records and files stay readable, and the old
key goes everywhere in the end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from hub.authoring import put
from hub.blobs import uploading
from hub.blobs.keeping import plain_of
from hub.blobs.reading import found_by_node, found_by_visitor, key_of
from hub.enrolment import EnrollRequest, authorised, enroll, invite
from hub.keys import rings as ring_rules
from hub.keys.seals import marked_version
from hub.places import Place
from hub.relocating import move_facility
from hub.rotation import copies
from hub.rotation import data as data_rotation
from hub.runtime import Hub
from hub.sessions.visitor import LOCAL
from hub.states import States
from hub.store import key_rotations, rings
from hub.store.held import Parked, park
from hub.store.key_rotations import SEALED_TABLES, STUCK
from hub.store.scopes import ScopeRow, named_scopes
from hub.store.shard import PostgresShard
from hub.upkeep import rotate, tidy
from tests.hub.conftest import NOW_MS

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
SCOPE = "facility/w1"
WHOLE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 300
HALF = b"%PDF-1.7 " + bytes(range(255, -1, -1)) * 300
RKEY = bytes(16)


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class World:
    """w1 with records, a file, half of another one, and something that waits."""

    def __init__(self, hub: Hub, credentials: str, upload: str) -> None:
        self.hub, self.credentials, self.upload = hub, credentials, upload

    async def read(self, content: bytes) -> bytes:
        """A file, as its node reads it; a person of the hub gets the same."""
        place, node = await authorised(self.hub, self.credentials)
        digest = sha256(content).hexdigest()
        found = await found_by_node(place, node, digest, NOW_MS)
        seen = await found_by_visitor(self.hub, LOCAL, digest)
        assert key_of(seen) == key_of(found)
        size = found.row.size
        return b"".join([part async for part in plain_of(found.place, found.row.object, key_of(found), size, 0, size)])

    async def finish_upload(self) -> None:
        place, node = await authorised(self.hub, self.credentials)
        row = await uploading.state(place, node, self.upload)
        await uploading.append(place, node, self.upload, row.received, once(HALF[row.received :]), NOW)

    async def records(self) -> set[str]:
        place = await self.hub.shards.of_facility("w1")
        async with place.shard() as shard:
            (scope,) = await shard.named_scopes([SCOPE])
            rows = await shard.scan_scope(scope.id, 0, 1000)
            (held,) = await shard.parked_for([RKEY])
            assert place.seal(scope.data_key).open(held.state, RKEY) == b"waits"
            return {States(place).open(scope, row.rkey, row.state).name for row in rows}

    async def check(self) -> None:
        assert await self.read(WHOLE) == WHOLE
        assert await self.records() == {f"Patient/p{number}" for number in range(5)}


@pytest.fixture
async def world(two: Hub) -> World:
    first = two.shards.at(1)
    code = (await invite(two, "w1", "clinic", None, "tests")).code
    enrolled = await enroll(two, EnrollRequest(code), "", NOW_MS)
    credentials = f"Bearer {enrolled.node}.{enrolled.secret}"
    place, node = await authorised(two, credentials)
    async with first.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        bodies = [{"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "A"}]} for number in range(5)]
        await put(first, shard, scope, bodies, NOW_MS)
        assert isinstance(shard, PostgresShard)
        sealed = first.seal(scope.data_key).seal(b"waits", RKEY)
        await park(shard.connection, [Parked("n-x", scope.id, RKEY, sealed, "waits")])
    ids = []
    for content in (WHOLE, HALF):
        ids.append(await uploading.begin(place, node, "w1", sha256(content).digest(), len(content), NOW))
    await uploading.append(place, node, ids[0], 0, once(WHOLE), NOW)
    await uploading.append(place, node, ids[1], 0, once(HALF[:40_000]), NOW)
    return World(two, credentials, ids[1])


async def ring_at(place: Place) -> ring_rules.Ring:
    async with place.transaction() as connection:
        (row,) = await named_scopes(connection, [SCOPE])
    return ring_rules.read(row.data_key)


async def begin(place: Place) -> list[int]:
    async with place.transaction() as connection:
        wanted = await rings.scopes_matching(connection, "w1", None)
        return await data_rotation.begin(connection, place.keys, wanted, "test")


async def versions_used(place: Place) -> set[int]:
    """Of all that is sealed for w1 on a shard."""
    found: set[int] = set()
    async with place.transaction() as connection:
        for table in SEALED_TABLES:
            rows = await connection.fetch(
                f"SELECT {table.sealed} FROM {table.name} JOIN scope ON scope.id = {table.name}.scope WHERE scope.name = $1",
                SCOPE,
            )
            found |= {marked_version(row[0]) for row in rows}
    return found


async def settle(hub: Hub) -> None:
    for _ in range(4):
        await tidy(hub, NOW_MS)


@pytest.mark.parametrize("steps", [0, 3, 6, 10])
@pytest.mark.parametrize("back", [False, True])
async def test_a_move_in_the_middle_of_a_rotation(
    world: World, monkeypatch: pytest.MonkeyPatch, steps: int, back: bool
) -> None:
    monkeypatch.setattr("hub.rotation.data.ROWS_A_SLICE", 3)
    hub = world.hub
    first, second = hub.shards.at(1), hub.shards.at(2)
    assert await begin(first)
    for _ in range(steps):
        await rotate(first)
    await world.check()
    await move_facility(hub, "tests", "w1", 2, lambda *_: None)
    await world.check()
    for place in (first, second, first, second):
        await rotate(place)
    if back:
        await move_facility(hub, "tests", "w1", 1, lambda *_: None)
        await world.check()
    await settle(hub)
    await world.check()
    await world.finish_upload()
    assert await world.read(HALF) == HALF
    home = first if back else second
    ring = await ring_at(home)
    assert [key.version for key in ring.keys] == [ring.current] == [2], "the rotation that was asked for was done"
    assert await versions_used(home) == {2}
    for place in (first, second):
        async with place.transaction() as connection:
            assert await connection.fetchval("SELECT count(*) FROM key_rotation") == 0
        assert [key.version for key in (await ring_at(place)).keys] == [2]


async def test_rotations_on_both_sides_of_a_move(world: World) -> None:
    hub = world.hub
    for round_, (home, target) in enumerate(((1, 2), (2, 1), (1, 2))):
        place = hub.shards.at(home)
        assert await begin(place)
        while await rotate(place):
            pass
        await move_facility(hub, "tests", "w1", target, lambda *_: None)
        await world.check()
        if round_ == 1:
            await world.finish_upload()
            assert await world.read(HALF) == HALF
        await settle(hub)
        await world.check()
        assert (await ring_at(hub.shards.at(target))).current == round_ + 2


async def test_who_begins_a_rotation_when_the_facility_has_just_left_begins_none(world: World) -> None:
    """Both shards would make a key of one version, and what is sealed with one of them would not open any more."""
    hub = world.hub
    first, second = hub.shards.at(1), hub.shards.at(2)
    async with first.transaction() as connection:
        wanted = await rings.scopes_matching(connection, "w1", None)
    await move_facility(hub, "tests", "w1", 2, lambda *_: None)
    before = await ring_at(first)
    async with first.transaction() as connection:
        assert await data_rotation.begin(connection, first.keys, wanted, "test") == []
        assert await key_rotations.list_rotations(connection) == []
    assert await ring_at(first) == before
    assert await begin(second)


async def copied(hub: Hub) -> tuple[Place, ScopeRow]:
    """The second shard knows w1 from the first, and has something that is sealed with its key."""
    second = hub.shards.at(2)
    async with second.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        await shard.park([Parked("n", scope.id, RKEY, second.seal(scope.data_key).seal(b"here", RKEY), "waits")])
    return second, scope


async def step_of(place: Place) -> str:
    async with place.transaction() as connection:
        found = await key_rotations.list_rotations(connection)
    return found[0].step if found else "over"


async def rotated(place: Place) -> None:
    assert await begin(place)
    while await step_of(place) != "over":
        await rotate(place)


@pytest.mark.parametrize("moment", ["sealed", "counted"])
async def test_a_newer_key_that_comes_from_the_home_meanwhile_takes_nothing_away(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A copy is about to let go of the first key, all being under the second, when its home says that there is a third."""
    hub = world.hub
    first = hub.shards.at(1)
    second, _ = await copied(hub)
    await rotated(first)
    await copies.refresh(second, 1)
    while await step_of(second) != "sealed":
        await rotate(second)

    await begin(first)
    while (await ring_at(first)).current == 2:
        await rotate(first)

    async def another() -> None:
        await copies.refresh(second, 1)
        assert (await ring_at(second)).current == 3

    if moment == "sealed":
        await another()
    else:
        count = key_rotations.count_others
        ours = False

        async def counted(*arguments: object) -> int:
            nonlocal ours
            left = await count(*arguments)  # type: ignore[arg-type]
            if not ours:
                ours = True
                await another()  # as another process, at the same time
            return left

        monkeypatch.setattr(key_rotations, "count_others", counted)
    for _ in range(3):
        await rotate(second)
    assert await step_of(second) != STUCK, "nothing is wrong with it"
    assert 2 in [key.version for key in (await ring_at(second)).keys]
    while await step_of(first) != "over":
        await rotate(first)
    await settle(hub)
    async with second.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        (held,) = await shard.parked_for([RKEY])
    assert second.seal(scope.data_key).open(held.state, RKEY) == b"here"
    assert [key.version for key in (await ring_at(second)).keys] == [3]
    assert await step_of(second) == "over"


NOT_SEALED = {
    *(("resource", column) for column in ("rkey", "hash")),
    *((table, "rkey") for table in ("parked", "quarantine", "conflict")),
    *((table, "name") for table in ("blob", "blob_upload")),
    ("feed", "elements"),
    ("relay", "id"),
    *(("maternal", column) for column in ("episode", "visit")),
    ("pregnancy", "episode"),
}
"""Bytes of a scope that are hashes, or random."""


async def test_all_bytes_of_a_scope_are_sealed_with_its_key_or_known_to_be_no_text(hub: Hub) -> None:
    """A table that is new, and not in `SEALED_TABLES`, would lose what it holds with the first key that goes."""
    async with hub.database.transaction() as connection:
        rows = await connection.fetch(
            """
            SELECT of_bytes.table_name, of_bytes.column_name
            FROM information_schema.columns AS of_bytes JOIN information_schema.columns AS of_scope USING (table_schema, table_name)
            WHERE table_schema = 'public' AND of_bytes.data_type = 'bytea' AND of_scope.column_name = 'scope'
            """
        )
    sealed = {(table.name, table.sealed) for table in SEALED_TABLES}
    assert {tuple(row) for row in rows} == sealed | NOT_SEALED
