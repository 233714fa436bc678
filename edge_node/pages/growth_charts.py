"""A child's growth against WHO's standards as a chart, with its points as a table."""

from collections.abc import Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.forms.care.growth_words import INDICATORS, NAMES
from edge_node.growth import curves
from edge_node.growth.child import PLAUSIBLE, classify
from edge_node.growth.standard import BY_LENGTH, Indicator, OutOfReference, Sex, z_score
from edge_node.language import C_, N_, ngettext
from edge_node.pages.chart_words import Reader, amounts_axis, centimetres, told
from edge_node.pages.plot import Chart, Point, Reference, Series
from edge_node.pages.scales import Axis, marks

DAYS_OF_MONTH: Final = 30.4375
"""WHO's month of the growth standards."""
WEEKS_UNTIL_DAYS: Final = 91
"""Ages are said in weeks until then, as on WHO's charts."""


class Measure(msgspec.Struct, frozen=True):
    """A child's measurement: at an age in days, or a length in cm for weight by length, a value in the indicator's
    unit."""

    day: date
    at: float
    value: float


KILOGRAMS: Final = N_("kg")
UNITS: Final = MappingProxyType(
    {
        Indicator.LENGTH_FOR_AGE: N_("cm"),
        Indicator.HEAD_FOR_AGE: N_("cm"),
        Indicator.MUAC_FOR_AGE: N_("cm"),
        Indicator.BMI_FOR_AGE: N_("kg/m²"),
    }
)
AGAIN: Final = C_("measure again")
AGES: Final = ((0, 183), (0, 731), (0, 1856))
"""A chart shows the first half year, two years, or all five: the shortest that holds the child's points."""
LENGTHS: Final = ((45, 80), (45, 110))
HEIGHTS: Final = ((65, 100), (65, 120))
"""Likewise in cm."""


def growth(indicator: Indicator, sex: Sex, measures: Sequence[Measure], reader: Reader) -> Chart | None:
    """A child's measurements against WHO's standard; None without one that the standard reaches."""
    ordered = sorted(measures, key=lambda one: (one.at, one.day))
    held = [(one, z) for one in ordered if (z := _score(indicator, sex, one)) is not None]
    if not held:
        return None
    first, last = _span(indicator, [one.at for one, _ in held])
    references = _growth_curves(indicator, sex, first, last, reader)
    rows = tuple(_growth_row(indicator, one, z, reader) for one, z in held)
    points = tuple(
        Point(one.at, one.value, f"{row[1]}: {row[2]}", abs(z) > 2) for (one, z), row in zip(held, rows, strict=True)
    )
    ys = [one.value for one, _ in held] + [y for curve in references for _, y in curve.points]
    by_length, title = indicator in BY_LENGTH, reader.clinical(INDICATORS[indicator].message)
    behind = reader.clinical("The curves are the middle, and two and three standard deviations to either side.")
    return Chart(
        title=title,
        description=told(rows, reader, behind),
        x=_length_axis(first, last, reader) if by_length else _age_axis(first, last, reader),
        y=amounts_axis(ys, reader, reader.say(UNITS.get(indicator, KILOGRAMS).message)),
        series=(Series(title, points),),
        head=(
            reader.say("Day"),
            reader.say("Length") if by_length else reader.say("Age"),
            reader.say("Measured"),
            reader.say("Standard deviations"),
            reader.say("Compared"),
        ),
        rows=rows,
        references=references,
        inside=(1, 3),
    )


def _growth_row(indicator: Indicator, one: Measure, z: float, reader: Reader) -> tuple[str, ...]:
    place = centimetres(one.at, reader) if indicator in BY_LENGTH else _age(one, reader)
    low, high = PLAUSIBLE[indicator]
    name = classify(indicator, z)[0]
    # What is as it should be stands there without a word.
    word = (NAMES[name] if name else None) if low <= z <= high else AGAIN
    value = f"{reader.number(one.value, 1)} {reader.say(UNITS.get(indicator, KILOGRAMS).message)}"
    return reader.day(one.day), place, value, reader.number(z, 1), reader.clinical(word.message) if word else ""


def _score(indicator: Indicator, sex: Sex, one: Measure) -> float | None:
    try:
        return z_score(indicator, sex, one.at, one.value)
    except OutOfReference:
        return None


def _span(indicator: Indicator, places: list[float]) -> tuple[float, float]:
    spans = {Indicator.WEIGHT_FOR_LENGTH: LENGTHS, Indicator.WEIGHT_FOR_HEIGHT: HEIGHTS}.get(indicator, AGES)
    return next(span for span in spans if span[0] <= min(places) and max(places) <= span[1])


def _growth_curves(indicator: Indicator, sex: Sex, first: float, last: float, reader: Reader) -> tuple[Reference, ...]:
    kinds = {0: "middle", 2: "edge", 3: "outer"}
    return tuple(
        Reference(reader.number(int(curve.name), 0), curve.points, kinds[abs(int(curve.name))])
        for curve in curves.growth(indicator, sex, first, last)
    )


def _age(one: Measure, reader: Reader) -> str:
    """Age in completed weeks until three months, then in completed months of the calendar."""
    if one.at < WEEKS_UNTIL_DAYS:
        weeks = int(one.at) // 7
        return ngettext("%(count)s week", "%(count)s weeks", weeks, count=reader.number(weeks, 0))
    born = one.day - timedelta(days=int(one.at))
    months = (one.day.year - born.year) * 12 + one.day.month - born.month - (one.day.day < born.day)
    return ngettext("%(count)s month", "%(count)s months", months, count=reader.number(months, 0))


def _age_axis(first: float, last: float, reader: Reader) -> Axis:
    months = next(step for step in (1, 3, 6, 12) if (last - first) / DAYS_OF_MONTH / step <= 8)
    places = marks(first / DAYS_OF_MONTH, last / DAYS_OF_MONTH, months)
    return Axis(
        first, last, tuple((mark * DAYS_OF_MONTH, reader.number(mark, 0)) for mark in places), reader.say("months")
    )


def _length_axis(first: float, last: float, reader: Reader) -> Axis:
    return Axis(first, last, tuple((mark, reader.number(mark, 0)) for mark in marks(first, last, 10)), reader.say("cm"))
