"""What people have before them, and how it is told to the oracle: bodies cut into elements, and who wrote what is shown.

Every write of the simulation has a user of its own (`w17`), so that whoever is named beside a value names the write.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sync_protocol.resource import DELETION, Resource, gone

TAGS = {"identifier": "system", "telecom": "use", "extension": "url", "component": "code"}
"""Keyed lists that people edit here, and the member by which they tell an entry from another."""
UNITS = {"valueString": "value[x]", "deceasedBoolean": "deceased[x]", "deceasedDateTime": "deceased[x]"}

Seen = Mapping[str, frozenset[str]]
"""Element → the writes of it on the screen."""


class Form(msgspec.Struct):
    """A resource as somebody has it open. `body` is None when it is shown as deleted."""

    type: str
    id: str
    version: str
    body: dict[str, Any] | None
    saw: Seen
    dead: frozenset[str] = frozenset()
    """Elements with a value, though deleted."""

    @property
    def name(self) -> str:
        return f"{self.type}/{self.id}"


def canonical(value: object) -> str:
    """JSON that is equal for equal content."""
    return msgspec.json.encode(value, order="deterministic").decode()


def members(body: Mapping[str, Any]) -> dict[str, str]:
    """A body as the oracle's elements: entries of lists by their tags, everything else by its name."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if name in ("resourceType", "id", "meta"):
            continue
        if name in TAGS:
            for entry in value:
                found[entry_name(name, entry)] = canonical(entry)
        else:
            found[UNITS.get(name, name)] = canonical({name: value})
    return found


def entry_name(list_name: str, entry: Mapping[str, Any]) -> str:
    """How the oracle calls an entry of a list."""
    return f"{list_name}:{canonical(entry[TAGS[list_name]])}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str | None]:
    """What an author changed: element → value, None for what she took away."""
    old, new = members(before), members(after)
    changed: dict[str, str | None] = {name: value for name, value in new.items() if old.get(name) != value}
    changed.update(dict.fromkeys(old.keys() - new.keys()))
    return changed


class Names:
    """The oracle's names of the product's element keys. The key of a list's entry is learnt from any value that it ever had."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], str] = {}

    def of(self, resource: Resource, key: str) -> str | None:
        """An element's name; None for the order of a list and what an empty body leaves, which nobody here writes on purpose."""
        if key == "meta":
            return None
        list_name, bar, rest = key.partition("|")
        if not bar:
            return key
        if not rest:
            return None
        at = (resource.name, key)
        if at not in self._entries:
            values = [s.value for s in resource.elements[key].siblings if s.value is not None]
            self._entries[at] = entry_name(list_name, msgspec.json.decode(values[0]))
        return self._entries[at]

    def told(self, resource: Resource) -> dict[str, dict[str, str | None]]:
        """A resource as the oracle speaks of it: element → write → value."""
        found: dict[str, dict[str, str | None]] = {}
        for key, register in resource.elements.items():
            name = self.of(resource, key)
            if name is not None:
                found[name] = {
                    s.stamp.user: None
                    if key == DELETION or s.value is None
                    else canonical(msgspec.json.decode(s.value))
                    for s in register.siblings
                }
        return found

    def form(self, resource: Resource, version: str, body: bytes | None) -> Form:
        """A resource as somebody opens it."""
        told = self.told(resource)
        saw = {element: frozenset(writes) for element, writes in told.items()}
        decoded = msgspec.json.decode(body) if body is not None else None
        dead: frozenset[str] = frozenset()
        if gone(resource):
            dead = frozenset(e for e, writes in told.items() if e != DELETION and set(writes.values()) != {None})
        return Form(resource.type, resource.id, version, decoded, saw, dead)
