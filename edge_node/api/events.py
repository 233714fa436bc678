"""`/events` (server-sent events) and `/ws` (WebSocket): what changed, as `feed.py` tells it. Type, id and version, nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import Request, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Stream

from edge_node.api.access import Access
from edge_node.api.feed import Change, Event, Feed
from edge_node.api.places import from_here
from edge_node.api.sight import Sight
from edge_node.errors import EdgeError, Unauthorised

HEARTBEAT_SECONDS = 15.0
RETRY_MS = 3_000
UNAUTHORISED, FOREIGN = 4401, 4403
"""Codes with which a WebSocket is closed; 4000 and above are the application's own."""


def handlers(feed: Feed, access: Access, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> list[BaseRouteHandler]:
    """The two paths."""

    def check(headers: Any) -> Sight:
        """What the listener may see now: asked again with each event, since where much is written no heartbeat comes. Listening keeps no
        login awake."""
        return access.caller(headers.get("authorization"), headers.get("cookie"), active=False).sight

    @get("/events", summary="What changed, as server-sent events", tags=["events"])
    async def events(request: Request[Any, Any, Any]) -> Stream:
        check(request.headers)
        after = request.headers.get("last-event-id", "")
        after_ms = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else None

        async def lines() -> AsyncIterator[bytes]:
            yield b"retry: %d\n\n" % RETRY_MS
            async with aclosing(feed.listen(after_ms, heartbeat_seconds)) as listening:
                async for event in listening:
                    try:
                        sight = check(request.headers)
                    except EdgeError:
                        return  # the login has ended; the browser asks again and is told so
                    if event is None:
                        yield b": still here\n\n"
                    elif is_for(event, sight):
                        yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.at_ms, kind(event), data(event))

        return Stream(
            lines(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    @websocket("/ws")
    async def socket(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        try:
            check(socket.headers)
        except EdgeError:
            await socket.close(UNAUTHORISED, Unauthorised.title)
            return
        if "authorization" not in socket.headers and not from_here(socket.headers, otherwise=False):
            await socket.close(FOREIGN, "another site")
            return
        try:
            async with aclosing(feed.listen(None, heartbeat_seconds)) as listening:
                async for event in listening:
                    sight = check(socket.headers)
                    if event is None:
                        await socket.send_data(b'{"event":"still-here"}', mode="text")
                    elif is_for(event, sight):
                        await socket.send_data(message(event), mode="text")
            await socket.close(1001)
        except WebSocketDisconnect:
            return
        except EdgeError:
            await socket.close(UNAUTHORISED, Unauthorised.title)

    return [events, socket]


def is_for(event: Event, sight: Sight) -> bool:
    """Whether a listener is told: of types that she sees of everybody alone, since a change does not tell whose it is."""
    return not isinstance(event, Change) or sight.sees_type(event.type)


def kind(event: Event) -> bytes:
    """`change`, or `many`: look for yourself."""
    return b"change" if isinstance(event, Change) else b"many"


def data(event: Event) -> bytes:
    """What an event says."""
    if isinstance(event, Change):
        return msgspec.json.encode({"type": event.type, "id": event.id, "version": event.version})
    return b"{}"


def message(event: Event) -> bytes:
    """The same as one JSON object."""
    return b'{"event":"%s","at":%d,"change":%s}' % (kind(event), event.at_ms, data(event))
