"""A patient who arrives from elsewhere: found at the hub, admitted with her whole record, or referred; and who must not be found."""

from typing import Any

import pytest

from hub.candidates import VALID_MS
from hub.clues import backfill
from hub.errors import CandidateRefused, IdShared, NotFound, TooLittleKnown, TooManyQuestions
from hub.finding import DAY, HOUR
from hub.referring import PATIENT_REFERRAL, SNOMED
from sync_protocol.exchange.finding import Candidate
from tests.simulation.conftest import MakeScript
from tests.simulation.memory_shard import finish
from tests.simulation.scripted import Script

SUBJECT: dict[str, Any] = {"subject": {"reference": "Patient/p"}}
ADAEZE: dict[str, Any] = {
    "name": [{"family": "Okafor", "given": ["Adaeze"]}],
    "gender": "female",
    "birthDate": "1991-03-14",
    "telecom": [{"system": "phone", "value": "+229 97 12 34 56"}],
    "address": [{"city": "Kétou"}],
    "identifier": [{"system": "urn:card", "value": "4071 8325 9046"}],
}
ASKED: dict[str, str] = {"names": "Okafor Adaeze", "born": "1991-03-14"}
HOUR_MS, DAY_MS = (int(window.total_seconds() * 1000) for window in (HOUR, DAY))


@pytest.fixture
def world(script: MakeScript) -> Script:
    """Two clinics of a region, one of another; a patient of the first with one observation."""
    world = script({"a": "f0", "b": "f1"})
    abroad = world.hub.hub.add_node("c", "f2", region="east")
    world.add("c", abroad).begin(world.world.new_folder())
    world.write("a", "Patient/p", **ADAEZE)
    world.write("a", "Patient/q", name=[{"family": "Okafor", "given": ["Ngozi"]}], birthDate="1960-07-08")
    world.write("a", "Observation/o", **SUBJECT, valueString="1")
    world.sync("a", "b", "c")
    return world


def the_one(world: Script, edge: str = "b", **asked: str) -> Candidate:
    (found,) = world.find(edge, **(asked or ASKED)).candidates
    return found


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        {"names": "Adaese Okaphor", "born": "1991-03-14"},
        {"names": "Adaeze Okafor", "born": "1993"},
        {"names": "Unknown Person", "born": "1991-03-14", "phone": "97123456"},
        {"names": "adaeze", "phone": "00229 97123456"},
        {"names": "Adaeze Okafor", "village": "Ketou"},
        {"identifier": "407183259046"},
        {"identifier": "4071-8325-9046"},
    ],
)
def test_she_is_found_by_what_her_card_says_and_by_what_people_remember(world: Script, asked: dict[str, str]) -> None:
    found = the_one(world, **asked)
    assert (found.name, found.sex, found.born, found.village) == ("Adaeze Okafor", "female", "1991-03-14", "Kétou")
    assert (found.facility, found.alive, found.here) == ("Clinic f0", True, "")
    assert found.grade in ("certain", "probable", "possible")


def test_why_she_may_be_the_one_is_told_without_the_values(world: Script) -> None:
    found = the_one(world, **ASKED, sex="male")
    assert dict(found.why)["born"] == "day"
    assert dict(found.why)["sex"] == "other"
    assert all(how.replace(" ", "").isalnum() for _, how in found.why)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"names": "Adaeze Okafor"},
        {"names": "A", "born": "1991-03-14"},
        {"born": "1991-03-14", "village": "Kétou"},
        {"born": "1991-03-14", "sex": "female"},
        {"phone": "97123456"},
        {"identifier": "12"},
    ],
)
def test_one_detail_is_no_question(world: Script, asked: dict[str, str]) -> None:
    with pytest.raises(TooLittleKnown):
        world.find("b", **asked)
    assert world.hub.hub.tables.audit == []


def test_nobody_of_another_region_is_found(world: Script) -> None:
    assert world.find("c", **ASKED).candidates == []
    assert world.find("c", identifier="407183259046").candidates == []


def test_a_stranger_with_the_same_birth_date_is_not_told_of(world: Script) -> None:
    assert world.find("b", names="Kwame Mensah", born="1991-03-14").candidates == []


def test_her_own_clinic_is_told_her_id_and_others_are_not(world: Script) -> None:
    assert the_one(world, "a").here == "p"
    assert the_one(world, "b").here == ""


def test_who_changed_is_found_by_what_is_true_now_and_who_was_deleted_by_nothing(world: Script) -> None:
    world.write("a", "Patient/p", **{**ADAEZE, "birthDate": "1981-03-04", "telecom": []})
    world.sync("a")
    assert the_one(world, names="Adaeze Okafor", born="1981-03-04").born == "1981-03-04"
    assert world.find("b", **ASKED).candidates == []
    world.write("a", "Patient/p", **{**ADAEZE, "deceasedBoolean": True})
    world.sync("a")
    assert not the_one(world).alive
    world.delete("a", "Patient/p")
    world.sync("a")
    assert world.find("b", **ASKED).candidates == []
    assert world.find("b", identifier="407183259046").candidates == []


def test_a_question_is_written_down_without_whom_it_was_for(world: Script) -> None:
    the_one(world)
    ((_, actor, action, about),) = world.hub.hub.tables.audit
    assert (actor, action, about) == ("b", "person.find", "ama (midwife): 1")


def test_a_node_that_asks_and_asks_has_to_wait(world: Script) -> None:
    hourly, daily = world.hub.hub.settings.finds_per_hour, world.hub.hub.settings.finds_per_day
    left = [world.find("b", **ASKED).left for _ in range(hourly)]
    assert left == list(reversed(range(hourly)))
    with pytest.raises(TooManyQuestions) as refused:
        world.find("b", **ASKED)
    assert 0 < (refused.value.retry_after_seconds or 0) <= 3601
    assert world.find("a", **ASKED).left == hourly - 1
    for asked in range(hourly, daily):
        if asked % hourly == 0:
            world.world.now_ms += HOUR_MS
        world.find("b", **ASKED)
    world.world.now_ms += HOUR_MS
    with pytest.raises(TooManyQuestions) as refused:
        world.find("b", **ASKED)
    world.world.now_ms += (refused.value.retry_after_seconds or 0) * 1000
    assert world.find("b", **ASKED).candidates


# --- admitting --------------------------------------------------------------------------------------------------------


def test_she_comes_with_her_whole_record_and_her_old_clinic_is_told(world: Script) -> None:
    admitted = world.admit("b", the_one(world).token)
    assert (admitted.patient, admitted.resources, admitted.source) == ("p", 2, "Clinic f0")
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    assert world.body("b", "Observation/o") == {**SUBJECT, "valueString": "1"}
    assert world.body("a", "Patient/p") is None
    assert world.body("a", "Patient/q") is not None
    assert world.notices("a") == [("completed", "moved", "here")]
    assert world.notices("b") == []
    told = world.hub.hub.tables.audit[-1]
    assert told[1:] == ("b", "person.admit", "ama (midwife), here: 2 records from f0 to f1")
    assert the_one(world, "b").here == "p"
    world.check()


def test_admitting_her_again_changes_nothing(world: Script) -> None:
    token = the_one(world).token
    world.admit("b", token)
    world.sync("a", "b")
    seen = world.version("b", "Patient/p"), world.notices("a")
    again = world.admit("b", token)
    assert (again.patient, again.resources) == ("p", 0)
    world.sync("a", "b")
    assert (world.version("b", "Patient/p"), world.notices("a")) == seen
    world.check()


def test_who_was_not_found_by_this_user_at_this_node_is_not_admitted(world: Script) -> None:
    token = the_one(world).token
    for edge, user in (("a", "ama"), ("c", "ama"), ("b", "kofi")):
        with pytest.raises(CandidateRefused):
            world.admit(edge, token, user=user)
    for made_up in (b"", b"x" * 40, token[:-1], bytes([token[0] ^ 1]) + token[1:], token + b"x"):
        with pytest.raises(CandidateRefused):
            world.admit("b", made_up)
    world.world.now_ms += VALID_MS + 1
    with pytest.raises(CandidateRefused):
        world.admit("b", token)
    assert world.body("a", "Patient/p") == ADAEZE


def test_who_was_deleted_meanwhile_is_not_admitted(world: Script) -> None:
    token = the_one(world).token
    world.delete("a", "Patient/p")
    world.sync("a")
    with pytest.raises(NotFound):
        world.admit("b", token)


def test_who_went_to_another_region_meanwhile_is_not_admitted(world: Script) -> None:
    token = the_one(world).token
    world.move("p", "f2")
    with pytest.raises(NotFound):
        world.admit("b", token)
    assert world.find("b", **ASKED).candidates == []
    assert the_one(world, "c").here == "p"


def test_records_that_were_merged_into_hers_come_along(world: Script) -> None:
    link = {"other": {"reference": "Patient/p2"}, "type": "replaces"}
    back = {"other": {"reference": "Patient/p"}, "type": "replaced-by"}
    world.write("a", "Patient/p", **ADAEZE, link=[link])
    world.write("a", "Patient/p2", active=False, link=[back], birthDate="1991-03-14")
    world.write("a", "Observation/o2", subject={"reference": "Patient/p2"}, valueString="2")
    world.sync("a")
    assert world.admit("b", the_one(world).token).resources == 4
    world.sync("a", "b")
    assert world.body("b", "Observation/o2") is not None
    assert world.body("a", "Patient/p2") is None
    world.check()


def test_an_id_that_both_clinics_use_is_not_made_one_person(world: Script) -> None:
    """Old registers number their patients from 1: the hub keeps the two apart, and so must a node."""
    other: dict[str, Any] = {"name": [{"family": "Mensah", "given": ["Kwame"]}], "birthDate": "1950-05-06"}
    world.write("b", "Patient/p", **other)
    world.sync("b")
    with pytest.raises(IdShared):
        world.admit("b", the_one(world).token)
    (kwame,) = world.find("a", names="Kwame Mensah", born="1950-05-06").candidates
    with pytest.raises(IdShared):
        world.admit("a", kwame.token)
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.body("b", "Patient/p") == other


# --- referring --------------------------------------------------------------------------------------------------------


def referral(facility: str, **members: Any) -> dict[str, Any]:
    category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
    performer = [{"reference": f"Organization/{facility}"}]
    said = {"intent": "order", "status": "active", "category": category, "performer": performer}
    return {**SUBJECT, **said, **members}


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
    world.check()


def test_a_clinic_cannot_refer_somebody_else_s_patient_to_itself(world: Script) -> None:
    world.write("b", "ServiceRequest/r", **referral("f1"))
    world.sync("b")
    world.carry_out()
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == ADAEZE
    assert world.body("b", "Patient/p") is None
    assert state(world) == ["elsewhere"]
    world.check()


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


# --- the facilities ---------------------------------------------------------------------------------------------------


def test_every_node_has_the_names_of_its_region_s_facilities(world: Script) -> None:
    assert world.publish() == 3
    assert world.publish() == 0
    world.sync("a", "b", "c")
    for edge, own, other in (("a", "f1", "f2"), ("b", "f0", "f2"), ("c", "f2", "f0")):
        assert (world.body(edge, f"Organization/{own}") or {})["name"] == f"Clinic {own}"
        assert world.body(edge, f"Organization/{other}") is None
    world.check()


def test_a_clinic_s_own_organization_of_that_id_becomes_the_region_s(world: Script) -> None:
    world.write("a", "Organization/f1", name="What we call them", telecom=[{"value": "1"}])
    world.sync("a")
    world.publish()
    world.sync("a", "b", "c")
    for edge in ("a", "b"):
        assert (world.body(edge, "Organization/f1") or {})["name"] == "Clinic f1"
    world.check()


def test_what_was_there_before_there_were_clues_is_found_after_the_backfill(world: Script) -> None:
    world.hub.hub.tables.clues.clear()
    assert world.find("b", **ASKED).candidates == []
    while finish(backfill(world.hub.hub)):
        assert world.hub.hub.tables.backfill
    assert the_one(world).name == "Adaeze Okafor"
