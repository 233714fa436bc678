"""What cannot all be true is named with the resources that say it; what can be is not."""

from datetime import date, timedelta

import pytest

from edge_node.maternal import concepts as said
from edge_node.maternal import texts
from edge_node.maternal.contradictions import contradictions
from edge_node.maternal.record import read_mother
from tests.edge.maternal.making import LMP, Record, dated, synthea_records, week


def found(record: Record) -> dict[str, set[str]]:
    every = contradictions(record.read())
    assert {each.code for each in every} <= texts.CONTRADICTIONS.keys()
    return {each.code: {ref for ref, _ in each.sides} for each in every}


def test_a_record_that_agrees_has_none() -> None:
    record, episode = dated()
    record.lmp(LMP, week(12), episode)
    record.scan(86, week(12), episode)
    assert found(record) == {}


def test_two_last_periods_contradict_until_a_dating_is_accepted() -> None:
    record, episode = dated()
    first = record.resources[-1]["id"]
    other = record.lmp(LMP + timedelta(3), week(12), episode)
    assert found(record) == {"last-periods": {f"Observation/{first}", other}}
    record.accept(week(40), week(12), episode)
    assert found(record) == {}
    third = record.lmp(LMP + timedelta(9), week(13), episode)
    assert found(record)["last-periods"] == {f"Observation/{first}", other, third}


@pytest.mark.parametrize(("apart", "told"), [(7, False), (8, True)])
def test_two_expected_dates_contradict_when_further_apart_than_they_may_be(apart: int, told: bool) -> None:
    record = Record()
    episode = record.episode(week(10))
    one = record.observe("expected-birth", week(10), episode, valueDateTime=week(40).isoformat())
    other = record.observe("expected-birth", week(11), episode, valueDateTime=week(40, apart).isoformat())
    assert found(record) == ({"expected-dates": {one, other}} if told else {})


def test_a_late_scan_may_differ_by_three_weeks() -> None:
    record = Record()
    episode = record.episode(week(10))
    early = record.scan(84, week(12), episode)
    record.scan(32 * 7 - 21, week(32), episode)
    assert found(record) == {}
    late = record.scan(33 * 7 - 22, week(33), episode)
    assert found(record)["expected-dates"] >= {early, late}


def test_two_blood_groups_contradict_and_one_with_its_rhesus_does_not() -> None:
    record = Record()
    one = record.sign("blood-group", said.BLOOD_GROUPS["A+"], LMP)
    record.sign("rhesus", said.RHESUS["+"], LMP)
    assert found(record) == {}
    other = record.sign("blood-group", said.BLOOD_GROUPS["O"], LMP)
    minus = record.sign("rhesus", said.RHESUS["-"], LMP)
    assert found(record)["blood-groups"] == {one, other}
    assert minus in found(record)["rhesus"]


def test_hiv_positive_and_negative_after_that_contradict_but_not_the_other_way_round() -> None:
    record = Record()
    record.test("hiv-test", "negative", date(2018, 1, 1))
    positive = record.test("hiv-test", "positive", date(2019, 1, 1))
    assert found(record) == {}
    negative = record.test("hiv-test", "negative", date(2020, 1, 1))
    assert found(record) == {"hiv": {positive, negative}}


def test_hiv_positive_and_negative_on_one_day_contradict() -> None:
    record = Record()
    sides = {record.test("hiv-test", result, LMP) for result in ("positive", "negative")}
    assert found(record) == {"hiv": sides}


def test_two_ongoing_pregnancies_contradict_and_one_after_another_do_not() -> None:
    record, episode = dated()
    record.episode(date(2018, 1, 1), "finished", date(2018, 9, 1))
    assert found(record) == {}
    other = record.episode(week(20))
    assert found(record) == {"active-pregnancies": {episode, other}}


def test_one_drug_prescribed_twice_for_the_same_days_contradicts() -> None:
    record = Record()
    first = record.prescribe("co-trimoxazole", LMP)
    second = record.prescribe("co-trimoxazole", week(1))
    record.prescribe("aspirin", LMP)
    record.prescribe("co-trimoxazole", LMP, status="stopped")
    assert found(record) == {"same-medicine": {first, second}}


def test_a_new_supply_after_the_last_was_used_up_is_no_contradiction() -> None:
    record = Record()
    record.prescribe("iron-folate", LMP, days=30)
    record.prescribe("iron-folate", LMP + timedelta(30), days=30)
    assert found(record) == {}
    record.prescribe("iron-folate", LMP + timedelta(40), days=30)
    assert "same-medicine" in found(record)


def test_who_was_seen_after_the_day_of_her_death_did_not_die_then() -> None:
    record = Record()
    record.patient["deceasedDateTime"] = week(20).isoformat()
    record.contact(week(20))
    assert found(record) == {}
    seen = record.contact(week(20, 1))
    assert found(record) == {"seen-after-death": {"Patient/mother", seen}}


def test_records_of_another_program_are_looked_through_without_error() -> None:
    every = [
        each for patient, resources in synthea_records() for each in contradictions(read_mother(patient, resources))
    ]
    assert all(len(each.sides) >= 2 or each.code == "active-pregnancies" for each in every)
