"""Which bodies are understood and which answers are wanted (https://hl7.org/fhir/R4/http.html#mime-type)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from edge_node.api.outcome import Refused
from edge_node.api.patching import JSON_PATCH, MERGE_PATCH
from edge_node.store.rows import object_of

JSON = frozenset({"application/fhir+json", "application/json", "text/json", "application/json+fhir"})
PATCHES = frozenset({JSON_PATCH, MERGE_PATCH, *JSON})
FORM = "application/x-www-form-urlencoded"
FORMATS = frozenset({"json", *JSON})
_WANTED = frozenset({"*/*", "application/*", *JSON})


def type_of(content_type: str) -> str:
    """The media type in a Content-Type header, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_body(media: str, understood: frozenset[str]) -> None:
    """Raises Refused (415) for a body of another media type, or of none."""
    if media not in understood:
        what = "The body has no media type" if not media else "Bodies of this media type are not understood here"
        raise Refused(415, "not-supported", what, f"Send {', '.join(sorted(understood))}")


def read(body: bytes) -> dict[str, Any]:
    """A resource that somebody sent, before it was looked at any further. Raises Refused (400) for what is none."""
    try:
        return object_of(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "structure", "The body cannot be read", "Send one FHIR resource as JSON, UTF-8") from error


def check_charset(headers: Mapping[str, str]) -> None:
    """Raises Refused (415) when a body says that it is not UTF-8, the only encoding of FHIR."""
    _, _, parameters = headers.get("content-type", "").lower().partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise Refused(415, "not-supported", "The body is not UTF-8", "Send UTF-8")


def check_accept(headers: Mapping[str, str], format_: str | None = None) -> None:
    """Raises Refused (406) when the client takes no JSON. `_format` goes before the header; text/html takes JSON, for people."""
    if format_ is not None:
        if format_.partition(";")[0].replace(" ", "+").lower() not in FORMATS:
            raise Refused(406, "not-supported", "Only JSON is spoken here", "Ask for application/fhir+json")
        return
    accept = headers.get("accept")
    if not accept or accept in _WANTED:
        return
    wanted = set()
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters):
            wanted.add(media)
    if not wanted & (_WANTED | {"text/html", "application/json-patch+json", ""}):
        raise Refused(406, "not-supported", "Only JSON is spoken here", "Ask for application/fhir+json")
