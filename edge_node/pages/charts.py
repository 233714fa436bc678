"""The clinic's charts: fundal height, weight, blood pressure. Points and standards in, a `Chart` out.

A child's growth is in `growth_charts`.

Words come in English and go through `Reader.say` and `Reader.clinical`; numbers
and days through its other members, so that a chart is in the
reader's language. Every chart has its points as a table too (`Chart.head`, `Chart.rows`), with the same judgement in
words.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from edge_node.growth import curves, fundal_height
from edge_node.pages.chart_words import (
    Reader,
    amounts_axis,
    centimetres,
    days_axis,
    kilograms,
    told,
    weeks,
    weeks_axis,
)
from edge_node.pages.plot import Chart, Limit, Point, Reference, Series

RAISED: Final = (140, 90)
SEVERE: Final = (160, 110)
"""Blood pressure, upper and lower in mmHg: hypertension in pregnancy and severe hypertension (WHO recommendations for
prevention and treatment of pre-eclampsia and eclampsia, 2011, and on antenatal care, 2016)."""


class Height(msgspec.Struct, frozen=True):
    """A fundal height in cm at a gestational age in days."""

    day: date
    days: int
    cm: float


class Weight(msgspec.Struct, frozen=True):
    """A weight. `days`: the gestational age, None for who is not pregnant."""

    day: date
    kg: float
    days: int | None = None


class Pressure(msgspec.Struct, frozen=True):
    """A blood pressure in mmHg."""

    day: date
    upper: float
    lower: float


# --- fundal height ----------------------------------------------------------------------------------------------------


def fundal(heights: Sequence[Height], reader: Reader, *, judged: bool = True) -> Chart | None:
    """Fundal height by week against INTERGROWTH-21st; None without a height.

    `judged`: false for a pregnancy that was dated by fundal height: then there is no curve, since it would judge itself.
    """
    held = sorted(heights, key=lambda one: (one.days, one.day))
    if not held:
        return None
    names = [_fundal_name(one) if judged else "" for one in held]
    references = _fundal_curves(reader) if judged else ()
    first, last = min(112, held[0].days), max(280, held[-1].days)
    points = tuple(
        Point(one.days, one.cm, f"{weeks(one.days, reader)}: {centimetres(one.cm, reader)}", bool(name))
        for one, name in zip(held, names, strict=True)
    )
    words = {
        "": "",
        "small": reader.clinical("below the 3rd centile"),
        "large": reader.clinical("above the 97th centile"),
    }
    rows = tuple(
        (reader.day(one.day), weeks(one.days, reader), centimetres(one.cm, reader), words[name])
        for one, name in zip(held, names, strict=True)
    )
    ys = [one.cm for one in held] + [y for curve in references for _, y in curve.points]
    return Chart(
        title=reader.say("Height of the womb"),
        description=told(
            rows,
            reader,
            reader.clinical("The curves are the 3rd, 10th, 50th, 90th and 97th centile.") if judged else "",
        ),
        x=weeks_axis(first, last, reader),
        y=amounts_axis(ys, reader, reader.say("cm")),
        series=(Series(reader.say("Height of the womb"), points),),
        head=(reader.say("Day"), reader.say("Weeks"), reader.say("Height"), reader.say("Compared")),
        rows=rows,
        references=references,
        inside=(1, 3) if judged else None,
    )


def _fundal_name(one: Height) -> str:
    inside = fundal_height.FROM_DAYS <= one.days <= fundal_height.TO_DAYS
    return fundal_height.judge(one.days, one.cm).name if inside else ""


def _fundal_curves(reader: Reader) -> tuple[Reference, ...]:
    kinds = {"3": "outer", "97": "outer", "10": "edge", "90": "edge", "50": "middle"}
    return tuple(
        Reference(reader.number(int(curve.name), 0), curve.points, kinds[curve.name]) for curve in curves.fundal()
    )


# --- weight -----------------------------------------------------------------------------------------------------------


def weight(weights: Sequence[Weight], reader: Reader) -> Chart | None:
    """Weight by day, for anybody; None without one."""
    held = sorted(weights, key=lambda one: one.day)
    if not held:
        return None
    rows = tuple((reader.day(one.day), kilograms(one.kg, reader)) for one in held)
    points = tuple(Point(one.day.toordinal(), one.kg, ": ".join(row)) for one, row in zip(held, rows, strict=True))
    return Chart(
        title=reader.say("Weight"),
        description=told(rows, reader),
        x=days_axis([one.day for one in held], reader),
        y=amounts_axis([one.kg for one in held], reader, reader.say("kg"), least_span=6),
        series=(Series(reader.say("Weight"), points),),
        head=(reader.say("Day"), reader.say("Weight")),
        rows=rows,
    )


def pregnancy_weight(
    weights: Sequence[Weight], reader: Reader, *, before: tuple[float, float] | None = None
) -> Chart | None:
    """Weight by week of pregnancy; None without a weight that has a gestational age.

    `before`: body mass index and weight in kg before pregnancy, for the recommended range; None when they are not known.
    """
    held = sorted(((one.days, one) for one in weights if one.days is not None), key=lambda one: (one[0], one[1].day))
    if not held:
        return None
    references: tuple[Reference, ...] = ()
    if before is not None:
        least, most = curves.pregnancy_gain(*before)
        references = (Reference("", least.points, "edge"), Reference("", most.points, "edge"))
    rows = tuple((reader.day(one.day), weeks(days, reader), kilograms(one.kg, reader)) for days, one in held)
    points = tuple(Point(days, one.kg, f"{row[1]}: {row[2]}") for (days, one), row in zip(held, rows, strict=True))
    ys = [one.kg for _, one in held] + [y for curve in references for _, y in curve.points]
    shaded = (
        reader.clinical("The shaded range is what is recommended for her weight before pregnancy.")
        if references
        else ""
    )
    return Chart(
        title=reader.say("Weight in pregnancy"),
        description=told(rows, reader, shaded),
        x=weeks_axis(0, max(280, held[-1][0]), reader),
        y=amounts_axis(ys, reader, reader.say("kg"), least_span=6),
        series=(Series(reader.say("Weight"), points),),
        head=(reader.say("Day"), reader.say("Weeks"), reader.say("Weight")),
        rows=rows,
        references=references,
        inside=(0, 1) if references else None,
    )


# --- blood pressure ---------------------------------------------------------------------------------------------------


def blood_pressure(pressures: Sequence[Pressure], reader: Reader) -> Chart | None:
    """Upper and lower blood pressure by day, with the limits of raised and severe; None without one."""
    held = sorted(pressures, key=lambda one: one.day)
    if not held:
        return None
    rows = tuple((reader.day(one.day), _pressure(one, reader), _pressure_word(one, reader)) for one in held)
    series = []
    for place, name in enumerate((reader.say("Upper"), reader.say("Lower"))):
        points = tuple(
            Point(
                one.day.toordinal(),
                (one.upper, one.lower)[place],
                f"{row[0]}: {row[1]}",
                (one.upper, one.lower)[place] >= RAISED[place],
            )
            for one, row in zip(held, rows, strict=True)
        )
        series.append(Series(name, points, second=place == 1))
    values = [value for one in held for value in (one.upper, one.lower)]
    limits = tuple(
        Limit(level, reader.number(level, 0), kind)
        for levels, kind in ((RAISED, "warn"), (SEVERE, "bad"))
        for level in levels
    )
    said = reader.clinical(
        "The lines are the limits of raised blood pressure, 140 over 90, and of severe, 160 over 110."
    )
    return Chart(
        title=reader.say("Blood pressure"),
        description=told(rows, reader, said),
        x=days_axis([one.day for one in held], reader),
        y=amounts_axis([*values, 60, 170], reader, reader.say("mmHg")),
        series=tuple(series),
        head=(reader.say("Day"), reader.say("Blood pressure"), reader.say("Compared")),
        rows=rows,
        limits=limits,
    )


def _pressure(one: Pressure, reader: Reader) -> str:
    return f"{reader.number(one.upper, 0)}/{reader.number(one.lower, 0)} {reader.say('mmHg')}"


def _pressure_word(one: Pressure, reader: Reader) -> str:
    if one.upper >= SEVERE[0] or one.lower >= SEVERE[1]:
        return reader.clinical("severely raised")
    return reader.clinical("raised") if one.upper >= RAISED[0] or one.lower >= RAISED[1] else ""
