"""What request handlers reach: the open hub and what it counts, kept in the application's state."""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from hub.api.metrics import Metrics
from hub.enrolment import Limiter
from hub.errors import Unauthorised
from hub.runtime import Hub, now_ms

STATE_KEY: Final = "context"


class Context(Struct, frozen=True):
    """One application's own things. `clock` gives ms since 1970."""

    hub: Hub
    metrics: Metrics
    limiter: Limiter
    clock: Callable[[], int]


def new_context(hub: Hub, clock: Callable[[], int] = now_ms) -> Context:
    """The context of an application on this hub."""
    limits = hub.settings
    limiter = Limiter(limits.enroll_failures_per_minute, limits.enroll_failures_all_per_minute, monotonic)
    return Context(hub, Metrics(), limiter, clock)


def context_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Context:
    """The context of the application that a request came to."""
    found = connection.app.state[STATE_KEY]
    assert isinstance(found, Context)
    return found


def provide_context(request: Request[Any, Any, Any]) -> Context:
    """Litestar's way to hand it to a handler."""
    return context_of(request)


def administrators_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: the administrator's token, or `Unauthorised`."""
    scheme, _sep, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not context_of(connection).hub.is_admin(token.strip()):
        raise Unauthorised(
            "The administrator's token is missing or wrong.",
            hint="Send `Authorization: Bearer …` with what stands in admin.token in the hub's data folder.",
        )
