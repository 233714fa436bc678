"""Weight gain in pregnancy: the ranges of the Institute of Medicine by the body mass index before it.

Source: Institute of Medicine and National Research Council, Weight Gain During Pregnancy: Reexamining the Guidelines,
Washington 2009, table S-1 (ranges; for one child).
Its calculation assumes a gain of 0.5 to 2 kg in the first trimester, of 13 weeks; so do we.
The index is by WHO's limits, for adults. WHO's recommendations on antenatal care (2016), A.1, refer to these ranges.
"""

from typing import Final

import msgspec

FIRST_TRIMESTER_DAYS: Final = 13 * 7
TERM_DAYS: Final = 40 * 7
FIRST_TRIMESTER_KG: Final = (0.5, 2.0)


class Range(msgspec.Struct, frozen=True):
    """What is recommended for a group of women, kg. `below`: the body mass index where the next group begins."""

    name: str
    below: float
    total_kg: tuple[float, float]


RANGES: Final = (
    Range("underweight", 18.5, (12.5, 18.0)),
    Range("normal", 25.0, (11.5, 16.0)),
    Range("overweight", 30.0, (7.0, 11.5)),
    Range("obese", float("inf"), (5.0, 9.0)),
)
"""In the order of the body mass index."""


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
