"""A FHIR request and its answer, as the interactions see them: no sockets, no framework."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from edge_node.api import media, preconditions
from edge_node.api.outcome import FHIR_JSON
from edge_node.api.sight import Sight
from edge_node.store.model import Author, Stored

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request(msgspec.Struct, frozen=True):
    """One FHIR request. `path`: segments below the base, decoded. `headers`: lower-case names. `base`: URL without final slash.
    `sight`: what its author may see and write."""

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    author: Author
    sight: Sight
    base: str
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""

    @property
    def media(self) -> str:
        """The body's media type, without parameters."""
        return media.type_of(self.headers.get("content-type", ""))


class Response(msgspec.Struct, frozen=True):
    """Its answer. `stored`: the resource it is about, when it is about one."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    stored: Stored | None = None


def name(stored: Stored) -> str:
    """`Type/id`."""
    return f"{stored.type}/{stored.id}"


def location(base: str, stored: Stored) -> str:
    """The address of this very version (FHIR R4, http.html#create)."""
    return f"{base}/{stored.type}/{stored.id}/_history/{stored.version}"


def version_headers(stored: Stored) -> tuple[tuple[str, str], ...]:
    """ETag and Last-Modified."""
    return (
        ("etag", preconditions.etag(stored.version)),
        ("last-modified", preconditions.last_modified(stored.updated_ms)),
    )


def resource(stored: Stored, status: int = 200, *, more: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer that shows a resource."""
    headers = (("content-type", FHIR_JSON), *version_headers(stored), *more)
    return Response(status, stored.body or b"", headers, stored)


def document(body: bytes, status: int = 200) -> Response:
    """An answer that shows something else: a Bundle, an OperationOutcome."""
    return Response(status, body, (("content-type", FHIR_JSON),))
