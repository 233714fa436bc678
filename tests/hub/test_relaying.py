"""What one shard tells another: whole, in order, and nothing that waits is forgotten."""

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from hub import relayed
from hub.authoring import put
from hub.facilities import add_facility
from hub.ingest import Ingest
from hub.moving import move_patient
from hub.places import Place
from hub.pushed import Speaker
from hub.relaying import deliver
from hub.relocating import move_facility
from hub.runtime import Hub
from hub.states import States
from hub.store import relay
from hub.store.nodes import IncarnationRow, NodeRow
from hub.store.scopes import ScopeRow, rebuild_digest
from hub.upkeep import carry_over
from sync_protocol import bounds, frame
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.hub.conftest import NOW_MS

A, B = 11, 12
"""Lives of two nodes of w1."""


def said_by(node: int, counter: int, value: bytes, seen: dict[int, int] | None = None) -> Register:
    stamp = Stamp(node, counter, NOW_MS, NOW_MS, "ama", "midwife")
    return Register((Sibling(stamp, value),), {**(seen or {}), node: counter})


def observation(**elements: Register) -> Resource:
    about = {"subject": said_by(A, 1, b'{"subject":{"reference":"Patient/p"}}')}
    return Resource("Observation", "o", {**about, **elements})


def node(name: str) -> NodeRow:
    return NodeRow(name, "w1", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)


async def scope_of(place: Place, name: str) -> ScopeRow:
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes([name])
    return scope


async def push(place: Place, who: str, life: int, parts: Sequence[Resource]) -> None:
    """A node of w1 says this."""
    async with place.shard() as shard:
        scopes = await shard.named_scopes(["facility/w1"])
        await shard.write_incarnations([IncarnationRow(life, who, 0, 0, 0, b"", 1)])
        ingest = Ingest(place, shard)
        await ingest.take([(Speaker(node(who), life, frozenset({life}), scopes), parts)])
        await ingest.write()
        await ingest.publish()


async def parked_at(place: Place) -> int:
    async with place.transaction() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM parked"))


def test_a_message_is_no_larger_than_a_frame_may_be() -> None:
    """A photograph's parts are half a megabyte each, and do not compress."""
    big = [
        Resource(
            "Binary",
            f"b{number}",
            {"data": said_by(A, number + 1, b'{"data":"%s"}' % os.urandom(250_000).hex().encode())},
        )
        for number in range(2 * bounds.FRAME_BYTES_MAX // 250_000)
    ]
    cut = relayed.frames(big)
    assert [one.name for some, _ in cut for one in some] == [one.name for one in big]
    assert len(cut) > 1
    assert all(len(packed) <= bounds.FRAME_BYTES_MAX for _, packed in cut)
    assert [one for _, packed in cut for one in frame.decode(packed)] == big


@pytest.fixture
async def region(two: Hub) -> Hub:
    """Patient/p is a patient of w1; w3 is on the other shard."""
    first = two.shards.at(1)
    scope = await scope_of(first, "facility/w1")
    async with first.shard() as shard:
        await put(first, shard, scope, [{"resourceType": "Patient", "id": "p", "name": [{"text": "Ama"}]}], NOW_MS)
    await add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    return two


async def test_what_waits_for_a_record_that_is_elsewhere_waits_there(region: Hub) -> None:
    first, second = region.shards.at(1), region.shards.at(2)
    # B has seen A's value, and A's frame has not come yet.
    await push(first, "n-b", B, [observation(status=said_by(B, 1, b'{"status":"amended"}', {A: 2})).part(["status"])])
    assert await parked_at(first) == 1
    assert (await move_patient(first, "p", "facility/w3")).resources == 1
    await push(first, "n-a", A, [observation(status=said_by(A, 2, b'{"status":"final"}'))])
    assert await parked_at(first) == 0
    await deliver(first)
    assert await parked_at(second) == 0
    scope = await scope_of(second, "facility/w3")
    async with second.shard() as shard:
        rows = await shard.lock_present([region.keys.resource_key("Observation/o")])
    (here,) = rows
    record = States(second).open(scope, here.rkey, here.state)
    assert [one.value for one in record.elements["status"].siblings] == [b'{"status":"amended"}']


async def test_that_something_waits_for_another_shard_is_known_when_it_is_committed(region: Hub) -> None:
    first = region.shards.at(1)
    await move_patient(first, "p", "facility/w3")
    assert first.sends
    await deliver(first)
    assert not first.sends
    scope = await scope_of(first, "facility/w3")
    speaker = Speaker(node("n-a"), A, frozenset({A}), [scope], home=scope.id)

    async def say() -> None:
        async with first.shard() as shard:
            await shard.send(relayed.said(first, scope, speaker, [], [observation()]))
            assert not first.sends, "whoever looked now would find nothing, and nobody would look again"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await say()
    assert not first.sends


async def record_at(place: Place, scope: str, name: str) -> Resource:
    """A record as it stands in a scope, by either of its keys."""
    found = await scope_of(place, scope)
    async with place.shard() as shard:
        keys = [place.keys.resource_key(name), place.keys.own_key(scope, name)]
        (row,) = [row for row in await shard.lock_present(keys) if row.scope == found.id]
    return States(place).open(found, row.rkey, row.state)


async def waiting_at(place: Place) -> int:
    async with place.transaction() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM relay"))


async def damage(place: Place) -> None:
    async with place.transaction() as connection:
        await connection.execute("UPDATE relay SET body = set_byte(body, 40, 255 - get_byte(body, 40))")


async def write_as_a_newer_program(place: Place) -> None:
    """What waits is of a kind that there is not yet."""
    w3 = await scope_of(place, "facility/w3")
    async with place.transaction() as connection:
        (one,) = await relay.waiting(connection, 2, 0, 2)
        known = msgspec.to_builtins(relayed.read(place, w3, one))
        body = States(place).resealed(w3, one.id, msgspec.msgpack.encode({**known, "kind": "of a later day"}))
        await connection.execute("UPDATE relay SET body = $1", body)


@pytest.mark.parametrize("spoil", [damage, write_as_a_newer_program])
async def test_what_nobody_can_take_holds_up_nothing_behind_it(
    region: Hub, spoil: Callable[[Place], Awaitable[None]]
) -> None:
    first, second = region.shards.at(1), region.shards.at(2)
    assert (await move_patient(first, "p", "facility/w3")).resources == 1
    await spoil(first)
    await push(first, "n-a", A, [observation(status=said_by(A, 2, b'{"status":"final"}'))])
    await deliver(first)
    assert (await record_at(second, "facility/w3", "Observation/o")).elements["status"].shown.value
    assert await waiting_at(first) == 1  # it is not forgotten


async def test_what_was_on_its_way_finds_a_facility_that_came_to_where_it_was_said(region: Hub) -> None:
    """The facility moves here before the message left."""
    first = region.shards.at(1)
    assert (await move_patient(first, "p", "facility/w3")).resources == 1
    await push(first, "n-a", A, [observation(status=said_by(A, 2, b'{"status":"final"}'))])
    assert await waiting_at(first) == 2
    await move_facility(region, "tests", "w3", 1, lambda *_: None)
    assert await waiting_at(first) == 0
    assert (await record_at(first, "facility/w3", "Patient/p")).elements
    assert (await record_at(first, "facility/w3", "Observation/o")).elements["status"].shown.value
    w3 = await scope_of(first, "facility/w3")
    async with first.transaction() as connection:
        assert await rebuild_digest(connection, w3.id) == w3.digest
        counted = "SELECT sum(n) FROM fact WHERE kind = 'patient' AND scope = $1"
        assert await connection.fetchval(counted, w3.id) == 1


async def test_of_two_records_under_one_id_each_is_where_it_was(region: Hub) -> None:
    """Where she had been before gives the clinics there a say in her record, and in nobody else's of that id."""
    first, second = region.shards.at(1), region.shards.at(2)
    await add_facility(region, "tests", "w4", "Clinic w4", "west", NOW_MS, 2)
    w4 = await scope_of(second, "facility/w4")
    async with second.shard() as shard:
        await put(second, shard, w4, [{"resourceType": "Patient", "id": "p", "name": [{"text": "Esi"}]}], NOW_MS)
    assert (await move_patient(first, "p", "facility/w3")).resources == 1
    await deliver(first)
    w1 = await scope_of(second, "facility/w1")
    async with second.transaction() as connection:
        rows = await connection.fetch("SELECT key, scope FROM resource WHERE scope = ANY($1)", [w4.id])
        assert await connection.fetchval("SELECT count(*) FROM former WHERE key = $1", rows[0]["key"]) == 0
        assert await connection.fetchval("SELECT count(*) FROM former WHERE scope = $1", w1.id) == 1
    assert b"Ama" in b"".join(
        one.shown.value or b"" for one in (await record_at(second, "facility/w3", "Patient/p")).elements.values()
    )


async def test_a_presence_may_say_something_of_who_came_here_from_another_shard(region: Hub) -> None:
    """It wrote where she was, and is told by the other shard to let go there."""
    first, second = region.shards.at(1), region.shards.at(2)
    async with second.shard() as shard:
        (w3,) = await shard.named_scopes(["facility/w3"])
        await put(second, shard, w3, [{"resourceType": "Patient", "id": "guest", "active": True}], NOW_MS)
    assert (await move_patient(second, "guest", "facility/w1")).resources == 1
    await deliver(second)
    about = said_by(A, 1, b'{"subject":{"reference":"Patient/guest"}}')
    async with first.shard() as shard:
        scopes = await shard.named_scopes(["facility/w1", "facility/w3"])
        await shard.write_incarnations([IncarnationRow(A, "n-a", 0, 0, 0, b"", 1)])
        speaker = Speaker(node("n-a"), A, frozenset({A}), scopes)
        speaker.place("Observation/g", "facility/w3")
        ingest = Ingest(first, shard)
        await ingest.take([(speaker, [Resource("Observation", "g", {"subject": about})])])
        await ingest.write()
        await ingest.publish()
    assert (await record_at(first, "facility/w1", "Observation/g")).elements["subject"] == about


async def test_what_a_region_shares_is_on_its_other_shards_with_what_is_carried_over(region: Hub) -> None:
    """Written where it is at home, it is nobody's message; without a word of it the copies would wait for the next round."""
    first, second = region.shards.at(1), region.shards.at(2)
    first.shared = False
    mine = observation(status=said_by(A, 1, b'{"status":"final"}'))
    await push(first, "n-a", A, [mine])
    assert not first.shared, "a clinic's own records are nobody else's"
    async with first.shard() as shard:
        scopes = await shard.named_scopes(["facility/w1", "region/west"])
        speaker = Speaker(node("n-a"), A, frozenset({A}), scopes)
        ingest = Ingest(first, shard)
        named = said_by(A, 2, b'{"name":"Clinic One"}', {**(await of_organization(first)), A: 2})
        await ingest.take([(speaker, [Resource("Organization", "w1", {"name": named})])])
        await ingest.write()
        await ingest.publish()
        assert not first.shared, "whoever looked now would find nothing, and nobody would look again"
    assert first.shared
    await carry_over(first)
    assert not first.shared
    there = await record_at(second, "region/west", "Organization/w1")
    assert there.elements["name"].shown.value == b'{"name":"Clinic One"}'


async def of_organization(place: Place) -> dict[int, int]:
    """Who wrote the clinic's name, and how much of it is known."""
    present = await record_at(place, "region/west", "Organization/w1")
    return dict(present.elements["name"].context)
