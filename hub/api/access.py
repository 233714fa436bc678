"""Who asks, by token or cookie, and whether she may. The guard of every endpoint that is neither for everybody nor for nodes."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from hub.api.context import Context, address_of, context_of
from hub.errors import FromAnotherSite, Unauthorised
from hub.sessions import policy
from hub.sessions.desk import Desk
from hub.sessions.tickets import Ticket
from hub.sessions.visitor import LOCAL, Visitor

COOKIE: Final = "medtech-hub"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""Browsers take a cookie of such a name by HTTPS only, for this host alone and for all its paths (RFC 6265bis, 4.1.3.2)."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
VISITOR_KEY: Final = "visitor"
Asking = ASGIConnection[Any, Any, Any, Any]


class permitted:
    """A guard, as `guards=[permitted("nodes.see")]`: lets in whose role includes the act.

    Raises `Unauthorised`, `SessionOver`, `Forbidden`, `TooManyRequests`.
    """

    def __init__(self, act: str) -> None:
        self.act = act

    async def __call__(self, connection: Asking, _: BaseRouteHandler) -> None:
        policy.check(await visitor_of(connection), self.act)


async def visitor_of(connection: Asking) -> Visitor:
    """Who asks; found out once a request. Raises what `permitted` does, but `Forbidden` for a browser that was sent by another site
    only."""
    known: dict[str, Any] = connection.scope.setdefault("state", {})
    if VISITOR_KEY not in known:
        known[VISITOR_KEY] = await _find_out(connection, context_of(connection))
    visitor: Visitor = known[VISITOR_KEY]
    return visitor


async def provide_visitor(request: Request[Any, Any, Any]) -> Visitor:
    """Litestar's way to hand her to a handler."""
    return await visitor_of(request)


async def _find_out(connection: Asking, context: Context) -> Visitor:
    """Proves who it is before anything is counted for her, and counts before her session is looked up."""
    hub, now_ms = context.hub, context.clock()
    bearer = bearer_of(connection.headers)
    if bearer is not None and hub.is_admin(bearer):
        return LOCAL
    ticket = None
    try:
        ticket = await _ticket(connection, hub.desk, bearer, now_ms)
    finally:
        await hub.limits.requests(ticket.detail if ticket is not None else "", address_of(connection))
    return await hub.desk.sessions.visitor(ticket.session, ticket.detail, now_ms)


async def _ticket(connection: Asking, desk: Desk, bearer: str | None, now_ms: int) -> Ticket:
    """The session that she says is hers, and the mark of her name: proven, and not yet whether it holds."""
    if bearer is not None:
        claims = await desk.by_token(bearer, now_ms)
        return Ticket(claims.sid, desk.keys.mark(claims.sub))
    cookie = cookie_of(connection)
    if "authorization" in connection.headers or cookie is None:
        raise Unauthorised("Nobody is logged in.", hint="Log in at /auth/login, or send `Authorization: Bearer …`.")
    check_same_origin(str(connection.scope.get("method", "GET")), connection.headers)
    if (ticket := desk.cookies.read(cookie)) is None:
        raise Unauthorised("The session cookie is not one of this hub's.", hint="Log in again.")
    return ticket


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The token of `Authorization: Bearer …`; None for another scheme, or none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_of(connection: Asking) -> str | None:
    """The session cookie: by HTTPS the one that no other host can have set."""
    return connection.cookies.get(SECURE_COOKIE if _is_secure(connection) else COOKIE)


def session_cookie(connection: Asking, value: str, hours_max: int) -> Cookie:
    """The cookie of a login; an empty value takes it away."""
    secure = _is_secure(connection)
    return Cookie(
        key=SECURE_COOKIE if secure else COOKIE,
        value=value,
        path="/",
        max_age=hours_max * 3_600 if value else 0,
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def _is_secure(connection: Asking) -> bool:
    return connection.scope["scheme"] in ("https", "wss")


def check_same_origin(method: str, headers: Mapping[str, str], *, otherwise: bool = False) -> None:
    """Raises `FromAnotherSite` for a request that changes something and that a browser says does not come from our own pages.

    Browsers say where a request comes from (Sec-Fetch-Site; older ones Origin). `otherwise`: what holds when nothing is said, as by a
    program.
    """
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is not None:
        ours = urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    else:
        ours = otherwise
    if not ours:
        raise FromAnotherSite
