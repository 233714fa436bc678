"""Histories of an instance, a type, and all (https://hl7.org/fhir/R4/http.html#history): what this node has seen, newest first."""

import msgspec

from edge_node.api import audit_events
from edge_node.api.messages import Request, Response, document, name
from edge_node.api.outcome import Refused
from edge_node.api.preconditions import etag
from edge_node.api.routes import Route
from edge_node.api.searching import CURSOR
from edge_node.api.service import Service
from edge_node.fhir.criteria import QueryError, read_date
from edge_node.store.model import Stored, Version
from edge_node.store.rows import instant

COUNT_DEFAULT = 50
COUNT_MAX = 1_000
GAP = "urn:medtech-edge:history-gap"
"""Extension of an entry: versions between this one and the one before it were made elsewhere and never came here."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A history as a cursor carries it."""

    type: str | None
    id: str | None
    since_ms: int | None
    count: int
    before: tuple[int, int, int] | None = None


def history(service: Service, request: Request, route: Route) -> Response:
    """A page of a history."""
    if route.type is not None:
        request.sight.check_type(route.type)
    asked = _asked(service, request, route)
    if route.type == "AuditEvent":
        return _of_audit(service, request, asked)
    if route.id is not None:
        present = service.store.read(route.type or "", route.id)
        if present is None:
            raise Refused(404, "not-found", "There is no such resource here", "See whether the id is right")
        request.sight.check_seen(present)
    versions = service.store.history(
        route.type, route.id, since_ms=asked.since_ms or 0, count=asked.count + 1, before=asked.before
    )
    shown = versions[: asked.count]
    further = None
    if len(versions) > asked.count and shown:
        last = shown[-1]
        further = msgspec.structs.replace(asked, before=(last.stored.updated_ms, last.stored.key, last.number))
    shown = [one for one in shown if request.sight.sees(one.stored)]
    complete = asked.before is None and further is None and asked.count > 0
    return _bundle(
        service, request, asked, [_entry(request, one) for one in shown], len(shown) if complete else None, further
    )


def _asked(service: Service, request: Request, route: Route) -> Asked:
    since_ms, count = None, COUNT_DEFAULT
    for key, value in request.query:
        if key == CURSOR:
            found = service.sealer.open(value, request.author.user, Asked)
            if (found.type, found.id) != (route.type, route.id):
                raise Refused(400, "value", "The cursor is of another history", "Begin the history again")
            return found
        if key == "_since":
            since_ms = read_date(key, value, service.now_ms()).low
        elif key == "_count":
            if not value.isascii() or not value.isdigit() or len(value) > 9:
                raise QueryError("value", "_count", "_count takes a number from 0")
            count = min(int(value), COUNT_MAX)
    return Asked(route.type, route.id, since_ms, count)


def _of_audit(service: Service, request: Request, asked: Asked) -> Response:
    """AuditEvents never change: one version each."""
    if asked.id is not None:
        found = [audit_events.read(service, asked.id)]
    else:
        before = asked.before[1] if asked.before is not None else None
        found = [audit_events.render(entry) for entry in service.store.audit(before=before, count=asked.count + 1)]
    shown = found[: asked.count]
    further = None
    if len(found) > asked.count and shown:
        further = msgspec.structs.replace(asked, before=(0, shown[-1].key, 0))
    return _bundle(service, request, asked, [_version(request, stored, 1) for stored in shown], None, further)


def _entry(request: Request, one: Version) -> dict[str, object]:
    entry = _version(request, one.stored, one.number)
    if one.gap:
        entry["extension"] = [{"url": GAP, "valueBoolean": True}]
    return entry


def _version(request: Request, stored: Stored, number: int) -> dict[str, object]:
    method = "DELETE" if stored.gone else "POST" if number == 1 else "PUT"
    status = "204 No Content" if stored.gone else "201 Created" if number == 1 else "200 OK"
    entry: dict[str, object] = {"fullUrl": f"{request.base}/{name(stored)}"}
    if stored.body is not None:
        entry["resource"] = msgspec.Raw(stored.body)
    entry["request"] = {"method": method, "url": stored.type if method == "POST" else name(stored)}
    entry["response"] = {"status": status, "etag": etag(stored.version), "lastModified": instant(stored.updated_ms)}
    return entry


def _bundle(
    service: Service,
    request: Request,
    asked: Asked,
    entries: list[dict[str, object]],
    total: int | None,
    further: Asked | None,
) -> Response:
    path = "/".join((request.base, *request.path))

    def sealed(place: Asked) -> str:
        return f"{path}?{CURSOR}={service.sealer.seal(place, request.author.user)}"

    links = [{"relation": "self", "url": path if asked.before is None else sealed(asked)}]
    if further is not None:
        links.append({"relation": "next", "url": sealed(further)})
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "history"}
    if total is not None:
        bundle["total"] = total
    return document(msgspec.json.encode({**bundle, "link": links, "entry": entries}))
