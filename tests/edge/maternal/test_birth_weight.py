"""Weights at birth that fit the weeks, and those that are asked about."""

import pytest

from edge_node.maternal.birth_weight import is_likely, median_grams


@pytest.mark.parametrize(("weeks", "grams"), [(24, 670), (28, 1210), (32, 1953), (36, 2813), (40, 3619)])
def test_the_median_is_that_of_the_formula(weeks: int, grams: int) -> None:
    """Reckoned by hand from the published coefficients."""
    assert median_grams(weeks * 7) == pytest.approx(grams, rel=0.002)


@pytest.mark.parametrize(
    ("weeks", "grams"), [(40, 2000), (40, 3300), (40, 5000), (30, 900), (30, 1500), (30, 2300), (44, 3600)]
)
def test_small_and_large_babies_are_taken_as_they_are(weeks: int, grams: int) -> None:
    assert is_likely(grams, weeks * 7)


@pytest.mark.parametrize(("weeks", "grams"), [(30, 3100), (40, 1500), (24, 2500), (36, 5000)])
def test_what_cannot_well_be_is_asked_about(weeks: int, grams: int) -> None:
    assert not is_likely(grams, weeks * 7)


def test_the_curve_rises_to_its_end() -> None:
    weights = [median_grams(days) for days in range(320)]
    assert weights == sorted(weights)
