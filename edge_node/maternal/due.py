"""All that is due for a woman, from her facts and the clinic's programme; with days, so that today plays no part in it.

In an ongoing pregnancy: dating, contacts, vaccine, medicines, tests, plan for birth. After a birth, alive or not: the
mother's contacts. After a loss, after her death, or when she was not pregnant: nothing.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec

from edge_node.maternal.contacts import plan
from edge_node.maternal.course import Course, Due, course, late_from
from edge_node.maternal.facts import Mother, Pregnancy, born_on, is_over, of_kind
from edge_node.maternal.postnatal import mother_due
from edge_node.maternal.prevention import aspirin_due, calcium_due, iron_due, malaria_due, worms_due
from edge_node.maternal.screening import blood_group_due, glucose_due, haemoglobin_due, scan_due, tests_due
from edge_node.maternal.tetanus import tetanus_due
from edge_node.programme import Programme

_WEEK: Final = timedelta(days=7)
_OUTCOME_ENDS: Final = timedelta(days=84)


def due(mother: Mother, programme: Programme) -> tuple[Due, ...]:
    """Everything due, by day, kind and number. Raises KeyError for an unknown schedule."""
    if mother.dead:
        return ()
    found = [_bounded(item) for pregnancy in mother.pregnancies for item in _of(mother, pregnancy, programme)]
    timely = (item for item in found if item.due_from < item.ends)
    return tuple(sorted(timely, key=lambda each: (each.due_from, each.kind, each.number, each.of)))


def _bounded(item: Due) -> Due:
    """The same with its days in order: not overdue before it is due, nor after it ended."""
    overdue = min(max(item.overdue_from, item.due_from), item.ends)
    return item if overdue == item.overdue_from else msgspec.structs.replace(item, overdue_from=overdue)


def _of(mother: Mother, pregnancy: Pregnancy, programme: Programme) -> Iterator[Due]:
    if born_on(pregnancy) is not None:
        yield from mother_due(mother, pregnancy)
    if is_over(pregnancy):
        return
    at = course(pregnancy)
    if at is None:
        return
    yield from contacts_due(at, programme)
    yield from dating_due(at)
    yield from tetanus_due(mother, at)
    yield from iron_due(mother, at, programme)
    yield from malaria_due(mother, at, programme)
    yield from calcium_due(mother, at, programme)
    yield from aspirin_due(mother, at)
    yield from worms_due(mother, at, programme)
    yield from tests_due(mother, at, programme)
    yield from blood_group_due(mother, at)
    yield from haemoglobin_due(mother, at, programme)
    yield from scan_due(at)
    yield from glucose_due(mother, at)
    yield from birth_due(at)


def contacts_due(at: Course, programme: Programme) -> Iterator[Due]:
    """The contacts that have not taken place and are not passed over. While nothing dates the pregnancy: one, at once."""
    ref = at.pregnancy.ref
    if at.used is None:
        seen = max((each.on for each in at.pregnancy.contacts if each.kind == "antenatal-contact"), default=None)
        # Four weeks are the longest time between two contacts of the plan's second half, in which she may well be.
        day = at.since if seen is None else seen + 4 * _WEEK
        yield Due(kind="next-contact", of=ref, due_from=day, overdue_from=day + _WEEK, ends=at.until)
        return
    for each in plan(at.pregnancy, at.used, programme.contacts):
        if not each.held and not each.missed:
            yield Due(
                kind="contact",
                of=ref,
                number=each.number,
                due_from=each.on,
                overdue_from=each.overdue_from,
                ends=each.ends,
                params=(("week", str(each.week)),),
            )


def dating_due(at: Course) -> Iterator[Due]:
    """To find out how far she is; or to accept what was found."""
    if at.used is None or not at.used.accepted:
        kind = "dating" if at.used is None else "accept-dating"
        yield Due(kind=kind, of=at.pregnancy.ref, due_from=at.since, overdue_from=at.since + 2 * _WEEK, ends=at.until)


def birth_due(at: Course) -> Iterator[Due]:
    """The plan for the birth, going to the place of birth when 41 weeks are over, and what came of the pregnancy.

    The plan (WHO recommendations on health promotion interventions for maternal and newborn health 2015, recommendation 1) is due from
    30 weeks, overdue from 36: the guideline leaves the week open, so this is ours. At 41 weeks: WHO ANC 2016, E.7, model of contacts,
    "return for delivery at 41 weeks if not given birth".
    """
    planned = of_kind(at.pregnancy.signs, "planned-birth-place")
    first, late = at.day(30), at.day(36)
    if not planned and first is not None and late is not None:
        from_day = max(first, at.since)
        overdue = late_from(late, from_day, at.until)
        yield Due(kind="birth-plan", of=at.pregnancy.ref, due_from=from_day, overdue_from=overdue, ends=at.until)
    after, long_after = at.day(41), at.day(42)
    if after is not None and long_after is not None:
        yield Due(kind="late-birth", of=at.pregnancy.ref, due_from=after, overdue_from=long_after, ends=at.until)
        yield Due(
            kind="outcome",
            of=at.pregnancy.ref,
            due_from=long_after,
            overdue_from=at.until,
            ends=at.until + _OUTCOME_ENDS,
        )
