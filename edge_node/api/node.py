"""The node itself: `/api/v1/…`, `/healthz`, `/readyz`, `/metrics`."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from edge_node.api import media
from edge_node.api.access import Access, Caller, check_act
from edge_node.api.feed import Feed
from edge_node.api.measures import CONTENT_TYPE, Measures
from edge_node.api.outcome import Refused
from edge_node.api.service import Service
from edge_node.api.threads import Threads
from edge_node.errors import Forbidden, NotEnrolled, NotFound, VersionConflict
from edge_node.store.model import Author, OpenConflict, QuarantineEntry, Value, Written
from edge_node.store.rows import instant
from sync_protocol import json_text
from sync_protocol.resource import ALIVE, DELETION

Sync = Callable[[], Awaitable[Any]]
JSON = "application/json"


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a conflict is settled. `version`: the one that was looked at. One of: `choose`, the place of a value in the list; `value`, a
    new one; `remove`. Of a deletion: `keep`, yes or no."""

    element: str
    version: str
    choose: int | None = None
    value: msgspec.Raw = msgspec.Raw()
    remove: bool = False
    keep: bool | None = None


class Node(msgspec.Struct, frozen=True):
    """What the handlers work with."""

    service: Service
    access: Access
    threads: Threads
    feed: Feed
    measures: Measures
    sync: Sync | None


def handlers(node: Node) -> list[HTTPRouteHandler]:
    """All paths of the node itself."""
    return [*_state(node), *_conflicts(node), *_watched(node)]


def _caller(node: Node, request: Request[Any, Any, Any]) -> Caller:
    return node.access.caller(request.headers.get("authorization"), request.headers.get("cookie"))


def _json(value: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type=JSON, status_code=status)


def _state(node: Node) -> list[HTTPRouteHandler]:
    store = node.service.store

    @get("/api/v1/status", summary="Where this node stands with its hub", tags=["node"])
    async def status(request: Request[Any, Any, Any]) -> Response[bytes]:
        check_act(_caller(node, request), "see-node")
        return _json(await node.threads.search(store.status))

    @post("/api/v1/sync", status_code=200, summary="One exchange with the hub, to completion", tags=["node"])
    async def sync(request: Request[Any, Any, Any]) -> Response[bytes]:
        check_act(_caller(node, request), "sync-now")
        if node.sync is None:
            raise NotEnrolled()
        report = await node.sync()
        node.feed.changed()
        return _json(report)

    @get("/api/v1/quarantine", summary="What could not be taken in, with the reason", tags=["node"])
    async def quarantine(request: Request[Any, Any, Any]) -> Response[bytes]:
        check_act(_caller(node, request), "see-quarantine")
        entries = await node.threads.search(store.quarantine)
        return _json({"quarantine": [_told_quarantine(entry) for entry in entries]})

    return [status, sync, quarantine]


def _told_quarantine(entry: QuarantineEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "since": instant(entry.since_ms),
        "source": entry.source,
        "reason": entry.reason,
        "detail": entry.detail,
        "bytes": len(entry.payload),
    }


# --- conflicts --------------------------------------------------------------------------------------------------------


def _conflicts(node: Node) -> list[HTTPRouteHandler]:
    store = node.service.store

    @get(
        "/api/v1/conflicts",
        summary="What people disagree about without having seen each other's value",
        tags=["conflicts"],
    )
    async def conflicts(request: Request[Any, Any, Any]) -> Response[bytes]:
        sight = _caller(node, request).sight
        found = await node.threads.search(store.conflicts, meant=sight.sees_type)
        return _json({"conflicts": [told_conflict(one) for one in found]})

    @get("/api/v1/conflicts/{type_:str}/{id_:str}", summary="All disagreements about one resource", tags=["conflicts"])
    async def of_resource(request: Request[Any, Any, Any], type_: FromPath[str], id_: FromPath[str]) -> Response[bytes]:
        if not _caller(node, request).sight.sees_type(type_):
            raise Forbidden("Records of this kind are not for your role")
        found = await node.threads.search(store.disagreements, type_, id_)
        return _json({"conflicts": [told_conflict(one) for one in found]})

    @post("/api/v1/conflicts/{type_:str}/{id_:str}", status_code=200, summary="Settle one element", tags=["conflicts"])
    async def resolve(request: Request[Any, Any, Any], type_: FromPath[str], id_: FromPath[str]) -> Response[bytes]:
        author = may_settle(_caller(node, request), type_)
        media.check_body(media.type_of(request.headers.get("content-type", "")), frozenset({JSON}))
        choice = _choice(await request.body())
        written = await node.threads.write(settle, node.service, author, type_, id_, choice)
        node.feed.changed()
        stored = written.stored
        return _json({"type": stored.type, "id": stored.id, "version": stored.version, "conflict": stored.conflict})

    return [conflicts, of_resource, resolve]


def may_settle(caller: Caller, type_: str) -> Author:
    """The author, when she settles conflicts of this type. Raises Forbidden."""
    author = check_act(caller, "settle")
    if not caller.sight.writes_type(type_):
        raise Forbidden("Records of this kind are not for your role to write")
    return author


def told_conflict(one: OpenConflict) -> dict[str, object]:
    """A conflict with its values, the shown one first, as the inbox lists them."""
    return {
        "type": one.type,
        "id": one.id,
        "version": one.version,
        "element": one.element,
        "name": one.name,
        "since": instant(one.since_ms),
        "values": [_told_value(value) for value in one.values],
    }


def _told_value(value: Value) -> dict[str, object]:
    return {
        "value": value.value,
        "user": value.user,
        "role": value.role,
        "written": instant(value.written_ms),
        "device_time": instant(value.device_ms),
        "shown": value.shown,
    }


def _choice(body: bytes) -> Choice:
    try:
        choice = msgspec.json.decode(body, type=Choice)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "structure", "This settles nothing", "Send element, version, and choose, value, remove or keep"
        ) from error
    ways = [choice.choose is not None, bool(bytes(choice.value)), choice.remove, choice.keep is not None]
    if sum(ways) != 1:
        raise Refused(400, "structure", "This settles nothing", "Send exactly one of choose, value, remove and keep")
    return choice


def settle(service: Service, author: Author, type_: str, id_: str, choice: Choice) -> Written:
    """Writes what was chosen. Raises NotFound, VersionConflict when the resource is not what was looked at, InvalidResource."""
    store = service.store
    present = store.read(type_, id_)
    found = next((one for one in store.disagreements(type_, id_) if one.element == choice.element), None)
    if present is None or found is None:
        raise NotFound("This conflict is not open any more", hint="See /api/v1/conflicts for those that are.")
    if present.version != choice.version:
        raise VersionConflict(present.version)
    value = _chosen(choice, found)
    # Compared again within the write: an exchange may bring another value between the two.
    return store.resolve(type_, id_, choice.element, value, author, service.now_ms(), seen=choice.version)


def _chosen(choice: Choice, found: OpenConflict) -> bytes | None:
    if choice.element == DELETION:
        if choice.keep is None:
            raise Refused(400, "invalid", "Whether it stays is the question", "Send keep, true or false")
        return ALIVE if choice.keep else None
    if choice.keep is not None:
        raise Refused(400, "invalid", "This is no deletion", "Send choose, value or remove")
    if choice.choose is not None:
        if not 0 <= choice.choose < len(found.values):
            raise Refused(400, "value", "There is no such value", f"Choose from 0 to {len(found.values) - 1}")
        value = found.values[choice.choose].value
        return bytes(value) if value is not None else None
    return None if choice.remove else json_text.compact(bytes(choice.value))


# --- for machines that watch ------------------------------------------------------------------------------------------


def _watched(node: Node) -> list[HTTPRouteHandler]:
    @get("/healthz", summary="The process answers", tags=["health"])
    async def healthz() -> Response[bytes]:
        return _json({"status": "ok"})

    @get("/readyz", summary="The database answers", tags=["health"])
    async def readyz() -> Response[bytes]:
        await node.threads.search(_reads, node.service)
        return _json({"status": "ready"})

    @get("/metrics", summary="Numbers for Prometheus", tags=["health"])
    async def metrics() -> Response[bytes]:
        text = await node.threads.search(node.measures.text, node.service.store)
        return Response(text, media_type=CONTENT_TYPE)

    return [healthz, readyz, metrics]


def _reads(service: Service) -> None:
    with service.store.reading() as connection:
        connection.execute("SELECT counter FROM sync").fetchone()
