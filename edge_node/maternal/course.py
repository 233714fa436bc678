"""An ongoing pregnancy with its dating, and the items that the rules find due in it."""

from datetime import date, timedelta

import msgspec

from edge_node.immunisation.periods import Period
from edge_node.maternal.contacts import GRACE, known_since
from edge_node.maternal.dating import TERM_DAYS, Dating, dating, day_at
from edge_node.maternal.facts import Pregnancy

UNDATED = timedelta(TERM_DAYS)
AFTER_TERM = timedelta(days=28)
"""Four weeks after the expected day nothing of the pregnancy is due any more but to say how it ended."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done, with days rather than a state, so that it stays true as time passes.

    `kind`: what, a key of `edge_node.maternal.texts.DUE`. `number`: which one of several (contact 3, dose 2), 0 where there is but
    one. `of`: reference to the pregnancy (or newborn) it belongs to. It is due from the day `due_from` on, overdue from
    `overdue_from` on, and asked for no more from `ends` on. `params`: numbers for the text.
    """

    kind: str
    of: str
    due_from: date
    overdue_from: date
    ends: date
    number: int = 0
    params: tuple[tuple[str, str], ...] = ()


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A pregnancy that goes on. `used`: its dating, if any. `since`: the day from which it is known. `until`: the day
    on which what is due in it ends by itself. `lmp`: the first day, or the earliest that is possible while nothing
    dates it."""

    pregnancy: Pregnancy
    used: Dating | None
    since: date
    until: date
    lmp: date

    def day(self, weeks: int, days: int = 0) -> date | None:
        """The day of an age; None while nothing dates the pregnancy."""
        return day_at(self.used.expected, weeks, days) if self.used else None


def course(pregnancy: Pregnancy) -> Course | None:
    """The course of a pregnancy; None if nothing tells when it was."""
    used = dating(pregnancy)
    since = known_since(pregnancy, used)
    if since == date.max:
        return None
    until = used.expected + AFTER_TERM if used else since + UNDATED + AFTER_TERM
    return Course(pregnancy=pregnancy, used=used, since=since, until=until, lmp=used.lmp if used else since - UNDATED)


def late_from(planned: date, due_from: date, ends: date) -> date:
    """The day from which something is late: the planned one, or when she came too late for that a week after it became due (ours, as of a
    contact); at most when it ends."""
    return max(due_from, min(max(planned, due_from + GRACE), ends))


def months_later(day: date, months: int) -> date:
    """The same day of a later month; its last day where the month is shorter."""
    return Period(months).after(day)
