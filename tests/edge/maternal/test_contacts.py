"""The contacts are planned as WHO's and OpenSRP's own examples have them, and visits count for the contact of their time."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.maternal.contacts import WHO_WEEKS, Planned, plan, rebased_weeks
from edge_node.maternal.dating import dating
from tests.edge.maternal.making import LMP, Record, dated, expected, week


def planned(record: Record, schedule: str = "who-2016") -> tuple[Planned, ...]:
    pregnancy = record.pregnancy()
    used = dating(pregnancy)
    assert used is not None
    return plan(pregnancy, used, schedule)


def test_the_contacts_of_who_example_are_on_its_days() -> None:
    example = expected()["who_example"]
    days = {str(each.week): each.on.isoformat() for each in planned(dated(date.fromisoformat(example["lmp"]))[0])}
    for number, day in example["contacts"].items():
        assert days[number] == day[:10]


def test_the_weeks_are_those_of_who() -> None:
    assert expected()["who_contact_weeks"] == list(WHO_WEEKS) == [each.week for each in planned(dated()[0])]


@pytest.mark.parametrize("source", ["lists", "derived_all_weeks"])
def test_the_rebased_weeks_are_those_of_opensrp_for_every_week_of_booking(source: str) -> None:
    for booked, weeks in expected()["opensrp"][source].items():
        assert (booked, list(rebased_weeks(int(booked)))) == (booked, weeks)


def test_the_first_contact_is_due_at_once_and_overdue_after_12_weeks() -> None:
    first = planned(dated(booked=40)[0])[0]
    assert (first.on, first.overdue_from) == (LMP + timedelta(40), week(12, 1))


def test_later_ones_are_due_on_their_day_and_overdue_a_week_after_until_the_next_one_is() -> None:
    second, third = planned(dated()[0])[1:3]
    assert (second.on, second.overdue_from, second.ends) == (week(20), week(21), third.overdue_from)


@pytest.mark.parametrize(
    ("on", "number"),
    [
        (week(4), 1),
        (week(18, 6), 1),
        (week(19), 2),
        (week(24, 6), 2),
        (week(25), 3),
        (week(33), 5),
        (week(35), 6),
        (week(41), 8),
    ],
)
def test_a_visit_counts_for_the_contact_of_its_time(on: date, number: int) -> None:
    record, episode = dated(booked=10)
    record.contact(on, episode)
    assert [each.number for each in planned(record) if each.held] == [number]


def test_missed_contacts_move_none_of_the_others() -> None:
    record, episode = dated()
    record.contact(week(30), episode)
    contacts = planned(record)
    assert [each.number for each in contacts if each.missed] == [1, 2, 3]
    assert [each.on for each in contacts[4:]] == [week(34), week(36), week(38), week(40)]


def test_in_the_rebased_plan_the_later_contacts_follow_the_first() -> None:
    record, episode = dated()
    assert [each.week for each in planned(record, "rebased")] == [12]
    record.contact(week(28, 3), episode)
    contacts = planned(record, "rebased")
    assert [each.week for each in contacts] == [28, 32, 34, 36, 38, 40, 41]
    assert (contacts[0].on, contacts[1].on) == (LMP + timedelta(70), week(32))


def test_two_visits_in_one_time_are_no_further_contact() -> None:
    record, episode = dated()
    record.contact(week(12), episode)
    record.contact(week(13), episode)
    assert [len(each.held) for each in planned(record)] == [2, 0, 0, 0, 0, 0, 0, 0]


def test_a_redating_moves_every_day() -> None:
    record, episode = dated()
    before = planned(record)
    record.accept(LMP + timedelta(280 + 17), week(12), episode, "ultrasound")
    after = planned(record)
    assert [(b.on - a.on).days for a, b in zip(before[1:], after[1:], strict=True)] == [17] * 7


@given(st.sets(st.integers(0, 300), max_size=12), st.sampled_from(["who-2016", "rebased"]))
def test_every_visit_counts_exactly_once_and_days_never_go_back(days: set[int], schedule: str) -> None:
    record, episode = dated(booked=0)
    for day in days:
        record.contact(LMP + timedelta(day), episode)
    contacts = planned(record, schedule)
    assert sum(len(each.held) for each in contacts) == len(days)
    assert all(each.on <= each.overdue_from <= each.ends for each in contacts)
    assert [each.on for each in contacts] == sorted(each.on for each in contacts)
