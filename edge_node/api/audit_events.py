"""The audit as FHIR: AuditEvents rendered from the store's rows, read and searched, never written from outside.

Source: https://hl7.org/fhir/R4/auditevent.html; codes of http://hl7.org/fhir/restful-interaction and DICOM.
"""

import msgspec

from edge_node.api.outcome import Refused
from edge_node.api.service import Service
from edge_node.fhir.criteria import Criterion, QueryError, ReferenceValue
from edge_node.fhir.matching import matches
from edge_node.fhir.query import Query
from edge_node.fhir.search_sql import Position
from edge_node.store.model import AuditEntry, Page, Stored
from edge_node.store.rows import instant, object_of
from edge_node.store.searching import COUNT_DEFAULT, COUNT_MAX

VERSION = "1"
SCANNED_MAX = 20_000
"""Rows of the audit looked through for one page; the next page goes on."""
BREAK_GLASS = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "BTG",
    "display": "break the glass",
}
_LETTERS = {"create": "C", "read": "R", "update": "U", "delete": "D"}
_INTERACTIONS = frozenset({"create", "read", "vread", "update", "delete", "patch", "history", "search"})


def render(entry: AuditEntry) -> Stored:
    """One row as an AuditEvent."""
    known = entry.action in _INTERACTIONS
    subtype = (
        {"system": "http://hl7.org/fhir/restful-interaction", "code": entry.action} if known else {"code": entry.action}
    )
    resource: dict[str, object] = {
        "resourceType": "AuditEvent",
        "id": str(entry.number),
        "meta": {"versionId": VERSION, "lastUpdated": instant(entry.at_ms)},
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [subtype],
        "action": _LETTERS.get(entry.action, "E"),
        "recorded": instant(entry.at_ms),
        "outcome": "0",
        "agent": [{"role": [{"text": entry.role}], "altId": entry.user, "name": entry.user, "requestor": True}],
        "source": {"observer": {"display": "MedTech Edge"}},
    }
    if entry.action == "break-glass":
        resource["purposeOfEvent"] = [{"coding": [BREAK_GLASS], "text": _reason(entry)}]
    if entry.type is not None:
        reference = f"{entry.type}/{entry.id}"
        what = {"reference": f"{reference}/_history/{entry.version}" if entry.version else reference}
        resource["entity"] = [{"what": what}]
    body = msgspec.json.encode(resource)
    return Stored(entry.number, "AuditEvent", str(entry.number), VERSION, entry.at_ms, False, False, body)


def _reason(entry: AuditEntry) -> str:
    detail = msgspec.json.decode(entry.detail or "{}", type=dict[str, object])
    return str(detail.get("reason", ""))


def read(service: Service, id_: str) -> Stored:
    """One AuditEvent. Raises Refused."""
    if id_.isascii() and id_.isdigit() and len(id_) < 18:
        for entry in service.store.audit(before=int(id_) + 1, count=1):
            if entry.number == int(id_):
                return render(entry)
    raise Refused(404, "not-found", "There is no such AuditEvent here", "Search AuditEvent for those that are")


def search(service: Service, query: Query, after: Position | None) -> Page:
    """AuditEvents that meet a query, newest first, whatever `_sort` says."""
    if any(not isinstance(criterion, Criterion) or criterion.chain for criterion in query.criteria):
        raise QueryError("not-supported", "AuditEvent", "AuditEvents cannot be searched by a chain")
    criteria = [criterion for criterion in query.criteria if isinstance(criterion, Criterion)]
    limit = 0 if query.summary == "count" else min(COUNT_DEFAULT if query.count is None else query.count, COUNT_MAX)
    if limit == 0:
        return Page((), (), _total(service, criteria), None)
    found, scanned, before = list[Stored](), 0, after.key if after is not None else None
    while scanned < SCANNED_MAX:
        entries = _some(service, criteria, before)
        for entry in entries:
            if len(found) == limit:
                return Page(tuple(found), (), None, Position(before or 0))
            before = entry.number
            stored = render(entry)
            if _meets(criteria, stored):
                found.append(stored)
        scanned += len(entries)
        if len(entries) < _SOME:
            return Page(tuple(found), (), None, None)
    return Page(tuple(found), (), None, Position(before or 0))


_SOME = 500


def _total(service: Service, criteria: list[Criterion]) -> int:
    total, before = 0, None
    while True:
        entries = _some(service, criteria, before)
        total += sum(_meets(criteria, render(entry)) for entry in entries)
        if len(entries) < _SOME:
            return total
        before = entries[-1].number


def _some(service: Service, criteria: list[Criterion], before: int | None) -> list[AuditEntry]:
    """The next rows; those of one resource when the criteria name it."""
    for criterion in criteria:
        if criterion.parameter.code == "entity" and len(criterion.values) == 1 and not criterion.modifier:
            (value,) = criterion.values
            if isinstance(value, ReferenceValue) and value.type:
                return service.store.audit(value.type, value.id, before=before, count=_SOME)
    return service.store.audit(before=before, count=_SOME)


def _meets(criteria: list[Criterion], stored: Stored) -> bool:
    shown = object_of(stored.body or b"{}") if criteria else {}
    return all(matches(criterion, shown) for criterion in criteria)
