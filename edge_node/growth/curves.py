"""Reference curves as points: what charts draw behind a child's or a pregnancy's own points."""

from typing import Final

import msgspec

from edge_node.growth import fundal_height
from edge_node.growth.pregnancy_weight import TERM_DAYS, expected_kg, range_for
from edge_node.growth.standard import BY_LENGTH, Indicator, Sex, reach, value_at

DEVIATIONS: Final = (-3, -2, 0, 2, 3)
"""The z-scores that WHO's charts for clinics draw (Training course on child growth assessment, module B; -1 and 1 only
where they mean something)."""

POINTS_MOST: Final = 40
"""A curve of more points looks the same and makes the page longer."""


class Curve(msgspec.Struct, frozen=True):
    """One line: `name` is the z-score, the centile, `least` or `most`; `points` are (x, y) with x rising."""

    name: str
    points: tuple[tuple[float, float], ...]


def growth(indicator: Indicator, sex: Sex, first: float, last: float) -> tuple[Curve, ...]:
    """The curves of DEVIATIONS between two ages in days, or two lengths in cm, as far as the standard goes.

    Raises ValueError when the standard has nothing between them.
    """
    scale = 10 if indicator in BY_LENGTH else 1
    low, high = (edge / scale for edge in reach(indicator))
    return tuple(
        Curve(
            str(z), tuple((x, value_at(indicator, sex, x, z)) for x in _steps(max(first, low), min(last, high), scale))
        )
        for z in DEVIATIONS
    )


def fundal(first_days: int = fundal_height.FROM_DAYS, last_days: int = 40 * 7) -> tuple[Curve, ...]:
    """The centiles of fundal height in cm by gestational age in days. Raises ValueError when the standard has nothing
    between."""
    steps = _steps(max(first_days, fundal_height.FROM_DAYS), min(last_days, fundal_height.TO_DAYS), 1)
    return tuple(
        Curve(str(centile), tuple((x, fundal_height.centile_cm(int(x), centile)) for x in steps))
        for centile in fundal_height.CENTILES
    )


def pregnancy_gain(index_before: float, weight_before_kg: float) -> tuple[Curve, Curve]:
    """The least and the most weight in kg by gestational age in days, from the body mass index and weight before
    pregnancy."""
    group = range_for(index_before)
    steps = _steps(0, TERM_DAYS, 1)
    gains = [expected_kg(group, int(x)) for x in steps]
    least = tuple((x, weight_before_kg + gain[0]) for x, gain in zip(steps, gains, strict=True))
    most = tuple((x, weight_before_kg + gain[1]) for x, gain in zip(steps, gains, strict=True))
    return Curve("least", least), Curve("most", most)


def _steps(first: float, last: float, scale: int) -> tuple[float, ...]:
    """At most POINTS_MOST places from first to last, both among them, on whole days or millimetres."""
    low, high = round(first * scale), round(last * scale)
    if high < low:
        raise ValueError("the standard has nothing there")
    parts = min(POINTS_MOST - 1, high - low) or 1
    return tuple(dict.fromkeys((low + (high - low) * part // parts) / scale for part in range(parts + 1)))
