"""What becomes of a stored resource in an export: a line of NDJSON, and in which file it stands. Pure."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from hub.compartment import patients
from hub.exporting.asking import text
from sync_protocol.pack import version_of
from sync_protocol.resource import Resource, gone, shown
from sync_protocol.showing import assemble

OUTCOME: Final = "OperationOutcome"


class Line(Struct, frozen=True):
    """A line, without its end. `kind`: output, deleted or error, as the manifest has them; `type`: of what is in the file."""

    kind: str
    type: str
    json: bytes


class Wanted(Struct, frozen=True):
    """What of the rows is wanted: of these types (none: all), about these patients (None: all), and whether deletions are told."""

    types: frozenset[str]
    members: frozenset[str] | None
    deletions: bool


def line_of(resource: Resource, hash_: bytes, stored: datetime, wanted: Wanted) -> Line | None:
    """The line of a resource, or None when it is not wanted.

    What was deleted since the last export is told as the specification has it: a transaction Bundle that deletes it.
    """
    if wanted.types and resource.type not in wanted.types:
        return None
    if wanted.members is not None and not is_about(resource, wanted.members):
        return None
    if gone(resource):
        return Line("deleted", "Bundle", deletion(resource.name)) if wanted.deletions else None
    body = assemble(resource.type, resource.id, shown(resource), version_of(hash_), text(stored))
    return Line("output", resource.type, body)


def is_about(resource: Resource, members: frozenset[str]) -> bool:
    """Whether it is one of these patients, or about one."""
    return resource.name in members or bool(patients(resource) & members)


def deletion(name: str) -> bytes:
    """A Bundle that deletes a resource."""
    entry = {"request": {"method": "DELETE", "url": name}}
    return msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})


def damaged(key: int) -> Line:
    """That a row does not open: by its number, which says nothing of whom it is about."""
    issue = {"severity": "error", "code": "exception", "diagnostics": f"The stored row {key} cannot be opened."}
    return Line("error", OUTCOME, msgspec.json.encode({"resourceType": OUTCOME, "issue": [issue]}))
