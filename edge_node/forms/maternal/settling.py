"""Settling what cannot all be true: the value that is right is written to every resource that says another. Pure.

Nothing is deleted. What was wrong stays in each resource's history; a whole resource that should not be there is marked as entered
by mistake.
"""

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.concepts import codeable
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, changed
from edge_node.language import C_, Text
from edge_node.maternal.concepts import BLOOD_GROUPS, RESULT_VALUES, RHESUS, STATEMENTS
from edge_node.maternal.contradictions import Contradiction, contradictions
from edge_node.maternal.facts import Mother
from edge_node.maternal.findings import Param
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.store.model import Write

BY_DATING: Final = frozenset({"expected-dates"})
"""Settled by accepting a dating: a scan found what it found."""


class Offer(msgspec.Struct, frozen=True):
    """One way out. `value`: the value that is right; `refs`: the resources that say so."""

    value: Param
    refs: tuple[str, ...]


def offers(one: Contradiction) -> tuple[Offer, ...]:
    """The values that were said, each once; where whole resources stand against each other, each of these."""
    if one.code in _BY_RESOURCE:
        return tuple(Offer(value, (ref,)) for ref, value in one.sides)
    values = dict.fromkeys(value for _, value in one.sides)
    if one.code == "seen-after-death":
        return tuple(Offer(value, refs) for value, refs in _dead_or_seen(one))
    return tuple(Offer(value, tuple(ref for ref, said in one.sides if said == value)) for value in values)


def _dead_or_seen(one: Contradiction) -> list[tuple[Param, tuple[str, ...]]]:
    dead = [(value, (ref,)) for ref, value in one.sides if ref.startswith("Patient/")]
    seen = tuple(ref for ref, _ in one.sides if not ref.startswith("Patient/"))
    last = max((value for ref, value in one.sides if ref in seen), key=str)
    return [*dead, (last, seen)]


def same(mother: Mother, code: str, of: str) -> Contradiction | None:
    """A contradiction of a record by its name, if it is still there. Of two with one name the first."""
    return next((each for each in contradictions(mother) if (each.code, each.of) == (code, of)), None)


def settle(one: Contradiction, right: Offer, context: Context) -> list[Write]:
    """The right value written to all that say another. Resources that are not here any more are passed over."""
    wrong = [ref for ref, _ in one.sides if ref not in right.refs]
    found = (context.held(ref) for ref in dict.fromkeys(wrong))
    writes = [_WRITERS[one.code](held, right.value, context) for held in found if held is not None]
    return [*writes, *(_mistake(held, right.value, context) for held in _deaths(one, wrong, context))]


def _deaths(one: Contradiction, wrong: list[str], context: Context) -> list[Held]:
    """Outcomes that say that she died, where it turned out that she lives."""
    if one.code != "seen-after-death" or context.she.reference not in wrong:
        return []
    told = ((held, OUTCOMES.find(held.resource.get("valueCodeableConcept"))) for held in context.of_type("Observation"))
    return [held for held, outcome in told if outcome is not None and outcome.name == "mother-died"]


# --- how each is put right --------------------------------------------------------------------------------------------


def _last_period(held: Held, value: Param, context: Context) -> Write:
    day = value.isoformat() if isinstance(value, date) else str(value)
    return changed(held, valueDateTime=day, valueDate=None)


def _blood_group(held: Held, value: Param, context: Context) -> Write:
    """The group; the rhesus factor stays as it is said, where one code says both."""
    before = BLOOD_GROUPS.find(held.resource.get("valueCodeableConcept"))
    sign = before.name[-1] if before is not None and before.name[-1] in "+-" else ""
    return changed(held, valueCodeableConcept=codeable(BLOOD_GROUPS[f"{value}{sign}"]))


def _rhesus(held: Held, value: Param, context: Context) -> Write:
    if STATEMENTS["blood-group"] is STATEMENTS.find(held.resource.get("code")):
        before = BLOOD_GROUPS.find(held.resource.get("valueCodeableConcept"))
        group = before.name.rstrip("+-") if before is not None else ""
        return changed(held, valueCodeableConcept=codeable(BLOOD_GROUPS[f"{group}{value}"]))
    return changed(held, valueCodeableConcept=codeable(RHESUS[str(value)]))


def _hiv(held: Held, value: Param, context: Context) -> Write:
    """A test's result. An illness that she has not is refuted."""
    if held.type == "Condition":
        return changed(held, verificationStatus=saying.term("condition-ver-status", "refuted"), clinicalStatus=None)
    return changed(held, valueCodeableConcept=codeable(RESULT_VALUES["hiv-test", str(value)]))


def _mistake(held: Held, value: Param, context: Context) -> Write:
    return changed(held, status="entered-in-error")


def _stopped(held: Held, value: Param, context: Context) -> Write:
    return changed(held, status="stopped")


def _alive_or_mistake(held: Held, value: Param, context: Context) -> Write:
    """Seen after the day of death: either she lives, or the visits were not hers."""
    if held.type == "Patient":
        return changed(held, deceasedDateTime=None, deceasedBoolean=None)
    return _mistake(held, value, context)


_BY_RESOURCE: Final = frozenset({"active-pregnancies", "same-medicine"})
_WRITERS: Final[Mapping[str, Callable[[Held, Param, Context], Write]]] = MappingProxyType(
    {
        "last-periods": _last_period,
        "blood-groups": _blood_group,
        "rhesus": _rhesus,
        "hiv": _hiv,
        "active-pregnancies": _mistake,
        "same-medicine": _stopped,
        "seen-after-death": _alive_or_mistake,
    }
)

ASKED: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "last-periods": C_("Ask her again, or look at her card. What you choose is written to all of them."),
        "expected-dates": C_("Decide by which one she is dated."),
        "blood-groups": C_("Test again if you can. What you choose is written to all of them."),
        "rhesus": C_("Test again if you can. What you choose is written to all of them."),
        "hiv": C_("Test again before you choose. What you choose is written to all of them."),
        "active-pregnancies": C_(
            "Choose the one that is right. The other is marked as entered by mistake; what was found in it stays."
        ),
        "same-medicine": C_("Choose the one that she is to take. The other is stopped."),
        "seen-after-death": C_(
            "Is she alive? Then her death is taken back. If not, the visits are marked as entered by mistake."
        ),
    }
)
"""What to do before choosing, by contradiction."""


def settled_by_dating(one: Contradiction) -> bool:
    """Whether it is settled on the form for the expected date."""
    return one.code in BY_DATING
