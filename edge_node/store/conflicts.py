"""The clinicians' inbox: elements about which people disagree without having seen each other's value."""

from collections.abc import Callable

import msgspec

from edge_node.errors import InvalidResource
from edge_node.fhir.validation import Issue
from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.model import OpenConflict, Value
from sync_protocol import bounds, elements, pack
from sync_protocol.errors import MalformedData, TooLarge
from sync_protocol.register import Sibling
from sync_protocol.resource import ALIVE, DELETION, Conflict, Resource, disagreements

OfType = Callable[[str], bool]
"""Whether a type is meant."""
_OPEN = "conflict c JOIN resource r ON r.key = c.key"


def every_type(type_: str) -> bool:
    """All are meant."""
    return True


def count(connection: Connection, meant: OfType) -> int:
    """How many elements of resources of these types wait for a person."""
    return sum(number for _, number in _by_type(connection, meant))


def open_conflicts(connection: Connection, limit: int, meant: OfType = every_type) -> list[OpenConflict]:
    """What waits for a person, of these types, oldest first."""
    types = {number: rows.type_name(connection, number) for number, _ in _by_type(connection, meant)}
    query = (
        f"SELECT c.key, r.type, r.id, r.hash, r.state, c.element, c.since FROM {_OPEN}"
        " WHERE r.type IN (SELECT value FROM json_each(?)) ORDER BY c.since, c.key, c.element LIMIT ?"
    )
    found = []
    wanted = msgspec.json.encode(list(types)).decode()
    for key, number, id_, hash_, state, element, since in connection.execute(query, (wanted, limit)).fetchall():
        resource = rows.resource_of(types[number], id_, state)
        found.append(_told(key, resource, hash_, element, resource.elements[element].siblings, since))
    return found


def _by_type(connection: Connection, meant: OfType) -> list[tuple[int, int]]:
    """The types that are meant, by number, and how many conflicts each has."""
    counted = connection.execute(f"SELECT r.type, count(*) FROM {_OPEN} GROUP BY r.type").fetchall()
    return [(type_, number) for type_, number in counted if meant(rows.type_name(connection, type_))]


def of_resource(connection: Connection, type_: str, id_: str) -> list[OpenConflict]:
    """All disagreements about one resource; `since_ms` is when this node stored its present state."""
    key = reading.key_of(connection, type_, id_)
    query = "SELECT updated, hash, state FROM resource WHERE key = ? AND state IS NOT NULL"
    row = connection.execute(query, (key,)).fetchone()
    if row is None or key is None:
        return []
    resource = rows.resource_of(type_, id_, row[2])
    return [_told(key, resource, row[1], c.element, _siblings(c), row[0]) for c in disagreements(resource)]


def _siblings(conflict: Conflict) -> tuple[Sibling, ...]:
    return conflict.siblings


def _told(
    key: int, resource: Resource, hash_: bytes, element: str, siblings: tuple[Sibling, ...], since: int
) -> OpenConflict:
    shown = resource.elements[element].shown
    values = tuple(
        Value(
            msgspec.Raw(s.value) if s.value is not None else None,
            s.stamp.user,
            s.stamp.role,
            s.stamp.ts,
            s.stamp.device_ts,
            s is shown,
        )
        for s in sorted(siblings, key=lambda s: s.rank, reverse=True)
    )
    name = element.partition("|")[0].removesuffix("[x]") if element != DELETION else "deletion"
    return OpenConflict(key, resource.type, resource.id, pack.version_of(hash_), element, name, since, values)


def check_value(type_: str, element: str, value: bytes | None) -> None:
    """That a value may stand in an element's register. Raises InvalidResource."""
    try:
        if value is None or (element == DELETION and value == ALIVE):
            return
        if element == DELETION or len(element.encode()) > bounds.ELEMENT_KEY_BYTES_MAX:
            raise MalformedData("a deletion is kept or repeated, nothing else")
        elements.check_value(value)
        if "|" not in element:
            members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
            if elements.split(elements.Parsed(type_, None, None, members)).keys() != {element}:
                raise MalformedData("a unit's value is an object of its members")
        if element.endswith("|"):
            msgspec.json.decode(value, type=list[str])
    except (MalformedData, TooLarge, msgspec.MsgspecError) as error:
        name = element.partition("|")[0]
        raise InvalidResource([Issue("error", "value", f"{type_}.{name}", "Not a value of this element")]) from error
