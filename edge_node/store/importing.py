"""Bulk import: many resources in few transactions, each durable before the next begins.

Reading, checking and indexing take half of the time, and need no database: a second process does them, and hands over parcels.
What cannot be taken in is put aside with the reason and blocks nothing behind it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

import msgspec

from edge_node.errors import InvalidResource
from edge_node.store import indexing, offloading, state, trail
from edge_node.store.bundles import Item
from edge_node.store.collector import without_collector
from edge_node.store.connection import Connection
from edge_node.store.indexing import Derived
from edge_node.store.model import Author, ImportReport
from edge_node.store.pen import Pen
from edge_node.store.saving import Batch
from edge_node.store.writing import create, prepare_import, write_one
from sync_protocol import elements

BATCH_RESOURCES = 2_000


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A resource, ready to be stored where none of its name is; with its text, where there is one."""

    type: str
    id: str
    body: bytes
    only_new: bool
    values: dict[str, bytes]
    derived: Derived


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """What is no valid resource, and why."""

    body: bytes
    reason: str


class Load(msgspec.Struct, frozen=True, array_like=True):
    """What one transaction writes. `part`: how much of the whole was read by then, from 0 to 1."""

    parcels: list[Parcel]
    refused: list[Refused]
    part: float


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Load)


def import_items(
    begin: Callable[[], AbstractContextManager[Connection]],
    items: Iterable[Item],
    author: Author,
    now_ms: Callable[[], int],
    progress: Callable[[float], None],
    part: Callable[[], float],
) -> ImportReport:
    """Writes them all, in batches. `progress` hears of the part done, once it is durable; `part` tells how much was read."""
    total = changed = quarantined = 0
    with without_collector():
        for text in offloading.pieces(lambda: _loads(iter(items), part)):
            load = _DECODER.decode(text)
            with begin() as connection:
                stored, new = _write(connection, load.parcels, author, now_ms())
                for entry in load.refused:
                    _put_aside(connection, now_ms(), entry)
            total += stored
            changed += new
            quarantined += len(load.refused)
            progress(load.part)
    return ImportReport(total, changed, quarantined)


def _loads(items: Iterator[Item], part: Callable[[], float]) -> Iterator[bytes]:
    while some := list(islice(items, BATCH_RESOURCES)):
        parcels: list[Parcel] = []
        refused: list[Refused] = []
        for item in some:
            try:
                parcels.append(_parcel(item))
            except InvalidResource as error:
                refused.append(Refused(item.body, str(error)))
        yield _ENCODER.encode(Load(parcels, refused, part()))


def _parcel(item: Item) -> Parcel:
    p = prepare_import(item.body, item.id, only_new=item.only_new)
    assert p.parsed is not None
    assert p.shown is not None
    return Parcel(p.write.type, p.id, item.body, item.only_new, elements.split(p.parsed), indexing.derive(p.shown))


def _write(connection: Connection, parcels: list[Parcel], author: Author, now_ms: int) -> tuple[int, int]:
    """How many are stored now, and how many changed by it."""
    batch = Batch(connection, now_ms)
    batch.load((p.type, p.id) for p in parcels)
    pen = Pen(connection, author, now_ms)
    first = pen.counter + 1
    for p in parcels:
        row = batch.row((p.type, p.id))
        if row is None or not row.here:
            create(batch, pen, (p.type, p.id), p.values, p.derived)
        elif not p.only_new:
            write_one(batch, pen, prepare_import(p.body, p.id, only_new=False))
    changed = pen.counter + 1 - first
    batch.flush(pen)
    if changed:
        detail = {"resources": len(parcels), "first": first, "last": pen.counter}
        trail.record(connection, now_ms, author, "import", detail=detail)
    return len(parcels), changed


def _put_aside(connection: Connection, now_ms: int, refused: Refused) -> None:
    """Once: an import may be repeated."""
    query = "SELECT 1 FROM quarantine WHERE source = 'import' AND payload = ?"
    if connection.execute(query, (refused.body,)).fetchone() is None:
        state.put_aside(connection, now_ms, "import", "InvalidResource", refused.reason, refused.body)
