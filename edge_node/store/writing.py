"""A person's writes: against the version its author saw, all in one transaction with their audit, or not at all."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final
from uuid import UUID

import msgspec

from edge_node.errors import AlreadyExists, InvalidResource, NotFound, VersionConflict
from edge_node.fhir.primitives import is_id
from edge_node.fhir.structure import shape
from edge_node.fhir.validation import Issue, has_errors, validate
from edge_node.store import indexing, rows, trail
from edge_node.store.connection import Connection
from edge_node.store.indexing import Derived
from edge_node.store.model import GONE, Author, Stored, Write, Written
from edge_node.store.pen import Pen
from edge_node.store.saving import Batch, Name, Row
from edge_node.store.schema import HOME_SCOPE
from sync_protocol import elements, policy
from sync_protocol.elements import Parsed
from sync_protocol.errors import MalformedData, TooLarge
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import DELETION, Resource


class Prepared(msgspec.Struct, frozen=True):
    """A write whose text is parsed and checked: all that needs no database."""

    write: Write
    id: str
    parsed: Parsed | None
    shown: dict[str, Any] | None
    issues: tuple[Issue, ...]

    @property
    def name(self) -> Name:
        return (self.write.type, self.id)


def prepare(write: Write, random_bytes: Callable[[int], bytes], *, check: bool = True) -> Prepared:
    """Parses and validates. Raises InvalidResource with the issues."""
    if write.body is None:
        if write.id is None:
            raise NotFound()
        return Prepared(write, write.id, None, None, ())
    parsed, shown = read_body(write.body, write.type)
    id_ = write.id if write.id is not None else str(UUID(bytes=random_bytes(16), version=4))
    issues = (validate(shown) if check else []) + _name_issues(write, parsed, id_)
    if has_errors(issues):
        raise InvalidResource(issues)
    return Prepared(write, id_, parsed, shown, tuple(issues))


def prepare_import(body: bytes, id_: str | None, *, only_new: bool) -> Prepared:
    """The same for a resource out of a file, which says itself what it is; `id_` when it has no id of its own.

    Raises InvalidResource.
    """
    parsed, shown = read_body(body, "Resource")
    id_ = parsed.id if parsed.id is not None else id_
    issues = validate(shown)
    if id_ is None or not is_id(id_):
        issues.append(Issue("error", "value", f"{parsed.type}.id", "Not a valid id"))
    if has_errors(issues):
        raise InvalidResource(issues)
    return Prepared(Write(parsed.type, id_, body, create=only_new), id_ or "", parsed, shown, tuple(issues))


def read_body(body: bytes, where: str) -> tuple[Parsed, dict[str, Any]]:
    """The author's text, cut into members and decoded. Raises InvalidResource."""
    try:
        return elements.parse(body), rows.object_of(body)
    except TooLarge as error:
        raise InvalidResource([Issue("error", "too-long", where, str(error))]) from error
    except (MalformedData, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidResource([Issue("error", "structure", where, "Not one FHIR resource as JSON")]) from error


def _name_issues(write: Write, parsed: Parsed, id_: str) -> list[Issue]:
    found = []
    if parsed.type != write.type:
        found.append(
            Issue("error", "invalid", f"{write.type}.resourceType", "The body is of another type than the address")
        )
    if write.id is not None and parsed.id is not None and parsed.id != write.id:
        found.append(Issue("error", "invalid", f"{write.type}.id", "The body has another id than the address"))
    if not is_id(id_):
        found.append(Issue("error", "value", f"{write.type}.id", "Not a valid id"))
    return found


def write_all(connection: Connection, prepared: Sequence[Prepared], author: Author, now_ms: int) -> list[Written]:
    """All of them, within the caller's transaction. Raises what `write_one` does; the caller then rolls back."""
    batch = Batch(connection, now_ms)
    batch.load(p.name for p in prepared)
    pen = Pen(connection, author, now_ms)
    done = []
    for p in prepared:
        row, created, changed, note = write_one(batch, pen, p)
        if changed:
            action: trail.Action = "delete" if p.parsed is None else "create" if created else "update"
            trail.record(connection, now_ms, author, action, key=row.key, hash_=row.hash, detail=note)
        done.append(Written(shown_row(batch, row), created, changed, p.issues))
    batch.flush(pen)
    return done


def write_one(batch: Batch, pen: Pen, p: Prepared) -> tuple[Row, bool, bool, dict[str, str] | None]:
    """Puts one write. Returns the row, whether it is new, whether anything changed, and what the audit should note.

    Raises NotFound, AlreadyExists or VersionConflict.
    """
    write = p.write
    row = batch.row(p.name)
    if row is None or not row.here:
        if write.if_match and not write.create:
            raise VersionConflict(None)
        if p.parsed is None:
            raise NotFound()
        return _create(batch, pen, p, p.parsed)
    if write.create:
        raise VersionConflict(row.version) if write.if_match else AlreadyExists()
    if write.if_match and write.seen != row.version:
        raise VersionConflict(row.version)
    current = batch.resource(row)
    seen, note = _seen(batch, row, write.seen or (p.parsed.version if p.parsed is not None else None))
    if p.parsed is None:
        if row.flags & GONE:
            return row, False, False, None
        new, keys = elements.delete(current, seen, pen.stamp())
    else:
        known = knowledge(write.type) if note != UNKNOWN else _nothing
        new, keys = elements.write(current, seen, p.parsed, p.id, pen.stamp(), known)
    if not keys:
        return row, False, False, None
    revived = bool(row.flags & GONE) and p.parsed is not None
    row, _ = batch.put(new, HOME_SCOPE)
    pen.used(row.key, keys)
    return row, revived, True, note


def _create(batch: Batch, pen: Pen, p: Prepared, parsed: Parsed) -> tuple[Row, bool, bool, dict[str, str] | None]:
    derived = indexing.derive(p.shown) if p.shown is not None else None
    row, changed = create(batch, pen, p.name, elements.split(parsed), derived)
    return row, True, changed, None


def create(
    batch: Batch, pen: Pen, name: Name, values: Mapping[str, bytes], derived: Derived | None
) -> tuple[Row, bool]:
    """Puts a resource that never was here: what `elements.write` makes of one, in half its time."""
    stamp = pen.stamp()
    context = {stamp.node: stamp.counter}
    new = Resource(*name, {key: Register((Sibling(stamp, value),), context) for key, value in values.items()})
    row, changed = batch.put(new, HOME_SCOPE, derived=derived, plain=True)
    pen.used(row.key, None)
    return row, changed


LATEST: Final = {"seen": "latest"}
UNKNOWN: Final = {"seen": "unknown"}
_VERSION: Final = re.compile("[0-9a-f]{16}")


def _seen(batch: Batch, row: Row, version: str | None) -> tuple[Resource, dict[str, str] | None]:
    """The state that the author saw. Without a version, or with another server's, it is the latest, and the audit says so.

    One of ours that never was here, or is not any more, says that she saw something else: what she wrote otherwise than it is here stands
    beside it, and what she left out stays.
    """
    current = batch.resource(row)
    if version is None or not _VERSION.fullmatch(version):
        return current, LATEST
    found = batch.version(row, version)
    return (found, None) if found is not None else (_unseen(current), UNKNOWN)


def _unseen(resource: Resource) -> Resource:
    """The same values, none of them seen."""
    registers = {key: Register(register.siblings, {}) for key, register in resource.elements.items()}
    return Resource(resource.type, resource.id, registers)


def _nothing(member: str) -> bool:
    return False


def shown_row(batch: Batch, row: Row) -> Callable[[], Stored]:
    """Makes a batch's row, as it is now, what people see."""
    return partial(rows.present, row.key, batch.resource(row), row.updated, row.hash or b"", row.flags)


@cache
def knowledge(type_name: str) -> Callable[[str], bool]:
    """Whether the published definitions know a type's element, or the unit it belongs to.

    What a program cannot know it cannot have meant to remove: unknown elements stay when they are absent from a write.
    """
    try:
        members = shape(type_name).members
    except KeyError:
        return frozenset[str]().__contains__
    units = {policy.unit_of(type_name, name).removesuffix("[x]") for name in members}
    stems = {member.choice for member in members.values() if member.choice}
    return frozenset(units | stems | set(members)).__contains__


def resolve(
    connection: Connection,
    row: tuple[str, str],
    element: str,
    value: bytes | None,
    author: Author,
    now_ms: int,
    seen: str | None,
) -> Written:
    """Someone who sees all values of one element chose one, or wrote a new one. Raises NotFound, VersionConflict when `seen` is not
    the present version, and InvalidResource when it is the new value that makes the resource invalid."""
    batch = Batch(connection, now_ms)
    found = batch.row(row)
    if found is None or not found.here or element not in batch.resource(found).elements:
        raise NotFound()
    if seen is not None and seen != found.version:
        raise VersionConflict(found.version)
    pen = Pen(connection, author, now_ms)
    current = batch.resource(found)
    new, keys = elements.resolve(current, element, value, pen.stamp())
    if element != DELETION and value not in {sibling.value for sibling in current.elements[element].siblings}:
        known = validate(rows.shown_of(current))
        issues = [issue for issue in validate(rows.shown_of(new)) if issue not in known]
        if has_errors(issues):
            raise InvalidResource(issues)
    batch.put(new, HOME_SCOPE)
    pen.used(found.key, keys)
    trail.record(connection, now_ms, author, "resolve", key=found.key, hash_=found.hash, detail={"element": element})
    batch.flush(pen)
    return Written(shown_row(batch, found), False, True)
