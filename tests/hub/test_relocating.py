"""A move to another shard may end at any commit: whoever goes on ends with the same records, once, at the new home, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest

from hub import counting, facilities, relocating
from hub.authoring import put
from hub.enrolment import EnrollRequest, authorised, enroll, invite
from hub.errors import BadRequest, Busy, FacilityMoved, NotFound
from hub.moving import move_patient
from hub.people import add_user, list_users
from hub.places import Place
from hub.postgres.engine import Connection, Database
from hub.relaying import deliver
from hub.relocating import move_facility
from hub.runtime import Hub
from hub.sessions.visitor import LOCAL
from hub.states import States
from hub.store import shard_map
from hub.store.facts import FactKey, add_counts, read_facts
from hub.store.held import Parked, Quarantined, list_quarantine, park, quarantine
from hub.store.scopes import ScopeRow, named_scopes, rebuild_digest, scopes_of_node
from hub.store.shard import PostgresShard
from tests.hub.conftest import NOW_MS

PATIENTS = 40
SCOPE = "facility/w1"


class Ended(Exception):
    """The process ends here."""


async def scope_at(place: Place, name: str = SCOPE) -> ScopeRow:
    async with place.shard() as shard:
        (row,) = await shard.named_scopes([name])
    return row


async def fill(hub: Hub) -> str:
    """Records, a node, a person, counts, and something held, in w1. The node's credentials."""
    first = hub.shards.at(1)
    async with first.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        for number in range(PATIENTS):
            name = [{"family": f"Mensah{number}", "given": ["Ama"]}]
            await put(first, shard, scope, [{"resourceType": "Patient", "id": f"p{number}", "name": name}], NOW_MS)
        assert isinstance(shard, PostgresShard)
        await add_counts(shard.connection, {FactKey(scope.id, date(2026, 1, 1), "birth", ""): 3}, {})
        rkey = hub.keys.resource_key("Patient/p1")
        state = States(first).resealed(scope, rkey, b"waits")
        await park(shard.connection, [Parked("n-x", scope.id, rkey, state, "waits")])
        await quarantine(shard.connection, [Quarantined("n-x", scope.id, rkey, "forged", "", state)])
    code = (await invite(hub, "w1", "clinic", None, "tests")).code
    enrolled = await enroll(hub, EnrollRequest(code), "", NOW_MS)
    async with first.transaction() as connection:
        await connection.execute("""UPDATE node SET status = '{"disk_free_percent": 7}'""")
    await add_user(hub, LOCAL, "ama", "midwife", "a long password", "w1")
    return f"Bearer {enrolled.node}.{enrolled.secret}"


async def feed_of(place: Place) -> list[tuple[Any, ...]]:
    """The feed of w1 as nodes see it: positions and names, whatever the numbers."""
    scope = await scope_at(place)
    async with place.transaction() as connection:
        rows = await connection.fetch(
            "SELECT seq, feed.key, source, elements, rkey, state, resource.scope FROM feed JOIN resource USING (key)"
            " WHERE feed.scope = $1 ORDER BY seq",
            scope.id,
        )
    states = States(place)
    return [
        (row["seq"], states.name_of(scope, row["rkey"], row["state"]), row["source"], row["elements"]) for row in rows
    ]


class Ends:
    """Ends the process at the n-th commit of any transaction from now, just before it or just after."""

    def __init__(self, commits: int, *, after: bool) -> None:
        self.left, self.after = commits, after

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Database.transaction

        @asynccontextmanager
        async def transaction(database: Database) -> AsyncIterator[Connection]:
            async with real(database) as connection:
                yield connection
                self.left -= not self.after
                if not self.after and not self.left:
                    raise Ended
            self.left -= self.after
            if self.after and not self.left:
                raise Ended

        monkeypatch.setattr(Database, "transaction", transaction)


async def ended(work: Awaitable[object]) -> bool:
    """Whether the process ended while it did this."""
    try:
        await work
    except Ended:
        return True
    return False


async def check_moved(hub: Hub, credentials: str, before: ScopeRow, feed: list[tuple[Any, ...]]) -> None:
    first, second = hub.shards.at(1), hub.shards.at(2)
    after = await scope_at(second)
    assert (after.seq, after.epoch, after.digest, after.home) == (before.seq, before.epoch, before.digest, None)
    assert (await scope_at(first)).home == 2
    assert await feed_of(second) == feed
    place, node = await authorised(hub, credentials)
    assert (place.id, node.facility) == (2, "w1")
    async with second.transaction() as connection:
        assert await connection.fetchval("SELECT status->>'disk_free_percent' FROM node") == "7"
        assert await rebuild_digest(connection, after.id) == before.digest
        since = date(2000, 1, 1)
        assert [n for key, n in (await read_facts(connection, "birth", since)).items() if key.scope == after.id] == [3]
        assert [row.reason for row in await list_quarantine(connection)] == ["forged"]
        (held,) = await PostgresShard(connection, hub.keys.data).parked_for([hub.keys.resource_key("Patient/p1")])
        assert States(second).plain(after, held.rkey, held.state) == b"waits"
    async with first.transaction() as connection:
        for table in ("node", "parked", "quarantine", "account", "incarnation", "invite"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        (scope,) = await named_scopes(connection, [SCOPE])
        assert await connection.fetchval("SELECT count(*) FROM feed WHERE scope = $1", scope.id) == 0
        assert await connection.fetchval("SELECT count(*) FROM resource WHERE scope = $1", scope.id) == 0
        assert await connection.fetchval("SELECT count(*) FROM fact WHERE scope = $1", scope.id) == 0
    assert [row["name"] for row in await list_users(hub)] == ["ama"]
    assert await relocating.go_on(hub) == 0


async def test_all_of_a_facility_moves(two: Hub) -> None:
    credentials = await fill(two)
    before, feed = await scope_at(two.shards.at(1)), await feed_of(two.shards.at(1))
    told: list[tuple[int, int]] = []
    assert (await move_facility(two, "tests", "w1", 2, lambda seq, of: told.append((seq, of))))["moved"]
    await check_moved(two, credentials, before, feed)
    assert told
    assert not (await move_facility(two, "tests", "w1", 2, lambda *_: None))["moved"]
    assert (await two.shards.of_facility("w1")).id == 2
    assert [row.id for row in await facilities.list_facilities(two)] == ["w1", "w2"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("slices", ["one", "many"])
async def test_a_move_may_end_anywhere(two: Hub, monkeypatch: pytest.MonkeyPatch, after: bool, slices: str) -> None:
    if slices == "many":
        monkeypatch.setattr("hub.mirroring.POINTERS_A_SLICE", 7)
        monkeypatch.setattr(relocating, "LITTLE", 5)
    credentials = await fill(two)
    before, feed = await scope_at(two.shards.at(1)), await feed_of(two.shards.at(1))
    ends = 0
    while True:
        ends += 1
        with monkeypatch.context() as patch:
            Ends(ends, after=after).patch(patch)
            if not await ended(move_facility(two, "tests", "w1", 2, lambda *_: None)):
                break
        await relocating.go_on(two)
        if (await two.shards.of_facility("w1")).id == 2:
            await check_moved(two, credentials, before, feed)
            await move_facility(two, "tests", "w1", 1, lambda *_: None)
            assert (await scope_at(two.shards.at(1))).digest == before.digest
        assert ends < 200
    assert ends > 10
    await check_moved(two, credentials, before, feed)


async def test_nothing_is_counted_anew_while_a_facility_stands_on_two_shards(
    two: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the counts have gone over, the source would count what it has not cleared yet; before, the target what it has of the copy."""
    await fill(two)

    async def counted_anew() -> list[int]:
        for place in two.shards:
            assert await counting.begin(place, anew=True)
            while await counting.recount(place) or await counting.waits(place):
                pass
        return await counts()

    async def counts() -> list[int]:
        async with two.shards.at(1).transaction() as first, two.shards.at(2).transaction() as second:
            return [await one.fetchval("SELECT coalesce(sum(n), 0) FROM fact") for one in (first, second)]

    async def end(_: object) -> None:
        raise Ended

    at_first, at_second = await counted_anew()
    assert at_first >= PATIENTS
    assert at_second == 0
    with monkeypatch.context() as patch:
        patch.setattr("hub.relocating._Relocation._clear", end)
        assert await ended(move_facility(two, "tests", "w1", 2, lambda *_: None))
    for place in two.shards:
        with pytest.raises(Busy, match="being moved"):
            await counting.begin(place, anew=True)
    await relocating.go_on(two)
    moved = await counts()
    assert sum(moved) == at_first
    assert moved[1] >= PATIENTS
    assert await counted_anew() == moved


async def test_what_cannot_be_moved_is_said(two: Hub) -> None:
    with pytest.raises(NotFound):
        await move_facility(two, "tests", "nowhere", 2, lambda *_: None)
    with pytest.raises(BadRequest, match="not on shard 3"):
        await move_facility(two, "tests", "w1", 3, lambda *_: None)
    async with two.database.transaction() as central:
        assert (await shard_map.begin_move(central, "w1", 1, 9)).target == 9
    with pytest.raises(BadRequest, match="another shard"):
        await move_facility(two, "tests", "w1", 2, lambda *_: None)


async def test_nobody_serves_a_facility_between_the_two(two: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = await fill(two)

    async def end(_self: object) -> None:
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr("hub.relocating._Relocation._take", end)
        with pytest.raises(Ended):
            await move_facility(two, "tests", "w1", 2, lambda *_: None)
    with pytest.raises(FacilityMoved):
        await authorised(two, credentials)
    with pytest.raises(FacilityMoved):
        await invite(two, "w1", "clinic", None, "tests")
    with pytest.raises(FacilityMoved):
        await add_user(two, LOCAL, "esi", "midwife", "a long password", "w1")
    await relocating.go_on(two)
    place, _ = await authorised(two, credentials)
    assert place.id == 2
    await add_user(two, LOCAL, "esi", "midwife", "a long password", "w1")


async def test_two_facilities_that_use_one_id_stay_two(two: Hub) -> None:
    """On the new shard somebody else's record has the usual key."""
    await facilities.add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    first, second = two.shards.at(1), two.shards.at(2)
    bodies = {SCOPE: (first, "Ama"), "facility/w3": (second, "Esi")}
    for name, (place, given) in bodies.items():
        async with place.shard() as shard:
            (scope,) = await shard.named_scopes([name])
            await put(
                place, shard, scope, [{"resourceType": "Patient", "id": "1", "name": [{"given": [given]}]}], NOW_MS
            )
    before = await scope_at(first)
    await move_facility(two, "tests", "w1", 2, lambda *_: None)
    async with second.shard() as shard:
        for name, given in ((SCOPE, "Ama"), ("facility/w3", "Esi")):
            (scope,) = await shard.named_scopes([name])
            (row,) = await shard.scan_scope(scope.id, 0, 10)
            shown = States(second).open(scope, row.rkey, row.state).elements
            assert any(given.encode() in (one.shown.value or b"") for one in shown.values())
    assert (await scope_at(second)).digest == before.digest


async def test_who_was_held_up_takes_nothing_that_has_moved_on(two: Hub) -> None:
    """A process that slept in the middle of a move wakes up when the facility is back, or on its way again."""
    credentials = await fill(two)
    before, feed = await scope_at(two.shards.at(1)), await feed_of(two.shards.at(1))
    async with two.database.transaction() as central:
        sleeping = relocating._Relocation(two, await shard_map.begin_move(central, "w1", 1, 2))
    assert await relocating.go_on(two) == 1
    await check_moved(two, credentials, before, feed)
    await sleeping._take()
    await sleeping._clear()
    await check_moved(two, credentials, before, feed)
    await move_facility(two, "tests", "w1", 1, lambda *_: None)
    await sleeping._take()
    await sleeping._clear()
    first, second = two.shards.at(1), two.shards.at(2)
    assert ((await scope_at(first)).home, (await scope_at(second)).home) == (None, 1)
    assert await feed_of(first) == feed
    async with first.transaction() as connection:
        assert await rebuild_digest(connection, (await scope_at(first)).id) == before.digest


async def test_a_copy_is_made_anew_when_its_home_went_back_and_what_others_point_to_stays(
    two: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.mirroring.POINTERS_A_SLICE", 7)
    monkeypatch.setattr(relocating, "LITTLE", 5)
    await facilities.add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    first, second = two.shards.at(1), two.shards.at(2)
    async with second.shard() as shard:
        (w3,) = await shard.named_scopes(["facility/w3"])
        await put(second, shard, w3, [{"resourceType": "Patient", "id": "guest", "active": True}], NOW_MS)
    await fill(two)
    assert (await move_patient(second, "guest", SCOPE)).resources == 1  # a stub stays at the second
    await deliver(second)
    async with two.database.transaction() as central:
        move = relocating._Relocation(two, await shard_map.begin_move(central, "w1", 1, 2))
    assert await move._begin()
    while not await move._slice(lambda *_: None):
        continue
    async with first.transaction() as connection:  # as if the last commits had been lost, and others made since
        scope = await scope_at(first)
        await connection.execute("UPDATE scope SET seq = seq - 20 WHERE id = $1", scope.id)
        await connection.execute("DELETE FROM feed WHERE scope = $1 AND seq > $2", scope.id, scope.seq - 20)
        rows = "SELECT key FROM resource WHERE scope = $1 AND key NOT IN (SELECT key FROM feed WHERE scope = $1)"
        lost = await connection.fetch(f"DELETE FROM resource WHERE key IN ({rows}) RETURNING hash", scope.id)
        total = sum(int.from_bytes(row["hash"], "big") for row in lost)
        digest = ((scope.digest - total) % (1 << 128)).to_bytes(16, "big")
        await connection.execute("UPDATE scope SET digest = $2 WHERE id = $1", scope.id, digest)
        await connection.execute(
            "INSERT INTO lineage (scope, epoch, start_seq) VALUES ($1, 77, $2)", scope.id, scope.seq - 20
        )
        await connection.execute("UPDATE scope SET epoch = 77 WHERE id = $1", scope.id)
    before = await scope_at(first)
    assert await relocating.go_on(two) == 1
    after = await scope_at(second)
    assert (after.seq, after.epoch, after.digest, after.home) == (before.seq, 77, before.digest, None)
    async with second.transaction() as connection:
        assert await rebuild_digest(connection, after.id) == before.digest
        dangling = "SELECT count(*) FROM feed WHERE NOT EXISTS (SELECT FROM resource WHERE resource.key = feed.key)"
        assert await connection.fetchval(dangling) == 0


async def test_presences_hold_what_is_added_on_another_shard(two: Hub) -> None:
    code = (await invite(two, "w1", "pop", None, "tests")).code
    enrolled = await enroll(two, EnrollRequest(code), "", NOW_MS)
    await facilities.add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    async with two.shards.at(1).transaction() as connection:
        held = {scope.name for scope in await scopes_of_node(connection, enrolled.node)}
    assert held == {"facility/w1", "facility/w2", "facility/w3", "region/west", "global"}


async def test_a_shard_that_is_away_holds_up_nobody_whom_another_knows(
    two: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await facilities.add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    enrolled = await enroll(two, EnrollRequest((await invite(two, "w3", "clinic", None, "tests")).code), "", NOW_MS)
    credentials = f"Bearer {enrolled.node}.{enrolled.secret}"
    first, real = two.shards.at(1), Place.transaction
    never = asyncio.Event()

    @asynccontextmanager
    async def transaction(place: Place) -> AsyncIterator[Connection]:
        if place is first:
            await never.wait()
        async with real(place) as connection:
            yield connection

    monkeypatch.setattr(Place, "transaction", transaction)
    async with asyncio.timeout(30):
        place, _ = await authorised(two, credentials)
    assert place.id == 2
