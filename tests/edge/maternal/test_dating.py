"""The expected date of birth is found, accepted, moved and doubted as the guideline says; leap days and centuries included."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.maternal.dating import (
    Age,
    age_days,
    age_on,
    allowed_difference,
    dating,
    day_at,
    disagreements,
    judged_by_fundal_height,
    preferred,
    redatings,
    stated_periods,
)
from edge_node.maternal.facts import Evidence, Pregnancy
from tests.edge.maternal.making import LMP, Record, dated, expected, week

DAYS = st.dates(date(1890, 1, 1), date(2110, 12, 31))


def test_the_expected_date_of_who_example() -> None:
    example = expected()["who_example"]
    record, _ = dated(date.fromisoformat(example["lmp"]))
    used = dating(record.pregnancy())
    assert used is not None
    assert used.expected == date.fromisoformat(example["edd"])


@pytest.mark.parametrize(
    ("lmp", "due"),
    [
        ("1899-06-01", "1900-03-08"),  # 1900 had no leap day,
        ("1900-02-28", "1900-12-05"),
        ("1999-06-01", "2000-03-07"),  # 2000 had one,
        ("2000-02-29", "2000-12-05"),
        ("2099-06-01", "2100-03-08"),  # 2100 has none.
        ("2023-06-01", "2024-03-07"),
        ("2024-02-29", "2024-12-05"),
        ("2023-12-31", "2024-10-06"),
    ],
)
def test_280_days_are_counted_over_leap_days_and_centuries(lmp: str, due: str) -> None:
    day = date.fromisoformat(lmp)
    used = dating(dated(day)[0].pregnancy())
    assert used is not None
    assert (used.expected, used.lmp) == (date.fromisoformat(due), day)


@given(DAYS, st.integers(0, 44), st.integers(0, 6))
def test_the_age_on_the_day_of_an_age_is_that_age(lmp: date, weeks: int, days: int) -> None:
    due = lmp + timedelta(280)
    assert age_on(due, day_at(due, weeks, days)) == Age(weeks, days)
    assert age_days(due, lmp) == 0


def test_before_the_last_period_there_is_no_age() -> None:
    assert age_on(LMP + timedelta(280), LMP - timedelta(1)) is None


def evidence(kind: str, due: int, on: int = 80, age: int | None = None, certain: bool = True) -> Evidence:
    """Evidence for a birth so many days after LMP + 280, stated so many days after LMP."""
    lmp = LMP + timedelta(due) if kind == "lmp" else None
    return Evidence(
        ref=f"Observation/{kind}{due}{on}{age}",
        on=LMP + timedelta(on),
        kind=kind,
        expected=LMP + timedelta(280 + due),
        lmp=lmp,
        age_days=age,
        certain=certain,
    )


EARLY = evidence("ultrasound", 3, age=84)
SURE = evidence("lmp", 0)
LATE = evidence("ultrasound", 5, on=200, age=168)
STATED = evidence("stated", 1)
HEIGHT = evidence("fundal-height", 9, age=140)
UNSURE = evidence("lmp", 12, certain=False)
BEST_FIRST = [EARLY, SURE, LATE, STATED, HEIGHT, UNSURE]


def with_evidence(*found: Evidence) -> Pregnancy:
    return Pregnancy(id="p", ref="EpisodeOfCare/p", status="active", evidence=found)


@given(st.permutations(BEST_FIRST), st.integers(0, 5))
def test_the_best_evidence_is_preferred_in_whatever_order_it_came(shuffled: list[Evidence], without: int) -> None:
    left = [each for each in shuffled if each not in BEST_FIRST[:without]]
    assert preferred(with_evidence(*left)) == BEST_FIRST[without]


def test_a_scan_is_early_before_24_weeks() -> None:
    just = evidence("ultrasound", 3, age=24 * 7 - 1)
    assert preferred(with_evidence(SURE, just)) == just
    assert preferred(with_evidence(SURE, evidence("ultrasound", 3, age=24 * 7))) == SURE


def test_of_two_scans_the_earlier_in_pregnancy_is_believed() -> None:
    first, second = evidence("ultrasound", 2, on=70, age=70), evidence("ultrasound", 6, on=140, age=140)
    assert preferred(with_evidence(second, first)) == first


def test_what_the_clinician_accepted_is_used_whatever_the_evidence() -> None:
    record, episode = dated()
    record.scan(80, week(12), episode)
    provisional = dating(record.pregnancy())
    accepted = record.accept(LMP + timedelta(280), week(12), episode, "lmp")
    used = dating(record.pregnancy())
    assert provisional is not None
    assert used is not None
    assert (provisional.kind, provisional.accepted) == ("ultrasound", False)
    assert (used.kind, used.accepted, used.expected, used.ref) == ("lmp", True, LMP + timedelta(280), accepted)


def test_a_redating_replaces_the_first_and_is_told() -> None:
    record, episode = dated()
    record.accept(LMP + timedelta(280), f"{week(12)}T09:00:00Z", episode, "lmp")
    second = record.accept(LMP + timedelta(290), f"{week(12)}T11:00:00Z", episode, "ultrasound")
    pregnancy = record.pregnancy()
    used = dating(pregnancy)
    assert used is not None
    assert (used.ref, used.kind) == (second, "ultrasound")
    assert [(each.before, each.after, each.ref) for each in redatings(pregnancy)] == [
        (LMP + timedelta(280), LMP + timedelta(290), second)
    ]


@pytest.mark.parametrize(
    ("age", "allowed"), [(62, 5), (63, 7), (111, 7), (112, 10), (153, 10), (154, 14), (195, 14), (196, 21), (270, 21)]
)
def test_what_a_scan_may_differ_follows_its_age(age: int, allowed: int) -> None:
    assert allowed_difference(age) == allowed


@pytest.mark.parametrize(("off", "told"), [(7, 0), (8, 1), (-7, 0), (-8, 1)])
def test_a_scan_that_contradicts_the_accepted_dating_is_told(off: int, told: int) -> None:
    record, episode = dated()
    record.accept(LMP + timedelta(280), week(11), episode)
    record.scan(12 * 7 + off, week(12), episode)
    assert len(disagreements(record.pregnancy())) == told


def test_two_last_periods_are_both_known() -> None:
    record, episode = dated()
    record.lmp(LMP + timedelta(20), week(14), episode)
    record.lmp(LMP, week(15), episode)
    assert [each.lmp for each in stated_periods(record.pregnancy())] == [LMP, LMP + timedelta(20)]


def test_a_pregnancy_dated_by_the_height_of_the_womb_is_not_judged_by_it() -> None:
    record = Record()
    episode = record.episode(week(20))
    record.height_dated(140, week(20), episode)
    assert not judged_by_fundal_height(record.pregnancy())
    record.scan(130, week(20), episode)
    assert judged_by_fundal_height(record.pregnancy())
    record.accept(week(40), week(20), episode, "fundal-height")
    assert not judged_by_fundal_height(record.pregnancy())


def test_neither_twins_nor_an_undated_or_unsurely_dated_pregnancy_are_judged_by_height() -> None:
    assert not judged_by_fundal_height(with_evidence())
    assert not judged_by_fundal_height(with_evidence(UNSURE))
    record, episode = dated()
    assert judged_by_fundal_height(record.pregnancy())
    record.observe("fetuses", week(20), episode, valueInteger=2)
    assert not judged_by_fundal_height(record.pregnancy())
