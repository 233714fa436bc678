"""Which of the vaccines that were given count, for which dose; and why the others do not.

Rules:
* The day's vaccines together must hold all that the dose is against: hepatitis B, DTP and Hib in three injections are
  one five-in-one.
* Not before the earliest age, and not sooner after any earlier vaccine with one of the same antigens than the interval;
  an invalid dose too puts off the next (ACIP, General Best Practice Guidelines, "Timing and Spacing of
  Immunobiologics", 2023). There is no longest interval: a series is gone on with and never begun again (WHO, Summary of
  Position Papers, Table 3).
* Up to four days too early still counts where the schedule says so (there, the grace period), but not between live
  vaccines.
* Two live virus vaccines that are injected come on one day or at least 28 days apart; else the second does not count
  (there, table 3-5).
* Given after the age limit, or as less than a full dose, it does not count.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby

import msgspec

from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.schedule import Dose, Schedule, Series
from edge_node.immunisation.vaccines import LIVE_VIRUS, VACCINES

LIVE_DAYS = 28
"""Least days between injected live vaccines that are not given on one day (ACIP, table 3-5; WHO position papers on
measles and yellow fever)."""

REASONS = ("weak", "after-live", "too-soon", "too-young", "incomplete", "not-needed", "too-old")
"""Why a vaccine that was given does not count, the most telling first."""


class Day(msgspec.Struct, frozen=True):
    """All vaccines of one day. Two records of one vaccine on one day are one dose: it was entered twice, or at two clinics.

    `holds`: what the day's full doses protect against. `spaces`: what has to wait for its interval after that day; weak
    doses too, and what may have been in them.
    """

    day: date
    given: tuple[Given, ...]
    holds: frozenset[str]
    spaces: frozenset[str]


class Counted(msgspec.Struct, frozen=True):
    """A dose that was given and counts."""

    dose: str
    text: str
    day: date


class Failed(msgspec.Struct, frozen=True):
    """A day whose vaccines concern a series but are none of its doses, and why: one of REASONS."""

    day: date
    reason: str


class Course(msgspec.Struct, frozen=True):
    """How far somebody is in a series. `plan`: the doses that apply to her; `done`: how many of them are over, given or
    skipped."""

    series: Series
    plan: tuple[Dose, ...]
    done: int
    counted: tuple[Counted, ...] = ()
    failed: tuple[Failed, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing of it is left to give."""
        return self.done >= len(self.plan)


def days(given: Iterable[Given]) -> tuple[Day, ...]:
    """What was given, by days in their order, whatever order it was entered in."""
    ordered = sorted(given, key=lambda one: (one.day, one.vaccine, one.source))
    return tuple(_day(day, tuple(group)) for day, group in groupby(ordered, key=lambda one: one.day))


def _day(day: date, given: tuple[Given, ...]) -> Day:
    holds = frozenset[str]().union(*(VACCINES[one.vaccine].antigens for one in given if not one.weak))
    return Day(day, given, holds, frozenset[str]().union(*(VACCINES[one.vaccine].spaces for one in given)))


def course(series: Series, schedule: Schedule, facts: Facts, history: tuple[Day, ...]) -> Course:
    """How far a person is in one series of a schedule. `history`: `days(facts.given)`."""
    plan = _plan(series, schedule, facts, history)
    grace = timedelta(days=schedule.grace_days)
    done, counted, failed = 0, [], []
    for at, today in enumerate(history):
        dose_at = _not_skipped(plan, done, facts, today.day)
        if dose_at < len(plan) and not plan[dose_at].antigens & today.spaces:
            continue
        if dose_at == len(plan):
            if series.antigens & today.spaces:
                failed.append(Failed(today.day, "not-needed"))
            continue
        reason = _wrong(plan[dose_at], today, history[:at], facts, grace)
        if reason:
            failed.append(Failed(today.day, reason))
        else:
            counted.append(Counted(plan[dose_at].name, plan[dose_at].text, today.day))
            done = dose_at + 1
    if series.enough is not None and _spaced(series, history) >= series.enough:
        done = len(plan)
    return Course(series, plan, done, tuple(counted), tuple(failed))


def _plan(series: Series, schedule: Schedule, facts: Facts, history: tuple[Day, ...]) -> tuple[Dose, ...]:
    """The doses that apply: the usual ones, or those of a late start, by the age at the first dose that counts."""
    if facts.born is None:
        return series.doses
    grace = timedelta(days=schedule.grace_days)
    for plan, since in [(late.doses, late.since) for late in reversed(series.late)]:
        starts = [
            today.day
            for at, today in enumerate(history)
            if not _wrong(plan[0], today, history[:at], facts, grace)
            or not _wrong(series.doses[0], today, history[:at], facts, grace)
        ]
        if starts and starts[0] >= since.after(facts.born):
            return plan
    return series.doses


def _not_skipped(plan: tuple[Dose, ...], done: int, facts: Facts, day: date) -> int:
    """The dose that a vaccine of that day would be: the next, or a later one where she has become too old for those
    between."""
    while done < len(plan) - 1 and plan[done].skip and _too_old(plan[done], facts, day):
        done += 1
    return done


def _wrong(dose: Dose, today: Day, before: tuple[Day, ...], facts: Facts, grace: timedelta) -> str:
    """Why a day's vaccines do not count as that dose; "" when they do."""
    if not dose.antigens <= today.holds:
        full = dose.antigens <= frozenset().union(*(VACCINES[one.vaccine].antigens for one in today.given))
        return "weak" if full else "incomplete"
    if facts.born is not None and today.day < dose.earliest.after(facts.born) - grace:
        return "too-young"
    if _too_old(dose, facts, today.day):
        return "too-old"
    if _after_live(dose, today, before):
        return "after-live"
    touched = [one.day for one in before if one.spaces & dose.antigens]
    return "too-soon" if touched and today.day < dose.interval.after(touched[-1]) - grace else ""


def _too_old(dose: Dose, facts: Facts, day: date) -> bool:
    return facts.born is not None and dose.before is not None and day >= dose.before.after(facts.born)


def _after_live(dose: Dose, today: Day, before: tuple[Day, ...]) -> bool:
    """Whether the dose was a live virus vaccine, and another had been given less than 28 days before: the grace period
    does not apply."""
    meant = [one for one in today.given if VACCINES[one.vaccine].antigens & dose.antigens]
    if not any(VACCINES[one.vaccine].live == LIVE_VIRUS for one in meant):
        return False
    return any(
        (today.day - earlier.day).days < LIVE_DAYS
        and any(VACCINES[one.vaccine].live == LIVE_VIRUS for one in earlier.given)
        for earlier in before
    )


def _spaced(series: Series, history: tuple[Day, ...]) -> int:
    """How many days with a full dose lie at least four weeks apart."""
    needed, last, found = series.doses[0].antigens, date.min, 0
    for today in history:
        if needed <= today.holds and (found == 0 or (today.day - last).days >= LIVE_DAYS):
            last, found = today.day, found + 1
    return found
