"""Tetanus in pregnancy: WHO recommendations on antenatal care C.5, and table 2 of the standard that it endorses."""

from datetime import date, timedelta

import pytest

from edge_node.immunisation.due import Due, stand
from edge_node.immunisation.facts import Facts, Given
from tests.edge.immunisation.children import MOTHER

START = date(2024, 1, 31)
"""First day of the pregnancy."""
BORN = date(2000, 6, 1)


def mother(*given: date, born: date | None = BORN, vaccine: str = "td") -> Facts:
    return Facts(born=born, pregnant_since=START, given=tuple(Given(vaccine, day) for day in given))


def next_of(facts: Facts) -> Due | None:
    items = stand(MOTHER, facts).due
    assert len(items) <= 1
    return items[0] if items else None


def week(number: int) -> date:
    return START + timedelta(weeks=number)


def test_who_was_never_vaccinated_is_due_two_doses_before_two_weeks_before_birth() -> None:
    first = next_of(mother())
    assert first is not None
    assert (first.dose, first.due_from, first.overdue_from, first.not_after) == ("tetanus-1", START, week(17), None)
    second = next_of(mother(week(20)))
    assert second is not None
    assert (second.dose, second.due_from, second.overdue_from) == ("tetanus-2", week(24), week(28))
    hurried = next_of(mother(week(33)))
    assert hurried is not None
    assert (hurried.due_from, hurried.overdue_from) == (week(37), week(38))


def test_the_mothers_own_birth_date_need_not_be_known() -> None:
    item = next_of(mother(week(20), born=None))
    assert item is not None
    assert (item.dose, item.due_from) == ("tetanus-2", week(24))


def test_nothing_is_due_for_who_is_not_pregnant() -> None:
    assert stand(MOTHER, Facts(born=BORN)).due == ()


def test_a_third_dose_140_days_after_the_second_is_too_soon() -> None:
    """As OpenSRP's file would have it."""
    second = date(2021, 3, 1)
    given = (date(2021, 2, 1), second, second + timedelta(days=140))
    standing = stand(MOTHER, mother(*given))
    assert [one.dose for one in standing.counted] == ["tetanus-1", "tetanus-2"]
    assert [one.reason for one in standing.uncounted] == ["too-soon"]


@pytest.mark.parametrize("doses", [1, 2, 3, 4])
def test_who_had_one_to_four_doses_before_is_due_one_from_the_start_of_this_pregnancy(doses: int) -> None:
    before = [date(2016 + year, 3, 1) for year in range(doses)]
    item = next_of(mother(*before))
    assert item is not None
    assert (item.dose, item.due_from) == (f"tetanus-{doses + 1}", START)
    again = next_of(mother(*before, START))
    assert again is None or again.due_from >= START + timedelta(days=28 if doses == 0 else 180)


def test_five_doses_are_enough() -> None:
    assert next_of(mother(*(date(2016 + year, 3, 1) for year in range(5)))) is None


INFANT = [date(2000, 7, 15), date(2000, 8, 15), date(2000, 9, 15)]
BOOSTER = [date(2002, 1, 15)]
SCHOOL = [date(2005, 6, 1)]
YOUTH = [date(2014, 6, 1)]


@pytest.mark.parametrize(
    ("before", "in_this_pregnancy"),
    [
        (INFANT, 2),
        (INFANT + BOOSTER, 1),
        (INFANT + SCHOOL, 1),
        (INFANT + BOOSTER + SCHOOL, 1),
        (INFANT + BOOSTER + SCHOOL + YOUTH, 0),
    ],
    ids=["infancy", "childhood", "school age", "school age, four before", "adolescence"],
)
def test_doses_of_childhood_leave_what_table_2_says_for_this_pregnancy(
    before: list[date], in_this_pregnancy: int
) -> None:
    """IMPAC 1.1, table 2: doses recommended at present contact or pregnancy, at least four weeks apart."""
    given, doses = list(before), 0
    while (item := next_of(mother(*given, vaccine="dtp"))) is not None and item.due_from < week(38):
        booked = max(item.due_from, week(16))
        if booked > week(26):
            break
        given.append(booked)
        doses += 1
    assert doses == in_this_pregnancy
