"""Anaemia by trimester.

Haemoglobin, g/dL at sea level: anaemia below 11.0 in the first and third trimester, below 10.5 in the second; severe
below 7.0. Measured values are lowered for altitude and smoking before they are compared. Source: WHO guideline on
haemoglobin cutoffs to define anaemia 2024, tables on cutoffs in pregnancy and on adjustments by elevation and smoking;
the trimesters end with 12w6d and 27w6d (ibid.; WHO SMART ANC). WHO ANC 2016, recommendations A.2.1 and B1.1.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, Literal

from edge_node.maternal.dating import age_days, dating
from edge_node.maternal.facts import Mother, Pregnancy, latest
from edge_node.maternal.findings import Finding, finding
from edge_node.programme import Programme

Severity = Literal["none", "mild", "moderate", "severe"]

SEVERE_BELOW: Final = Decimal("7.0")
MODERATE_BELOW: Final = Decimal("10.0")
_BELOW: Final = {1: Decimal("11.0"), 2: Decimal("10.5"), 3: Decimal("11.0")}
_ELEVATIONS: Final = (
    (4500, "3.3"), (4000, "2.9"), (3500, "2.5"), (3000, "2.1"), (2500, "1.8"),
    (2000, "1.4"), (1500, "1.1"), (1000, "0.8"), (500, "0.4"),
)  # fmt: skip
"""Metres from which so much, in g/dL, is taken off."""
_SMOKING: Final = Decimal("0.3")
"""Taken off where she smokes and nobody wrote how much."""


def trimester(days: int) -> int:
    """1 to 12w6d, 2 to 27w6d, 3 from 28w0d, from the age in days."""
    return 1 if days < 13 * 7 else 2 if days < 28 * 7 else 3


def adjusted(haemoglobin: Decimal, altitude_m: int = 0, smokes: bool = False) -> Decimal:
    """A measured haemoglobin (g/dL) as it would be at sea level in one who does not smoke."""
    by_height = next((Decimal(less) for least, less in _ELEVATIONS if altitude_m >= least), Decimal(0))
    return haemoglobin - by_height - (_SMOKING if smokes else 0)


def severity(haemoglobin: Decimal, in_trimester: int | None) -> Severity:
    """How severe an adjusted haemoglobin is. With the trimester unknown the higher cutoff applies, which misses nobody."""
    if haemoglobin < SEVERE_BELOW:
        return "severe"
    if haemoglobin < MODERATE_BELOW:
        return "moderate"
    return "mild" if haemoglobin < _BELOW[in_trimester or 1] else "none"


def anaemia(mother: Mother, pregnancy: Pregnancy, programme: Programme) -> tuple[Severity, str]:
    """How anaemic she was found last, with the reference of that test; ("none", "") if there was none."""
    last = latest(pregnancy.measures, "haemoglobin")
    if last is None:
        return "none", ""
    used = dating(pregnancy)
    habit = latest(mother.signs, "tobacco")
    smokes = habit is not None and habit.value == "yes"
    value = adjusted(last.value, programme.altitude_m, smokes)
    return severity(value, trimester(age_days(used.expected, last.on)) if used else None), last.ref


def anaemias(mother: Mother, pregnancy: Pregnancy, programme: Programme) -> Iterator[Finding]:
    """Severe anaemia refers; a milder one is treated here with 120 mg of iron a day (WHO ANC 2016, A.2.1, remarks)."""
    found, ref = anaemia(mother, pregnancy, programme)
    last = latest(pregnancy.measures, "haemoglobin")
    if last is not None and found != "none":
        severe = found == "severe"
        yield finding(
            "severe-anaemia" if severe else "anaemia",
            "refer" if severe else "manage",
            last.on,
            [ref],
            haemoglobin=last.value,
        )
