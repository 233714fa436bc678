"""A patient's blood pressure and weight over time, as small charts, where there are enough of them for a picture to tell more."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from edge_node.concepts import VITAL_SIGNS, amount
from edge_node.forms.context import decode
from edge_node.maternal.reading import whole_day
from edge_node.pages import chart_words, charts
from edge_node.pages.plot import Picture, picture
from edge_node.store.model import Stored

LEAST: Final = 3
"""Fewer than this are read sooner than a picture of them."""
MOST: Final = 60
"""So many of the latest are drawn."""
_VALID: Final = frozenset({"final", "amended", "corrected", "preliminary"})
_PRESSURES: Final = frozenset({"blood-pressure", "systolic", "diastolic"})


class _Taken(msgspec.Struct, frozen=True):
    day: date
    name: str
    value: float


def pictures(everything: Iterable[Stored]) -> list[Picture]:
    """The charts of a patient's Observations; corrected and mistaken ones are not drawn."""
    observed = (decode(one.body) for one in everything if one.type == "Observation" and one.body is not None)
    taken = [each for one in observed if str(one.get("status")) in _VALID for each in _measured(one)]
    writer = chart_words.writer(chart_words.month_mark)
    drawn = (charts.blood_pressure(_pressures(taken), writer), charts.weight(_weights(taken), writer))
    return [
        picture(chart, f"measured-{number}") for number, chart in enumerate(drawn) if chart and len(chart.rows) >= LEAST
    ]


def _measured(one: Mapping[str, Any]) -> Iterator[_Taken]:
    """What an Observation and its components measure. A value without a unit that can be converted is no measurement."""
    day = whole_day(one.get("effectiveDateTime"))
    parts = one.get("component")
    for part in (one, *(parts if isinstance(parts, list) else [])):
        meant = VITAL_SIGNS.find(part.get("code")) if isinstance(part, Mapping) else None
        if day is None or meant is None or meant.name not in {*_PRESSURES, "weight"} or not meant.unit:
            continue
        value = amount(part.get("valueQuantity"), meant.unit)
        if value is not None and value > 0:
            yield _Taken(day, meant.name, float(value))


def _weights(taken: list[_Taken]) -> list[charts.Weight]:
    by_day = {one.day: one.value for one in taken if one.name == "weight"}
    return [charts.Weight(day, kg) for day, kg in sorted(by_day.items())[-MOST:]]


def _pressures(taken: list[_Taken]) -> list[charts.Pressure]:
    """Of each day the highest: it is what the day's care was about."""
    upper = _highest(taken, "systolic")
    lower = _highest(taken, "diastolic")
    days = sorted(upper.keys() & lower.keys())[-MOST:]
    return [charts.Pressure(day, upper[day], lower[day]) for day in days]


def _highest(taken: list[_Taken], name: str) -> dict[date, float]:
    found: dict[date, float] = {}
    for one in taken:
        if one.name == name:
            found[one.day] = max(one.value, found.get(one.day, 0.0))
    return found
