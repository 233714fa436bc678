"""The clinic's server as one ASGI application, put together from a store, a clock and chance."""

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from typing import Literal

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler

from edge_node.api import events, glass, keys, login, node
from edge_node.api.access import Access
from edge_node.api.cursor import Sealer
from edge_node.api.door import Door
from edge_node.api.feed import Feed
from edge_node.api.fhir import Fhir
from edge_node.api.glass import Glass
from edge_node.api.keeping_up import KeepingUp
from edge_node.api.known_names import KnownNames
from edge_node.api.login import Logins
from edge_node.api.measures import Measures
from edge_node.api.outcome import CODES, Refused, as_problem
from edge_node.api.service import Service, time_ordered_id
from edge_node.api.steady import steady_ms as of_this_computer
from edge_node.api.threads import Threads
from edge_node.api.throttle import Rule, Throttle
from edge_node.api.tokens import Tokens
from edge_node.api.unlocking import Unlocking
from edge_node.settings import Settings
from edge_node.store.store import Store
from edge_node.worklists import watching

RELEASED = "2026-01-01"
"""The date that the CapabilityStatement gives: when what this program can do last changed."""


class Options(msgspec.Struct, frozen=True):
    """What may be set. `body_bytes_max`: of one request. `token_seconds`: how long a login lasts, a long shift."""

    body_bytes_max: int = 8 * 1024 * 1024
    token_seconds: int = 12 * 60 * 60
    heartbeat_seconds: float = events.HEARTBEAT_SECONDS
    public_url: str = ""
    failures_per_minute: int = 10
    idle_seconds: int = 10 * 60
    break_glass_seconds: int = 60 * 60
    log: Literal["text", "json"] = "text"


def options_of(settings: Settings) -> Options:
    """The options that a node's settings come to."""
    return Options(
        body_bytes_max=settings.request_kib_max * 1024,
        token_seconds=settings.session_minutes * 60,
        public_url=settings.public_url.rstrip("/"),
        failures_per_minute=settings.login_failures_per_minute,
        idle_seconds=settings.idle_minutes * 60,
        break_glass_seconds=settings.break_glass_minutes * 60,
        log=settings.log,
    )


class Parts(msgspec.Struct, frozen=True):
    """What pages and the server share with the API; in `app.state.parts`."""

    service: Service
    access: Access
    logins: Logins
    threads: Threads
    feed: Feed
    measures: Measures
    glass: Glass
    names: KnownNames
    unlocking: Unlocking
    lists: KeepingUp


Pages = Callable[[Parts], Sequence[ControllerRouterHandler]]


def make_app(
    store: Store,
    now_ms: Callable[[], int],
    options: Options | None = None,
    *,
    sync: node.Sync | None = None,
    wrote: Callable[[], None] = lambda: None,
    pages: Pages | None = None,
    chance: Callable[[int], bytes] = os.urandom,
    steady_ms: Callable[[], int] = of_this_computer,
) -> Door:
    """The application. `sync` does one exchange with the hub, `wrote` is called after a commit, `pages` makes the handlers of the pages.

    `steady_ms` is a clock that nobody puts back: how long a login lay idle, and how long a record is open, is measured by both.
    """
    options = options or Options()
    parts = _parts(store, (now_ms, steady_ms), options, chance, wrote)
    routes: list[ControllerRouterHandler] = [
        *login.handlers(parts.logins),
        *node.handlers(node.Node(parts.service, parts.access, parts.threads, parts.feed, parts.measures, sync)),
        *glass.handlers(parts.glass, parts.access, parts.threads),
        *events.handlers(parts.feed, parts.access, options.heartbeat_seconds),
        *(pages(parts) if pages is not None else ()),
    ]
    program = version_of("medtech-edge")

    async def close() -> None:
        await parts.lists.stop()
        parts.feed.close()
        parts.threads.close()

    app = Litestar(
        route_handlers=routes,
        openapi_config=OpenAPIConfig(
            title="MedTech Edge",
            version=program,
            description="The node's own interface. FHIR R4 is under /fhir and described by /fhir/metadata.",
            path="/schema",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        exception_handlers={Exception: problem, HTTPException: problem},
        request_max_body_size=options.body_bytes_max,
        on_startup=[parts.lists.start],
        on_shutdown=[close],
        logging_config=None,
    )
    app.state.parts = parts
    app.state.options = options
    fhir = Fhir(
        parts.service,
        parts.access,
        parts.threads,
        parts.feed.changed,
        body_bytes_max=options.body_bytes_max,
        public_url=options.public_url,
        version=program,
        released=RELEASED,
    )
    return Door(app, fhir, parts.measures, body_bytes_max=options.body_bytes_max)


def _parts(
    store: Store,
    clocks: tuple[Callable[[], int], Callable[[], int]],
    options: Options,
    chance: Callable[[int], bytes],
    wrote: Callable[[], None],
) -> Parts:
    now_ms, steady_ms = clocks
    secret = keys.secret(store, chance)
    tokens = Tokens(keys.derived(secret, "tokens"), now_ms, chance, options.token_seconds)
    tokens.remember_revoked(keys.revoked_tokens(store))
    threads = Threads()
    address = Rule(options.failures_per_minute, 60_000 // options.failures_per_minute or 1)
    service = Service(
        store, now_ms, lambda: time_ordered_id(now_ms(), chance), Sealer(keys.derived(secret, "cursors"), chance)
    )
    access = Access(store, tokens, now_ms, steady_ms, threads, options.idle_seconds)
    logins = Logins(store, tokens, Throttle(steady_ms, address), now_ms, threads)
    return Parts(
        service,
        access,
        logins,
        threads,
        Feed(store, now_ms, threads, wrote),
        Measures(),
        Glass(store, now_ms, options.break_glass_seconds * 1000),
        KnownNames(keys.derived(secret, "names")),
        Unlocking(store, access, logins, now_ms, threads),
        KeepingUp(store, threads, now_ms, watching.rules(store.programme)),
    )


def problem(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]
    """An error outside of FHIR paths, as RFC 9457 asks."""
    request.scope["state"]["error"] = error
    answered = as_problem(_of_framework(error))
    headers = {name: value for name, value in answered.headers if name != "content-type"}
    return Response(answered.body, status_code=answered.status, headers=headers, media_type=answered.headers[0][1])


def _of_framework(error: Exception) -> Exception:
    """Litestar's own refusals in our words; its texts may repeat what was sent."""
    if not isinstance(error, HTTPException):
        return error
    status = error.status_code
    what, hint = _WORDS.get(status, ("The request cannot be carried out", "See /schema for what there is"))
    return Refused(status, CODES.get(status, "processing"), what, hint, headers=dict(error.headers or {}))


_WORDS = {
    404: ("There is nothing at this path", "See /schema for what there is"),
    405: ("This path does not have this method", "See /schema for what there is"),
    413: ("The body is too large", "Send it in parts"),
    500: ("Something failed here that should not have", "Try again; if it stays, look into the log"),
}
