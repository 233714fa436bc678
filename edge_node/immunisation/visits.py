"""Due doses as visits: what to give on one day, and the whole way to the end of a schedule."""

from datetime import date

import msgspec

from edge_node.immunisation.due import Due, due
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.schedule import Schedule

VISITS_MAX = 60
"""Bound of `plan`; the longest schedule here takes fewer than twenty."""


class Visit(msgspec.Struct, frozen=True):
    """Doses of one day, and the vaccines to give for them: one vaccine may serve several."""

    day: date
    items: tuple[Due, ...]

    @property
    def vaccines(self) -> tuple[str, ...]:
        """What to give, each once: the first preference of each dose, without those whose doses another one of them serves too.

        So hepatitis B, Hib and DTP due together are one five-in-one, and hepatitis B due alone is given alone.
        """
        chosen = list(dict.fromkeys(item.give[0] for item in self.items))
        for name in tuple(chosen):
            served = [item.give for item in self.items if name in item.give]
            if all(any(other != name and other in chosen for other in give) for give in served):
                chosen.remove(name)
        return tuple(chosen)


def next_visit(items: tuple[Due, ...], today: date) -> Visit | None:
    """All that can be given today; if nothing can, the next day on which something can, with all of that day. None:
    nothing is left.

    Everything that is due is given at one visit: no vaccine here forbids another of the same day (WHO, Summary of
    Position Papers, "co-administration"; ACIP, General Best Practice Guidelines, "Simultaneous administration").
    """
    open_items = [item for item in items if item.state(today) != "too-late"]
    if not open_items:
        return None
    day = max(today, min(item.due_from for item in open_items))
    return Visit(day, tuple(item for item in open_items if item.due_from <= day and item.state(day) != "too-late"))


def plan(schedule: Schedule, facts: Facts, today: date) -> tuple[Visit, ...]:
    """The visits from today to the end of the schedule, each as early as it may be, if she comes to all of them."""
    visits: list[Visit] = []
    while len(visits) < VISITS_MAX:
        visit = next_visit(due(schedule, facts), today)
        if visit is None:
            break
        visits.append(visit)
        facts = after(facts, visit)
        today = visit.day
    return tuple(visits)


def after(facts: Facts, visit: Visit) -> Facts:
    """The facts once a visit has taken place."""
    given = tuple(Given(name, visit.day) for name in visit.vaccines)
    return msgspec.structs.replace(facts, given=facts.given + given)
