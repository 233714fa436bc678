"""`POST /auth/login` and `/auth/logout`: a name and a password for a short-lived token, and the same as a cookie for browsers."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from edge_node.api import keys, media
from edge_node.api.access import COOKIE, bearer
from edge_node.api.outcome import Refused
from edge_node.api.threads import Threads
from edge_node.api.throttle import Throttle
from edge_node.api.tokens import Tokens
from edge_node.errors import Unauthorised
from edge_node.store.model import Author, User
from edge_node.store.store import Store
from edge_node.store.trail import Action

UNKNOWN = Author("unknown", "none")
"""Whom the audit names for a wrong login: what was typed as a name may be a password."""
CREDENTIAL_CHARS_MAX = 1_024


class Credentials(msgspec.Struct, frozen=True):
    """The body of a login."""

    username: str
    password: str


class Session(msgspec.Struct, frozen=True):
    """What a login gives: the token, and for how many seconds it is good."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a word of RFC 6750


class Logins:
    """Checks passwords, and keeps the audit of it."""

    def __init__(
        self, store: Store, tokens: Tokens, throttle: Throttle, now_ms: Callable[[], int], threads: Threads
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._throttle = throttle
        self._now_ms = now_ms
        self._threads = threads

    async def login(self, credentials: Credentials, address: str) -> Session:
        """A session. Raises Unauthorised, or TooManyTries before the password is looked at."""
        user = await self.check(credentials, address)
        await self.record(Author(user.name, user.role), "login")
        token = self._tokens.issue(user.name, user.role, user.generation)
        return Session(token, self._tokens.lifetime_seconds)

    async def check(self, credentials: Credentials, address: str) -> User:
        """The user whose name and password these are; wrong ones are counted and audited. Raises Unauthorised, TooManyTries."""
        name = credentials.username
        self._throttle.take(name, address)
        try:
            user = await self._threads.password(self._store.users.verify, name, credentials.password, self._now_ms())
        except Unauthorised:
            known = self._store.users.get(name)
            author = Author(name, known.role) if known is not None else UNKNOWN
            await self.record(author, "login-failed")
            if known is not None and known.locked_until_ms > self._now_ms():
                await self.record(author, "login-locked")
            raise
        self._throttle.give_back(name, address)
        return user

    async def logout(self, token: str) -> None:
        """The token is of no use any more, after a restart neither."""
        claims = self._tokens.revoke(token)
        await self._threads.write(keys.keep_revoked, self._store, self._tokens.revoked)
        await self.record(Author(claims.sub, claims.role), "logout")

    async def record(self, author: Author, action: Action) -> None:
        """An entry of the audit."""
        await self._threads.write(self._store.record, author, self._now_ms(), action)


def handlers(logins: Logins) -> list[HTTPRouteHandler]:
    """The two paths."""

    @post(
        "/auth/login", status_code=200, summary="A name and a password for an access token and a cookie", tags=["login"]
    )
    async def login(request: Request[Any, Any, Any]) -> Response[Session]:
        credentials = _credentials(request.headers.get("content-type", ""), await request.body())
        session = await logins.login(credentials, address_of(request))
        return Response(session, cookies=[session_cookie(request, session.access_token, session.expires_in)])

    @post("/auth/logout", status_code=204, summary="The token is of no use any more", tags=["login"])
    async def logout(request: Request[Any, Any, Any]) -> Response[None]:
        await logins.logout(bearer(request.headers.get("authorization"), request.headers.get("cookie")))
        return Response(None, status_code=204, cookies=[session_cookie(request, "", 0)])

    return [login, logout]


def address_of(request: Request[Any, Any, Any]) -> str:
    """Where a request comes from, for the throttle."""
    return request.client.host if request.client is not None else "unknown"


def session_cookie(request: Request[Any, Any, Any], token: str, seconds: int) -> Cookie:
    """The token as a cookie that no script reads and no other site sends."""
    secure = request.url.scheme == "https"
    return Cookie(COOKIE, value=token, max_age=seconds, path="/", httponly=True, samesite="strict", secure=secure)


def _credentials(content_type: str, body: bytes) -> Credentials:
    media.check_body(media.type_of(content_type), frozenset({"application/json"}))
    try:
        credentials = msgspec.json.decode(body, type=Credentials)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "structure", "This is no login", 'Send {"username": …, "password": …} as JSON') from error
    if max(len(credentials.username), len(credentials.password)) > CREDENTIAL_CHARS_MAX:
        raise Refused(
            400, "too-long", "The name or the password is too long", f"At most {CREDENTIAL_CHARS_MAX} characters"
        )
    return credentials
