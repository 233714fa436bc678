"""What was put aside, as something that can be read, tried again, put right, or thrown away with a reason.

Two sources. An import keeps the text that was in the file, as it was. An exchange keeps the part of a resource that could not be joined,
with its name and the scope that it came for (`Parcel`); entries of programs before that have no name, and can only be thrown away.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from edge_node.errors import InvalidResource, NotFound
from edge_node.fhir.validation import Issue, has_errors, validate
from edge_node.store import merging, rows, trail, writing
from edge_node.store.connection import Connection
from edge_node.store.model import Author, QuarantineEntry, Write
from edge_node.store.saving import Batch
from sync_protocol.errors import ProtocolError

IMPORT: Final = "import"
REASON_CHARS_MAX: Final = 500

Outcome = Literal["taken", "refused", "present"]
"""What came of trying again: it is in the records now; still refused; a record of that name is here already, and says something else."""


class Aside(msgspec.Struct, frozen=True):
    """An entry, read as far as it can be. `type`, `id`: empty when they are not known; `resource`: what it says, as FHIR JSON;
    `issues`: what the published definitions forbid in it; `again`: whether it can be tried again."""

    entry: QuarantineEntry
    type: str = ""
    id: str = ""
    resource: Mapping[str, Any] | None = None
    issues: tuple[Issue, ...] = ()
    again: bool = False


def one(connection: Connection, number: int) -> Aside:
    """An entry by its number. Raises NotFound."""
    return read(_entry(connection, number))


def _entry(connection: Connection, number: int) -> QuarantineEntry:
    query = "SELECT id, since, source, reason, detail, payload FROM quarantine WHERE id = ?"
    row = (
        connection.execute(query, (number,)).fetchone() if number < 1 << 63 else None
    )  # SQLite's integers have 64 bits
    if row is None:
        raise NotFound("This was settled already")
    return QuarantineEntry(*row)


def read(entry: QuarantineEntry) -> Aside:
    """An entry as far as it can be read."""
    return _read_text(entry) if entry.source == IMPORT else _read_part(entry)


def _read_text(entry: QuarantineEntry) -> Aside:
    try:
        resource = rows.object_of(entry.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Aside(entry)
    if not isinstance(resource, dict):
        return Aside(entry)
    issues = tuple(issue for issue in validate(resource) if has_errors([issue]))
    type_, id_ = resource.get("resourceType"), resource.get("id")
    return Aside(
        entry, type_ if isinstance(type_, str) else "", id_ if isinstance(id_, str) else "", resource, issues, True
    )


def _read_part(entry: QuarantineEntry) -> Aside:
    found = merging.unparcel(entry.payload)
    if found is None:
        return Aside(entry, type=(entry.detail or "").partition(":")[0])
    parcel, part = found
    try:
        resource = rows.shown_of(part)
    except (ProtocolError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        resource = None
    return Aside(entry, parcel.type, parcel.id, resource, (), True)


def discard(connection: Connection, number: int, reason: str, author: Author, now_ms: int) -> None:
    """Throws an entry away; the audit keeps the reason, and what kind of record it was. Raises NotFound."""
    entry = _entry(connection, number)
    connection.execute("DELETE FROM quarantine WHERE id = ?", (number,))
    _record(connection, entry, "put-aside-discarded", author, now_ms, words=reason[:REASON_CHARS_MAX])


def again(
    connection: Connection,
    number: int,
    author: Author,
    now_ms: int,
    new_id: Callable[[], str],
    corrected: bytes | None = None,
) -> Outcome:
    """Tries to take an entry in, within a transaction that gives dots. `corrected`: the text to take instead of what came.

    What is taken is an entry no more; what is refused stays as it was. Raises NotFound.
    """
    entry = _entry(connection, number)
    if entry.source == IMPORT:
        outcome = _write(connection, corrected or entry.payload, author, now_ms, new_id)
    else:
        outcome = _join(connection, entry, now_ms)
    if outcome == "taken":
        connection.execute("DELETE FROM quarantine WHERE id = ?", (number,))
        _record(connection, entry, "put-aside-corrected" if corrected else "put-aside-taken", author, now_ms)
    return outcome


def _write(connection: Connection, body: bytes, author: Author, now_ms: int, new_id: Callable[[], str]) -> Outcome:
    try:
        parsed, _ = writing.read_body(body, "Resource")
        write = Write(parsed.type, parsed.id if parsed.id is not None else new_id(), body, create=True)
        prepared = writing.prepare(write, bytes)  # it has an id, so no chance is asked for
    except InvalidResource:
        return "refused"
    batch = Batch(connection, now_ms)
    batch.load([prepared.name])
    row = batch.row(prepared.name)
    if row is not None and row.here:
        return "present"
    writing.write_all(connection, [prepared], author, now_ms)
    return "taken"


def _join(connection: Connection, entry: QuarantineEntry, now_ms: int) -> Outcome:
    found = merging.unparcel(entry.payload)
    if found is None:
        return "refused"
    parcel, part = found
    scope = connection.execute("SELECT id FROM scope WHERE name = ?", (parcel.scope,)).fetchone()
    if scope is None:
        return "refused"
    last = connection.execute("SELECT max(id) FROM quarantine").fetchone()[0]
    report = merging.merge(connection, [part], scope[0], now_ms, source=entry.source)
    # What is refused again was put aside again: the first entry stays, with its time.
    connection.execute("DELETE FROM quarantine WHERE id > ?", (last,))
    return "refused" if report.quarantined else "taken"


def _record(
    connection: Connection, entry: QuarantineEntry, action: trail.Action, author: Author, now_ms: int, words: str = ""
) -> None:
    found = read(entry)
    detail = {"number": entry.number, "source": entry.source, "why": entry.reason, "type": found.type}
    trail.record(connection, now_ms, author, action, detail={**detail, "reason": words} if words else detail)
