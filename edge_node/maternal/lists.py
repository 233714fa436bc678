"""Work lists: where a woman stands, as days that can be kept and read on any later day without looking at her record again.

`work` makes of her facts one Struct, `standing` reads it for a day.
"""

from datetime import date, timedelta
from typing import Final

import msgspec

from edge_node.maternal.assessing import findings
from edge_node.maternal.course import Due, course
from edge_node.maternal.danger import newborn_dangers
from edge_node.maternal.due import due
from edge_node.maternal.facts import Mother, Newborn, is_over
from edge_node.maternal.postnatal import ENDS, newborn_due
from edge_node.maternal.risk import Risk, risks
from edge_node.programme import Programme

WEEK: Final = timedelta(days=7)
BIRTH_BEFORE: Final = timedelta(days=21)
BIRTH_AFTER: Final = timedelta(days=28)
"""A birth is expected from 37 weeks (term: WHO) until four weeks after its day, when the outcome is asked for."""
NEXT: Final = frozenset({"contact", "next-contact", "postnatal"})
"""What is due next by which it is told whether she comes at all."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What lists need of one woman.

    `items`: all that is due. `expected`: days of expected births of ongoing pregnancies. `risks`: reasons of high risk
    until the day `risk_until`; none when no pregnancy goes on. `lost_from`, `lost_until`: the days between which she
    counts as lost from sight.
    """

    items: tuple[Due, ...]
    expected: tuple[date, ...] = ()
    risks: tuple[Risk, ...] = ()
    risk_until: date | None = None
    lost_from: date | None = None
    lost_until: date | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A woman on a day: what is due within the week, what is overdue, and on which lists she stands."""

    this_week: tuple[Due, ...]
    overdue: tuple[Due, ...]
    high_risk: bool
    lost: bool
    birth_expected: date | None


def work(mother: Mother, programme: Programme) -> Work:
    """What lists need of a woman's facts. Nothing after her death."""
    items = due(mother, programme)
    if mother.dead:
        return Work(items=())
    ongoing = [each for each in mother.pregnancies if not is_over(each)]
    courses = [at for at in map(course, ongoing) if at is not None]
    reasons = {risk for at in courses for risk in risks(mother, at, findings(mother, at.pregnancy, programme))}
    missing = [item for item in items if item.kind in NEXT]
    first = min((item.overdue_from for item in missing), default=None)
    return Work(
        items=items,
        expected=tuple(sorted(at.used.expected for at in courses if at.used)),
        risks=tuple(sorted(reasons, key=lambda each: (each.code, repr(each)))),
        # A pregnancy of which nobody wrote the end does not stay on the list for ever.
        risk_until=max((at.until for at in courses), default=None),
        lost_from=first + timedelta(programme.lost_after_days) if first else None,
        lost_until=max((item.ends for item in missing), default=None),
    )


def newborn_work(newborn: Newborn) -> Work:
    """What lists need of a baby: its contacts, and its danger signs as reasons of high risk until the last contact."""
    items = newborn_due(newborn)
    reasons = tuple(
        Risk(code="finding", params=(("finding", each.code), *each.params), refs=each.refs)
        for each in newborn_dangers(newborn)
    )
    until = newborn.born + timedelta(ENDS) if newborn.born else None
    return Work(items=items, risks=reasons, risk_until=until)


def standing(of: Work, today: date) -> Standing:
    """Where she stands today: due this week is what is due today or becomes so within six days, and is not overdue."""
    asked = [item for item in of.items if item.ends > today]
    expected = [day for day in of.expected if day - BIRTH_BEFORE <= today < day + BIRTH_AFTER]
    return Standing(
        this_week=tuple(item for item in asked if item.due_from < today + WEEK and today < item.overdue_from),
        overdue=tuple(item for item in asked if item.overdue_from <= today),
        high_risk=bool(of.risks) and of.risk_until is not None and today < of.risk_until,
        lost=of.lost_from is not None and of.lost_until is not None and of.lost_from <= today < of.lost_until,
        birth_expected=expected[0] if expected else None,
    )
