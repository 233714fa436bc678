"""Short ways to write children and what they were given."""

from datetime import date, timedelta

from edge_node.immunisation.due import Due, stand
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.schedule import Schedule, load

WHO = load("who-child")
KENYA = load("kenya-child")
MOTHER = load("tetanus-mother")
BORN = date(2024, 3, 4)


def child(*given: tuple[str, int] | tuple[str, date], born: date = BORN, traits: str = "") -> Facts:
    """A child who was given vaccines, each at an age in days or on a date."""
    return Facts(
        born=born,
        given=tuple(Given(name, at if isinstance(at, date) else born + timedelta(days=at)) for name, at in given),
        traits=frozenset(traits.split()),
    )


def due_of(schedule: Schedule, facts: Facts, series: str) -> list[Due]:
    return [item for item in stand(schedule, facts).due if item.series == series]


def counted(schedule: Schedule, facts: Facts) -> list[str]:
    return [one.dose for one in stand(schedule, facts).counted]


def uncounted(schedule: Schedule, facts: Facts) -> list[tuple[int, str]]:
    """Age in days and reason of what does not count."""
    assert facts.born is not None
    return [((one.day - facts.born).days, one.reason) for one in stand(schedule, facts).uncounted]
