"""Index rows of a resource: one walk over what is present, with a plan compiled per type.

The plan is a tree of the JSON properties that some slot wants; what the resource has and no slot wants costs one failed
look-up. The store writes the rows in the transaction of the resource. See readers for what a row holds.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

from edge_node.fhir.definitions import CONTRACT_TYPES, type_number
from edge_node.fhir.parameters import Hop, slots_of
from edge_node.fhir.readers import READERS, Add, Row
from edge_node.fhir.values import SEPARATOR

Visit: TypeAlias = Callable[[Any, Add], None]

_MALFORMED = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
_STORED = (str, int, float)
_SERVED = frozenset(CONTRACT_TYPES)


def index_rows(resource: dict[str, Any]) -> list[Row]:
    """The rows of a resource, without repetition; none for a type that is not searched.

    A malformed entry of a top-level element is left out of the index and hides no other: odd resources are kept, and
    found by the rest. A reference to a contained resource carries that resource's type.
    """
    type_name = resource.get("resourceType")
    if not isinstance(type_name, str) or type_name not in _SERVED:
        return []
    visits, presence = _plan(type_name)
    rows: list[Row] = []
    try:
        for key, value in resource.items():
            visit = visits.get(key)
            if visit is not None:
                visit(value, rows.append)
        rows = list(dict.fromkeys(rows))
    except _MALFORMED:
        rows = list(dict.fromkeys(_rows_apart(visits, resource)))
    for number, keys in presence:
        answer = _presence(resource, keys)
        if answer:
            rows.append((number, answer + SEPARATOR, 0))
    if "contained" in resource:
        rows = _with_contained_types(rows, resource["contained"])
    return rows


def _rows_apart(visits: dict[str, Visit], resource: dict[str, Any]) -> list[Row]:
    """The slow way round a malformed element: entry by entry, keeping what each gives before it fails."""
    rows: list[Row] = []
    for key, value in resource.items():
        if key in visits:
            for entry in value if isinstance(value, list) else [value]:
                try:
                    visits[key]([entry] if isinstance(value, list) else entry, rows.append)
                except _MALFORMED:
                    continue
    return [row for row in rows if type(row[1]) in _STORED and type(row[2]) in _STORED]


def _presence(resource: dict[str, Any], keys: tuple[str, ...]) -> str:
    """``P.exists() and P != false``. With extensions and no value the comparison has no result, as in FHIRPath."""
    values = [resource[key] for key in keys if resource.get(key) is not None]
    if values:
        return "false" if False in values else "true"
    return "" if any(f"_{key}" in resource for key in keys) else "false"


def _with_contained_types(rows: list[Row], contained: Any) -> list[Row]:
    types = {
        f"#{inner.get('id')}": type_number(str(inner.get("resourceType")))
        for inner in (contained if isinstance(contained, list) else ())
        if isinstance(inner, dict)
    }
    return [
        (slot, value, types[value])
        if isinstance(value, str) and value in types and extra == 0
        else (slot, value, extra)
        for slot, value, extra in rows
    ]


@cache
def _plan(type_name: str) -> tuple[dict[str, Visit], tuple[tuple[int, tuple[str, ...]], ...]]:
    """What to do with each top-level property, and the presence slots with the properties they look at."""
    tree = _Node()
    presence: list[tuple[int, tuple[str, ...]]] = []
    for slot in slots_of(type_name):
        if slot.presence:
            presence.append((slot.number, tuple(leaf.hops[0].key for leaf in slot.leaves)))
            continue
        for leaf in slot.leaves:
            tree.node_at(leaf.hops).readers.append(partial(READERS[slot.kind][leaf.of], slot.number))
    return tree.visits(), tuple(presence)


class _Node:
    """A place in the JSON while a plan is compiled: what reads the value here, and what lies below."""

    def __init__(self) -> None:
        self.readers: list[Visit] = []
        self.children: dict[Hop, _Node] = {}

    def node_at(self, hops: tuple[Hop, ...]) -> "_Node":
        if not hops:
            return self
        return self.children.setdefault(hops[0], _Node()).node_at(hops[1:])

    def visits(self) -> dict[str, Visit]:
        """One visit for each property below: all its narrowings together."""
        found: dict[str, list[Visit]] = {}
        for hop, node in self.children.items():
            found.setdefault(hop.key, []).append(_along(hop, node.visit()))
        return {key: _together(parts) for key, parts in found.items()}

    def visit(self) -> Visit:
        """The visit of one value that stands here."""
        below = self.visits()
        if not below:
            return _together(self.readers)
        if len(below) == 1:
            return _together([*self.readers, _into(*next(iter(below.items())))])
        return _together([*self.readers, _into_any(below)])


def _together(parts: list[Visit]) -> Visit:
    if len(parts) == 1:
        return parts[0]

    def every(value: Any, add: Add) -> None:
        for part in parts:
            part(value, add)

    return every


def _into(key: str, visit: Visit) -> Visit:
    def one(value: Any, add: Add) -> None:
        inner = value.get(key)
        if inner is not None:
            visit(inner, add)

    return one


def _into_any(below: dict[str, Visit]) -> Visit:
    def several(value: Any, add: Add) -> None:
        for key, inner in value.items():
            if key in below:
                below[key](inner, add)

    return several


def _along(hop: Hop, visit: Visit) -> Visit:
    """From a property's value to the values in it: entries of an array, those with an index or a field."""
    if hop.where is not None:
        visit = _where(*hop.where, visit)
    if not hop.many:
        return visit
    if hop.index is not None:
        return lambda value, add: visit(value[hop.index], add) if len(value) > (hop.index or 0) else None

    def entries(value: Any, add: Add) -> None:
        for entry in value:
            if entry is not None:
                visit(entry, add)

    return entries


def _where(field: str, wanted: str, visit: Visit) -> Visit:
    def chosen(value: Any, add: Add) -> None:
        if value.get(field) == wanted:
            visit(value, add)

    return chosen
