"""Reminders of doses: by what they are known again, so that they end when the dose was given.

The resources are those of `edge_node/maternal/reminders.py`, under an identifier system of their own.
"""

from datetime import date
from typing import Final

from edge_node.immunisation.due import Due
from edge_node.maternal.course import Due as Item

VACCINE_KEY: Final = "urn:medtech-edge:reminder:immunisation"
"""Identifier system of reminders of immunisation, whose items are no maternal care's."""
_DAY: Final = date.resolution


def name_of(dose: Due) -> str:
    """By which a dose is known among all that are due for one person."""
    return f"{dose.series} {dose.dose}"


def item(name: str, patient: str, due_from: date, overdue_from: date | None, until: date | None) -> Item:
    """What a reminder is made of. `name`: as `name_of` has it. `until`: the last day on which it may be given, None for no such day."""
    ends = date.max if until in {None, date.max} else until + _DAY
    late = overdue_from or due_from
    return Item(kind=name, of=f"Patient/{patient}", due_from=due_from, overdue_from=late, ends=ends)


def items(patient: str, due: tuple[Due, ...]) -> tuple[Item, ...]:
    """All that is due for a person, as items of reminders."""
    return tuple(item(name_of(one), patient, one.due_from, one.overdue_from, one.not_after) for one in due)
