"""The indicators of a month count what happened in it, and are sound as MeasureReport and as data value set."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from edge_node.concepts import VITAL_SIGNS, codeable, quantity
from edge_node.fhir.validation import validate
from edge_node.maternal import concepts as said
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.maternal.indicators import INDICATORS, Month, data_value_set, measure_report, month_counts
from edge_node.maternal.record import read_mother
from tests.edge.maternal.making import LMP, Record, dated, synthea_records, week

OCTOBER = Month(2021, 10)


def counts(*records: Record, month: Month = OCTOBER) -> dict[str, int]:
    return {code: count for code, count in month_counts((each.read() for each in records), month).items() if count}


def a_birth(contacts: int) -> tuple[Record, str]:
    record, episode = dated(booked=70)
    for number in range(contacts):
        record.contact(week(10 + 3 * number), episode)
    record.outcome("live-birth", week(39, 3), episode)
    return record, episode


@pytest.mark.parametrize(("day", "early"), [(83, 1), (84, 0)])
def test_a_first_contact_is_early_before_12_weeks(day: int, early: int) -> None:
    record, episode = dated(booked=50)
    record.contact(LMP + timedelta(day), episode)
    record.contact(LMP + timedelta(day + 1), episode)
    found = month_counts([record.read()], Month(2021, 3))
    assert (found["first-contacts"], found["first-contacts-early"], found["contacts"]) == (1, early, 2)


def test_a_first_contact_in_an_undated_pregnancy_is_not_early() -> None:
    record = Record()
    record.contact(week(10), record.episode(week(10)))
    assert counts(record, month=Month(2021, 3)) == {"first-contacts": 1, "contacts": 1}


@pytest.mark.parametrize(("contacts", "four", "eight"), [(3, 0, 0), (4, 1, 0), (7, 1, 0), (8, 1, 1)])
def test_births_with_at_least_four_and_eight_contacts(contacts: int, four: int, eight: int) -> None:
    found = month_counts([a_birth(contacts)[0].read()], OCTOBER)
    assert (found["births"], found["births-4-contacts"], found["births-8-contacts"]) == (1, four, eight)


def test_what_was_done_in_the_pregnancy_is_counted_at_the_birth() -> None:
    record, episode = a_birth(4)
    visit = record.contact(week(20), episode)
    for at in (week(20), week(24), week(28)):
        record.give("sulfadoxine-pyrimethamine", at, visit)
    record.vaccinate(week(20), visit)
    record.vaccinate(week(24), visit)
    record.test("hiv-test", "negative", week(20), visit)
    record.test("syphilis-test", "negative", week(20), visit)
    record.contact(week(39, 5), episode, "postnatal-contact")
    found = counts(record)
    assert {code for code in found if code.startswith("births-")} == {
        *(
            "births-4-contacts",
            "births-sp-3",
            "births-tetanus",
            "births-hiv-known",
            "births-syphilis-tested",
            "births-seen-2-days",
        ),
    }


def test_babies_are_counted_each_and_their_weight() -> None:
    record, episode = dated()
    for kind, grams in (("live-birth", 2499), ("live-birth", 2500), ("stillbirth", 1000)):
        part = {
            "code": codeable(VITAL_SIGNS["birth-weight"]),
            "valueQuantity": quantity(grams, VITAL_SIGNS["birth-weight"]),
        }
        record.observe("outcome", week(39, 3), episode, valueCodeableConcept=codeable(OUTCOMES[kind]), component=[part])
    assert counts(record) == {"births": 1, "babies": 3, "live-births": 2, "stillbirths": 1, "low-weight": 1}


def test_a_danger_sign_counts_a_woman_once() -> None:
    record, episode = dated()
    for sign in ("fever", "bleeding", "none"):
        record.sign("danger-signs", said.DANGER_SIGNS[sign], week(40), episode)
    assert counts(record) == {"danger-signs": 1}


@pytest.mark.parametrize(("days", "counted"), [(42, 1), (43, 0)])
def test_a_maternal_death_is_one_until_42_days_after_the_end(days: int, counted: int) -> None:
    record, _ = a_birth(0)
    died = week(39, 3) + timedelta(days)
    record.patient["deceasedDateTime"] = died.isoformat()
    assert month_counts([record.read()], Month(died.year, died.month))["mothers-died"] == counted


def test_other_months_have_nothing() -> None:
    record, _ = a_birth(1)
    assert counts(record, month=Month(2020, 10)) == {}
    assert [(Month(2021, 12).first, Month(2024, 2).last)] == [(date(2021, 12, 1), date(2024, 2, 29))]
    with pytest.raises(ValueError, match="month"):
        Month(2021, 13)


def test_the_report_is_sound_fhir_with_numerators_denominators_and_shares() -> None:
    found = month_counts([a_birth(4)[0].read(), a_birth(2)[0].read()], OCTOBER)
    report = measure_report(found, OCTOBER, "Organization/clinic", date(2021, 11, 2))
    assert validate(report) == []
    groups = {group["code"]["coding"][0]["code"]: group for group in report["group"]}
    assert groups["births-4-contacts"]["measureScore"] == {"value": Decimal("0.5")}
    assert [each["count"] for each in groups["births-4-contacts"]["population"]] == [1, 2]
    assert "measureScore" not in groups["first-contacts-early"]


def test_the_data_value_set_names_the_month_the_place_and_every_count() -> None:
    found = month_counts([a_birth(4)[0].read()], OCTOBER)
    made = data_value_set(found, OCTOBER, "ImspTQPwCqd", date(2021, 11, 2), "QX4ZTUbOt3a", {"births": "uidOfBirths"})
    assert (made["period"], made["orgUnit"], made["dataSet"], made["completeDate"]) == (
        "202110",
        "ImspTQPwCqd",
        "QX4ZTUbOt3a",
        "2021-11-02",
    )
    values = {each["dataElement"]: each["value"] for each in made["dataValues"]}
    assert (values["uidOfBirths"], values["births-4-contacts"], len(values)) == ("1", "1", len(INDICATORS))


def test_a_year_of_another_programs_records_adds_up() -> None:
    mothers = [read_mother(patient, resources) for patient, resources in synthea_records()]
    months = [month_counts(mothers, Month(year, month)) for year in range(1990, 2022) for month in range(1, 13)]
    assert sum(each["births"] for each in months) == 40
    assert sum(each["first-contacts"] for each in months) >= 40
