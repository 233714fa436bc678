"""A child's measurements of one day: z-scores by WHO's standards, and what they are called.

Sources: WHO Child Growth Standards 2006 (z-scores; 0.7 cm between length and height: methods and development, chapter
3); "Training course on child growth assessment", WHO 2008, module C, "Growth problems" (names and limits); "WHO child
growth standards and the identification of severe acute malnutrition in infants and children", WHO and UNICEF 2009, and
"WHO guideline on the prevention and management of wasting and nutritional oedema", 2023 (arm circumference under 11.5
and 12.5 cm from 6 to 59 months, oedema); "Anthro for personal computers: manual", WHO 2011, annex (limits past which a
measurement is probably wrong); "Assessment of infants with microcephaly in the context of Zika virus", WHO 2016 (head).
"""

from collections.abc import Iterator
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from edge_node.growth.standard import Indicator, OutOfReference, Sex, reach, z_score

STANDING_FROM_DAYS: Final = 731
"""From 24 months on a child is measured standing, before lying down."""
LYING_IS_LONGER_CM: Final = 0.7
MUAC_FROM_MONTHS: Final = 6
MUAC_SEVERE_CM: Final = 11.5
MUAC_MODERATE_CM: Final = 12.5

Degree = Literal["refer", "manage", "inform"]
Position = Literal["lying", "standing", ""]


class Measured(msgspec.Struct, frozen=True):
    """What was measured of a child on one day: kg and cm, None for what was not.

    `position`: how the length was taken, "" when not said: then as it should be at that age. `oedema`: swelling of both
    feet, which makes any weight too high.
    """

    day: date
    weight_kg: float | None = None
    length_cm: float | None = None
    head_cm: float | None = None
    muac_cm: float | None = None
    position: Position = ""
    oedema: bool = False


class Score(msgspec.Struct, frozen=True):
    """One z-score. `name`: what it is called (`stunted` …, "" for nothing). `plausible`: false where the measurement is
    probably wrong."""

    indicator: Indicator
    value: float
    z: float
    name: str
    degree: Degree
    plausible: bool


class Sign(msgspec.Struct, frozen=True):
    """A sign that needs no z-score: `muac-severe`, `muac-moderate`, `oedema`."""

    name: str
    degree: Degree


class Assessment(msgspec.Struct, frozen=True):
    """All that the standards say of one day's measurements. `age_days`: at the measurement."""

    day: date
    age_days: int
    scores: tuple[Score, ...]
    signs: tuple[Sign, ...]

    def score(self, indicator: Indicator) -> Score | None:
        """The score of one indicator, None when it could not be reckoned."""
        return next((one for one in self.scores if one.indicator == indicator), None)

    @property
    def degree(self) -> Degree:
        """The gravest of all; scores that are probably wrong have to be measured again first, and refer nobody."""
        degrees = {one.degree for one in self.scores if one.plausible} | {one.degree for one in self.signs}
        return "refer" if "refer" in degrees else "manage" if "manage" in degrees else "inform"


_Limits = tuple[tuple[float, str, Degree], ...]

_WASTING: Final[_Limits] = ((-3, "severely-wasted", "refer"), (-2, "wasted", "manage"))
_FAT: Final[_Limits] = ((3, "obese", "manage"), (2, "overweight", "manage"), (1, "may-become-overweight", "inform"))

LOW: Final[MappingProxyType[Indicator, _Limits]] = MappingProxyType(
    {
        Indicator.LENGTH_FOR_AGE: ((-3, "severely-stunted", "manage"), (-2, "stunted", "manage")),
        Indicator.WEIGHT_FOR_AGE: ((-3, "severely-underweight", "manage"), (-2, "underweight", "manage")),
        Indicator.WEIGHT_FOR_LENGTH: _WASTING,
        Indicator.WEIGHT_FOR_HEIGHT: _WASTING,
        Indicator.BMI_FOR_AGE: _WASTING,
        Indicator.HEAD_FOR_AGE: ((-3, "head-very-small", "refer"), (-2, "head-small", "manage")),
        Indicator.MUAC_FOR_AGE: ((-3, "arm-very-thin", "manage"), (-2, "arm-thin", "manage")),
    }
)
"""A z-score *below* the limit has the name; the first that holds. -2.00 itself is not stunted."""

HIGH: Final[MappingProxyType[Indicator, _Limits]] = MappingProxyType(
    {
        Indicator.LENGTH_FOR_AGE: ((3, "very-tall", "inform"),),
        Indicator.WEIGHT_FOR_AGE: (),
        Indicator.WEIGHT_FOR_LENGTH: _FAT,
        Indicator.WEIGHT_FOR_HEIGHT: _FAT,
        Indicator.BMI_FOR_AGE: _FAT,
        Indicator.HEAD_FOR_AGE: ((3, "head-very-large", "refer"), (2, "head-large", "manage")),
        Indicator.MUAC_FOR_AGE: (),
    }
)
"""A z-score *above* the limit. A high weight for age is judged by length instead ("Growth problems")."""

PLAUSIBLE: Final[MappingProxyType[Indicator, tuple[float, float]]] = MappingProxyType(
    {
        Indicator.LENGTH_FOR_AGE: (-6, 6),
        Indicator.WEIGHT_FOR_AGE: (-6, 5),
        Indicator.WEIGHT_FOR_LENGTH: (-5, 5),
        Indicator.WEIGHT_FOR_HEIGHT: (-5, 5),
        Indicator.BMI_FOR_AGE: (-5, 5),
        Indicator.HEAD_FOR_AGE: (-5, 5),
        Indicator.MUAC_FOR_AGE: (-5, 5),
    }
)
"""Z-scores outside are flagged: more often a slip of the pen, or a wrong birth date, than a child."""


def assess(born: date, sex: Sex, measured: Measured) -> Assessment:
    """Z-scores, names and signs of one day's measurements; what the standards do not reach is left out.

    Raises ValueError when the child was not born on that day.
    """
    age_days = (measured.day - born).days
    if age_days < 0:
        raise ValueError("measured before birth")
    scores = []
    for indicator, at, value in _comparisons(age_days, measured):
        try:
            scores.append(_score(indicator, value, z_score(indicator, sex, at, value)))
        except OutOfReference:
            # Longer or older than any child the standards were made of: there is nothing to say, and nothing is made up.
            continue
    return Assessment(measured.day, age_days, tuple(scores), tuple(_signs(born, measured)))


def length_or_height(age_days: int, measured: Measured) -> float | None:
    """The length as it should have been taken at that age: 0.7 cm less when standing, more when lying."""
    if measured.length_cm is None:
        return None
    standing = age_days >= STANDING_FROM_DAYS
    if standing and measured.position == "lying":
        return measured.length_cm - LYING_IS_LONGER_CM
    if not standing and measured.position == "standing":
        return measured.length_cm + LYING_IS_LONGER_CM
    return measured.length_cm


def _comparisons(age_days: int, measured: Measured) -> Iterator[tuple[Indicator, float, float]]:
    """Indicator, where to look it up, and the value. With oedema no weight is compared (WHO Anthro, annex)."""
    length = length_or_height(age_days, measured)
    weight = None if measured.oedema else measured.weight_kg
    if weight is not None:
        yield Indicator.WEIGHT_FOR_AGE, age_days, weight
    if length is not None:
        yield Indicator.LENGTH_FOR_AGE, age_days, length
    # Weight for length knows no age: a child who is five is not compared with shorter ones of four.
    if weight is not None and length and age_days <= reach(Indicator.BMI_FOR_AGE)[1]:
        standing = age_days >= STANDING_FROM_DAYS
        yield Indicator.WEIGHT_FOR_HEIGHT if standing else Indicator.WEIGHT_FOR_LENGTH, length, weight
        yield Indicator.BMI_FOR_AGE, age_days, weight / (length / 100) ** 2
    if measured.head_cm is not None:
        yield Indicator.HEAD_FOR_AGE, age_days, measured.head_cm
    if measured.muac_cm is not None:
        yield Indicator.MUAC_FOR_AGE, age_days, measured.muac_cm


def _score(indicator: Indicator, value: float, z: float) -> Score:
    low, high = PLAUSIBLE[indicator]
    name, degree = classify(indicator, z)
    return Score(indicator, value, z, name, degree, low <= z <= high)


def classify(indicator: Indicator, z: float) -> tuple[str, Degree]:
    """The name of a z-score ("" for none) and what it asks for."""
    for limit, name, degree in LOW[indicator]:
        if z < limit:
            return name, degree
    for limit, name, degree in HIGH[indicator]:
        if z > limit:
            return name, degree
    return "", "inform"


def _signs(born: date, measured: Measured) -> Iterator[Sign]:
    if measured.oedema:
        yield Sign("oedema", "refer")
    months = (measured.day.year - born.year) * 12 + measured.day.month - born.month - (measured.day.day < born.day)
    if measured.muac_cm is not None and MUAC_FROM_MONTHS <= months < 60:
        if measured.muac_cm < MUAC_SEVERE_CM:
            yield Sign("muac-severe", "refer")
        elif measured.muac_cm < MUAC_MODERATE_CM:
            yield Sign("muac-moderate", "manage")
