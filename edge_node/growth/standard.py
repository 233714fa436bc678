"""The WHO Child Growth Standards: z-scores of measurements, and measurements of z-scores.

Source: WHO Child Growth Standards, methods and development, 2006, chapter 7 ("Computation of centiles and z-scores"),
and the second volume, 2007, for head and arm. z = ((y/M)^L - 1) / (L S). For measurements that depend on weight (L is
not 1) the standard is restricted: beyond three standard deviations each further one is as wide as that between the
second and the third, since the tails were not observed.
"""

import gzip
from array import array
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import accumulate
from math import exp, isfinite, log
from typing import Any, Final

import msgspec


class Indicator(StrEnum):
    """What is compared. The names are those of the tables."""

    WEIGHT_FOR_AGE = "weight-for-age"
    LENGTH_FOR_AGE = "length-for-age"
    WEIGHT_FOR_LENGTH = "weight-for-length"
    WEIGHT_FOR_HEIGHT = "weight-for-height"
    BMI_FOR_AGE = "bmi-for-age"
    HEAD_FOR_AGE = "head-for-age"
    MUAC_FOR_AGE = "muac-for-age"


class Sex(StrEnum):
    """The standards differ by sex, and there is none for a child whose sex is not known."""

    FEMALE = "female"
    MALE = "male"


BY_LENGTH: Final = frozenset({Indicator.WEIGHT_FOR_LENGTH, Indicator.WEIGHT_FOR_HEIGHT})
"""Those that are not by age in days but by centimetres."""

UNRESTRICTED: Final = frozenset({Indicator.LENGTH_FOR_AGE, Indicator.HEAD_FOR_AGE})
"""Those whose distribution is normal (L is 1): no adjustment of the tails."""


class OutOfReference(ValueError):
    """The standards say nothing of that age, length or measurement."""


class Lms(msgspec.Struct, frozen=True):
    """Box-Cox power, median and coefficient of variation of one age or length."""

    power: float
    median: float
    variation: float

    def value(self, z: float) -> float:
        """The measurement at a z-score from -3 to 3."""
        if self.power == 0:
            return self.median * exp(self.variation * z)
        return float(self.median * (1 + self.power * self.variation * z) ** (1 / self.power))

    def z(self, value: float) -> float:
        """The z-score of a measurement, without restriction."""
        if self.power == 0:
            return log(value / self.median) / self.variation
        return float(((value / self.median) ** self.power - 1) / (self.power * self.variation))


class _Table(msgspec.Struct, frozen=True):
    """One indicator and sex: rows from `first` on, by day or millimetre, as whole numbers of the file's scales."""

    first: int
    powers: "array[int]"
    medians: "array[int]"
    variations: "array[int]"

    def row(self, at: int) -> Lms:
        """The row at a place counted from the first."""
        return Lms(self.powers[at] / 10_000, self.medians[at] / 10_000, self.variations[at] / 100_000)


@cache
def _tables() -> dict[tuple[str, str], _Table]:
    """All tables: a quarter of a megabyte, read once."""
    raw = gzip.decompress(files(__package__).joinpath("who2006", "lms.json.gz").read_bytes())
    found: dict[str, dict[str, dict[str, Any]]] = msgspec.json.decode(raw)
    return {
        (indicator, sex): _Table(rows["first"], *(array("i", accumulate(rows[column])) for column in "lms"))
        for indicator, sexes in found.items()
        for sex, rows in sexes.items()
    }


def reach(indicator: Indicator) -> tuple[int, int]:
    """First and last age in days, or length in millimetres, of an indicator; both belong to it."""
    table = _tables()[indicator, Sex.FEMALE]
    return table.first, table.first + len(table.medians) - 1


def lms(indicator: Indicator, sex: Sex, at: float) -> Lms:
    """The row for an age in days or a length in centimetres; lengths between millimetres are interpolated, as WHO's
    programs do.

    Raises OutOfReference.
    """
    table = _tables()[indicator, sex]
    place = (at * 10 if indicator in BY_LENGTH else at) - table.first
    # 87.3 is 872.999… tenths: a length said to the millimetre has to meet its own row.
    place = round(place, 6)
    low = int(place // 1)
    if not 0 <= place <= len(table.medians) - 1:
        raise OutOfReference(f"{indicator} has no row for {at}")
    one = table.row(low)
    part = place - low
    if part == 0:
        return one
    two = table.row(low + 1)
    return Lms(
        one.power + part * (two.power - one.power),
        one.median + part * (two.median - one.median),
        one.variation + part * (two.variation - one.variation),
    )


def z_score(indicator: Indicator, sex: Sex, at: float, value: float) -> float:
    """The z-score of a measurement (kg, cm, kg/m²) at an age in days or a length in cm, to two decimals as WHO's
    programs give it.

    Raises OutOfReference, also for a measurement that is not positive.
    """
    if not (isfinite(value) and value > 0):
        raise OutOfReference("a measurement is a positive number")
    row = lms(indicator, sex, at)
    z = row.z(value)
    if indicator not in UNRESTRICTED and abs(z) > 3:
        z = _beyond(row, value, 1 if z > 0 else -1)
    return round(z, 2) + 0.0


def _beyond(row: Lms, value: float, side: int) -> float:
    """Restricted z-score past three standard deviations, in steps as wide as from the second to the third."""
    third = row.value(3 * side)
    step = abs(third - row.value(2 * side))
    return 3 * side + (value - third) / step


def value_at(indicator: Indicator, sex: Sex, at: float, z: float) -> float:
    """The measurement (kg, cm, kg/m²) at a z-score, restricted as z-scores are: what reference curves are drawn of.

    Raises OutOfReference.
    """
    row = lms(indicator, sex, at)
    if abs(z) <= 3 or indicator in UNRESTRICTED:
        return row.value(z)
    side = 1 if z > 0 else -1
    third = row.value(3 * side)
    return third + (abs(z) - 3) * (third - row.value(2 * side))
