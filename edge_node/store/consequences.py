"""What a write brings about in other resources, within its transaction: reminders end with a loss, a birth, a death (`edge_node.endings`).

Most writes bring about nothing, and cost a look at their type and code. Only where a resource may end something, and her record has a
Task or CommunicationRequest, is her record read: as it is before the write, and again after it. What is written under a record that was
merged into hers concerns her, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from edge_node import endings
from edge_node.maternal.reading import about
from edge_node.programme import Programme
from edge_node.store import reading, rows, searching
from edge_node.store.connection import Connection
from edge_node.store.model import Author, Stored, Write
from edge_node.store.writing import Prepared, prepare, write_all

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
"""What is written back has the digits that it had."""


class Watched(msgspec.Struct, frozen=True):
    """A patient whose reminders may end: her key and id, and her record before the write."""

    key: int
    id: str
    before: tuple[Mapping[str, Any], ...]


def watched(connection: Connection, prepared: Sequence[Prepared]) -> list[Watched]:
    """The patients whose reminders these writes may end; none for most writes. Before they are written."""
    said = [_said(connection, p) for p in prepared if p.write.type in endings.TYPES]
    return list(with_reminders(connection, [about(one) for one in said if one is not None and endings.may_end(one)]))


def watched_by(connection: Connection, type_: str, id_: str) -> list[Watched]:
    """The same of a resource one element of which is being settled, whatever it says before."""
    stored = reading.read(connection, type_, id_) if type_ in endings.TYPES else None
    if stored is None or stored.body is None:
        return []
    return list(with_reminders(connection, [about(rows.object_of(stored.body))]))


def of_record(connection: Connection, key: int) -> Watched | None:
    """A patient, watched; None where she left or was deleted."""
    record = record_of(connection, key)
    if not record or record[0][0].key != key:
        return None
    return Watched(key, record[0][0].id, tuple(resource for _, resource in record))


def with_reminders(connection: Connection, patients: Iterable[str]) -> Iterator[Watched]:
    """Who has a reminder of these patients (`Patient/id`) and of those who go on for them, each once. No other record is read."""
    ids = dict.fromkeys(name.removeprefix("Patient/") for name in patients)
    keys = dict.fromkeys(key for id_ in ids for key in searching.going_on(connection, id_))
    found = (of_record(connection, key) for key in keys if searching.has_any(connection, key, endings.REMINDERS))
    return (one for one in found if one is not None)


def follow(
    connection: Connection,
    concerned: Sequence[Watched],
    programme: Programme,
    author: Author,
    now_ms: int,
    random_bytes: Callable[[int], bytes],
) -> None:
    """Ends what has to end. After the writes, in their transaction and in their author's name."""
    for one in concerned:
        after = record_of(connection, one.key)
        versions = {f"{stored.type}/{stored.id}": stored.version for stored, _ in after}
        changed = endings.ended(one.id, one.before, [resource for _, resource in after], programme)
        writes = [_write(resource, versions) for resource in changed]
        if writes:
            write_all(connection, [prepare(write, random_bytes, check=False) for write in writes], author, now_ms)


def _write(resource: Mapping[str, Any], versions: Mapping[str, str]) -> Write:
    type_, id_ = resource["resourceType"], resource["id"]
    return Write(type_, id_, _ENCODER.encode(resource), seen=versions[f"{type_}/{id_}"])


def _said(connection: Connection, p: Prepared) -> Mapping[str, Any] | None:
    """What is written; of a deletion what was."""
    if p.shown is not None:
        return {**p.shown, "resourceType": p.write.type, "id": p.id}
    stored = reading.read(connection, p.write.type, p.id)
    return rows.object_of(stored.body) if stored is not None and stored.body is not None else None


def record_of(connection: Connection, patient: int) -> list[tuple[Stored, Mapping[str, Any]]]:
    """A patient and her compartment as they are now."""
    stored = reading.read_many(connection, searching.everything(connection, patient))
    return [(each, _DECODER.decode(each.body)) for each in stored if each.body is not None and not each.gone]
