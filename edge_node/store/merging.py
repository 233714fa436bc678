"""Joining changes that others made, as an exchange or a bundle brings them.

Set-based: present rows are read with one query, everything is written at once. A resource that cannot be joined is put into
quarantine with the reason and never blocks the others (DESIGN, invariant 5).
"""

from collections.abc import Iterable

import msgspec

from edge_node.store import state, trail
from edge_node.store.connection import Connection
from edge_node.store.model import EXCHANGE, MergeReport
from edge_node.store.saving import Batch
from edge_node.store.standing import own_incarnations
from sync_protocol import elements, pack
from sync_protocol.errors import MalformedData, ProtocolError
from sync_protocol.resource import Resource, context_of, join_resource


def merge(
    connection: Connection, resources: Iterable[Resource], scope: int, now_ms: int, *, source: str = "exchange"
) -> MergeReport:
    """Joins resources, or parts of them, within the caller's transaction. New ones come into `scope`.

    What does not change anything is not written. Order, repetition and splitting make no difference.
    """
    arrived = list(resources)
    batch = Batch(connection, now_ms)
    batch.load((r.type, r.id) for r in arrived)
    changed: set[int] = set()
    quarantined = 0
    for resource, fault in zip(arrived, elements.check_each(arrived), strict=True):
        try:
            if fault is not None:
                raise fault
            key = _join(batch, resource, scope)
        except (ProtocolError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            quarantined += 1
            reason = type(error).__name__
            state.put_aside(
                connection, now_ms, source, reason, _detail(resource, error), parcel(connection, resource, scope)
            )
            continue
        if key is not None:
            changed.add(key)
    _let_go_of_twins(connection, batch, changed, now_ms)
    batch.flush()
    return MergeReport(len(changed), batch.conflicts_opened, quarantined)


def _let_go_of_twins(connection: Connection, batch: Batch, changed: set[int], now_ms: int) -> None:
    """What was put aside as another record of one name is no more when the record here has all of it: they were one after all, as it
    turns out when a hub that had forgotten where somebody moved is reminded of it."""
    if not changed:
        return
    # The reason as a literal, by which the index `quarantine_twin` is found: there may be thousands of other entries.
    query = f"SELECT id, source, payload FROM quarantine WHERE reason = '{SameName.__name__}'"
    for number, source, payload in connection.execute(query).fetchall():
        found = unparcel(payload)
        row = batch.row((found[0].type, found[0].id)) if found is not None else None
        if found is None or row is None or not row.here or join_resource(batch.resource(row), found[1])[1]:
            continue
        connection.execute("DELETE FROM quarantine WHERE id = ?", (number,))
        detail = {"number": number, "source": source, "why": SameName.__name__, "type": row.type}
        trail.record(connection, now_ms, EXCHANGE, "put-aside-taken", detail=detail)


def _join(batch: Batch, part: Resource, scope: int) -> int | None:
    """Puts one joined resource; its key when something changed."""
    row = batch.row((part.type, part.id))
    if row is None or not row.here:
        new = part
    elif row.scope != scope and _strangers(batch, batch.resource(row), part):
        raise SameName("an id that two facilities use for different records; the first that came here is shown")
    else:
        new, keys = join_resource(batch.resource(row), part)
        if not keys:
            return None
    row, changed = batch.put(new, scope)
    return row.key if changed else None


def _strangers(batch: Batch, mine: Resource, theirs: Resource) -> bool:
    """Whether two states of one name have no author in common: not one record that moved, but two.

    What only this node wrote of is no other's: the hub, which takes it in the scope where it has that name, will say the same.
    """
    authors = context_of(mine).keys()
    return not authors & context_of(theirs).keys() and not authors <= own_incarnations(batch.connection)


class SameName(MalformedData):
    """Two facilities use one id for two records, and this node holds both facilities' scopes."""

    hint = "Records are looked at where they belong; the second one's facility should number its records anew."


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A part of a resource that was put aside: its name, the scope it came for, and its registers, packed."""

    type: str
    id: str
    scope: str
    state: bytes


def parcel(connection: Connection, part: Resource, scope: int) -> bytes:
    """A part that cannot be joined, with its name, as it is put aside."""
    row = connection.execute("SELECT name FROM scope WHERE id = ?", (scope,)).fetchone()
    return msgspec.msgpack.encode(Parcel(part.type, part.id, row[0] if row is not None else "", pack.pack(part)))


def unparcel(payload: bytes) -> tuple[Parcel, Resource] | None:
    """What was put aside by `merge`; None for what earlier programs put aside, which did not write its name."""
    try:
        found = msgspec.msgpack.decode(payload, type=Parcel)
        return found, pack.unpack(found.type, found.id, found.state)
    except (msgspec.MsgspecError, ProtocolError):
        return None


def _detail(resource: Resource, error: Exception) -> str:
    """What went wrong, by type and rule; never a value."""
    text = str(error) if isinstance(error, ProtocolError) else "not FHIR JSON"
    return f"{resource.type}: {text}"
