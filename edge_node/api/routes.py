"""Which interaction a method and a path below `/fhir` ask for: one table (https://hl7.org/fhir/R4/http.html#summary)."""

import re
from urllib.parse import unquote

import msgspec

from edge_node.api.outcome import Refused

TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}").fullmatch
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_INSTANCE = re.compile(r"/([A-Z][A-Za-z]{0,63})/([A-Za-z0-9\-.]{1,64})").fullmatch
_OPERATION = re.compile(r"\$[a-z][a-z-]{0,63}").fullmatch


class Route(msgspec.Struct, frozen=True):
    """An interaction and what its path names. `template`: the path without its names, for metrics and logs."""

    interaction: str
    template: str
    type: str | None = None
    id: str | None = None
    version: str | None = None
    member: str | None = None
    operation: str | None = None


TABLE: dict[str, dict[str, str]] = {
    "": {"GET": "search", "POST": "bundle"},
    "metadata": {"GET": "capabilities"},
    "_search": {"POST": "search"},
    "_history": {"GET": "history"},
    "$": {"GET": "operation", "POST": "operation"},
    "T": {
        "GET": "search",
        "POST": "create",
        "PUT": "conditional-update",
        "PATCH": "conditional-patch",
        "DELETE": "conditional-delete",
    },
    "T/_search": {"POST": "search"},
    "T/_history": {"GET": "history"},
    "T/$": {"GET": "operation", "POST": "operation"},
    "T/id": {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"},
    "T/id/_history": {"GET": "history"},
    "T/id/_history/v": {"GET": "vread"},
    "T/id/$": {"GET": "operation", "POST": "operation"},
    "T/id/T": {"GET": "search"},
    "T/id/T/_search": {"POST": "search"},
}
"""Shape of the path → method → interaction. HEAD is GET without the body."""

TEMPLATES = {
    "": "/fhir",
    "T": "/fhir/{type}",
    "T/id": "/fhir/{type}/{id}",
    "T/id/_history/v": "/fhir/{type}/{id}/_history/{version}",
    "T/id/T": "/fhir/{type}/{id}/{member}",
    "T/id/T/_search": "/fhir/{type}/{id}/{member}/_search",
}


def segments(path: str) -> tuple[str, ...]:
    """The parts of a still percent-encoded path below the base; an empty one at the end is dropped."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    return tuple(unquote(part) for part in parts)


def instance(method: str, path: str) -> Route | None:
    """The route of a read, the commonest request, by a short way: it is what `route` would find."""
    found = _INSTANCE(path) if method == "GET" else None
    return Route("read", TEMPLATES["T/id"], found[1], found[2]) if found else None


def route(method: str, path: tuple[str, ...]) -> Route:
    """The interaction that is asked for. Raises Refused: 404 for no such path, 405 for a method it does not have."""
    shape = _shape(path)
    methods = TABLE.get(shape)
    if methods is None:
        raise Refused(404, "not-found", "There is nothing at this path", "See /fhir/metadata for what there is")
    interaction = methods.get("GET" if method == "HEAD" else method)
    if interaction is None:
        allowed = ", ".join(sorted(methods))
        raise Refused(
            405, "not-supported", f"{template(shape)} has no {method}", f"Use {allowed}", headers={"allow": allowed}
        )
    return Route(interaction, template(shape), *_names(shape, path))


def template(shape: str) -> str:
    """The path of a shape with placeholders for names."""
    if shape in TEMPLATES:
        return TEMPLATES[shape]
    return "/fhir/" + shape.replace("T", "{type}").replace("id", "{id}").replace("$", "{operation}")


def _shape(path: tuple[str, ...]) -> str:
    """The path with its names replaced: T for types, id, v, $ for operations. A malformed id has no shape."""
    if len(path) > 4:
        return "?"
    words = [_word(path, at) for at in range(len(path))]
    return "/".join(words)


def _word(path: tuple[str, ...], at: int) -> str:
    part = path[at]
    if part in ("_history", "_search") or (part == "metadata" and at == 0):
        return part
    if _OPERATION(part):
        return "$"
    if at in (0, 2) and (TYPE(part) or (at == 2 and part == "*")):
        return "T"
    if at == 1 and ID(part):
        return "id"
    if at == 3 and ID(part) and path[2] == "_history":
        return "v"
    return "?"


def _names(shape: str, path: tuple[str, ...]) -> tuple[str | None, ...]:
    words = shape.split("/")
    found: dict[str, str] = {}
    for at, word in enumerate(words):
        if word == "T":
            found["type" if at == 0 else "member"] = path[at]
        elif word in ("id", "v", "$"):
            found[word] = path[at]
    return (found.get("type"), found.get("id"), found.get("v"), found.get("member"), found.get("$"))
