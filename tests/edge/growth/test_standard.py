"""The WHO Child Growth Standards: against WHO's own program, against published tables, and by laws."""

import csv
import itertools
import math
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.growth.child import Measured, length_or_height
from edge_node.growth.curves import DEVIATIONS, POINTS_MOST, growth
from edge_node.growth.standard import (
    BY_LENGTH,
    UNRESTRICTED,
    Indicator,
    OutOfReference,
    Sex,
    lms,
    reach,
    value_at,
    z_score,
)

SURVEY = Path(__file__).parents[2] / "data" / "who_anthro_survey.csv"
COLUMNS = {
    "zwei": (Indicator.WEIGHT_FOR_AGE, "WEIGHT"),
    "zlen": (Indicator.LENGTH_FOR_AGE, "clenhei"),
    "zbmi": (Indicator.BMI_FOR_AGE, "cbmi"),
    "zhc": (Indicator.HEAD_FOR_AGE, "HEAD"),
    "zac": (Indicator.MUAC_FOR_AGE, "MUAC"),
}
SEXES = {"1": Sex.MALE, "2": Sex.FEMALE}

indicators = st.sampled_from(list(Indicator))
sexes = st.sampled_from(list(Sex))


def survey() -> list[dict[str, str]]:
    with SURVEY.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_z_scores_are_those_of_whos_own_program_to_two_decimals() -> None:
    """498 children of WHO's sample survey with the scores of igrowup (R): 2439 comparisons, none may differ."""
    compared: Counter[str] = Counter()
    for row in survey():
        sex, age = SEXES[row["GENDER"]], row["age.days"]
        for column, (indicator, measurement) in COLUMNS.items():
            if row[column] and row[measurement] and age:
                assert z_score(indicator, sex, int(age), float(row[measurement])) == float(row[column]), row["id"]
                compared[column] += 1
        if row["zwfl"] and row["clenhei"]:
            by = Indicator.WEIGHT_FOR_LENGTH if int(age) < 731 else Indicator.WEIGHT_FOR_HEIGHT
            assert z_score(by, sex, float(row["clenhei"]), float(row["WEIGHT"])) == float(row["zwfl"]), row["id"]
            compared["zwfl"] += 1
    assert compared == {"zwei": 489, "zlen": 475, "zbmi": 468, "zac": 446, "zwfl": 467, "zhc": 94}


def test_lengths_taken_in_the_wrong_position_are_corrected_as_by_whos_program() -> None:
    compared = 0
    for row in survey():
        if row["HEIGHT"] and row["clenhei"] and row["age.days"]:
            position = {"l": "lying", "h": "standing"}[row["measure"]]
            measured = Measured(date(2020, 1, 1), length_cm=float(row["HEIGHT"]), position=position)  # type: ignore[arg-type]
            assert length_or_height(int(row["age.days"]), measured) == pytest.approx(float(row["clenhei"]), abs=1e-6)
            compared += 1
    assert compared > 470


@pytest.mark.parametrize(
    ("indicator", "sex", "at", "printed"),
    [
        ("weight-for-age", "female", 0, [2.0, 2.4, 2.8, 3.2, 3.7, 4.2, 4.8]),
        ("weight-for-age", "female", 61, [3.4, 3.9, 4.5, 5.1, 5.8, 6.6, 7.5]),
        ("weight-for-age", "female", 122, [4.4, 5.0, 5.7, 6.4, 7.3, 8.2, 9.3]),
        ("weight-for-age", "male", 0, [2.1, 2.5, 2.9, 3.3, 3.9, 4.4, 5.0]),
        ("weight-for-age", "male", 365, [6.9, 7.7, 8.6, 9.6, 10.8, 12.0, 13.3]),
        ("length-for-age", "female", 0, [43.6, 45.4, 47.3, 49.1, 51.0, 52.9, 54.7]),
        ("weight-for-length", "female", 45.0, [1.9, 2.1, 2.3, 2.5, 2.7, 3.0, 3.3]),
    ],
)
def test_values_of_whole_deviations_are_those_of_whos_printed_tables(
    indicator: str, sex: str, at: float, printed: list[float]
) -> None:
    """Simplified field tables, z-scores, www.who.int/tools/child-growth-standards/standards; months are of 30.4375 days."""
    ours = [round(value_at(Indicator(indicator), Sex(sex), at, z), 1) for z in range(-3, 4)]
    assert ours == printed


@st.composite
def places(draw: st.DrawFn) -> tuple[Indicator, Sex, float]:
    indicator = draw(indicators)
    low, high = reach(indicator)
    at: float = draw(st.integers(low, high))
    if indicator in BY_LENGTH:
        at = draw(st.floats(low / 10, high / 10)) if draw(st.booleans()) else at / 10
    return indicator, draw(sexes), at


@given(place=places(), z=st.floats(-6, 6))
def test_the_score_of_the_value_of_a_score_is_that_score(place: tuple[Indicator, Sex, float], z: float) -> None:
    value = value_at(*place, z)
    if value > 0:
        assert z_score(*place, value) == pytest.approx(z, abs=0.006)


@given(place=places(), one=st.floats(0.5, 130), more=st.floats(0.01, 20))
def test_who_measures_more_never_scores_less(place: tuple[Indicator, Sex, float], one: float, more: float) -> None:
    assert z_score(*place, one) <= z_score(*place, one + more)


@given(place=places())
def test_the_median_scores_nothing_and_scores_are_never_minus_zero(place: tuple[Indicator, Sex, float]) -> None:
    z = z_score(*place, lms(*place).median)
    assert z == 0
    assert math.copysign(1, z) == 1


def test_past_three_deviations_each_is_as_wide_as_the_third() -> None:
    two, three, four, five = (value_at(Indicator.WEIGHT_FOR_AGE, Sex.MALE, 400, z) for z in (2, 3, 4, 5))
    assert four - three == pytest.approx(three - two)
    assert five - four == pytest.approx(three - two)
    row = lms(Indicator.WEIGHT_FOR_AGE, Sex.MALE, 400)
    assert row.z(five) < 5


@pytest.mark.parametrize("indicator", sorted(UNRESTRICTED))
def test_length_and_head_are_not_restricted(indicator: Indicator) -> None:
    row = lms(indicator, Sex.FEMALE, 500)
    assert row.power == 1
    assert z_score(indicator, Sex.FEMALE, 500, row.value(5)) == 5


def test_a_length_between_two_millimetres_is_interpolated() -> None:
    at = [lms(Indicator.WEIGHT_FOR_LENGTH, Sex.MALE, cm).median for cm in (70.0, 70.05, 70.1)]
    assert at[1] == pytest.approx((at[0] + at[2]) / 2)


@pytest.mark.parametrize(
    ("indicator", "at"),
    [
        (Indicator.WEIGHT_FOR_AGE, -1),
        (Indicator.WEIGHT_FOR_AGE, 1857),
        (Indicator.MUAC_FOR_AGE, 90),
        (Indicator.WEIGHT_FOR_LENGTH, 44.9),
        (Indicator.WEIGHT_FOR_LENGTH, 110.1),
        (Indicator.WEIGHT_FOR_HEIGHT, 64.9),
        (Indicator.WEIGHT_FOR_HEIGHT, 120.1),
    ],
)
def test_outside_the_standard_nothing_is_said(indicator: Indicator, at: float) -> None:
    with pytest.raises(OutOfReference):
        z_score(indicator, Sex.FEMALE, at, 10)


@pytest.mark.parametrize("value", [0.0, -3.0, math.inf, math.nan])
def test_what_is_no_measurement_is_refused(value: float) -> None:
    with pytest.raises(OutOfReference):
        z_score(Indicator.WEIGHT_FOR_AGE, Sex.FEMALE, 100, value)


def test_a_child_has_an_age_from_its_first_day_on() -> None:
    assert z_score(Indicator.WEIGHT_FOR_AGE, Sex.FEMALE, 0, 3.2322) == 0


@given(indicator=indicators, sex=sexes, first=st.floats(0, 1000), length=st.floats(0, 2000))
def test_curves_are_short_lie_in_the_standard_and_never_cross(
    indicator: Indicator, sex: Sex, first: float, length: float
) -> None:
    low, high = (edge / (10 if indicator in BY_LENGTH else 1) for edge in reach(indicator))
    try:
        curves = growth(indicator, sex, first, first + length)
    except ValueError:
        assert first > high - 1 or first + length < low + 1
        return
    assert [curve.name for curve in curves] == [str(z) for z in DEVIATIONS]
    for curve in curves:
        xs = [x for x, _ in curve.points]
        assert xs == sorted(set(xs))
        assert len(xs) <= POINTS_MOST
        assert low <= xs[0] <= xs[-1] <= high
    for below, above in itertools.pairwise(curves):
        assert all(one[1] < other[1] for one, other in zip(below.points, above.points, strict=True))
