"""What is offered to be written, to whom, about whom; the list of common problems."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.api.sight import sight_of
from edge_node.concepts import codes_of
from edge_node.forms.care import menu
from edge_node.forms.care.menu import ACTS, MENU, Whom, acts_on, kinds_of
from edge_node.forms.care.sheets import CARE_SHEETS
from edge_node.problems import catalogue


def labels(role: str, whom: Whom) -> set[str]:
    found = menu.offered("p", whom, sight_of(role).writes_type)
    return {str(one.label) for one in (*found.first, *found.more)}


def test_every_form_is_offered_somewhere() -> None:
    assert {one.sheet.name for one in MENU} | {act.sheet.name for act in ACTS} == {sheet.name for sheet in CARE_SHEETS}


def test_a_registrar_gives_appointments_and_writes_nothing_of_health() -> None:
    assert labels("registrar", Whom()) == {"Appointment"}
    assert labels("citizen", Whom()) == set()


def test_of_the_dead_only_papers_are_offered_and_that_it_was_a_mistake() -> None:
    assert labels("midwife", Whom(dead=True)) == {"Note", "Photo or document", "Take back a death"}
    assert "Take back a death" not in labels("midwife", Whom())


def test_vaccines_stand_first_for_small_children() -> None:
    first = [str(one.label) for one in menu.offered("p", Whom(child=True), lambda type_: True).first]
    assert "Vaccine" in first
    assert all(one.address.startswith("/patients/p/") for one in menu.offered("p", Whom(), lambda type_: True).more)


@pytest.mark.parametrize(
    ("type_", "resource", "acts"),
    [
        ("Condition", {}, {"close-problem", "change-problem", "mistake"}),
        ("Encounter", {"status": "in-progress"}, {"end-visit", "mistake"}),
        ("Encounter", {"status": "finished"}, {"mistake"}),
        ("Observation", {"valueQuantity": {"value": 3}}, {"correct-number", "mistake"}),
        ("Observation", {"valueString": "x"}, {"mistake"}),
        ("DocumentReference", {"content": [{"attachment": {"contentType": "text/plain"}}]}, {"change-note", "mistake"}),
        ("DocumentReference", {"content": [{"attachment": {"url": "Binary/x"}}]}, {"mistake"}),
        ("Consent", {}, set()),
    ],
)
def test_a_record_offers_what_fits_it(type_: str, resource: dict[str, object], acts: set[str]) -> None:
    kinds = kinds_of(type_, resource)
    found = acts_on(type_, over=False, wrong=False, kinds=kinds, writes=lambda type_: True)
    assert {act.sheet.name for act in found} == acts
    assert acts_on(type_, over=False, wrong=True, kinds=kinds, writes=lambda type_: True) == ()
    assert acts_on(type_, over=False, wrong=False, kinds=kinds, writes=lambda type_: False) == ()


# --- the list of problems ---------------------------------------------------------------------------------------------


def test_the_list_of_problems_is_whole() -> None:
    names = [one.name for one in catalogue.problems()]
    assert len(names) == len(set(names)) >= 250
    for one in catalogue.problems():
        assert one.icd10 == "" or re.fullmatch(r"[A-Z][0-9]{2}(\.[0-9])?", one.icd10), one.name
        assert catalogue.find(one.name) == one


@given(st.sampled_from(catalogue.suggestions()))
def test_whatever_is_suggested_leads_to_a_problem_of_the_list(typed: str) -> None:
    found = catalogue.find(typed)
    assert found is not None
    assert catalogue.find(f"  {typed.upper()} ") == found
    assert catalogue.said(typed)["text"] == found.name


def test_the_same_problem_is_known_by_its_code_or_its_words() -> None:
    diabetes = {"coding": [{"system": "http://snomed.info/sct", "code": "73211009"}], "text": "Zucker"}
    assert catalogue.same(diabetes, catalogue.said("Diabetes"))
    assert catalogue.same({"text": "Sore knee"}, {"text": "sore  KNEE"})
    assert not catalogue.same({"text": "Sore knee"}, {"text": "Sore hip"})
    assert not catalogue.same({}, {})
    assert set(codes_of(catalogue.said("HIV"))) == {
        ("http://hl7.org/fhir/sid/icd-10", "B24"),
        ("http://snomed.info/sct", "86406008"),
    }
