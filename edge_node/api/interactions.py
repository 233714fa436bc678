"""Create, read, vread, update, patch, delete, and their conditional forms (https://hl7.org/fhir/R4/http.html).

Plain functions of the service and a request; `fhir.py` chooses the thread they run on. Those that write run one after another, so what
a condition found is still so when the write begins.
"""

from collections.abc import Sequence

from edge_node.api import audit_events, media, patching, preconditions, subset
from edge_node.api.finding import find
from edge_node.api.incoming import check_whole, check_writable, renamed, resource_head
from edge_node.api.messages import Request, Response, document, location, name, resource, version_headers
from edge_node.api.outcome import Refused, done, outcome
from edge_node.api.preconditions import ANY
from edge_node.api.routes import Route
from edge_node.api.service import Service
from edge_node.api.sight import Sight
from edge_node.errors import VersionConflict
from edge_node.fhir.validation import Issue
from edge_node.store.model import Stored, Write

_ABSENT = "There is no such resource here"
_SEE = "See whether the id is right, and whether the last sync brought it"


def present(service: Service, sight: Sight, type_: str, id_: str) -> Stored:
    """The present version. Raises Forbidden, or Refused: 404 when it was never here or is another's, 410 when it was deleted."""
    sight.check_type(type_)
    if type_ == "AuditEvent":
        return audit_events.read(service, id_)
    stored = service.store.read(type_, id_)
    if stored is None:
        raise Refused(404, "not-found", _ABSENT, _SEE)
    sight.check_seen(stored)
    if stored.gone:
        raise _gone(stored)
    return stored


def _gone(stored: Stored) -> Refused:
    return Refused(
        410,
        "deleted",
        "It was deleted",
        "Its earlier versions are in its _history",
        headers=dict(version_headers(stored)),
    )


def read(service: Service, request: Request, route: Route) -> Response:
    """GET of an instance, or 304 when the client has what it would get."""
    return _shown(request, present(service, request.sight, route.type or "", route.id or ""))


def vread(service: Service, request: Request, route: Route) -> Response:
    """GET of one version of an instance."""
    type_, id_ = route.type or "", route.id or ""
    request.sight.check_type(type_)
    if type_ == "AuditEvent":
        event = audit_events.read(service, id_)
        stored = event if event.version == route.version else None
    else:
        stored = service.store.read_version(type_, id_, route.version or "")
    if stored is None:
        raise Refused(404, "not-found", "This version is not here", "See _history for the versions that are")
    request.sight.check_seen(stored)
    if stored.gone:
        raise _gone(stored)
    return _shown(request, stored)


def _shown(request: Request, stored: Stored) -> Response:
    if preconditions.unchanged(request.headers, stored.version, stored.updated_ms):
        return Response(304, b"", version_headers(stored), stored)
    answer = resource(stored)
    if not request.query:
        return answer
    wanted = dict(request.query)
    elements = [word for word in wanted.get("_elements", "").split(",") if word]
    return Response(200, subset.part(answer.body, elements, wanted.get("_summary", "false")), answer.headers, stored)


# --- writes -----------------------------------------------------------------------------------------------------------


def create(service: Service, request: Request, route: Route) -> Response:
    """POST: a new resource under an id of ours; with If-None-Exist only when nothing matches."""
    type_ = route.type or ""
    resource_head(request, type_)
    criteria = request.headers.get("if-none-exist")
    if criteria is not None:
        existing = find(service, request, type_, criteria)
        if len(existing) == 1:
            return written_answer(request, existing[0])
        refuse_several(existing)
    return _write(service, request, creation(service, request, type_))


def creation(service: Service, request: Request, type_: str) -> Write:
    """The write of a new resource under a new id; the one it may have brought is passed over (http.html#create)."""
    id_ = service.new_id()
    body = renamed(request.body, id_)
    request.sight.check_written(type_, [body])
    request.sight.check_joined(type_, None, body)
    return Write(type_, id_, body, create=True)


def check_own(service: Service, request: Request, type_: str, id_: str, body: bytes | None) -> None:
    """Raises Forbidden when what is there, or the body that shall be, is not the author's to write."""
    sight = request.sight
    stored = None if sight.writes_type(type_) and sight.may("merge") else service.store.read(type_, id_)
    there = None if stored is None else stored.body or b"{}"  # nothing tells whose a deleted one was
    sight.check_written(type_, [there, body])
    sight.check_joined(type_, there, body)


def update(service: Service, request: Request, route: Route) -> Response:
    """PUT: the resource as its author wants it, on the version she saw; created when it is not here."""
    type_, id_ = route.type or "", route.id or ""
    head = resource_head(request, type_)
    if head.id is None:
        raise Refused(400, "required", "The resource has no id", "An update carries the id of its address")
    if head.id != id_:
        raise Refused(400, "invalid", "The resource has another id than the address", "Send it to its own address")
    return _write(service, request, update_of(service, request, type_, id_, head.version))


def update_of(service: Service, request: Request, type_: str, id_: str, version: str | None) -> Write:
    """The write of an update: against If-Match, which must be the present version, else against what the body says it was."""
    check_own(service, request, type_, id_, request.body)
    check_whole(request.body)
    if request.headers.get("if-none-match", "").strip() == ANY:
        stored = service.store.read(type_, id_)
        if stored is None:  # what an exchange brings until the write begins is not written over either
            return Write(type_, id_, request.body, create=True, if_match=True)
        if not stored.gone:
            raise VersionConflict(stored.version)
    wanted = matched_version(service, request, type_, id_)
    return Write(type_, id_, request.body, seen=wanted or version, if_match=wanted is not None)


def matched_version(service: Service, request: Request, type_: str, id_: str) -> str | None:
    """The version that If-Match asks for; `*` is the present one. Raises VersionConflict when there is none."""
    wanted = preconditions.if_match(request.headers)
    if wanted != ANY:
        return wanted
    stored = service.store.read(type_, id_)
    if stored is None or stored.gone:
        raise VersionConflict(None)
    return stored.version


def patch(service: Service, request: Request, route: Route) -> Response:
    """PATCH: JSON Patch, or a JSON merge, on the present version."""
    check_writable(route.type or "")
    return _write(service, request, patch_of(service, request, route.type or "", route.id or ""))


def patch_of(service: Service, request: Request, type_: str, id_: str) -> Write:
    """The write that a patch of the present version comes to."""
    media.check_body(request.media, media.PATCHES)
    media.check_charset(request.headers)
    stored = present(service, request.sight, type_, id_)
    wanted = preconditions.if_match(request.headers)
    if wanted not in (None, ANY, stored.version):
        raise VersionConflict(stored.version)
    body = patching.apply(patching.kind(request.media, request.body), stored.body or b"", request.body)
    check_own(service, request, type_, id_, body)
    return Write(type_, id_, body, seen=stored.version, if_match=wanted is not None)


def delete(service: Service, request: Request, route: Route) -> Response:
    """DELETE: of what the author saw. What is not here, or gone already, stays so (204)."""
    type_, id_ = route.type or "", route.id or ""
    check_writable(type_)
    write = delete_of(service, request, type_, id_)
    return Response(204) if write is None else _write(service, request, write)


def delete_of(service: Service, request: Request, type_: str, id_: str) -> Write | None:
    """The write of a deletion; None when there is nothing to delete."""
    check_own(service, request, type_, id_, None)
    wanted = preconditions.if_match(request.headers)
    stored = service.store.read(type_, id_)
    if wanted is not None and (stored is None or wanted not in (ANY, stored.version)):
        raise VersionConflict(stored.version if stored is not None else None)
    if stored is None or stored.gone:
        return None
    return Write(type_, id_, None, seen=stored.version, if_match=wanted is not None)


# --- conditional ------------------------------------------------------------------------------------------------------


def conditional_update(service: Service, request: Request, route: Route) -> Response:
    """PUT with criteria: updates the one that matches, creates when none does."""
    type_ = route.type or ""
    head = resource_head(request, type_)
    return _write(service, request, conditional_update_of(service, request, type_, head.id, head.version))


def conditional_update_of(
    service: Service, request: Request, type_: str, id_: str | None, version: str | None
) -> Write:
    """The write that a conditional update comes to."""
    matches = find(service, request, type_, request.query)
    refuse_several(matches)
    if matches:
        if id_ not in (None, matches[0].id):
            raise Refused(
                400, "invalid", "The match has another id than the resource", "Leave the id out, or update by id"
            )
        return update_of(service, request, type_, matches[0].id, version)
    if id_ is None:
        return creation(service, request, type_)
    check_own(service, request, type_, id_, request.body)
    if service.store.read(type_, id_) is not None:
        raise Refused(
            409, "duplicate", "Nothing matches, and there is a resource of this id", "Correct the criteria, or the id"
        )
    return Write(type_, id_, request.body, create=True)


def conditional_patch(service: Service, request: Request, route: Route) -> Response:
    """PATCH with criteria, of the one that matches."""
    type_ = route.type or ""
    check_writable(type_)
    return _write(service, request, patch_of(service, request, type_, single(service, request, type_).id))


def conditional_delete(service: Service, request: Request, route: Route) -> Response:
    """DELETE with criteria, of the one that matches; when none does, all is as it was wanted (204)."""
    type_ = route.type or ""
    check_writable(type_)
    matches = find(service, request, type_, request.query)
    refuse_several(matches)
    write = delete_of(service, request, type_, matches[0].id) if matches else None
    return Response(204) if write is None else _write(service, request, write)


def single(service: Service, request: Request, type_: str) -> Stored:
    """The one resource that the request's criteria match. Raises Refused: 404 for none, 412 for several."""
    matches = find(service, request, type_, request.query)
    refuse_several(matches)
    if not matches:
        raise Refused(404, "not-found", "Nothing matches the criteria", "Correct the criteria")
    return matches[0]


def refuse_several(matches: Sequence[Stored]) -> None:
    """Raises Refused (412) when criteria that should name one resource match several."""
    if len(matches) > 1:
        raise Refused(
            412, "multiple-matches", "Several resources match the criteria", "Name one, by an identifier or its id"
        )


# --- answers ----------------------------------------------------------------------------------------------------------


def _write(service: Service, request: Request, write: Write) -> Response:
    (written,) = service.store.write([write], request.author, service.now_ms())
    return written_answer(request, written.stored, created=written.created, issues=written.issues)


def written_answer(
    request: Request, stored: Stored, *, created: bool = False, issues: Sequence[Issue] = ()
) -> Response:
    """What the author of a write is told, as her `Prefer` asks."""
    headers = (*version_headers(stored), ("location", location(request.base, stored)))
    returned = preconditions.preferences(request.headers).returned
    if stored.gone:
        if returned == "OperationOutcome":
            return Response(200, done("Deleted."), (*document(b"").headers, *version_headers(stored)), stored)
        return Response(204, b"", version_headers(stored), stored)
    status = 201 if created else 200
    if returned == "minimal":
        return Response(status, b"", headers, stored)
    if returned == "OperationOutcome":
        told = outcome(issues) if issues else done(f"{name(stored)} is stored.")
        return Response(status, told, (*document(b"").headers, *headers), stored)
    return resource(stored, status, more=(("location", location(request.base, stored)),))
