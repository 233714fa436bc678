"""A patient who arrives from elsewhere: found at the hub and admitted with her whole record; and who must not be found."""

from typing import Any

import pytest
from msgspec.structs import replace

from hub.candidates import VALID_MS
from hub.clues import backfill
from hub.errors import CandidateRefused, IdShared, NotFound, TooLittleKnown, TooManyQuestions
from hub.finding import HOUR
from tests.simulation.arrivals import ADAEZE, ASKED, SUBJECT, arrivals, the_one
from tests.simulation.conftest import MakeScript
from tests.simulation.memory_shard import finish
from tests.simulation.scripted import Script
from tests.simulation.world import Crash

HOUR_MS = int(HOUR.total_seconds() * 1000)


@pytest.fixture
def world(script: MakeScript) -> Script:
    return arrivals(script)


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


@pytest.mark.parametrize(
    "asked",
    [
        {"names": "Kwame Mensah", "born": "1991-03-14"},
        {"names": "Kwame", "born": "1991-03-14", "village": "Kétou", "sex": "female"},
        {"names": "Adaeze Mensah", "born": "1990"},
    ],
)
def test_a_stranger_who_shares_a_day_a_village_or_a_name_is_not_told_of(world: Script, asked: dict[str, str]) -> None:
    assert world.find("b", **asked).candidates == []


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


def test_what_may_still_be_asked_is_told_by_the_day_too(world: Script) -> None:
    hub = world.hub.hub
    hub.settings = replace(hub.settings, finds_per_hour=3, finds_per_day=4)
    left = [world.find("b", **ASKED).left for _ in range(3)]
    world.world.now_ms += HOUR_MS
    assert [*left, world.find("b", **ASKED).left] == [2, 1, 0, 0]


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


@pytest.mark.parametrize("after", [False, True])
def test_a_hub_that_ends_while_it_admits_has_done_all_of_it_or_nothing(world: Script, after: bool) -> None:
    token = the_one(world).token
    world.hub.boundary.arm(1, after=after)
    with pytest.raises(Crash):
        world.admit("b", token)
    world.hub.restart()
    assert world.admit("b", token).resources == (0 if after else 2)
    world.sync("a", "b")
    assert world.body("b", "Patient/p") == ADAEZE
    assert world.notices("a") == [("completed", "moved", "here")]
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
