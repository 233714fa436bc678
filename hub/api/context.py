"""What request handlers reach: the open hub and what it counts, kept in the application's state; where a request comes from."""

from asyncio import Semaphore
from collections.abc import Callable
from random import SystemRandom
from typing import Any, Final

from litestar.connection import ASGIConnection, Request
from msgspec import Struct

from hub.api.metrics import Metrics
from hub.console.pulse import Pulse, new_pulse
from hub.gathering import Gatherings
from hub.runtime import Hub, now_ms

STATE_KEY: Final = "context"
_CHANCE: Final = SystemRandom().random


class Context(Struct, frozen=True):
    """One application's own things. `clock` gives ms since 1970, `chance` numbers in [0, 1)."""

    hub: Hub
    metrics: Metrics
    clock: Callable[[], int]
    gatherings: Gatherings
    chance: Callable[[], float]
    uploads: Semaphore
    """Places for parts of files that are coming in."""
    pulse: Pulse


def new_context(hub: Hub, clock: Callable[[], int] = now_ms, chance: Callable[[], float] = _CHANCE) -> Context:
    """The context of an application on this hub."""
    return Context(
        hub, Metrics(), clock, Gatherings(clock), chance, Semaphore(hub.settings.uploads_max), new_pulse(hub)
    )


def context_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Context:
    """The context of the application that a request came to."""
    found = connection.app.state[STATE_KEY]
    assert isinstance(found, Context)
    return found


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Where a request comes from; '' when its socket has no address."""
    return connection.client.host if connection.client is not None else ""


def provide_context(request: Request[Any, Any, Any]) -> Context:
    """Litestar's way to hand it to a handler."""
    return context_of(request)
