"""A pregnancy in words: every finding, due item, risk and contradiction can be said, in any record, and nothing is said in codes."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from edge_node.forms.maternal.case import mother_of
from edge_node.forms.maternal.contact import CONTACT
from edge_node.forms.maternal.redating import REDATE
from edge_node.language import Text
from edge_node.maternal.course import Due
from edge_node.maternal.facts import Contact, Newborn, Sign
from edge_node.maternal.findings import Finding, Param
from edge_node.maternal.record import read_mother
from edge_node.maternal.texts import CONTRADICTIONS, DUE, FINDINGS
from edge_node.pages import maternal_words
from edge_node.pages.pregnancy import Card, Name, card, shown
from edge_node.programme import Programme
from tests.edge.fhir.samples import synthea_bundles
from tests.edge.forms.filling import TODAY, Clinic
from tests.edge.forms.test_maternal import delivered, enrolled
from tests.edge.maternal.making import dated, week

SAMPLES: Mapping[str, Param] = {
    "sign": "severe-headache",
    "condition": "diabetes",
    "medicine": "albendazole",
    "presentation": "breech",
    "reason": "co-trimoxazole",
}


def params(text: Text) -> tuple[tuple[str, Param], ...]:
    names = re.findall(r"%\((\w+)\)s", text.message)
    return tuple((name, SAMPLES.get(name, 7)) for name in names)


@pytest.mark.parametrize("code", FINDINGS)
def test_every_finding_is_said_with_its_numbers(code: str) -> None:
    said = maternal_words.finding(Finding(code=code, degree="manage", params=params(FINDINGS[code])))
    assert "%(" not in said
    assert "-headache" not in said


@pytest.mark.parametrize("kind", DUE)
def test_everything_due_is_said(kind: str) -> None:
    given = tuple((name, str(value)) for name, value in params(DUE[kind]) if name != "number")
    item = Due(kind=kind, of="x", due_from=TODAY, overdue_from=TODAY, ends=TODAY, number=2, params=given)
    assert "%(" not in maternal_words.due(item)


@pytest.mark.parametrize("code", CONTRADICTIONS)
def test_every_contradiction_has_a_name(code: str) -> None:
    assert maternal_words.contradiction(code)


def test_names_stand_within_a_sentence_as_words_do() -> None:
    assert maternal_words.value("sign", "severe-headache") == "severe headache"
    assert maternal_words.value("medicine", "antiretrovirals") == "HIV medicine"
    assert maternal_words.value("before", date(2026, 11, 3)) == "3 November 2026"


def test_a_card_can_be_made_of_every_record_of_another_program_on_any_day() -> None:
    cards = 0
    for bundle in synthea_bundles():
        resources = [entry["resource"] for entry in bundle["entry"]]
        patient = next(each for each in resources if each["resourceType"] == "Patient")
        mother = read_mother(patient["id"], resources)
        for pregnancy in mother.pregnancies:
            for day in (pregnancy.start or TODAY, (pregnancy.start or TODAY) + timedelta(200), TODAY):
                made = card(mother, pregnancy, (), frozenset(), day, Programme())
                cards += 1
                assert "%(" not in repr([*made.found, *made.items, *made.risks])
    assert cards > 10


def of(clinic: Clinic, newborns: tuple[tuple[Newborn, Name], ...] = ()) -> Card:
    mother = mother_of(clinic.context())
    pregnancy = shown(mother, TODAY)
    assert pregnancy is not None
    return card(mother, pregnancy, newborns, frozenset(), TODAY, Programme())


def test_what_refers_stands_first_whether_it_is_hers_or_the_babys() -> None:
    clinic = delivered()
    sick = Newborn(
        id="b",
        born=TODAY,
        signs=(Sign(ref="Observation/1", on=TODAY, kind="newborn-danger-signs", value="cold"),),
        contacts=(Contact(ref="Encounter/1", on=TODAY, kind="postnatal-contact"),),
    )
    made = of(clinic, ((sick, Name("Baby", "")),))
    assert [one.text for one in made.urgent] == [
        "Danger sign of the baby: low body temperature (below 35.5 °C). Refer now."
    ]


def test_late_stands_before_due_and_the_next_visit_first_among_what_comes() -> None:
    clinic = enrolled(TODAY - timedelta(days=7 * 14))
    clinic.fill(CONTACT, {"danger_signs": ("none",)})
    made = of(clinic)
    states = [item.state for item in made.pressing]
    assert states == sorted(states, key=["late", "now"].index)
    assert made.later[0].text == "Antenatal contact of week 20"


def test_a_redating_is_told_with_the_days_by_which_the_dates_moved() -> None:
    clinic = enrolled()
    clinic.now += timedelta(minutes=5)
    before = {item.text: item.when for item in of(clinic).items if item.state == "later"}
    clinic.fill(REDATE, {"which": "new", "scan_on": TODAY.isoformat(), "scan_weeks": "19"})
    made = of(clinic)
    after = {item.text: item.when for item in made.items if item.state == "later"}
    (moved,) = made.moved
    assert "from 14 October 2026 to 4 November 2026" in moved
    assert "21 days later" in moved
    both = [text for text in before.keys() & after.keys() if text.startswith("Antenatal contact")]
    assert both
    assert all(before[text] != after[text] for text in both)


def test_a_pregnancy_long_over_is_not_shown_any_more() -> None:
    mother = mother_of(delivered().context())
    assert shown(mother, TODAY + timedelta(60)) is not None
    assert shown(mother, TODAY + timedelta(120)) is None


def test_contacts_whose_time_was_over_before_she_came_are_not_called_missed() -> None:
    record, episode = dated(booked=27 * 7)
    record.contact(week(27), episode)
    record.contact(week(34), episode)
    mother = record.read()
    made = card(mother, mother.pregnancies[0], (), frozenset(), week(35), Programme())
    assert [one.state for one in made.visits] == [
        "before",
        "before",
        "held",
        "missed",
        "held",
        "later",
        "later",
        "later",
    ]


def test_a_contact_in_whose_time_she_was_known_here_is_missed() -> None:
    record, episode = dated(booked=15 * 7)  # registered in the time of the first, came in that of the third
    record.contact(week(26), episode)
    mother = record.read()
    made = card(mother, mother.pregnancies[0], (), frozenset(), week(27), Programme())
    assert [one.state for one in made.visits][:3] == ["missed", "missed", "held"]
