"""What a write brings about in other resources, within its transaction: reminders end with a loss, a birth, a death (`edge_node.endings`).

Most writes bring about nothing, and cost a look at their type and code. Only where a resource may end something, and her record has a
Task or CommunicationRequest, is her record read: as it is before the write, and again after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from edge_node import endings
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
    ids = {id_: None for p in prepared if p.write.type in endings.SUBJECTS for id_ in _patients(connection, p)}
    found = []
    for id_ in ids:
        key = reading.key_of(connection, "Patient", id_)
        if key is not None and _has_reminders(connection, key):
            found.append(Watched(key, id_, tuple(resource for _, resource in record_of(connection, key))))
    return found


def follow(
    connection: Connection,
    concerned: Sequence[Watched],
    author: Author,
    now_ms: int,
    random_bytes: Callable[[int], bytes],
) -> None:
    """Ends what has to end. After the writes, in their transaction and in their author's name."""
    for one in concerned:
        after = record_of(connection, one.key)
        versions = {f"{stored.type}/{stored.id}": stored.version for stored, _ in after}
        changed = endings.ended(one.id, one.before, [resource for _, resource in after])
        writes = [_write(resource, versions) for resource in changed]
        if writes:
            write_all(connection, [prepare(write, random_bytes, check=False) for write in writes], author, now_ms)


def _write(resource: Mapping[str, Any], versions: Mapping[str, str]) -> Write:
    type_, id_ = resource["resourceType"], resource["id"]
    return Write(type_, id_, _ENCODER.encode(resource), seen=versions[f"{type_}/{id_}"])


def _patients(connection: Connection, p: Prepared) -> Iterator[str]:
    """Ids of the patients whom a write may end something for: as it says, and of a deletion as it said."""
    shown = p.shown
    if shown is None:
        stored = reading.read(connection, p.write.type, p.id)
        shown = rows.object_of(stored.body) if stored is not None and stored.body is not None else None
    if shown is None or not endings.may_end(shown):
        return
    if p.write.type == "Patient":
        yield p.id
        return
    subject = shown.get(endings.SUBJECTS[p.write.type])
    type_, _, id_ = str(subject.get("reference", "") if isinstance(subject, dict) else "").partition("/")
    if type_ == "Patient" and id_:
        yield id_


def _has_reminders(connection: Connection, patient: int) -> bool:
    keys = searching.everything(connection, patient)
    types = [rows.make_type(connection, name) for name in endings.REMINDERS]
    query = "SELECT 1 FROM resource WHERE key IN (SELECT value FROM json_each(?)) AND type IN (?, ?) LIMIT 1"
    return connection.execute(query, (msgspec.json.encode(keys).decode(), *types)).fetchone() is not None


def record_of(connection: Connection, patient: int) -> list[tuple[Stored, Mapping[str, Any]]]:
    """A patient and her compartment as they are now."""
    stored = reading.read_many(connection, searching.everything(connection, patient))
    return [(each, _DECODER.decode(each.body)) for each in stored if each.body is not None and not each.gone]
