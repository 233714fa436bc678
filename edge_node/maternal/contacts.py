"""The plan of antenatal contacts: which weeks, which of them took place, when the others are due.

Two plans, selectable:

* `who-2016`: contacts at 12, 20, 26, 30, 34, 36, 38 and 40 weeks (WHO recommendations on antenatal care 2016,
  recommendation E.7, table "2016 WHO ANC model"). A missed one moves none of the others.
* `rebased`: the later contacts are counted from the week of the first, with one at 41 weeks added (opensrp-client-anc,
  contact-rules.yml).

A contact is *due* from its day, *overdue* a week after it (opensrp-client-anc, alert-rules.yml), and a visit up to a
week before its day is that contact. The first is due at once, until 12 weeks are over.
"""

from datetime import date, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.maternal.dating import Dating, age_days, day_at
from edge_node.maternal.facts import Contact, Pregnancy

WHO_WEEKS: Final = (12, 20, 26, 30, 34, 36, 38, 40)
FIRST_WEEK: Final = 12
GRACE: Final = timedelta(days=7)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of the plan. `number`: from 1. `week`: of pregnancy. `on`: its day. `overdue_from`: the first day on which it is
    overdue. `ends`: the first day on which it is asked for no more, because the next one is overdue. `held`: the visits that took
    place in its time. `missed`: a later one took place without it."""

    number: int
    week: int
    on: date
    overdue_from: date
    ends: date
    held: tuple[Contact, ...] = ()
    missed: bool = False


def rebased_weeks(booking_week: int) -> tuple[int, ...]:
    """Weeks of the contacts after a first one in `booking_week` (opensrp-client-anc, contact-rules.yml, priorities included)."""
    weeks, current = {41}, booking_week
    while (step := _step(booking_week, current)) > 0:
        current += step
        weeks.add(current)
    return tuple(sorted(weeks | ({40} if booking_week < 41 else set())))


def _step(booking_week: int, current: int) -> int:
    if current >= 40:
        return 0
    dense_from = (
        30
        if booking_week in {22, 23}
        else 32
        if booking_week in {28, 29}
        else booking_week
        if booking_week >= 30
        else 99
    )
    if current >= dense_from:
        return 2
    return next(step for until, step in ((20, 8), (26, 6), (34, 4), (40, 2)) if current < until)


def _fixed(first: Contact | None, used: Dating) -> list[tuple[int, date]]:
    return [(week, day_at(used.expected, week)) for week in WHO_WEEKS]


def _rebased(first: Contact | None, used: Dating) -> list[tuple[int, date]]:
    """Until the first contact nothing can be counted from it, so it alone is planned."""
    if first is None:
        return [(FIRST_WEEK, day_at(used.expected, FIRST_WEEK))]
    booked = max(age_days(used.expected, first.on) // 7, 0)
    later = [week for week in rebased_weeks(booked) if week > booked]
    return [(booked, first.on), *((week, day_at(used.expected, week)) for week in later)]


SCHEDULES: Final = MappingProxyType({"who-2016": _fixed, "rebased": _rebased})


def antenatal(pregnancy: Pregnancy) -> tuple[Contact, ...]:
    """The antenatal contacts that took place, one a day, in order."""
    days: dict[date, Contact] = {}
    for contact in pregnancy.contacts:
        if contact.kind == "antenatal-contact":
            days.setdefault(contact.on, contact)
    return tuple(days[day] for day in sorted(days))


def known_since(pregnancy: Pregnancy, used: Dating | None = None) -> date:
    """The day from which this clinic knows of the pregnancy: its registration, or the first thing told of it."""
    told = [each.on for each in (*pregnancy.contacts, *pregnancy.evidence, *pregnancy.accepted)]
    days = [pregnancy.start] if pregnancy.start else told
    known = min(days, default=used.on if used else date.max)
    return max(known, used.lmp) if used else known


def plan(pregnancy: Pregnancy, used: Dating, schedule: str) -> tuple[Planned, ...]:
    """The contacts of a pregnancy by its dating. Raises KeyError for an unknown schedule.

    A visit counts for the contact in whose time it falls: from a week before its day to a week before the next one's. The
    first has all the time before. So a late first contact moves nothing, and a second visit in one time is no further contact.
    """
    visits = antenatal(pregnancy)
    slots = SCHEDULES[schedule](visits[0] if visits else None, used)
    opens = [date.min, *(day - GRACE for _, day in slots[1:]), date.max]
    held = [tuple(visit for visit in visits if begin <= visit.on < end) for begin, end in pairwise(opens)]
    last = max((number for number, those in enumerate(held) if those), default=-1)
    first_day = min(known_since(pregnancy, used), slots[0][1])
    days = [first_day, *(day for _, day in slots[1:])]
    overdue = [slots[0][1] + timedelta(1), *(day + GRACE for day in days[1:])]
    ends = [*overdue[1:], used.expected + timedelta(28)]
    return tuple(
        Planned(
            number=index + 1,
            week=week,
            on=days[index],
            overdue_from=overdue[index],
            ends=ends[index],
            held=held[index],
            missed=index < last and not held[index],
        )
        for index, (week, _) in enumerate(slots)
    )
