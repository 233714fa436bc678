"""Which reminders end with a write, given the facts before and after it: to be changed in the same transaction.

A loss or a death ends all that was due, and so its reminders; after a birth, alive or not, those of the mother's own care stay. What was
done, or has moved to another day, ends its reminder too: a new one is made for the new day.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from edge_node.maternal.course import Due
from edge_node.maternal.due import due
from edge_node.maternal.facts import Mother, is_over
from edge_node.maternal.reading import Resource, ref_of, target, targets
from edge_node.maternal.reminders import REMINDER_KEY, key_of, reminder_key
from edge_node.programme import Programme

OPEN: Final[Mapping[str, frozenset[str]]] = {
    "Task": frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"}),
    "CommunicationRequest": frozenset({"draft", "active", "on-hold"}),
}
ENDED: Final[Mapping[str, str]] = {"Task": "cancelled", "CommunicationRequest": "revoked"}
"""FHIR's words for a cancelled task and a cancelled message."""


def ending(
    before: Mother, after: Mother, reminders: Iterable[Resource], programme: Programme
) -> tuple[dict[str, Any], ...]:
    """The woman's reminders that end, each as it is to be written, in order of reference.

    `reminders`: her Task and CommunicationRequest resources; those that are closed are passed over. A reminder of ours ends when its
    item is due no more or on another day; one of another program when she died, or when it names a pregnancy that is over.
    """
    if after.dead:
        return _ended(reminders)
    over = {each.ref for each in before.pregnancies} - {each.ref for each in after.pregnancies if not is_over(each)}
    was, now = _by_key(due(before, programme)), _by_key(due(after, programme))
    return _ended(each for each in reminders if _ends(each, over, was, now))


def items_ending(
    before: Iterable[Due], after: Iterable[Due], reminders: Iterable[Resource], system: str = REMINDER_KEY
) -> tuple[dict[str, Any], ...]:
    """The same of reminders of items that stand for themselves: a baby's contacts, doses of vaccine (`system`: of their keys)."""
    was, now = _by_key(before), _by_key(after)
    return _ended(each for each in reminders if _is_moved(key_of(each, system), was, now))


def _by_key(items: Iterable[Due]) -> dict[str, Due]:
    return {reminder_key(item): item for item in items}


def _ends(resource: Resource, over: set[str], was: dict[str, Due], now: dict[str, Due]) -> bool:
    key = key_of(resource)
    if not key:
        return bool(over & {target(resource.get("focus")), *targets(resource.get("about"))})
    return _is_moved(key, was, now)


def _is_moved(key: str, was: dict[str, Due], now: dict[str, Due]) -> bool:
    return key not in now or (key in was and was[key].due_from != now[key].due_from)


def _ended(reminders: Iterable[Resource]) -> tuple[dict[str, Any], ...]:
    """The open ones among them, ended."""
    still_open = (each for each in reminders if each.get("status") in OPEN.get(str(each.get("resourceType")), ()))
    found = (dict(each) | {"status": ENDED[str(each["resourceType"])]} for each in still_open)
    return tuple(sorted(found, key=ref_of))
