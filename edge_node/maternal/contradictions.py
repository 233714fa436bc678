"""What cannot all be true: contradictions between the resources of one record, for a person to settle.

They are no conflicts of one element (those the exchange finds), so nobody is warned when they are written, perhaps at two nodes.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import combinations

import msgspec

from edge_node.maternal.dating import allowed_difference, last_accepted, open_periods
from edge_node.maternal.facts import Evidence, Mother, Pregnancy, is_over, of_kind
from edge_node.maternal.findings import Param


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """One contradiction. `code`: a key of `edge_node.maternal.texts.CONTRADICTIONS`. `sides`: each resource and what it
    says. `of`: the pregnancy, where it is about one."""

    code: str
    sides: tuple[tuple[str, Param], ...]
    of: str = ""


def contradictions(mother: Mother) -> tuple[Contradiction, ...]:
    """All contradictions of a record, in a fixed order."""
    found = [
        *_blood(mother),
        *_hiv(mother),
        *_active(mother),
        *_medicines(mother),
        *_after_death(mother),
        *(each for pregnancy in mother.pregnancies for each in _dates(pregnancy)),
    ]
    return tuple(sorted(found, key=lambda each: (each.code, each.of, each.sides[0][0])))


def _said(code: str, sides: Iterable[tuple[str, Param]], of: str = "") -> Contradiction:
    return Contradiction(code=code, sides=tuple(sorted(set(sides), key=repr)), of=of)


def _dates(pregnancy: Pregnancy) -> Iterator[Contradiction]:
    """Two last periods, or two expected dates further apart than their methods allow.

    Settled where a dating was accepted on the day of the later statement or after: then somebody decided.
    """
    accepted = last_accepted(pregnancy)
    settled = accepted.on if accepted else date.min
    periods = open_periods(pregnancy)
    if periods:
        yield _said("last-periods", ((each.ref, each.lmp or each.on) for each in periods), pregnancy.ref)
    stated = [each for each in pregnancy.evidence if each.kind in {"stated", "ultrasound"}]
    apart = {
        each
        for pair in combinations(stated, 2)
        if _too_far(*pair) and max(pair[0].on, pair[1].on) > settled
        for each in pair
    }
    if apart:
        yield _said("expected-dates", ((each.ref, each.expected) for each in apart), pregnancy.ref)


def _too_far(one: Evidence, other: Evidence) -> bool:
    """By more than the less exact of the two allows: what ACOG allows a scan of that age, else a week."""
    ages = [each.age_days for each in (one, other) if each.kind == "ultrasound" and each.age_days is not None]
    allowed = max([allowed_difference(age) for age in ages], default=7)
    return abs(one.expected - other.expected) > timedelta(max(allowed, 7))


def _blood(mother: Mother) -> Iterator[Contradiction]:
    groups = [(each.ref, each.value.rstrip("+-")) for each in of_kind(mother.groups, "blood-group")]
    signs = [(each.ref, each.value[-1]) for each in mother.groups if each.value[-1] in "+-"]
    if len({value for _, value in groups}) > 1:
        yield _said("blood-groups", groups)
    if len({value for _, value in signs}) > 1:
        yield _said("rhesus", signs)


def _hiv(mother: Mother) -> Iterator[Contradiction]:
    """Positive, and negative on that day or later. Negative first and positive later is an infection, no contradiction."""
    tests = of_kind(mother.tests, "hiv")
    known = [(each.ref, each.on, "positive") for each in tests if each.result == "positive"]
    known += [(each.ref, each.since, "positive") for each in mother.problems if each.kind == "hiv" and each.since]
    first = min((on for _, on, _ in known), default=None)
    denied = [
        (each.ref, each.result)
        for each in tests
        if each.result == "negative" and first is not None and each.on >= first
    ]
    if denied:
        yield _said("hiv", [*((ref, value) for ref, _, value in known), *denied])


def _active(mother: Mother) -> Iterator[Contradiction]:
    active = [each for each in mother.pregnancies if not is_over(each)]
    if len(active) > 1:
        yield _said("active-pregnancies", ((each.ref, each.start or "") for each in active))


def _medicines(mother: Mother) -> Iterator[Contradiction]:
    """One drug in two prescriptions that are both to be taken, and whose times overlap as far as they are told."""
    current = [each for each in mother.medicines if each.prescribed and each.active and each.key]
    for key in sorted({each.key for each in current}):
        same = sorted(
            (each for each in current if each.key == key), key=lambda each: (each.since or date.min, each.ref)
        )
        twice = {
            each
            for one, other in combinations(same, 2)
            if (one.until or date.max) >= (other.since or date.min)
            for each in (one, other)
        }
        if twice:
            yield _said("same-medicine", ((each.ref, each.kind or each.key) for each in twice))


def _after_death(mother: Mother) -> Iterator[Contradiction]:
    died = mother.died
    if died is not None:
        seen = [(each.ref, each.on) for each in mother.visits if each.on > died]
        if seen:
            yield _said("seen-after-death", [(f"Patient/{mother.id}", died), *seen])
