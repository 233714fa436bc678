"""Weight gain in pregnancy: the ranges of the Institute of Medicine by the body mass index before it.

Source: Institute of Medicine and National Research Council, Weight Gain During Pregnancy: Reexamining the Guidelines,
Washington 2009, table S-1 (ranges, and rates of the second and third trimester) and table 7-3 (twins, provisional; none
for who was underweight). Its calculation assumes a gain of 0.5 to 2 kg in the first trimester, of 13 weeks; so do we.
The index is by WHO's limits, for adults. WHO's recommendations on antenatal care (2016), A.1, refer to these ranges.
"""

from typing import Final

import msgspec

FIRST_TRIMESTER_DAYS: Final = 13 * 7
TERM_DAYS: Final = 40 * 7
FIRST_TRIMESTER_KG: Final = (0.5, 2.0)


class Range(msgspec.Struct, frozen=True):
    """What is recommended for a group of women. `below`: the body mass index where the next group begins. Gains in kg,
    rates in kg a week."""

    name: str
    below: float
    total_kg: tuple[float, float]
    weekly_kg: tuple[float, float]
    twins_kg: tuple[float, float] | None


RANGES: Final = (
    Range("underweight", 18.5, (12.5, 18.0), (0.44, 0.58), None),
    Range("normal", 25.0, (11.5, 16.0), (0.35, 0.50), (17.0, 25.0)),
    Range("overweight", 30.0, (7.0, 11.5), (0.23, 0.33), (14.0, 23.0)),
    Range("obese", float("inf"), (5.0, 9.0), (0.17, 0.27), (11.0, 19.0)),
)
"""In the order of the body mass index."""


class Gain(msgspec.Struct, frozen=True):
    """A gain against its range on that day, all in kg. `name`: `low`, `high`, or "" for within."""

    group: str
    gained_kg: float
    least_kg: float
    most_kg: float
    name: str


def body_mass_index(weight_kg: float, height_cm: float) -> float:
    """Kilograms by square metre. Raises ValueError for what is not positive."""
    if weight_kg <= 0 or height_cm <= 0:
        raise ValueError("weight and height are positive")
    return weight_kg / (height_cm / 100) ** 2


def range_for(index: float) -> Range:
    """The recommendation for a body mass index before pregnancy (or of the first trimester)."""
    return next(one for one in RANGES if index < one.below)


def expected_kg(group: Range, days: int) -> tuple[float, float]:
    """Least and most gain at a gestational age in days, one child: evenly to the first trimester's end, then evenly to
    the totals at term.

    From 40 weeks on as at 40. Raises ValueError for a negative age. The report's weekly rates, summed, end up to 1.5 kg
    away from its totals (it rounded both, and the rates are of shorter stretches); the totals are the recommendation,
    so the band ends in them, as in the report's charts.
    """
    if days < 0:
        raise ValueError("gestational age is not negative")
    early = min(days, FIRST_TRIMESTER_DAYS) / FIRST_TRIMESTER_DAYS
    late = (min(max(days, FIRST_TRIMESTER_DAYS), TERM_DAYS) - FIRST_TRIMESTER_DAYS) / (TERM_DAYS - FIRST_TRIMESTER_DAYS)
    least, most = (
        start * early + (total - start) * late for start, total in zip(FIRST_TRIMESTER_KG, group.total_kg, strict=True)
    )
    return least, most


def judge(index_before: float, days: int, gained_kg: float) -> Gain:
    """A gain since before pregnancy, of one child, at a gestational age in days. Raises ValueError for a negative age."""
    group = range_for(index_before)
    least, most = expected_kg(group, days)
    name = "low" if gained_kg < least else "high" if gained_kg > most else ""
    return Gain(group.name, gained_kg, least, most, name)
