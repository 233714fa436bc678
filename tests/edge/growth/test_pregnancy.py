"""Fundal height by INTERGROWTH-21st, weight gain by the Institute of Medicine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.growth import curves, fundal_height, pregnancy_weight
from edge_node.growth.pregnancy_weight import RANGES, expected_kg, range_for


@pytest.mark.parametrize(
    ("weeks", "mean", "deviation"),
    [
        (16, 15.810295, 1.405206),
        (20, 19.751583, 1.508441),
        (28, 27.683635, 1.714910),
        (36, 34.876977, 1.921380),
        (40, 37.954773, 2.024615),
    ],
)
def test_mean_and_deviation_are_those_of_the_papers_equations(weeks: int, mean: float, deviation: float) -> None:
    """The equations worked apart with thirty digits; they rise by about a centimetre a week to 38 cm at term."""
    assert fundal_height.mean_cm(weeks * 7) == pytest.approx(mean, abs=1e-6)
    assert fundal_height.deviation_cm(weeks * 7) == pytest.approx(deviation, abs=1e-6)


@pytest.mark.parametrize(
    ("weeks", "height", "name"),
    [(32, 31.4, ""), (32, 27.9, "small"), (32, 28.1, ""), (32, 34.7, ""), (32, 34.9, "large"), (20, 16.8, "small")],
)
def test_a_height_under_the_3rd_centile_is_small_and_over_the_97th_large(weeks: int, height: float, name: str) -> None:
    assert fundal_height.judge(weeks * 7, height).name == name


@given(days=st.integers(fundal_height.FROM_DAYS, fundal_height.TO_DAYS))
def test_a_height_on_a_centile_has_that_centile(days: int) -> None:
    for centile in fundal_height.CENTILES:
        assert fundal_height.judge(days, fundal_height.centile_cm(days, centile)).centile == pytest.approx(
            centile, abs=1e-5
        )


@given(days=st.integers(fundal_height.FROM_DAYS, fundal_height.TO_DAYS - 1))
def test_every_centile_rises_every_day_and_none_crosses_another(days: int) -> None:
    today = [fundal_height.centile_cm(days, centile) for centile in fundal_height.CENTILES]
    tomorrow = [fundal_height.centile_cm(days + 1, centile) for centile in fundal_height.CENTILES]
    assert all(one < other for one, other in zip(today, tomorrow, strict=True))
    assert today == sorted(today)


@pytest.mark.parametrize("days", [0, 111, 295, -5])
def test_outside_16_to_42_weeks_a_height_is_not_judged(days: int) -> None:
    with pytest.raises(ValueError, match="16 to 42 weeks"):
        fundal_height.judge(days, 20.0)


def test_the_curves_of_fundal_height_go_from_16_to_40_weeks() -> None:
    found = curves.fundal()
    assert [curve.name for curve in found] == ["3", "10", "50", "90", "97"]
    assert all((curve.points[0][0], curve.points[-1][0]) == (112, 280) for curve in found)
    with pytest.raises(ValueError, match="nothing there"):
        curves.fundal(0, 100)


@pytest.mark.parametrize(
    ("index", "name", "total"),
    [
        (18.49, "underweight", (12.5, 18.0)),
        (18.5, "normal", (11.5, 16.0)),
        (24.99, "normal", (11.5, 16.0)),
        (25.0, "overweight", (7.0, 11.5)),
        (30.0, "obese", (5.0, 9.0)),
        (45.0, "obese", (5.0, 9.0)),
    ],
)
def test_the_recommended_gain_goes_by_the_body_mass_index_before(
    index: float, name: str, total: tuple[float, float]
) -> None:
    group = range_for(index)
    assert (group.name, group.total_kg) == (name, total)


@pytest.mark.parametrize("group", RANGES, ids=lambda group: group.name)
def test_the_expected_gain_is_half_to_two_kilograms_at_13_weeks_and_the_total_at_term(
    group: pregnancy_weight.Range,
) -> None:
    assert expected_kg(group, 0) == (0, 0)
    assert expected_kg(group, 91) == pytest.approx((0.5, 2.0))
    assert expected_kg(group, 280) == pytest.approx(group.total_kg)
    assert expected_kg(group, 294) == expected_kg(group, 280)


@pytest.mark.parametrize(
    ("index", "weekly"), [(17.0, (0.44, 0.58)), (22.0, (0.35, 0.50)), (27.0, (0.23, 0.33)), (32.0, (0.17, 0.27))]
)
def test_the_middle_of_the_band_rises_by_the_reports_weekly_rates(index: float, weekly: tuple[float, float]) -> None:
    middle = [sum(expected_kg(range_for(index), days)) / 2 for days in (140, 147)]
    assert weekly[0] <= middle[1] - middle[0] <= weekly[1]


def test_before_it_began_no_gain_is_expected() -> None:
    with pytest.raises(ValueError, match="not negative"):
        expected_kg(RANGES[0], -1)


def test_the_curves_of_weight_start_from_the_weight_before() -> None:
    least, most = curves.pregnancy_gain(22.0, 58.0)
    assert least.points[0] == most.points[0] == (0, 58.0)
    assert least.points[-1] == pytest.approx((280, 69.5))
    assert most.points[-1] == pytest.approx((280, 74.0))
