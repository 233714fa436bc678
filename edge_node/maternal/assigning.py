"""Which pregnancy a statement belongs to.

A statement that names the EpisodeOfCare (by its Encounter, or by the standard extension) belongs to that pregnancy. One that
names none, as other programs write it, belongs to the pregnancy in whose time it falls, if there is exactly one; where there are
more it is left out and told (`Mother.ambiguous`). A dating, a birth or an antenatal contact that falls into no known pregnancy
tells of one of its own.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final

import msgspec

from edge_node.maternal.dating import TERM_DAYS
from edge_node.maternal.facts import (
    BIRTHS,
    LOSSES,
    Accepted,
    Contact,
    Dose,
    Evidence,
    Fact,
    Measure,
    Outcome,
    Pregnancy,
    Pressure,
    Sign,
    Test,
    ordered,
)

TERM: Final = timedelta(TERM_DAYS)
LONGEST: Final = timedelta(days=308)
"""44 weeks: no pregnancy is taken to go on longer."""
AFTER_BIRTH: Final = timedelta(days=84)
"""Twelve weeks after the end a statement still belongs to that pregnancy: the last postnatal contact is at six weeks."""


class Placed(msgspec.Struct, frozen=True):
    """A fact with the episodes that its resource names ("EpisodeOfCare/…"), none or more."""

    fact: Fact
    episodes: tuple[str, ...] = ()


class _Holder:
    """A pregnancy while facts are being collected for it."""

    def __init__(self, shell: Pregnancy) -> None:
        self.shell = shell
        self.facts: list[Fact] = []

    def begin(self) -> date:
        """The first day that may belong to it: of the last period by the earliest dating, else the start of its record."""
        days = [each.expected - TERM for each in self.facts if isinstance(each, Evidence | Accepted)]
        starts = [self.shell.start] if self.shell.start else [each.on for each in self.facts]
        first = min(starts, default=date.max)
        return min([first, *(day for day in days if day <= first and first - day <= LONGEST)], default=first)

    def finish(self) -> date:
        """The last day that may belong to it."""
        ends = [each.on for each in self.facts if isinstance(each, Outcome) and each.kind in BIRTHS | LOSSES]
        if ends:
            return max(ends) + AFTER_BIRTH
        if self.shell.end:
            return self.shell.end + AFTER_BIRTH
        expected = [each.expected for each in self.facts if isinstance(each, Evidence | Accepted)]
        latest = max(expected) + LONGEST - TERM if expected else _later(self.begin(), LONGEST)
        return _later(latest, AFTER_BIRTH)

    def holds(self, day: date) -> bool:
        return self.begin() <= day <= self.finish()


def _later(day: date, by: timedelta) -> date:
    return date.max if date.max - day < by else day + by


def assign(
    shells: Iterable[Pregnancy], implied: Iterable[Pregnancy], placed: Iterable[Placed]
) -> tuple[tuple[Pregnancy, ...], tuple[str, ...]]:
    """The pregnancies with their facts, in order of time, and the resources that may belong to more than one.

    `shells`: pregnancies that have an EpisodeOfCare. `implied`: those that a Condition tells of, used where no episode covers them.
    """
    holders = {shell.ref: _Holder(shell) for shell in sorted(shells, key=lambda each: each.ref)}
    everything = sorted(placed, key=lambda each: (each.fact.on, each.fact.ref, repr(each.fact)))
    for each in everything:
        for named in each.episodes:
            if named in holders:
                holders[named].facts.append(each.fact)
    for shell in sorted(implied, key=lambda each: (each.start or date.min, each.ref)):
        if not any(shell.start and holder.holds(shell.start) for holder in holders.values()):
            holders[shell.ref] = _Holder(shell)
    free = [each.fact for each in everything if not any(named in holders for named in each.episodes)]
    ambiguous: list[str] = []
    for wanted, founds in _ROUNDS:
        for fact in [each for each in free if wanted(each)]:
            _place(fact, holders, ambiguous, founds)
    return tuple(_filled(holder) for holder in _in_time(holders.values())), tuple(sorted(set(ambiguous)))


def _place(fact: Fact, holders: dict[str, _Holder], ambiguous: list[str], founds: bool) -> None:
    fitting = [holder for holder in holders.values() if _fits(fact, holder)]
    if len(fitting) == 1:
        fitting[0].facts.append(fact)
    elif fitting:
        ambiguous.append(fact.ref)
    elif founds:
        shell = Pregnancy(id=fact.ref.partition("/")[2], ref=fact.ref, status="active")
        holders[fact.ref] = _Holder(shell)
        holders[fact.ref].facts.append(fact)


def _fits(fact: Fact, holder: _Holder) -> bool:
    """By the day of the statement; a dating also by the pregnancy that it implies, since it may be told before or after."""
    if isinstance(fact, Evidence | Accepted):
        first, last, begin = fact.expected - TERM, fact.expected + LONGEST - TERM, holder.begin()
        told_during = holder.holds(fact.on) and first <= holder.finish() and begin <= last
        return told_during or (first <= begin <= last and fact.on >= first)
    return holder.holds(fact.on)


def _is_dating(fact: Fact) -> bool:
    return isinstance(fact, Evidence | Accepted)


def _is_birth(fact: Fact) -> bool:
    return isinstance(fact, Outcome) and fact.kind in BIRTHS


def _is_other_outcome(fact: Fact) -> bool:
    return isinstance(fact, Outcome) and fact.kind not in BIRTHS


def _is_antenatal(fact: Fact) -> bool:
    return isinstance(fact, Contact) and fact.kind == "antenatal-contact"


def _is_other(fact: Fact) -> bool:
    return not (_is_dating(fact) or isinstance(fact, Outcome) or _is_antenatal(fact))


_ROUNDS: Final[tuple[tuple[Callable[[Fact], bool], bool], ...]] = (
    (_is_dating, True),
    (_is_birth, True),
    (_is_other_outcome, False),
    (_is_antenatal, True),
    (_is_other, False),
)
"""What is placed first, and whether it tells of a pregnancy where none is known. What dates a pregnancy says where the
rest belongs."""


def _in_time(holders: Iterable[_Holder]) -> list[_Holder]:
    return sorted(holders, key=lambda holder: (holder.begin(), holder.shell.ref))


def _filled(holder: _Holder) -> Pregnancy:
    facts = ordered(holder.facts)
    return msgspec.structs.replace(
        holder.shell,
        evidence=tuple(each for each in facts if isinstance(each, Evidence)),
        accepted=tuple(each for each in facts if isinstance(each, Accepted)),
        contacts=tuple(each for each in facts if isinstance(each, Contact)),
        pressures=tuple(each for each in facts if isinstance(each, Pressure)),
        measures=tuple(each for each in facts if isinstance(each, Measure)),
        signs=tuple(each for each in facts if isinstance(each, Sign)),
        tests=tuple(each for each in facts if isinstance(each, Test)),
        doses=tuple(each for each in facts if isinstance(each, Dose)),
        outcomes=tuple(each for each in facts if isinstance(each, Outcome)),
    )
