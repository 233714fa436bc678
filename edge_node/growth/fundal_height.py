"""Symphysis-fundal height by gestational age: the INTERGROWTH-21st standard.

Source: Papageorghiou AT, Ohuma EO, Gravett MG et al., International standards for symphysis-fundal height based on serial
measurements from the Fetal Growth Longitudinal Study of the INTERGROWTH-21st Project, BMJ 2016;355:i5662: mean and
standard deviation in cm as functions of the gestational age in exact weeks; heights are normally distributed about
them. The same functions stand in the two published programs that we know (ropensci/gigs, of which one of the paper's
authors is an author, and nutriverse/intergrowth).

A height under the 3rd centile may mean a small fetus, too little water or wrong dates; over the 97th a large one, twins
or wrong dates. It says nothing of a pregnancy that was dated by fundal height itself; who calls this knows.
"""

from math import erf, log, sqrt
from types import MappingProxyType
from typing import Final

import msgspec

FROM_DAYS: Final = 16 * 7
TO_DAYS: Final = 42 * 7
"""Gestational ages that the standard covers: 16 weeks 0 days to 42 weeks 0 days."""

CENTILES: Final[MappingProxyType[int, float]] = MappingProxyType(
    {3: -1.8807936, 10: -1.2815516, 50: 0.0, 90: 1.2815516, 97: 1.8807936}
)
"""The centiles that are drawn, with their z-scores in the normal distribution."""


class Height(msgspec.Struct, frozen=True):
    """A fundal height against the standard. `name`: `small` under the 3rd centile, `large` over the 97th, "" between."""

    z: float
    centile: float
    name: str


def mean_cm(days: int) -> float:
    """The mean height at a gestational age in days. Raises ValueError outside 16 to 42 weeks."""
    weeks = _weeks(days)
    return 5.133374 + 0.1058353119 * weeks**2 - 0.0231295 * weeks**2 * log(weeks)


def deviation_cm(days: int) -> float:
    """The standard deviation at a gestational age in days. Raises ValueError outside 16 to 42 weeks."""
    return 0.9922667 + 0.0258087 * _weeks(days)


def centile_cm(days: int, centile: int) -> float:
    """The height of one of CENTILES. Raises ValueError outside 16 to 42 weeks, KeyError for another centile."""
    return mean_cm(days) + CENTILES[centile] * deviation_cm(days)


def judge(days: int, height_cm: float) -> Height:
    """Where a height lies. Raises ValueError outside 16 to 42 weeks."""
    z = (height_cm - mean_cm(days)) / deviation_cm(days)
    name = "small" if z < CENTILES[3] else "large" if z > CENTILES[97] else ""
    return Height(z, 50 * (1 + erf(z / sqrt(2))), name)


def _weeks(days: int) -> float:
    if not FROM_DAYS <= days <= TO_DAYS:
        raise ValueError("the standard covers 16 to 42 weeks")
    return days / 7
