"""Blood pressure and pre-eclampsia.

Thresholds, mmHg, "or" between upper and lower: high from 140/90, severe from 160/110. A raised reading is taken again after 10 to
15 minutes of rest, and what the second confirms counts. Sources: WHO SMART ANC, ANCDT17, whose published text says "≤ 140" for its
first case of pre-eclampsia and "> 160" for its second, which leaves out 140 to 160 and takes in the healthy: ours is
the meaning of its other cases (140 ≤ upper < 160) and of WHO MCPC 2017, pp. S-49 to S-53 (pre-eclampsia: from 140/90
with protein from ++; severe: from 160/110, or with headache, trouble seeing, pain below the ribs, dizziness, vomiting).

Deliberately more careful than ANCDT17: both readings being raised is enough, be it one in the upper and one in the lower value; and
a single reading from 160/110 refers where no second was taken.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from edge_node.maternal.danger import present
from edge_node.maternal.facts import Pregnancy, Pressure, Sign, of_kind
from edge_node.maternal.findings import Degree, Finding, Param, finding

HIGH: Final = (Decimal(140), Decimal(90))
SEVERE: Final = (Decimal(160), Decimal(110))
PROTEIN_FROM: Final = 2
"""Plus signs of the dipstick."""
PROTEIN_FITS: Final = timedelta(days=7)
"""A urine test up to a week before the pressure still tells of it (our choice: the clinic may have run out of sticks)."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The pressure of the last day it was taken. `level`: 0 not high, 1 high, 2 severe. `confirmed`: by a second reading.
    `settled`: raised first, and normal after rest. `last`: the reading that decides."""

    on: date
    level: int
    confirmed: bool
    settled: bool
    last: Pressure
    refs: tuple[str, ...]


def level(reading: Pressure) -> int:
    """0 below 140/90, 1 from there, 2 from 160/110; by what was read of the two."""
    return 2 if _from(reading, SEVERE) else 1 if _from(reading, HIGH) else 0


def _from(reading: Pressure, threshold: tuple[Decimal, Decimal]) -> bool:
    pairs = ((reading.systolic, threshold[0]), (reading.diastolic, threshold[1]))
    return any(value is not None and value >= least for value, least in pairs)


def judged(pregnancy: Pregnancy) -> Judged | None:
    """The pressure of the last day on which it was taken; None if it never was."""
    if not pregnancy.pressures:
        return None
    day = max(each.on for each in pregnancy.pressures)
    readings = sorted((each for each in pregnancy.pressures if each.on == day), key=_moment)
    levels = [level(each) for each in readings]
    raised_before = max(levels[:-1], default=0)
    return Judged(
        on=day,
        level=min(levels[-1], raised_before) if raised_before and levels[-1] else levels[-1],
        confirmed=bool(levels[-1] and raised_before),
        settled=bool(raised_before and not levels[-1]),
        last=readings[-1],
        refs=tuple(each.ref for each in readings),
    )


def _moment(reading: Pressure) -> tuple[bool, str, str]:
    """First readings, then repeated ones; each by its time."""
    return reading.repeat, reading.at.isoformat() if reading.at else "", reading.ref


def protein(pregnancy: Pregnancy, on: date) -> Sign | None:
    """The strongest result of the last day on which the urine was tested, if that is not more than a week before `on`."""
    found = [each for each in of_kind(pregnancy.signs, "urine-protein") if each.on >= on - PROTEIN_FITS]
    last = max((each.on for each in found), default=None)
    return max((each for each in found if each.on == last), key=lambda each: (int(each.value), each.ref), default=None)


def symptoms(pregnancy: Pregnancy, on: date) -> tuple[Sign, ...]:
    """Signs of severe pre-eclampsia stated on the day of the reading or after; those among the danger signs too."""
    asked = present(pregnancy.signs, "pre-eclampsia-symptoms")
    alike = (each for each in present(pregnancy.signs, "danger-signs") if each.value in _ALIKE)
    return tuple(each for each in (*asked, *alike) if each.on >= on)


_ALIKE: Final = frozenset({"severe-headache", "visual-disturbance", "severe-vomiting"})


def pressures(pregnancy: Pregnancy) -> Iterator[Finding]:
    """What the last day's pressure asks for."""
    seen = judged(pregnancy)
    if seen is None:
        return
    params: dict[str, Param] = {"systolic": seen.last.systolic or 0, "diastolic": seen.last.diastolic or 0}
    if seen.settled:
        yield finding("pressure-settled", "inform", seen.on, seen.refs, **params)
    if seen.level == 0:
        return
    stick = protein(pregnancy, seen.on)
    grade = int(stick.value) if stick else None
    signs = symptoms(pregnancy, seen.on)
    refs = [*seen.refs, *([stick.ref] if stick else []), *(each.ref for each in signs)]
    if not seen.confirmed:
        code, degree = _UNCONFIRMED[seen.level]
        yield finding(code, degree, seen.on, seen.refs, **params)
    if signs and seen.confirmed:
        yield finding("severe-pre-eclampsia", "refer", seen.on, refs, **params, sign=signs[0].value)
    elif signs:
        yield finding("raised-with-signs", "refer", seen.on, refs, **params, sign=signs[0].value)
    elif grade is not None and grade >= PROTEIN_FROM and seen.confirmed:
        code = "severe-pre-eclampsia-by-pressure" if seen.level == 2 else "pre-eclampsia"
        yield finding(code, "refer", seen.on, refs, **params, protein=grade)
    elif grade is not None and grade >= PROTEIN_FROM:
        yield finding("raised-with-protein", "refer", seen.on, refs, **params, protein=grade)
    elif seen.confirmed:
        code, degree = _CONFIRMED[seen.level]
        yield finding(code, degree, seen.on, refs, **params)
    if grade is None:
        yield finding("test-urine", "manage", seen.on, seen.refs)


_UNCONFIRMED: Final[dict[int, tuple[str, Degree]]] = {
    1: ("pressure-again", "manage"),
    2: ("severe-pressure-once", "refer"),
}
_CONFIRMED: Final[dict[int, tuple[str, Degree]]] = {1: ("hypertension", "manage"), 2: ("severe-hypertension", "refer")}
