"""Bulk import: many resources in few transactions, each durable before the next begins.

Parsing, checking and compressing take most of the time, the database the rest. Text is prepared outside of the transaction,
so that others may write in between. What cannot be taken in is put aside with the reason and blocks nothing behind it.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice

import msgspec

from edge_node.errors import InvalidResource
from edge_node.store import state, trail
from edge_node.store.bundles import Item
from edge_node.store.connection import Connection
from edge_node.store.model import Author, ImportReport
from edge_node.store.saving import Batch
from edge_node.store.writing import Pen, Prepared, prepare_import, write_one

BATCH_RESOURCES = 2_000


class _Refused(msgspec.Struct, frozen=True):
    body: bytes
    reason: str


def import_items(
    begin: Callable[[], AbstractContextManager[Connection]],
    items: Iterable[Item],
    author: Author,
    now_ms: Callable[[], int],
    progress: Callable[[int], None],
) -> ImportReport:
    """Writes them all, in batches. `progress` hears of the resources of each batch once they are durable."""
    total = changed = quarantined = 0
    with _without_collector():
        for some in _batches(iter(items)):
            prepared, refused = _prepared(some)
            with begin() as connection:
                changed += _write(connection, prepared, author, now_ms())
                for entry in refused:
                    _put_aside(connection, now_ms(), entry)
            total += len(prepared)
            quarantined += len(refused)
            progress(len(some))
    return ImportReport(total, changed, quarantined)


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, BATCH_RESOURCES)):
        yield some


def _prepared(items: list[Item]) -> tuple[list[Prepared], list[_Refused]]:
    prepared: list[Prepared] = []
    refused: list[_Refused] = []
    for item in items:
        try:
            prepared.append(prepare_import(item.body, item.id, only_new=item.only_new))
        except InvalidResource as error:
            refused.append(_Refused(item.body, str(error)))
    return prepared, refused


def _write(connection: Connection, prepared: list[Prepared], author: Author, now_ms: int) -> int:
    batch = Batch(connection, now_ms)
    batch.load(p.name for p in prepared)
    pen = Pen(connection, author, now_ms)
    first = pen.counter + 1
    for p in prepared:
        if p.write.create:
            row = batch.row(p.name)
            if row is not None and row.here:
                continue
        write_one(batch, pen, p)
    changed = pen.counter + 1 - first
    batch.flush()
    pen.close()
    if changed:
        detail = {"resources": len(prepared), "first": first, "last": pen.counter}
        trail.record(connection, now_ms, author, "import", detail=detail)
    return changed


def _put_aside(connection: Connection, now_ms: int, refused: _Refused) -> None:
    """Once: an import may be repeated."""
    query = "SELECT 1 FROM quarantine WHERE source = 'import' AND payload = ?"
    if connection.execute(query, (refused.body,)).fetchone() is None:
        state.put_aside(connection, now_ms, "import", "InvalidResource", refused.reason, refused.body)


@contextmanager
def _without_collector() -> Iterator[None]:
    """The cyclic collector walks all that is alive, again and again, and finds nothing: an import makes no cycles."""
    was_on = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
