"""A referral admits her at the receiving clinic by itself: once, in the order in which they were written, and never from elsewhere."""

from typing import Any

import msgspec
import pytest

from hub.errors import SealBroken
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from tests.simulation.arrivals import ADAEZE, SUBJECT, arrivals, the_one
from tests.simulation.conftest import MakeScript
from tests.simulation.scripted import Script


@pytest.fixture
def world(script: MakeScript) -> Script:
    return arrivals(script)


def referral(facility: str, **members: Any) -> dict[str, Any]:
    category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
    performer = [{"reference": f"Organization/{facility}"}]
    said = {"intent": "order", "status": "active", "category": category, "performer": performer}
    return {**SUBJECT, **said, **members}


def told_of(world: Script, edge: str) -> list[str]:
    """Of whom the hub's notices to an edge speak."""
    store = world.edges[edge].store
    assert store is not None
    return sorted(msgspec.json.decode(body)["about"][0]["display"] for body in store.export("Communication"))


def state(world: Script) -> list[str]:
    return [row.state for _, row in sorted(world.hub.hub.tables.referrals.items())]


def test_a_referral_admits_her_at_the_receiving_clinic(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    assert world.body("b", "ServiceRequest/r") is not None
    assert world.body("a", "Patient/p") is None
    assert world.notices("a") == [("in-progress", "moved", "referral")]
    assert state(world) == ["moved"]
    world.check()


def test_her_arrival_is_told_to_who_sent_her(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.carry_out()
    world.sync("b")
    world.write("b", "ServiceRequest/r", **referral("f1", status="completed"))
    world.sync("b")
    world.carry_out()
    world.sync("a")
    assert world.notices("a") == [("completed", "moved", "referral")]
    assert state(world) == ["ended"]
    world.check()


def test_one_referral_moves_her_once(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.carry_out()
    world.move("p", "f0")
    world.sync("a", "b")
    world.write("a", "ServiceRequest/r", **referral("f1", priority="urgent"))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    world.check()


def test_what_a_hub_did_not_get_to_its_next_process_does(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.hub.restart()
    world.carry_out()
    world.sync("b")
    assert world.body("b", "Patient/p") == ADAEZE


def test_a_referral_that_fails_waits_behind_the_others_and_is_tried_again(
    world: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    with monkeypatch.context() as broken:

        async def fail(*_: Any) -> None:
            raise SealBroken

        broken.setattr("hub.referring.bring", fail)
        world.carry_out()
    assert state(world) == ["waiting"]
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    world.carry_out()
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    world.check()


def test_of_two_referrals_the_first_moves_her_and_the_other_is_told(world: Script) -> None:
    world.hub.hub.add_facility("f3")
    world.write("a", "ServiceRequest/r1", **referral("f1"))
    world.world.now_ms += 1
    world.write("a", "ServiceRequest/r2", **referral("f3"))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert sorted(state(world)) == ["elsewhere", "moved"]
    assert {(status, kind) for status, kind, _ in world.notices("a")} == {
        ("in-progress", "moved"),
        ("not-done", "referral-left"),
    }
    assert told_of(world, "a") == ["Adaeze Okafor"] * 2
    assert world.body("b", "Patient/p") == ADAEZE


def test_the_clinic_that_she_left_refers_her_no_more(world: Script) -> None:
    world.hub.hub.add_facility("f3")
    world.admit("b", the_one(world).token)
    world.write("a", "ServiceRequest/late", **referral("f3"))
    world.sync("a", "b")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    assert state(world) == ["elsewhere"]
    assert world.notices("a") == [("completed", "moved", "here")]
    world.check()


def test_a_clinic_cannot_refer_somebody_else_s_patient_to_itself(world: Script) -> None:
    world.write("b", "ServiceRequest/r", **referral("f1"))
    world.sync("b")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.body("b", "Patient/p") is None
    assert state(world) == ["elsewhere"]
    assert told_of(world, "b") == ["A patient without a name"]  # whose ids can be guessed is not told by name
    world.check()


def test_a_clinic_that_refers_its_own_patient_of_a_shared_id_is_told_of_her_and_not_of_the_other(world: Script) -> None:
    world.write("b", "Patient/p", birthDate="1950-05-06", name=[{"text": "Kwame Mensah"}])
    world.write("b", "ServiceRequest/r", **referral("f0"))
    world.sync("b")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.notices("b") == [("not-done", "referral-left", "id-shared")]
    assert told_of(world, "b") == ["Kwame Mensah"]
    assert told_of(world, "a") == []


def test_two_referrals_of_one_id_are_told_each_at_home(world: Script) -> None:
    world.write("b", "Patient/k", birthDate="1950-05-06", name=[{"text": "Kwame Mensah"}])
    world.write("b", "ServiceRequest/r", **referral("nowhere", subject={"reference": "Patient/k"}))
    world.write("a", "ServiceRequest/r", **referral("nowhere"))
    world.sync("a", "b")
    world.carry_out()
    world.sync("a", "b")
    assert told_of(world, "a") == ["Adaeze Okafor"]
    assert told_of(world, "b") == ["Kwame Mensah"]


@pytest.mark.parametrize("ended", ["revoked", "deleted"])
def test_a_referral_that_was_taken_back_in_time_moves_nobody(world: Script, ended: str) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    if ended == "deleted":
        world.delete("a", "ServiceRequest/r")
    else:
        world.write("a", "ServiceRequest/r", **referral("f1", status="revoked"))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert state(world) == ["revoked"]
    assert world.notices("a") == []
    world.check()


def test_a_referral_that_is_taken_back_too_late_is_told_and_leaves_her_where_she_is(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.carry_out()
    world.write("a", "ServiceRequest/r", **referral("f1", status="revoked"))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    assert world.notices("a") == [("not-done", "moved", "referral")]
    world.check()


@pytest.mark.parametrize(("facility", "reason"), [("nowhere", "no-such-facility"), ("f2", "another-region")])
def test_a_referral_that_leads_nowhere_is_left_and_told(world: Script, facility: str, reason: str) -> None:
    world.write("a", "ServiceRequest/r", **referral(facility))
    world.sync("a")
    world.carry_out()
    world.sync("a", "b", "c")
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.notices("a") == [("not-done", "referral-left", reason)]
    assert state(world) == [reason]
    world.check()


def test_a_referral_to_a_clinic_that_uses_her_id_is_left_and_told(world: Script) -> None:
    world.write("b", "Patient/p", birthDate="1950-05-06")
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("b", "a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.notices("a") == [("not-done", "referral-left", "id-shared")]


@pytest.mark.parametrize(
    "said",
    [
        referral("f1", status="draft"),
        referral("f1", intent="proposal"),
        referral("f1", category=[{"coding": [{"system": SNOMED, "code": "108252007"}]}]),
        referral("f1", performer=[{"reference": "Practitioner/f1"}]),
        referral("f1", performer=[{"reference": "Organization/f1"}, {"reference": "Organization/f0"}]),
        referral("f1", subject={"reference": "Group/p"}),
    ],
)
def test_other_orders_move_nobody(world: Script, said: dict[str, Any]) -> None:
    world.write("a", "ServiceRequest/r", **said)
    world.sync("a")
    world.carry_out()
    assert state(world) == []


def test_a_referral_for_who_is_there_already_is_done(world: Script) -> None:
    world.write("a", "ServiceRequest/r", **referral("f0"))
    world.sync("a")
    world.carry_out()
    assert state(world) == ["there"]


def test_a_referral_that_a_hub_had_lost_moves_nobody(world: Script) -> None:
    """She may have come back since; nobody remembers."""
    before, known = world.hub.hub.tables.snapshot(), set(world.hub.known)
    world.write("a", "ServiceRequest/r", **referral("f1"))
    world.sync("a")
    world.hub.go_back(before, known)
    world.sync("a")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert state(world) in ([], ["recovered"])
    world.check()
