"""What is due: from when, overdue from when, until when. None of it depends on today, so it can be kept for work lists
and does not age."""

from datetime import date, timedelta

import msgspec

from edge_node.immunisation.facts import Facts
from edge_node.immunisation.history import LIVE_DAYS, REASONS, Counted, Course, Day, course, days
from edge_node.immunisation.schedule import Dose, Schedule, Series
from edge_node.immunisation.vaccines import VACCINES


class Due(msgspec.Struct, frozen=True):
    """A dose that is to be given.

    `give`: vaccines that serve, the preferred first. `due_from`: the first day on which it may and should be given.
    `overdue_from`: the first day on which it is late. `not_after`: the last day on which it may be given, None for no
    such day.
    """

    series: str
    dose: str
    text: str
    give: tuple[str, ...]
    due_from: date
    overdue_from: date
    not_after: date | None = None

    def state(self, today: date) -> str:
        """`later`, `due`, `overdue` or `too-late` on a day."""
        if self.not_after is not None and today > self.not_after:
            return "too-late"
        return "later" if today < self.due_from else "overdue" if today >= self.overdue_from else "due"


class Uncounted(msgspec.Struct, frozen=True):
    """A vaccine that was given and counts for nothing, and why: one of `history.REASONS`."""

    vaccine: str
    day: date
    reason: str


class Standing(msgspec.Struct, frozen=True):
    """All that a schedule says of a person.

    `counted`: doses given that count, by day. `uncounted`: days whose vaccines count for nothing, with the most telling
    reason. `due`: what is to be given, in the order of `due_from`. `held`: series that a trait forbids, with what
    forbids it: a clinician decides.
    """

    counted: tuple[Counted, ...]
    uncounted: tuple[Uncounted, ...]
    due: tuple[Due, ...]
    held: tuple[tuple[str, str], ...] = ()


def stand(schedule: Schedule, facts: Facts) -> Standing:
    """What counts, what does not, and what is due.

    Nothing is due where the day that the schedule counts from is not known, and nothing to the dead.
    """
    concerned = [series for series in schedule.series if series.only_if <= facts.traits]
    history = days(facts.given)
    courses = [course(series, schedule, facts, history) for series in concerned]
    open_courses = [] if facts.dead else [each for each in courses if not each.series.unless & facts.traits]
    due = [item for each in open_courses for item in _items(each, schedule, facts, history)]
    held = [(each.series.name, trait) for each in courses for trait in sorted(each.series.unless & facts.traits)]
    counted = sorted((one for each in courses for one in each.counted), key=lambda one: (one.day, one.dose))
    return Standing(
        tuple(counted),
        _uncounted(courses, facts),
        tuple(sorted(due, key=lambda item: (item.due_from, item.series, item.dose))),
        tuple(held),
    )


def due(schedule: Schedule, facts: Facts) -> tuple[Due, ...]:
    """What is to be given, in the order of `due_from`: of each series the next dose, and what comes in its place once
    it is too late for it."""
    return stand(schedule, facts).due


def _uncounted(courses: list[Course], facts: Facts) -> tuple[Uncounted, ...]:
    """Vaccines that concern a series but count in none, each with the most telling of its reasons."""
    found = set()
    for one in facts.given:
        spaces = VACCINES[one.vaccine].spaces
        concerned = [each for each in courses if each.series.antigens & spaces]
        if any(one.day == dose.day for each in concerned for dose in each.counted):
            continue
        reasons = [failed.reason for each in concerned for failed in each.failed if failed.day == one.day]
        if reasons:
            found.add(Uncounted(one.vaccine, one.day, min(reasons, key=REASONS.index)))
    return tuple(sorted(found, key=lambda one: (one.day, one.vaccine)))


def _items(standing: Course, schedule: Schedule, facts: Facts, history: tuple[Day, ...]) -> list[Due]:
    anchor = facts.anchor(schedule.anchor)
    if anchor is None or standing.complete:
        return []
    items: list[Due] = []
    for plan, start, since in _starts(standing, facts):
        for dose in plan[start:]:
            item = _item(dose, standing.series, anchor, facts, [_after(items, since), *_waits(dose, history)])
            if item.not_after is None or item.due_from <= item.not_after:
                items.append(item)
            if item.not_after is None:
                return items
            if not dose.skip:
                break
    return items


def _starts(standing: Course, facts: Facts) -> list[tuple[tuple[Dose, ...], int, date]]:
    """The plan that she is in, from its next dose on; who has not begun may also begin by that of a late start."""
    found = [(standing.plan, standing.done, date.min)]
    if standing.done == 0 and facts.born is not None:
        found += [(late.doses, 0, late.since.after(facts.born)) for late in standing.series.late]
    return found


def _after(items: list[Due], since: date) -> date:
    """The first day on which a further item can be meant: once those before it are too late."""
    ends = [item.not_after for item in items if item.not_after is not None]
    return max([since, *(end + timedelta(days=1) for end in ends)])


def _item(dose: Dose, series: Series, anchor: date, facts: Facts, waits: list[date]) -> Due:
    earliest = [dose.due.after(anchor), *waits]
    if facts.born is not None:
        earliest.append(dose.earliest.after(facts.born))
    due_from = max(earliest)
    overdue_from = dose.window.after(due_from)
    if dose.by is not None:
        overdue_from = min(overdue_from, max(dose.by.after(anchor), due_from))
    not_after = None
    if facts.born is not None and dose.before is not None:
        not_after = dose.before.after(facts.born) - timedelta(days=1)
    return Due(series.name, dose.name, dose.text, dose.give, due_from, overdue_from, not_after)


def _waits(dose: Dose, history: tuple[Day, ...]) -> list[date]:
    """The days before which intervals forbid it: to the same antigens, and to other live vaccines where all that serve
    are live.

    BCG is waited for too, which is a bacterium and voids nothing: so nobody has to know that rule.
    """
    found = []
    live = bool(dose.give) and all(VACCINES[name].live for name in dose.give)
    for today in history:
        if today.spaces & dose.antigens:
            found.append((dose.wait or dose.interval).after(today.day))
        if live and any(VACCINES[one.vaccine].live for one in today.given):
            found.append(today.day + timedelta(days=LIVE_DAYS))
    return found
