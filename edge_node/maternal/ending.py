"""Which reminders end with a write, given the facts before and after it: to be changed in the same transaction.

A loss or a death ends all that was due, and so its reminders; after a birth, alive or not, those of the mother's own care stay. What was
done, or has moved to another day, ends its reminder too: a new one is made for the new day.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from edge_node.maternal.course import Due
from edge_node.maternal.due import due
from edge_node.maternal.facts import Mother, Newborn, is_over
from edge_node.maternal.postnatal import newborn_due
from edge_node.maternal.programme import Programme
from edge_node.maternal.reading import Resource, ref_of, target, targets
from edge_node.maternal.reminders import key_of, reminder_key

OPEN: Final[Mapping[str, frozenset[str]]] = {
    "Task": frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"}),
    "CommunicationRequest": frozenset({"draft", "active", "on-hold"}),
}
ENDED: Final[Mapping[str, str]] = {"Task": "cancelled", "CommunicationRequest": "revoked"}
"""FHIR's words for a cancelled task and a cancelled message."""


def ending(
    before: Mother, after: Mother, reminders: Iterable[Resource], programme: Programme | None = None
) -> tuple[dict[str, Any], ...]:
    """The woman's reminders that end, each as it is to be written, in order of reference.

    `reminders`: Task and CommunicationRequest resources; those that are closed, or for another patient, are passed over. A reminder
    of ours ends when its item is due no more or on another day; one of another program when she died, or when it names a pregnancy
    that is over.
    """
    settings = programme or Programme()
    over = {each.ref for each in before.pregnancies} - {each.ref for each in after.pregnancies if not is_over(each)}
    return _those(after.id, after.dead, over, due(before, settings), due(after, settings), reminders)


def newborn_ending(before: Newborn, after: Newborn, reminders: Iterable[Resource]) -> tuple[dict[str, Any], ...]:
    """The same for a baby's own reminders."""
    return _those(after.id, after.dead, set(), newborn_due(before), newborn_due(after), reminders)


def _those(
    patient: str, dead: bool, over: set[str], before: Iterable[Due], after: Iterable[Due], reminders: Iterable[Resource]
) -> tuple[dict[str, Any], ...]:
    was, now = _by_key(before), _by_key(after)
    found = [_ended(each) for each in reminders if _is_open(each, patient) and (dead or _ends(each, over, was, now))]
    return tuple(sorted(found, key=ref_of))


def _is_open(resource: Resource, patient: str) -> bool:
    whose = target(resource.get("for")) or target(resource.get("subject"))
    return resource.get("status") in OPEN.get(str(resource.get("resourceType")), ()) and whose == f"Patient/{patient}"


def _by_key(items: Iterable[Due]) -> dict[str, Due]:
    return {reminder_key(item): item for item in items}


def _ends(resource: Resource, over: set[str], was: dict[str, Due], now: dict[str, Due]) -> bool:
    key = key_of(resource)
    if not key:
        return bool(over & {target(resource.get("focus")), *targets(resource.get("about"))})
    if key not in now:
        return True
    return key in was and was[key].due_from != now[key].due_from


def _ended(resource: Resource) -> dict[str, Any]:
    return dict(resource) | {"status": ENDED[str(resource["resourceType"])]}
