"""How far a pregnancy is: which evidence is preferred, what was accepted, the age on a day, and whether the evidence agrees.

Sources: expected date of birth = first day of the last period + 280 days (WHO SMART ANC, ANCS01, which reckons the contacts from
"nine months and seven days" before it, so days beside its own text: not followed). One ultrasound scan before 24 weeks to find
the age (WHO ANC 2016, recommendation B2.4). The order of preference is that of the project's brief; the tolerances are those of
ACOG Committee Opinion 700 (2017), table 1.
"""

from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from edge_node.maternal.facts import Accepted, Evidence, Pregnancy, latest

TERM_DAYS: Final = 280
"""From the first day of the last period to the expected day of birth (WHO SMART ANC, ANCS01; Naegele)."""
EARLY_SCAN_DAYS: Final = 24 * 7
"""A scan before 24 weeks is early (WHO ANC 2016, B2.4)."""


class Dating(msgspec.Struct, frozen=True, kw_only=True):
    """The dating by which everything is reckoned. `kind`: as in Evidence. `accepted`: a clinician took it for true; else it is the
    preferred evidence, provisionally. `ref`, `on`, `by`: the resource that says so, its day, and who."""

    expected: date
    kind: str
    accepted: bool
    ref: str
    on: date
    by: str = ""

    @property
    def lmp(self) -> date:
        """The first day of the last period that belongs to the expected date."""
        return self.expected - timedelta(TERM_DAYS)


class Age(msgspec.Struct, frozen=True, order=True):
    """The age of a pregnancy in completed weeks and days (0 to 6)."""

    weeks: int
    days: int


class Redating(msgspec.Struct, frozen=True):
    """An accepted dating that replaced another: the expected date before and after, when, by whom, and the resource."""

    before: date
    after: date
    on: date
    by: str
    ref: str


class Disagreement(msgspec.Struct, frozen=True):
    """The dating in use and better or equal evidence differ by more than they may: `days` apart, of `allowed`."""

    used: Dating
    evidence: Evidence
    days: int
    allowed: int


def preference(evidence: Evidence) -> int:
    """How much evidence is worth, 0 the most: a scan before 24 weeks, a sure last period, a later scan, a stated expected date of
    unknown origin, the height of the womb, an unsure last period."""
    if evidence.kind == "ultrasound":
        early = evidence.age_days is not None and evidence.age_days < EARLY_SCAN_DAYS
        return 0 if early else 2
    if evidence.kind == "lmp":
        return 1 if evidence.certain else 5
    return {"stated": 3, "fundal-height": 4}.get(evidence.kind, 6)


def preferred(pregnancy: Pregnancy) -> Evidence | None:
    """The best evidence. Of scans the earliest in pregnancy, which is the most exact; of others the one stated last."""

    def rank(evidence: Evidence) -> tuple[int, int, int, str]:
        youngest = evidence.age_days or 0 if evidence.kind == "ultrasound" else 0
        return preference(evidence), youngest, -evidence.on.toordinal(), evidence.ref

    return min(pregnancy.evidence, key=rank, default=None)


def dating(pregnancy: Pregnancy) -> Dating | None:
    """The dating in use: the one accepted last, else provisionally the preferred evidence; None while nothing dates it."""
    accepted = last_accepted(pregnancy)
    if accepted is not None:
        return Dating(
            expected=accepted.expected,
            kind=accepted.kind,
            accepted=True,
            ref=accepted.ref,
            on=accepted.on,
            by=accepted.by,
        )
    best = preferred(pregnancy)
    if best is None:
        return None
    return Dating(expected=best.expected, kind=best.kind, accepted=False, ref=best.ref, on=best.on, by=best.by)


def _in_order(pregnancy: Pregnancy) -> list[Accepted]:
    return sorted(pregnancy.accepted, key=lambda each: (each.on, each.at, each.ref))


def last_accepted(pregnancy: Pregnancy) -> Accepted | None:
    """The dating that was accepted last, by its moment as written."""
    return next(reversed(_in_order(pregnancy)), None)


def redatings(pregnancy: Pregnancy) -> tuple[Redating, ...]:
    """Each accepted dating that moved the expected date, in order."""
    every = _in_order(pregnancy)
    return tuple(
        Redating(before.expected, after.expected, after.on, after.by, after.ref)
        for before, after in pairwise(every)
        if before.expected != after.expected
    )


def age_days(expected: date, on: date) -> int:
    """Days since the first day of the last period; below 0 before it."""
    return TERM_DAYS - (expected - on).days


def age_on(expected: date, on: date) -> Age | None:
    """The age on a day in weeks and days; None before the last period."""
    days = age_days(expected, on)
    return Age(*divmod(days, 7)) if days >= 0 else None


def day_at(expected: date, weeks: int, days: int = 0) -> date:
    """The day on which the pregnancy is so many weeks and days old."""
    return expected - timedelta(days=TERM_DAYS - 7 * weeks - days)


_ALLOWED: Final = ((8 * 7 + 6, 5), (15 * 7 + 6, 7), (21 * 7 + 6, 10), (27 * 7 + 6, 14))


def allowed_difference(scan_age_days: int) -> int:
    """By how many days a scan at that age (by the last period) may differ from it before the scan is believed rather.

    Up to 8w6d 5 days, to 15w6d 7, to 21w6d 10, to 27w6d 14, later 21. Source: ACOG Committee Opinion 700 (2017), table 1.
    """
    return next((allowed for until, allowed in _ALLOWED if scan_age_days <= until), 21)


def disagreements(pregnancy: Pregnancy) -> tuple[Disagreement, ...]:
    """Scans and sure last periods that contradict the dating in use by more than the method's own uncertainty.

    Between a scan and another dating, what ACOG allows at the scan's age. Between two that are no scans, a week. What was known
    when the dating was accepted is settled by that.
    """
    used = dating(pregnancy)
    if used is None:
        return ()
    found = []
    for evidence in pregnancy.evidence:
        if preference(evidence) > 2 or evidence.ref == used.ref or (used.accepted and evidence.on <= used.on):
            continue
        days = abs((evidence.expected - used.expected).days)
        allowed = allowed_difference(age_days(used.expected, evidence.on)) if evidence.kind == "ultrasound" else 7
        if days > allowed:
            found.append(Disagreement(used, evidence, days, allowed))
    return tuple(found)


def stated_periods(pregnancy: Pregnancy) -> tuple[Evidence, ...]:
    """The last periods that were stated, one for each different day, in order of statement."""
    seen: dict[date, Evidence] = {}
    for evidence in pregnancy.evidence:
        if evidence.lmp is not None:
            seen.setdefault(evidence.lmp, evidence)
    return tuple(seen.values())


def open_periods(pregnancy: Pregnancy) -> tuple[Evidence, ...]:
    """Two or more different last periods between which nobody decided: no dating was accepted on the day of the last such statement or
    after. Else none."""
    periods = stated_periods(pregnancy)
    accepted = last_accepted(pregnancy)
    settled = accepted is not None and all(each.on <= accepted.on for each in periods)
    return periods if len(periods) > 1 and not settled else ()


def judged_by_fundal_height(pregnancy: Pregnancy) -> bool:
    """Whether heights of the womb may be held against the reference curve.

    Not in a pregnancy that was dated by that very height (it would agree with itself), nor in one of twins or with
    unknown dating. The range of weeks is the curve's own matter. Source: WHO ANC 2016, B2.2; INTERGROWTH-21st
    (Papageorghiou et al., BMJ 2016;355:i5662), singleton pregnancies dated by ultrasound.
    """
    used = dating(pregnancy)
    if used is None or used.kind == "fundal-height" or (used.kind == "lmp" and _unsure(pregnancy, used)):
        return False
    fetuses = latest(pregnancy.measures, "fetuses")
    return fetuses is None or fetuses.value <= 1


def _unsure(pregnancy: Pregnancy, used: Dating) -> bool:
    return any(evidence.ref == used.ref and not evidence.certain for evidence in pregnancy.evidence)
