"""Rows for a reconciliation: the hashes of a scope, and the whole states at positions where two replicas differ."""

from collections.abc import Iterable, Sequence

import msgspec

from edge_node.store import rows
from edge_node.store.connection import Connection
from sync_protocol import bounds, frame, reconciliation
from sync_protocol.errors import TooLarge
from sync_protocol.exchange.messages import Range
from sync_protocol.reconciliation import Item
from sync_protocol.resource import Resource


class Question(msgspec.Struct, frozen=True):
    """A round of a reconciliation: intervals to compare, or what to give and what to ask for."""

    scope: str
    ranges: list[Range] = []
    wanted: list[int] = []
    offer: bytes = b""


def items(connection: Connection, scope: str) -> list[Item]:
    """`(position, hash)` of every resource of a scope, ascending."""
    return sorted((position, hash_) for position, hash_, _ in _rows(connection, scope))


def states(connection: Connection, scope: str, positions: Iterable[int]) -> list[Resource]:
    """The whole states at these positions."""
    wanted = set(positions)
    keys = [key for position, _, key in _rows(connection, scope) if position in wanted]
    found = []
    for key in keys:
        type_, id_, state = connection.execute("SELECT type, id, state FROM resource WHERE key = ?", (key,)).fetchone()
        found.append(rows.resource_of(rows.type_name(connection, type_), id_, state))
    return found


def questions(connection: Connection, scope: str, offer: set[int], wanted: set[int]) -> list[Question]:
    """What to give and what to ask for, in requests within the bounds."""
    asked = sorted(wanted)
    chunks = [asked[i : i + bounds.RANGES_MAX] for i in range(0, len(asked), bounds.RANGES_MAX)]
    found = [Question(scope, wanted=chunk) for chunk in chunks]
    return found + [Question(scope, offer=packed) for packed in _frames(states(connection, scope, offer))]


def parting(connection: Connection, keys: Sequence[int]) -> list[Question]:
    """The whole states of these, to be given to the hub, each in the scope that it leaves."""
    per_scope: dict[str, list[Resource]] = {}
    query = "SELECT type, resource.id, state, name FROM resource JOIN scope ON scope.id = resource.scope WHERE key = ?"
    for key in keys:
        type_, id_, state, scope = connection.execute(query, (key,)).fetchone()
        resource = rows.resource_of(rows.type_name(connection, type_), id_, state)
        per_scope.setdefault(scope, []).append(resource)
    return [Question(scope, offer=packed) for scope, found in per_scope.items() for packed in _frames(found)]


def _frames(resources: Sequence[Resource]) -> list[bytes]:
    """Frames of these, each within the bounds."""
    if not resources:
        return []
    try:
        packed = frame.encode(resources)
        if len(packed) <= bounds.FRAME_BYTES_MAX:
            return [packed]
    except TooLarge:
        if len(resources) == 1:
            raise
    middle = len(resources) // 2
    return _frames(resources[:middle]) + _frames(resources[middle:])


def _rows(connection: Connection, scope: str) -> Iterable[tuple[int, bytes, int]]:
    names: dict[int, str] = {}
    query = (
        "SELECT key, type, resource.id, hash FROM resource JOIN scope ON scope.id = resource.scope"
        " WHERE scope.name = ? AND state IS NOT NULL"
    )
    for key, type_, id_, hash_ in connection.execute(query, (scope,)):
        if type_ not in names:
            names[type_] = rows.type_name(connection, type_)
        yield reconciliation.position(f"{names[type_]}/{id_}"), hash_, key
