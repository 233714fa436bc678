"""Bundles of requests: what each entry asks for, and what it is answered (https://hl7.org/fhir/R4/http.html#transaction).

A batch is its entries one after another, each for itself. A transaction is done by `transactions.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import msgspec

from edge_node.api import media
from edge_node.api.messages import Request, Response, document
from edge_node.api.outcome import Refused, as_outcome
from edge_node.api.patching import JSON_PATCH
from edge_node.api.routes import Route, route, segments
from edge_node.store.rows import instant

ENTRIES_MAX = 10_000
METHODS = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
"""In the order in which a transaction is carried out."""


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """`Bundle.entry.request`."""

    method: str
    url: str
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """`Bundle.entry` of a request."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    request: Asked | None = None


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str
    type: str = ""
    entry: list[Entry] = []


class Step(msgspec.Struct, frozen=True):
    """An entry as a request of its own. `at`: its place in the Bundle."""

    at: int
    full_url: str | None
    request: Request
    route: Route


def read_bundle(request: Request) -> tuple[str, list[Entry]]:
    """`batch` or `transaction`, and the entries. Raises Refused."""
    media.check_body(request.media, media.JSON)
    media.check_charset(request.headers)
    try:
        bundle = msgspec.json.decode(request.body, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "structure", "The body is no Bundle of requests", "Each entry has a request, or leave it out"
        ) from error
    if bundle.resource_type != "Bundle":
        raise Refused(400, "invalid", "Only a Bundle is posted to the base", "Send it to the address of its type")
    if bundle.type not in ("batch", "transaction"):
        raise Refused(
            422, "invalid", "The Bundle is no batch and no transaction", "To store it, send it to /fhir/Bundle"
        )
    if len(bundle.entry) > ENTRIES_MAX:
        raise Refused(
            413, "too-long", f"A Bundle of over {ENTRIES_MAX} entries", "Send it in parts, or import it as a file"
        )
    return bundle.type, bundle.entry


def step(parent: Request, at: int, entry: Entry) -> Step:
    """One entry as a request by the same author. Raises Refused."""
    asked = entry.request
    if asked is None:
        raise Refused(400, "required", "The entry has no request", "Give it a method and a url")
    if asked.method not in METHODS:
        raise Refused(400, "value", "The entry's method is none of HTTP's", f"Use one of {', '.join(METHODS)}")
    url = urlsplit(asked.url.removeprefix(parent.base))
    if url.scheme or url.netloc:
        raise Refused(400, "value", "The entry's url leads elsewhere", "Write it relative to the base, as Patient/123")
    request = Request(
        asked.method,
        segments(url.path.removeprefix("/fhir/")),
        tuple(parse_qsl(url.query, keep_blank_values=True)),
        parent.author,
        parent.sight,
        parent.base,
        _headers(parent, asked),
        bytes(entry.resource),
    )
    found = route(request.method, request.path)
    if found.interaction in ("bundle", "capabilities"):
        raise Refused(400, "not-supported", "A Bundle holds no Bundle of requests", "Send it by itself")
    if found.interaction == "patch" or found.interaction == "conditional-patch":
        request = _with_patch(request)
    return Step(at, entry.full_url, request, found)


def _headers(parent: Request, asked: Asked) -> dict[str, str]:
    headers = {"content-type": "application/fhir+json", "prefer": parent.headers.get("prefer", "return=minimal")}
    conditions = {
        "if-none-match": asked.if_none_match,
        "if-modified-since": asked.if_modified_since,
        "if-match": asked.if_match,
        "if-none-exist": asked.if_none_exist,
    }
    return headers | {name: value for name, value in conditions.items() if value is not None}


class _Binary(msgspec.Struct, rename="camel"):
    resource_type: str
    content_type: str = ""
    data: bytes = b""


def _with_patch(request: Request) -> Request:
    """A patch stands in a Binary (http.html#transaction): its media type and, in base64, its text."""
    try:
        binary = msgspec.json.decode(request.body, type=_Binary)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        binary = _Binary("")
    if binary.resource_type != "Binary":
        hint = f"Put the patch into a Binary of contentType {JSON_PATCH}"
        raise Refused(400, "structure", "The entry's patch is no Binary", hint)
    headers = {**request.headers, "content-type": binary.content_type}
    return msgspec.structs.replace(request, headers=headers, body=binary.data)


async def batch(
    request: Request, entries: Sequence[Entry], answer: Callable[[Request, Route], Awaitable[Response]]
) -> Response:
    """Each entry by itself: what fails is told in its place and harms no other."""
    told = []
    for at, entry in enumerate(entries):
        try:
            one = step(request, at, entry)
            told.append(told_entry(await answer(one.request, one.route)))
        except Exception as error:  # noqa: BLE001 - whatever an entry raises is that entry's answer
            told.append(failed_entry(error))
    return response_bundle("batch-response", told)


def response_bundle(kind: str, entries: Sequence[object]) -> Response:
    """The answer to a Bundle of requests."""
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": kind}
    return document(msgspec.json.encode({**bundle, "entry": entries} if entries else bundle))


def told_entry(response: Response) -> dict[str, object]:
    """An answer as an entry."""
    headers = dict(response.headers)
    told: dict[str, object] = {"status": f"{response.status} {HTTPStatus(response.status).phrase}"}
    if "location" in headers:
        told["location"] = headers["location"]
    if response.stored is not None:
        told["etag"] = headers["etag"]
        told["lastModified"] = instant(response.stored.updated_ms)
    entry: dict[str, object] = {"response": told}
    if response.body.startswith(b'{"resourceType":"OperationOutcome"') and response.stored is not None:
        told["outcome"] = msgspec.Raw(response.body)
    elif response.body:
        entry["resource"] = msgspec.Raw(response.body)
        if response.stored is not None:
            entry["fullUrl"] = headers.get("location", "").partition("/_history/")[0] or None
    return {name: value for name, value in entry.items() if value is not None}


def failed_entry(error: Exception) -> dict[str, object]:
    """An error as an entry."""
    answered = as_outcome(error)
    status = f"{answered.status} {HTTPStatus(answered.status).phrase}"
    return {"response": {"status": status, "outcome": msgspec.Raw(answered.body)}}
