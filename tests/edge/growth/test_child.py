"""What a child's measurements are called: limits of WHO's training course, arm circumference, oedema, implausible values."""

from datetime import date, timedelta

import pytest

from edge_node.growth.child import HIGH, LOW, PLAUSIBLE, Assessment, Measured, assess, classify
from edge_node.growth.standard import Indicator, Sex, value_at

BORN = date(2023, 3, 10)


def at_age(days: int, **measured: object) -> Assessment:
    return assess(BORN, Sex.FEMALE, Measured(BORN + timedelta(days=days), **measured))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("indicator", "z", "name"),
    [
        (Indicator.LENGTH_FOR_AGE, -3.01, "severely-stunted"),
        (Indicator.LENGTH_FOR_AGE, -3.0, "stunted"),
        (Indicator.LENGTH_FOR_AGE, -2.01, "stunted"),
        (Indicator.LENGTH_FOR_AGE, -2.0, ""),
        (Indicator.LENGTH_FOR_AGE, 3.01, "very-tall"),
        (Indicator.WEIGHT_FOR_AGE, -3.01, "severely-underweight"),
        (Indicator.WEIGHT_FOR_AGE, -2.5, "underweight"),
        (Indicator.WEIGHT_FOR_AGE, 4.0, ""),
        (Indicator.WEIGHT_FOR_LENGTH, -3.01, "severely-wasted"),
        (Indicator.WEIGHT_FOR_HEIGHT, -2.01, "wasted"),
        (Indicator.WEIGHT_FOR_HEIGHT, 1.0, ""),
        (Indicator.WEIGHT_FOR_HEIGHT, 1.01, "may-become-overweight"),
        (Indicator.BMI_FOR_AGE, 2.01, "overweight"),
        (Indicator.BMI_FOR_AGE, 3.01, "obese"),
        (Indicator.HEAD_FOR_AGE, -2.01, "head-small"),
        (Indicator.HEAD_FOR_AGE, 3.01, "head-very-large"),
        (Indicator.MUAC_FOR_AGE, -3.01, "arm-very-thin"),
    ],
)
def test_scores_are_called_as_by_who_and_a_score_on_the_limit_is_not_past_it(
    indicator: Indicator, z: float, name: str
) -> None:
    assert classify(indicator, z)[0] == name


@pytest.mark.parametrize("indicator", list(Indicator))
def test_every_indicator_has_its_limits(indicator: Indicator) -> None:
    assert classify(indicator, 0) == ("", "inform")
    assert [limit for limit, _, _ in LOW[indicator]] == [-3, -2]
    assert [limit for limit, _, _ in HIGH[indicator]] == sorted(
        (limit for limit, _, _ in HIGH[indicator]), reverse=True
    )
    assert PLAUSIBLE[indicator][0] < -3 < 3 < PLAUSIBLE[indicator][1]


def test_severe_wasting_refers_and_wasting_is_managed() -> None:
    for z, degree in ((-3.2, "refer"), (-2.5, "manage"), (0, "inform")):
        weight = value_at(Indicator.WEIGHT_FOR_LENGTH, Sex.FEMALE, 75, z)
        found = at_age(500, weight_kg=weight, length_cm=75.0)
        score = found.score(Indicator.WEIGHT_FOR_LENGTH)
        assert score is not None
        assert score.z == z
        assert score.degree == degree


@pytest.mark.parametrize(
    ("days", "muac", "signs"),
    [
        (400, 11.4, ["muac-severe"]),
        (400, 11.5, ["muac-moderate"]),
        (400, 12.4, ["muac-moderate"]),
        (400, 12.5, []),
        (183, 11.0, []),
        (184, 11.0, ["muac-severe"]),
        (1826, 11.0, ["muac-severe"]),
        (1827, 11.0, []),
    ],
)
def test_a_thin_arm_is_a_sign_from_six_months_until_the_fifth_birthday(
    days: int, muac: float, signs: list[str]
) -> None:
    """10 September 2023 is day 184, 10 March 2028 day 1827."""
    assert [sign.name for sign in at_age(days, muac_cm=muac).signs] == signs


def test_with_oedema_no_weight_is_compared_and_the_child_is_referred() -> None:
    found = at_age(500, weight_kg=9.0, length_cm=75.0, oedema=True)
    assert {score.indicator for score in found.scores} == {Indicator.LENGTH_FOR_AGE}
    assert [sign.name for sign in found.signs] == ["oedema"]
    assert found.degree == "refer"


def test_an_implausible_score_is_flagged_and_refers_nobody() -> None:
    found = at_age(500, weight_kg=0.9, length_cm=75.0)
    assert all(not score.plausible for score in found.scores if score.indicator != Indicator.LENGTH_FOR_AGE)
    assert found.degree == "inform"


@pytest.mark.parametrize(
    ("days", "position", "centimetres"),
    [(730, "standing", 85.7), (730, "lying", 85.0), (730, "", 85.0), (731, "lying", 84.3), (731, "", 85.0)],
)
def test_length_is_corrected_by_seven_millimetres_where_the_child_lay_or_stood_unlike_its_age(
    days: int, position: str, centimetres: float
) -> None:
    score = at_age(days, length_cm=85.0, position=position).score(Indicator.LENGTH_FOR_AGE)
    assert score is not None
    assert score.value == pytest.approx(centimetres)


def test_weight_is_compared_with_length_before_two_years_and_with_height_from_then_on() -> None:
    before, after = (at_age(days, weight_kg=11.0, length_cm=85.0) for days in (730, 731))
    assert before.score(Indicator.WEIGHT_FOR_LENGTH) is not None
    assert before.score(Indicator.WEIGHT_FOR_HEIGHT) is None
    assert after.score(Indicator.WEIGHT_FOR_LENGTH) is None
    assert after.score(Indicator.WEIGHT_FOR_HEIGHT) is not None


def test_what_the_standards_do_not_reach_is_left_out_and_the_rest_stays() -> None:
    found = at_age(20, weight_kg=2.0, length_cm=40.0, muac_cm=9.0)
    assert {score.indicator for score in found.scores} == {
        Indicator.WEIGHT_FOR_AGE,
        Indicator.LENGTH_FOR_AGE,
        Indicator.BMI_FOR_AGE,
    }
    assert at_age(2500, weight_kg=20.0, length_cm=112.0).scores == ()


def test_nobody_is_measured_before_birth() -> None:
    with pytest.raises(ValueError, match="before birth"):
        at_age(-1, weight_kg=3.0)
