"""Searches and their pages (https://hl7.org/fhir/R4/search.html, bundle.html#searchset).

A `next` link carries a sealed cursor: the whole query and the place to go on from. So does `self` of a search by POST and of a later page,
because no address that is composed here tells what was searched for; `self` of a GET repeats what its sender put there.
"""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

import msgspec

from edge_node.api import audit_events, media, plain_search, preconditions, subset
from edge_node.api.messages import Request, Response, document
from edge_node.api.outcome import Refused, outcome
from edge_node.api.routes import Route
from edge_node.api.service import Service
from edge_node.api.sight import linked
from edge_node.fhir import compartment
from edge_node.fhir.criteria import QueryError, read_date
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.query import Query, parse_query
from edge_node.fhir.search_sql import Position
from edge_node.fhir.validation import Issue
from edge_node.store.model import Page, Stored
from edge_node.store.searching import COUNT_DEFAULT, COUNT_MAX

CURSOR = "_cursor"
EVERYTHING = "$everything"
QUERY_CHARS_MAX = 32_000
_REFERENCES = re.compile(rb'"reference":"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})["/]').findall


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A search as a cursor carries it: type (None: all), the patient whose compartment it is in, pairs, and where to go on."""

    type: str | None
    patient: str | None
    pairs: tuple[tuple[str, str], ...]
    strict: bool = False
    after: Position | None = None


def search(service: Service, request: Request, route: Route) -> Response:
    """A page of a search, by GET or POST."""
    asked, opaque = _asked(service, request, route)
    if asked.type == EVERYTHING:
        return everything(service, request, asked)
    if asked.type is None or asked.type not in CONTRACT_TYPES:
        return _search_plain(service, request, asked, opaque)
    query = parse_query(asked.type, asked.pairs, now_ms=service.now_ms(), strict=asked.strict, base=request.base)
    query = request.sight.within(query)
    if asked.patient is not None:
        _check_patient(service, request, asked.patient)
        query = _within(query, asked.patient)
    page = (
        audit_events.search(service, query, asked.after)
        if asked.type == "AuditEvent"
        else service.store.search(query, asked.after)
    )
    total = page.total if page.total is not None else _known_total(asked, page)
    entries = [_entry(request, stored, "match", query) for stored in page.found]
    entries += [_entry(request, stored, "include", query) for stored in page.included if request.sight.sees(stored)]
    entries += _told(query.ignored)
    links = _links(service, request, asked, opaque, query.applied, page.next)
    return _searchset(total, links, entries)


def _asked(service: Service, request: Request, route: Route) -> tuple[Asked, bool]:
    """What is asked, and whether its address must not show it."""
    pairs = request.query
    if request.method == "POST" and request.body:
        media.check_body(request.media, frozenset({media.FORM}))
        pairs = (*pairs, *_form(request.body))
    if sum(len(name) + len(value) for name, value in pairs) > QUERY_CHARS_MAX and CURSOR not in dict(pairs):
        raise Refused(413, "too-long", f"A search of over {QUERY_CHARS_MAX} characters", "Ask in parts")
    cursor = next((value for name, value in pairs if name == CURSOR), None)
    if cursor is not None:
        return service.sealer.open(cursor, request.author.user, Asked), True
    if route.member is not None and route.type != "Patient":
        raise Refused(404, "not-supported", "Only Patient has a compartment here", "Search the type itself")
    patient = route.id if route.member is not None else None
    type_ = route.member if route.member is not None else route.type
    strict = preconditions.preferences(request.headers).handling == "strict"
    return Asked(None if type_ == "*" else type_, patient, tuple(pairs), strict), request.method == "POST"


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1_000)
    except (UnicodeDecodeError, ValueError) as error:
        raise Refused(400, "structure", "The form is malformed", "Send name=value pairs in UTF-8") from error


def _within(query: Query, patient: str) -> Query:
    """The query within a patient's compartment: by any of the parameters that put the type there."""
    if not compartment.parameters_for(query.type):
        raise QueryError("not-supported", query.type, "Resources of this type are in no patient's compartment")
    return msgspec.structs.replace(query, criteria=(linked(query.type, [patient]), *query.criteria))


def _check_patient(service: Service, request: Request, patient: str) -> None:
    """Raises Forbidden or Refused (404) when the patient of a compartment is another's to see."""
    request.sight.check_type("Patient")
    stored = service.store.read("Patient", patient)
    if stored is not None:
        request.sight.check_seen(stored)


def _known_total(asked: Asked, page: Page) -> int | None:
    """The total when it costs nothing: all is on this page."""
    return len(page.found) if asked.after is None and page.next is None else None


# --- types without definitions, and all types -------------------------------------------------------------------------


def _search_plain(service: Service, request: Request, asked: Asked, opaque: bool) -> Response:
    plain = plain_search.read(asked.pairs, service.now_ms(), strict=asked.strict)
    results = dict(asked.pairs)
    count = _count(results)
    if asked.patient is not None:
        return _search_compartment(service, request, asked, count)
    types = request.sight.types((asked.type,) if asked.type is not None else plain.types) or ()
    if results.get("_summary") == "count" or count == 0:
        return _searchset(
            plain_search.total(service, types, plain), _links(service, request, asked, opaque, asked.pairs, None), []
        )
    found, after = plain_search.search(service, types, plain, count, asked.after.key if asked.after is not None else 0)
    total = len(found) if asked.after is None and after is None else None
    if results.get("_total") in ("accurate", "estimate"):
        total = plain_search.total(service, types, plain)
    entries = [_entry(request, stored, "match", None) for stored in found] + _told(plain.ignored)
    entries += _left_out(request)
    applied = tuple(pair for pair in asked.pairs if pair[0] not in plain.ignored)
    position = Position(after) if after is not None else None
    return _searchset(total, _links(service, request, asked, opaque, applied, position), entries)


def _search_compartment(service: Service, request: Request, asked: Asked, count: int) -> Response:
    """`Patient/x/*`: all that belongs to a patient, the Patient apart."""
    _check_patient(service, request, asked.patient or "")
    keys = service.store.everything_keys(asked.patient or "")[1:]
    start = asked.after.key if asked.after is not None else 0
    found = service.store.read_many(keys[start : start + count])
    further = Position(start + count) if count and start + count < len(keys) else None
    entries = [_entry(request, stored, "match", None) for stored in found if request.sight.sees(stored)]
    entries += _left_out(request)
    return _searchset(
        len(keys) if request.sight.sees_all else None, _links(service, request, asked, True, (), further), entries
    )


def everything(service: Service, request: Request, asked: Asked) -> Response:
    """A page of `$everything`: the patient, the compartment, and whom and what these refer to."""
    wanted = dict(asked.pairs)
    _check_patient(service, request, asked.patient or "")
    types = frozenset(name for key, value in asked.pairs if key == "_type" for name in value.split(",") if name)
    since = read_date("_since", wanted["_since"], service.now_ms()).low if wanted.get("_since") else 0
    count = _count({"_count": str(COUNT_MAX), **wanted}) or COUNT_MAX
    keys = service.store.everything_keys(asked.patient or "")
    start = asked.after.key if asked.after is not None else 0
    found = service.store.read_many(keys[start : start + count])
    kept = [one for one in found if not one.gone and one.updated_ms >= since and (not types or one.type in types)]
    kept = [one for one in kept if request.sight.sees(one)]
    members = {(one.type, one.id) for one in kept}
    around = [] if types or since else _referred(service, kept, members)
    further = Position(start + count) if start + count < len(keys) else None
    entries = [_entry(request, stored, "match", None) for stored in kept]
    entries += [_entry(request, stored, "include", None) for stored in around if request.sight.sees(stored)]
    entries += _left_out(request)
    total = len(keys) if request.sight.sees_all and not types and not since else None
    return _searchset(total, _links(service, request, asked, True, (), further), entries)


def _referred(service: Service, found: Sequence[Stored], members: set[tuple[str, str]]) -> list[Stored]:
    """What these resources refer to outside of any patient's compartment: practitioners, places, medications."""
    names = {(type_.decode(), id_.decode()) for one in found for type_, id_ in _REFERENCES(one.body or b"")}
    outside = sorted(name for name in names - members if name[0] not in compartment.types())
    read = (service.store.read(*name) for name in outside)
    return [stored for stored in read if stored is not None and not stored.gone]


def _count(results: dict[str, str]) -> int:
    text = results.get("_count", str(COUNT_DEFAULT))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryError("value", "_count", "_count takes a number from 0")
    return min(int(text), COUNT_MAX)


# --- answers ----------------------------------------------------------------------------------------------------------


def _entry(request: Request, stored: Stored, mode: str, query: Query | None) -> object:
    body = stored.body or b"{}"
    if query is not None:
        elements = query.elements if stored.type == query.type else ()
        body = subset.part(body, elements, query.summary)
    full_url = f"{request.base}/{stored.type}/{stored.id}"
    return {"fullUrl": full_url, "resource": msgspec.Raw(body), "search": {"mode": mode}}


def _told(ignored: Sequence[str]) -> list[object]:
    """An entry that says which parameters were passed over."""
    if not ignored:
        return []
    issues = [
        Issue("warning", "not-supported", name, "This parameter is not known here, and was passed over")
        for name in ignored
    ]
    return [{"resource": msgspec.Raw(outcome(issues)), "search": {"mode": "outcome"}}]


def _left_out(request: Request) -> list[object]:
    """An entry for those who do not see all, whether anything was left out or not: nobody shall take the list for the whole record."""
    if request.sight.sees_all:
        return []
    told = [Issue("information", "suppressed", "", "What is not for your role is left out, if there is any.")]
    return [{"resource": msgspec.Raw(outcome(told)), "search": {"mode": "outcome"}}]


def _links(
    service: Service,
    request: Request,
    asked: Asked,
    opaque: bool,
    applied: Sequence[tuple[str, str]],
    further: Position | None,
) -> list[object]:
    here = f"{request.base}/{asked.type}" if asked.type is not None and asked.patient is None else request.base
    if asked.patient is not None:
        here = f"{request.base}/Patient"

    def sealed(place: Asked) -> str:
        return f"{here}?{CURSOR}={service.sealer.seal(place, request.author.user)}"

    if opaque:
        own = sealed(asked)
    else:
        path = "/".join((request.base, *request.path))
        own = f"{path}?{urlencode(applied)}" if applied else path
    links: list[object] = [{"relation": "self", "url": own}]
    if further is not None:
        links.append({"relation": "next", "url": sealed(msgspec.structs.replace(asked, after=further))})
    return links


def _searchset(total: int | None, links: list[object], entries: list[object]) -> Response:
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if entries:
        bundle["entry"] = entries
    return document(msgspec.json.encode(bundle))
