"""Patients move between facilities of several shards, and facilities between shards: late words and news find the way."""

from typing import Any

import msgspec
import pytest

from hub import counting, relocating, telling
from hub.authoring import put
from hub.clues import body_of
from hub.errors import Busy
from hub.facilities import add_facility
from hub.ingest import Ingest
from hub.moving import move_patient
from hub.places import Place
from hub.pushed import Speaker
from hub.referring import carry_out
from hub.relayed import Relayed
from hub.relaying import deliver, take
from hub.relocating import move_facility
from hub.runtime import Hub
from hub.states import NOTHING, States
from hub.store import copying
from hub.store.nodes import IncarnationRow
from hub.store.scopes import rebuild_digest
from sync_protocol import elements, frame
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource
from tests.hub.conftest import NOW_MS
from tests.hub.test_relaying import node, record_at, said_by, scope_of

LIFE = 21


async def say(place: Place, facility: str, part: Resource, life: int = LIFE) -> None:
    """A node of a facility says this, where the facility is at home."""
    async with place.shard() as shard:
        scopes = await shard.named_scopes([f"facility/{facility}"])
        await shard.write_incarnations([IncarnationRow(life, "n-late", 0, 0, 0, b"", 1)])
        ingest = Ingest(place, shard)
        speaker = Speaker(node("n-late"), life, frozenset({life}), scopes, home=scopes[0].id)
        await ingest.take([(speaker, [part])])
        await ingest.write()
        await ingest.publish()


async def settle(hub: Hub) -> None:
    for place in (*hub.shards, *hub.shards):
        await deliver(place)


@pytest.fixture
async def nation(two: Hub) -> Hub:
    """w1 and w2 are on the first shard, w3 on the second. Patient/p came from w2 to w1."""
    await add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    first = two.shards.at(1)
    w2 = await scope_of(first, "facility/w2")
    async with first.shard() as shard:
        await put(first, shard, w2, [{"resourceType": "Patient", "id": "p", "name": [{"text": "Ama"}]}], NOW_MS)
    await move_patient(first, "p", "facility/w1")
    return two


@pytest.mark.parametrize("speaker", ["w1", "w2"])
async def test_a_shard_to_which_a_facility_came_back_knows_who_left_it_meanwhile(nation: Hub, speaker: str) -> None:
    first, second = nation.shards.at(1), nation.shards.at(2)
    await move_facility(nation, "tests", "w1", 2, lambda *_: None)
    await move_patient(second, "p", "facility/w3")
    await move_facility(nation, "tests", "w1", 1, lambda *_: None)
    about = said_by(LIFE, 1, b'{"subject":{"reference":"Patient/p"}}')
    await say(first, speaker, Resource("Patient", "p", {"gender": said_by(LIFE, 2, b'{"gender":"female"}')}))
    await say(first, speaker, Resource("Observation", "o", {"subject": about}))
    await settle(nation)
    assert (await record_at(second, "facility/w3", "Patient/p")).elements[
        "gender"
    ].shown.value == b'{"gender":"female"}'
    assert (await record_at(second, "facility/w3", "Observation/o")).elements["subject"] == about
    w1 = await scope_of(first, "facility/w1")
    async with first.transaction() as connection:
        assert await rebuild_digest(connection, w1.id) == w1.digest
        assert await connection.fetchval("SELECT count(*) FROM resource WHERE scope = $1", w1.id) == 0


async def test_who_comes_back_by_another_shard_than_she_went_to_is_here_again(nation: Hub) -> None:
    """From w1 to the second shard, from there to a third, from there to w1: what stands for her here says that she is on the second."""
    first, second = nation.shards.at(1), nation.shards.at(2)
    await move_patient(first, "p", "facility/w3")
    await settle(nation)
    packed = frame.encode([await record_at(second, "facility/w3", "Patient/p")])
    were = ["facility/on-the-third", "facility/w3", "facility/w1", "facility/w2"]
    await take(first, b"m" * 16, Relayed("moved", "facility/w1", packed, former=[were]), 3)
    assert (await record_at(first, "facility/w1", "Patient/p")).elements
    w1 = await scope_of(first, "facility/w1")
    async with first.transaction() as connection:
        assert await rebuild_digest(connection, w1.id) == w1.digest != 0
        assert await connection.fetchval("SELECT count(*) FROM relay") == 0
        assert await connection.fetchval("SELECT count(*) FROM resource WHERE scope = $1", w1.id) == 1


async def test_a_record_that_is_here_is_not_taken_for_what_stayed_of_one_that_comes(nation: Hub) -> None:
    """It stands in a scope that the other had been in, under the same name: then it is somebody else, and keeps hers."""
    first = nation.shards.at(1)
    w2 = await scope_of(first, "facility/w2")
    async with first.shard() as shard:
        await put(first, shard, w2, [{"resourceType": "Patient", "id": "q", "gender": "female"}], NOW_MS)
    packed = frame.encode([Resource("Patient", "q", {"birthDate": said_by(LIFE, 1, b'{"birthDate":"1990-02-03"}')})])
    await take(first, b"m" * 16, Relayed("moved", "facility/w1", packed, former=[["facility/w2"]]), 2)
    assert set((await record_at(first, "facility/w2", "Patient/q")).elements) == {"gender"}
    assert set((await record_at(first, "facility/w1", "Patient/q")).elements) == {"birthDate"}


async def test_what_goes_to_another_shard_has_arrived_once(nation: Hub) -> None:
    """How late clinics write things down is told by when it first came to the hub."""
    first, second = nation.shards.at(1), nation.shards.at(2)
    visit = {
        "resourceType": "Encounter",
        "id": "v",
        "status": "finished",
        "subject": {"reference": "Patient/p"},
        "period": {"start": "2020-05-01"},
    }
    await say(first, "w1", written(1, visit))

    async def arrived() -> list[int]:
        async with first.transaction() as one, second.transaction() as other:
            return [await at.fetchval("SELECT coalesce(sum(n), 0) FROM arrival") for at in (one, other)]

    assert await arrived() == [1, 0]
    await move_patient(first, "p", "facility/w3")
    await settle(nation)
    assert (await record_at(second, "facility/w3", "Encounter/v")).elements
    assert await arrived() == [1, 0]
    await move_patient(second, "p", "facility/w1")
    await settle(nation)
    assert (await record_at(first, "facility/w1", "Encounter/v")).elements
    assert await arrived() == [1, 0]


def written(counter: int, body: dict[str, Any], present: Resource | None = None) -> Resource:
    """A resource as a clinic's node writes it."""
    stamp = Stamp(LIFE, counter, NOW_MS + counter, NOW_MS + counter, "ama", "midwife")
    after, _ = elements.write(present, present, elements.parse(msgspec.json.encode(body)), body["id"], stamp)
    return after


def order(number: int, facility: str, status: str = "active", present: Resource | None = None) -> Resource:
    """A referral of Patient/p."""
    category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
    said = {"intent": "order", "status": status, "category": category, "subject": {"reference": "Patient/p"}}
    to = [{"reference": f"Organization/{facility}"}]
    body = {"resourceType": "ServiceRequest", "id": f"r{number}", **said, "performer": to}
    return written(number + 10 * (present is not None), body, present)


async def carried_out(hub: Hub) -> None:
    for place in (*hub.shards, *hub.shards):
        await carry_out(place, NOW_MS)
        await deliver(place)


async def notices_of(hub: Hub, at: int, facility: str) -> list[tuple[str, str, str]]:
    """What a facility has been told: about which referral, the reason, and how that stands."""
    place = hub.shards.at(at)
    scope = await scope_of(place, f"facility/{facility}")
    async with place.shard() as shard:
        rows = await shard.scan_scope(scope.id, 0, 1000)
    bodies = [body_of(States(place).open(scope, row.rkey, row.state)) for row in rows if row.hash != NOTHING]
    return sorted(
        (one["basedOn"][0]["reference"], one["reasonCode"][0]["coding"][0]["code"], one["status"])
        for one in bodies
        if one["resourceType"] == "Communication"
    )


async def where(hub: Hub) -> str:
    """The facility whose patient p is."""
    found: list[str] = []
    for place in hub.shards:
        async with place.transaction() as connection:
            query = "SELECT name FROM resource JOIN scope ON scope.id = scope WHERE rkey = $1 AND hash <> $2"
            found += [row[0] for row in await connection.fetch(query, hub.keys.resource_key("Patient/p"), NOTHING)]
    (name,) = found
    return name.removeprefix("facility/")


async def test_who_referred_her_to_another_shard_is_told_what_became_of_it(nation: Hub) -> None:
    first, second = nation.shards.at(1), nation.shards.at(2)
    await say(first, "w1", order(1, "w3"))
    await carried_out(nation)
    assert await where(nation) == "w3"
    assert await notices_of(nation, 1, "w1") == [("ServiceRequest/r1", "referral", "in-progress")]
    request = await record_at(second, "facility/w3", "ServiceRequest/r1")
    await say(second, "w3", order(1, "w3", "completed", request))
    await carried_out(nation)
    assert await notices_of(nation, 1, "w1") == [("ServiceRequest/r1", "referral", "completed")]
    assert await notices_of(nation, 2, "w3") == []


async def test_the_same_when_who_referred_her_has_moved_there_meanwhile(nation: Hub) -> None:
    first, second = nation.shards.at(1), nation.shards.at(2)
    await say(first, "w1", order(1, "w3"))
    await carried_out(nation)
    await move_facility(nation, "tests", "w1", 2, lambda *_: None)
    request = await record_at(second, "facility/w3", "ServiceRequest/r1")
    await say(second, "w3", order(1, "w3", "revoked", request))
    await carried_out(nation)
    assert await notices_of(nation, 2, "w1") == [("ServiceRequest/r1", "referral", "not-done")]


@pytest.mark.parametrize("target", ["w2", "w4"])
async def test_a_second_referral_moves_nobody_from_where_the_first_sent_her(nation: Hub, target: str) -> None:
    """It goes along with her, and is still the first clinic's: who is told at home."""
    await add_facility(nation, "tests", "w4", "Clinic w4", "west", NOW_MS, 2)
    first = nation.shards.at(1)
    await say(first, "w1", order(1, "w3"))
    await say(first, "w1", order(2, target))
    await carried_out(nation)
    assert await where(nation) == "w3"
    wanted = [("ServiceRequest/r1", "referral", "in-progress"), ("ServiceRequest/r2", "elsewhere", "not-done")]
    assert await notices_of(nation, 1, "w1") == wanted


async def test_a_clinic_that_she_has_left_refers_her_no_more(nation: Hub) -> None:
    """As on one shard (`hub.referring`): nothing happens, and nobody is told."""
    first, second = nation.shards.at(1), nation.shards.at(2)
    await add_facility(nation, "tests", "w4", "Clinic w4", "west", NOW_MS, 2)
    await move_patient(first, "p", "facility/w3")
    await say(first, "w1", order(1, "w4"))
    await settle(nation)
    await carried_out(nation)
    assert await where(nation) == "w3"
    async with second.transaction() as connection:
        assert await connection.fetchval("SELECT state FROM referral") == "elsewhere"
    assert await notices_of(nation, 1, "w1") == []


@pytest.mark.parametrize("counting_at", [1, 2])
async def test_a_facility_is_not_handed_over_while_records_are_counted_anew(nation: Hub, counting_at: int) -> None:
    """Its counts would be half of what they are, or twice."""
    second, counting_place = nation.shards.at(2), nation.shards.at(counting_at)
    assert await counting.begin(counting_place, anew=True)
    with pytest.raises(Busy, match="counted anew"):
        await move_facility(nation, "tests", "w1", 2, lambda *_: None)
    while await counting.recount(counting_place):
        pass
    assert await relocating.go_on(nation) == 1
    w1 = await scope_of(second, "facility/w1")
    async with second.transaction() as connection:
        assert await connection.fetchval("SELECT sum(n) FROM fact WHERE kind = 'patient' AND scope = $1", w1.id) == 1


async def test_a_notice_is_not_written_to_where_its_facility_is_being_copied_to(nation: Hub) -> None:
    first = nation.shards.at(1)
    scope = await scope_of(first, "facility/w1")
    notice = {"resourceType": "Communication", "id": "moved-r1", "status": "in-progress"}
    async with first.shard() as shard:
        await put(first, shard, scope, [notice], NOW_MS)
    async with first.transaction() as connection:
        await copying.set_home(connection, scope.id, 2)
    async with first.shard() as shard:
        (row,) = await shard.lock_present([nation.keys.resource_key("Patient/p")])
        await telling.end(first, shard, row.key, "moved-r1", "completed", NOW_MS)
    present = await record_at(first, "facility/w1", "Communication/moved-r1")
    assert present.elements["status"].shown.value == b'{"status":"in-progress"}'


async def test_what_is_carried_to_a_shard_that_she_has_left_again_is_carried_on(nation: Hub) -> None:
    first, second = nation.shards.at(1), nation.shards.at(2)
    await move_patient(first, "p", "facility/w3")
    await deliver(first)
    late = {"birthDate": said_by(LIFE, 1, b'{"birthDate":"1990-02-03"}')}
    await say(first, "w1", Resource("Patient", "p", late))
    await move_patient(second, "p", "facility/w2")
    await deliver(second)
    second.sends = False
    await deliver(first)
    assert second.sends, "nobody else would look for it before the next round"
    await deliver(second)
    p = await record_at(first, "facility/w2", "Patient/p")
    assert p.elements["birthDate"].shown.value == b'{"birthDate":"1990-02-03"}'
