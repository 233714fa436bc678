"""Axes of charts: from where to where, and where the marks stand. Pure functions of numbers and days."""

from datetime import date
from math import ceil, floor, isfinite, log10
from typing import Final

import msgspec

MARKS_MOST: Final = 7
"""So many labels fit beside an axis on a phone."""
DAY_MARKS_MOST: Final = 4
"""Dates are wider than numbers."""

_STEPS: Final = (1, 2, 5, 10)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_DAY_STEPS: Final = (1, 2, 7, 14)


class Axis(msgspec.Struct, frozen=True):
    """One axis: `low` to `high`, and `marks` with their labels. `unit` stands at its end, in words or signs of the
    reader's language."""

    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    unit: str = ""

    def place(self, value: float) -> float:
        """Where a value lies between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)


def step_for(span: float, marks_most: int = MARKS_MOST) -> float:
    """The least of 1, 2, 5, 10, 20 … (or 0.1, 0.2 …) of which not more than so many fit into a span, with one at each
    end."""
    if not (isfinite(span) and span > 0):
        raise ValueError("an axis has a length")
    power = 10.0 ** floor(log10(span / (marks_most - 1)))
    return next(step * power for step in (*_STEPS, 20) if span / (step * power) <= marks_most - 1 + 1e-9)


def around(values: list[float], *, least_span: float = 1.0) -> tuple[float, float, float]:
    """Low, high and step of an axis that holds the values, beginning and ending on a mark.

    Raises ValueError for no value.
    """
    low, high = min(values), max(values)
    if high - low < least_span:
        middle = (low + high) / 2
        low, high = middle - least_span / 2, middle + least_span / 2
    step = step_for(high - low)
    return floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step


def marks(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of a step from low to high."""
    first = ceil(low / step - 1e-9)
    return tuple(round(number * step, 6) for number in range(first, floor(high / step + 1e-9) + 1))


def day_marks(first: date, last: date) -> tuple[date, ...]:
    """At most DAY_MARKS_MOST days between two: days or weeks from the first on for up to two months, else beginnings of
    months."""
    days = (last - first).days
    for step in _DAY_STEPS:
        if days <= step * (DAY_MARKS_MOST - 1):
            return tuple(date.fromordinal(first.toordinal() + at) for at in range(0, days + 1, step))
    low, high = first.year * 12 + first.month - (first.day == 1), last.year * 12 + last.month - 1
    step = next(step for step in _MONTH_STEPS if (high - low) // step + 1 <= DAY_MARKS_MOST)
    found = (-(-low // step) * step + at for at in range(0, high - low + 1, step))
    months = tuple(date(month // 12, month % 12 + 1, 1) for month in found if month <= high)
    return months or (first, last)
