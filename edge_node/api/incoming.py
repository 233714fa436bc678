"""What clients send: a resource's own name and version, checked against where it was sent."""

import msgspec

from edge_node.api import media, subset
from edge_node.api.messages import Request
from edge_node.api.outcome import Refused
from edge_node.api.routes import ID, TYPE

READ_ONLY = frozenset({"AuditEvent"})


class Head(msgspec.Struct, frozen=True):
    """What a body says of itself. `version`: `meta.versionId`, the version that its author saw."""

    type: str
    id: str | None
    version: str | None


class _Head(msgspec.Struct):
    resourceType: object = None
    id: object = None
    meta: object = None


_HEAD = msgspec.json.Decoder(_Head)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def head(body: bytes) -> Head:
    """Reads no more than that. Raises Refused for what is no resource."""
    try:
        found = _HEAD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "structure", "The body is no JSON object", "Send one FHIR resource as JSON, UTF-8"
        ) from error
    if not isinstance(found.resourceType, str) or not TYPE(found.resourceType):
        raise Refused(400, "structure", "The body has no resourceType", "Send one FHIR resource as JSON, UTF-8")
    if found.id is not None and not (isinstance(found.id, str) and ID(found.id)):
        raise Refused(400, "value", "The id is malformed", "1 to 64 of A-Z a-z 0-9 - .")
    version = found.meta.get("versionId") if isinstance(found.meta, dict) else None
    return Head(found.resourceType, found.id, version if isinstance(version, str) else None)


def check_writable(type_: str) -> None:
    """Raises Refused (405) for types that only the server writes."""
    if type_ in READ_ONLY:
        raise Refused(
            405, "not-supported", f"{type_} is read-only", "The node writes it by itself", headers={"allow": "GET"}
        )


def resource_head(request: Request, type_: str) -> Head:
    """The head of the resource in a request's body, which must be of this type. Raises Refused."""
    check_writable(type_)
    media.check_body(request.media, media.JSON)
    media.check_charset(request.headers)
    return body_head(request.body, type_)


def body_head(body: bytes, type_: str) -> Head:
    """The head of a resource that must be of this type. Raises Refused."""
    found = head(body)
    if found.type != type_:
        raise Refused(
            400, "invalid", "The resource is of another type than the address", f"Send a {type_}, or use its address"
        )
    return found


def check_whole(body: bytes) -> None:
    """Raises Refused for an update from a part of a resource: it would remove the rest."""
    if subset.is_part(body):
        raise Refused(
            422,
            "business-rule",
            "This is a part of a resource, marked SUBSETTED",
            "Read it whole, without _elements or _summary",
        )


def renamed(body: bytes, id_: str) -> bytes:
    """The resource under another id; all else as it was. Raises Refused for what is no JSON object."""
    try:
        members = _MEMBERS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "structure", "The body is no JSON object", "Send one FHIR resource as JSON, UTF-8"
        ) from error
    return msgspec.json.encode({**members, "id": id_})
