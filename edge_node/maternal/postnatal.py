"""The contacts after a birth, of mother and newborn: within 24 hours, at 48 to 72 hours, at 7 to 14 days, in week six.

Source: WHO recommendations on maternal and newborn care for a positive postnatal experience 2022, recommendation 43 (at least
three further contacts after the first 24 hours). A mother whose baby was born dead, or died, has hers all the same.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from edge_node.maternal.course import Due
from edge_node.maternal.facts import Contact, Mother, Newborn, Pregnancy, born_on


class After(msgspec.Struct, frozen=True):
    """One contact: its number, the first and the last day after the birth on which it is in time, and from which day
    visits count for it."""

    number: int
    first: int
    last: int
    counts_from: int


CONTACTS: Final = (After(1, 0, 1, 0), After(2, 2, 3, 2), After(3, 7, 14, 5), After(4, 42, 48, 28))
"""Days after the day of birth: within 24 hours is the day of birth and the next, 48 to 72 hours the second and third."""
ENDS: Final = 84
"""Twelve weeks after the birth none is asked for any more."""


def plan_after(of: str, kind: str, born: date, visits: Iterable[Contact]) -> tuple[Due, ...]:
    """The contacts that have not taken place and are not passed over by a later one.

    A visit counts for the contact in whose days it falls; between two, for the one that comes next from `counts_from` on.
    """
    days = [(visit.on - born).days for visit in visits if visit.on >= born]
    opens = [*(each.counts_from for each in CONTACTS), ENDS]
    held = [any(begin <= day < end for day in days) for begin, end in pairwise(opens)]
    last = max((index for index, was in enumerate(held) if was), default=-1)
    overdue = [born + timedelta(each.last + 1) for each in CONTACTS]
    ends = [*overdue[1:], born + timedelta(ENDS)]
    return tuple(
        Due(
            kind=kind,
            of=of,
            number=each.number,
            due_from=born + timedelta(each.first),
            overdue_from=overdue[index],
            ends=ends[index],
        )
        for index, each in enumerate(CONTACTS)
        if index > last
    )


def mother_due(mother: Mother, pregnancy: Pregnancy) -> Iterator[Due]:
    """The mother's contacts after a birth, alive or not. The birth itself is none: she is looked at again within a day of it."""
    born = born_on(pregnancy)
    if born is None or mother.dead:
        return
    visits = [each for each in pregnancy.contacts if each.kind == "postnatal-contact"]
    yield from plan_after(pregnancy.ref, "postnatal", born, visits)


def newborn_due(newborn: Newborn) -> tuple[Due, ...]:
    """A baby's contacts, from its own record; none after its death."""
    if newborn.born is None or newborn.dead:
        return ()
    return plan_after(f"Patient/{newborn.id}", "newborn-contact", newborn.born, newborn.contacts)
