"""Vaccine, medicines and tests are due when the guideline says, never when they must not be given."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from edge_node.maternal import concepts as said
from edge_node.maternal.assessing import findings
from edge_node.maternal.course import Due, months_later
from edge_node.maternal.due import due
from edge_node.maternal.history_concepts import TETANUS_HISTORY
from edge_node.maternal.tetanus import counted, protected_on
from edge_node.programme import Programme
from tests.edge.maternal.making import LMP, Record, dated, week

PROGRAMME = Programme()


def items(record: Record, kind: str, programme: Programme = PROGRAMME) -> list[Due]:
    return [each for each in due(record.read(), programme) if each.kind == kind]


def only(record: Record, kind: str, programme: Programme = PROGRAMME) -> Due:
    (found,) = items(record, kind, programme)
    return found


# Malaria


def test_sp_is_due_from_13_weeks_and_again_four_weeks_later() -> None:
    record, episode = dated()
    first = only(record, "iptp")
    assert (first.number, first.due_from) == (1, week(13))
    record.give("sulfadoxine-pyrimethamine", week(13), record.contact(week(13), episode))
    second = only(record, "iptp")
    assert (second.number, second.due_from) == (2, week(17))


@pytest.mark.parametrize("bar", ["allergy", "words", "prescribed", "stated"])
def test_sp_is_never_due_with_co_trimoxazole_or_a_sulfa_allergy(bar: str) -> None:
    record, episode = dated()
    assert items(record, "iptp")
    if bar == "allergy":
        record.allergy("sulfa")
    elif bar == "words":
        record.allergy(text="rash after Fansidar")
    elif bar == "prescribed":
        record.prescribe("co-trimoxazole", week(12))
    else:
        record.sign("stated-medicines", said.STATEMENTS["stated-medicines"], week(12), episode)
        record.resources[-1]["valueCodeableConcept"] = {"text": "takes cotrimoxazole daily"}
    assert items(record, "iptp") == []
    mother = record.read()
    assert any(each.code.startswith("no-sp-") for each in findings(mother, mother.pregnancies[0], Programme()))


def test_sp_is_due_again_when_co_trimoxazole_was_stopped() -> None:
    record, _ = dated()
    record.prescribe("co-trimoxazole", week(10), status="stopped")
    assert items(record, "iptp")


def test_sp_is_not_due_in_an_undated_pregnancy_nor_where_there_is_no_malaria() -> None:
    record = Record()
    record.episode(week(10))
    assert items(record, "iptp") == []
    assert items(dated()[0], "iptp", Programme(malaria=False)) == []


def test_sp_given_too_early_too_soon_or_though_barred_is_told() -> None:
    record, episode = dated()
    visit = record.contact(week(12), episode)
    record.give("sulfadoxine-pyrimethamine", week(12), visit)
    record.give("sulfadoxine-pyrimethamine", week(15), visit)
    record.allergy("sulfa")
    mother = record.read()
    codes = {each.code for each in findings(mother, mother.pregnancies[0], Programme())}
    assert {"sp-too-early", "sp-too-soon", "sp-though-barred", "no-sp-sulfa-allergy"} <= codes


# Tetanus


def test_without_doses_two_are_due_the_second_four_weeks_later_and_two_before_the_birth() -> None:
    record, episode = dated(booked=70)
    first = only(record, "tetanus")
    assert (first.number, first.due_from) == (1, week(10))
    record.vaccinate(week(36, 3), record.contact(week(36, 3), episode))
    assert items(record, "tetanus") == []  # Four weeks later is after the expected birth.
    record, episode = dated(booked=70)
    record.vaccinate(week(33), record.contact(week(33), episode))
    second = only(record, "tetanus")
    assert (second.number, second.due_from, second.overdue_from) == (2, week(37), week(38))


def test_with_one_to_four_doses_one_is_due_in_each_pregnancy() -> None:
    record, episode = dated()
    record.vaccinate(date(2018, 1, 10))
    record.vaccinate(date(2018, 2, 10))
    assert only(record, "tetanus").number == 3
    record.vaccinate(week(12), record.contact(week(12), episode))
    assert items(record, "tetanus") == []


def test_after_five_doses_none_is_due() -> None:
    record, _ = dated()
    for year in (2010, 2011, 2012, 2013, 2014):
        record.vaccinate(date(year, 1, 10))
    assert counted(record.read()) == (5, date(2014, 1, 10))
    assert items(record, "tetanus") == []


def test_what_she_tells_counts_where_no_dose_is_known() -> None:
    record, episode = dated()
    record.sign("tetanus-history", TETANUS_HISTORY["full"], week(10), episode)
    assert items(record, "tetanus") == []
    other, episode = dated()
    other.sign("tetanus-history", TETANUS_HISTORY["some"], week(10), episode)
    assert only(other, "tetanus").number == 2
    other.vaccinate(week(12), other.contact(week(12), episode))
    assert items(other, "tetanus") == []


@pytest.mark.parametrize(
    ("days", "number"),
    [
        (["2018-01-01", "2018-01-28"], 1),
        (["2018-01-01", "2018-01-29"], 2),
        (["2018-01-01", "2018-01-29", "2018-07-28"], 2),
        (["2018-01-01", "2018-01-29", "2018-07-29"], 3),
        (["2018-01-01", "2018-01-29", "2018-07-29", "2019-07-28"], 3),
        (["2018-01-01", "2018-01-29", "2018-07-29", "2019-07-29"], 4),
        (["1995-08-01", "1995-09-01", "1995-10-01"], 2),  # Three in infancy count as two,
        (["1995-08-01", "1995-09-01", "1995-10-01", "1997-01-01"], 3),  # each more as one,
        (["1995-08-01", "1995-09-01", "1995-10-01", "1997-01-01", "2001-01-01", "2010-01-01"], 5),
        (["1995-08-01"], 0),
    ],
)
def test_doses_count_with_their_intervals_and_those_of_infancy_one_less(days: list[str], number: int) -> None:
    record = Record(born=date(1995, 6, 15))
    for day in days:
        record.vaccinate(date.fromisoformat(day))
    assert counted(record.read())[0] == number


@pytest.mark.parametrize(("doses", "years"), [(2, 3), (3, 5), (4, 10)])
def test_doses_protect_for_the_years_that_who_gives(doses: int, years: int) -> None:
    record = Record(born=date(1980, 1, 1))
    days = [date(2010, 1, 1), date(2010, 1, 29), date(2010, 7, 29), date(2011, 7, 29)][:doses]
    for day in days:
        record.vaccinate(day)
    until = months_later(days[-1], 12 * years)
    assert protected_on(record.read(), until - timedelta(1))
    assert not protected_on(record.read(), until)


@pytest.mark.parametrize(
    ("day", "months", "result"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("1999-08-31", 6, "2000-02-29"),
        ("1899-08-31", 6, "1900-02-28"),
    ],
)
def test_months_end_on_the_last_day_of_a_shorter_one(day: str, months: int, result: str) -> None:
    assert months_later(date.fromisoformat(day), months) == date.fromisoformat(result)


# Iron, calcium, aspirin, worms


def test_iron_is_due_at_once_and_when_the_supply_is_used_up() -> None:
    record, episode = dated()
    first = only(record, "iron-folate")
    assert (first.due_from, dict(first.params)) == (week(10), {"iron_mg": "60", "folic_acid_mg": "0.4"})
    record.prescribe("iron-folate", week(10), record.contact(week(10), episode), days=90)
    assert only(record, "iron-folate").due_from == week(10) + timedelta(90)


def test_the_amount_of_iron_follows_prevalence_and_anaemia() -> None:
    record, episode = dated()
    assert dict(only(record, "iron-folate", Programme(anaemia_common=False)).params)["iron_mg"] == "30"
    record.measure("haemoglobin", Decimal("9.5"), week(12), episode)
    assert dict(only(record, "iron-folate").params)["iron_mg"] == "120"


def test_calcium_is_due_from_20_weeks_where_the_diet_has_little() -> None:
    record, _ = dated()
    assert only(record, "calcium").due_from == week(20)
    assert items(record, "calcium", Programme(calcium_low=False)) == []


@pytest.mark.parametrize(
    ("kind", "clinical", "due_"),
    [
        ("hypertension", "active", True),
        ("pre-eclampsia", "resolved", True),
        ("pre-eclampsia", "active", False),
        ("epilepsy", "active", False),
    ],
)
def test_aspirin_is_due_from_12_weeks_at_high_risk_of_pre_eclampsia(kind: str, clinical: str, due_: bool) -> None:
    record, _ = dated()
    record.condition(kind, clinical)
    assert [each.due_from for each in items(record, "aspirin")] == ([week(12)] if due_ else [])


def test_aspirin_is_not_asked_for_with_an_allergy_or_once_begun() -> None:
    record, episode = dated()
    record.condition("hypertension")
    assert items(record, "aspirin")
    record.prescribe("aspirin", week(12), record.contact(week(12), episode))
    assert items(record, "aspirin") == []
    other, _ = dated()
    other.condition("hypertension")
    other.allergy("aspirin")
    assert items(other, "aspirin") == []


def test_one_dose_against_worms_after_13_weeks_of_what_she_is_not_allergic_to() -> None:
    record, episode = dated()
    record.allergy("albendazole")
    item = only(record, "worms")
    assert (item.due_from, dict(item.params)) == (week(13), {"medicine": "mebendazole"})
    record.give("mebendazole", week(14), record.contact(week(14), episode))
    assert items(record, "worms") == []


# Tests


@pytest.mark.parametrize("kind", ["hiv", "syphilis", "hepatitis-b"])
def test_a_test_is_due_at_once_and_positive_never_again(kind: str) -> None:
    record, episode = dated()
    assert only(record, f"{kind}-test").due_from == week(10)
    record.test(f"{kind}-test", "positive", week(10), episode)
    assert items(record, f"{kind}-test") == []


def test_a_negative_test_is_repeated_in_the_third_trimester_where_hiv_is_common() -> None:
    record, episode = dated()
    record.test("hiv-test", "negative", week(10), episode)
    again = only(record, "hiv-test")
    assert (again.number, again.due_from) == (2, week(28))
    assert items(record, "hiv-test", Programme(hiv_common=False)) == []
    record.test("hiv-test", "negative", week(28), episode)
    assert items(record, "hiv-test") == []


def test_no_hiv_test_is_due_for_one_who_has_hiv_on_her_list() -> None:
    record, _ = dated()
    record.condition("hiv")
    assert items(record, "hiv-test") == []


def test_an_unclear_test_is_repeated_after_two_weeks() -> None:
    record, episode = dated()
    record.test("syphilis-test", "inconclusive", week(12), episode)
    assert only(record, "syphilis-test").due_from == week(14)


def test_a_test_of_an_earlier_pregnancy_counts_only_if_it_was_positive() -> None:
    record, _ = dated()
    record.test("hiv-test", "negative", date(2019, 1, 1))
    assert items(record, "hiv-test")
    record.test("hiv-test", "positive", date(2019, 2, 1))
    assert items(record, "hiv-test") == []


def test_haemoglobin_at_once_at_26_and_36_weeks_and_four_weeks_after_anaemia() -> None:
    record, episode = dated()
    days = [only(record, "haemoglobin").due_from]
    for at in (week(10), week(26)):
        record.measure("haemoglobin", Decimal("11.5"), at, episode)
        days.append(only(record, "haemoglobin").due_from)
    assert days == [week(10), week(26), week(36)]
    record.measure("haemoglobin", Decimal("9.5"), week(30), episode)
    assert only(record, "haemoglobin").due_from == week(34)


def test_one_scan_before_24_weeks_and_none_asked_for_later() -> None:
    record, episode = dated()
    assert only(record, "scan").ends == week(24)
    record.scan(80, week(12), episode)
    assert items(record, "scan") == []
    assert items(dated(booked=24 * 7)[0], "scan") == []


def test_the_blood_group_is_asked_for_once_in_her_life() -> None:
    record, _ = dated()
    record.sign("blood-group", said.BLOOD_GROUPS["O"], date(2015, 1, 1))
    assert items(record, "blood-group")
    record.sign("rhesus", said.RHESUS["+"], date(2015, 1, 1))
    assert items(record, "blood-group") == []


def test_blood_sugar_is_asked_for_after_diabetes_of_an_earlier_pregnancy() -> None:
    record, _ = dated()
    assert items(record, "glucose") == []
    record.condition("gestational-diabetes", "resolved")
    assert only(record, "glucose").due_from == week(24)


def test_the_evidence_of_what_is_due_moves_with_a_redating() -> None:
    record, episode = dated()
    before = {(each.kind, each.number): each.due_from for each in due(record.read(), Programme())}
    record.accept(LMP + timedelta(280 + 21), week(11), episode, "ultrasound")
    after = {(each.kind, each.number): each.due_from for each in due(record.read(), Programme())}
    moved = {key for key, day in after.items() if key in before and before[key] + timedelta(21) == day}
    assert {
        ("iptp", 1),
        ("contact", 2),
        ("contact", 8),
        ("calcium", 1),
        ("worms", 0),
        ("birth-plan", 0),
        ("late-birth", 0),
    } <= moved


@pytest.mark.parametrize(
    ("kind", "booked", "due_"),
    [
        *(("worms", 30 * 7, True), ("worms", 70, False), ("aspirin", 17 * 7, True)),
        *(("birth-plan", 37 * 7, True), ("glucose", 29 * 7, True), ("scan", 21 * 7, True)),
    ],
)
def test_what_became_due_when_she_came_late_is_late_a_week_after_that(kind: str, booked: int, due_: bool) -> None:
    record, _ = dated(booked=booked)
    record.condition("hypertension")
    record.condition("gestational-diabetes", "resolved")
    item = only(record, kind)
    assert (item.due_from == LMP + timedelta(booked)) is due_
    assert (item.overdue_from == item.due_from + timedelta(7)) is due_


def test_aspirin_that_became_due_days_before_its_end_is_not_late_after_it() -> None:
    record, _ = dated(booked=19 * 7 + 4)
    record.condition("hypertension")
    item = only(record, "aspirin")
    assert (item.due_from, item.overdue_from, item.ends) == (week(19, 4), week(20), week(20))


def test_a_test_of_the_third_trimester_is_late_a_week_after_she_came() -> None:
    record, episode = dated(booked=37 * 7)
    record.test("hiv-test", "negative", week(20), episode)
    again = only(record, "hiv-test")
    assert (again.due_from, again.overdue_from) == (week(37), week(38))
