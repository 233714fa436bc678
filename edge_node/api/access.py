"""Who is asking, what that person may see and write, and whether her login is locked.

Looked up anew for each request: who is disabled, has another role or another password is out with the next one. A browser's login (a
cookie) that was not used for a while is locked here, whatever its page shows; a program's (a bearer token) is not, since nobody can walk
up to a program. `roles.py` says what a role may do, `sight.py` applies it.
"""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

import msgspec

from edge_node.api.sight import Sight, sight_of
from edge_node.api.steady import Clock, Ends
from edge_node.api.threads import Threads
from edge_node.api.tokens import Claims, Tokens
from edge_node.errors import SessionLocked, Unauthorised
from edge_node.roles import Act, rights_of
from edge_node.store import opened, searching
from edge_node.store.model import Author
from edge_node.store.sessions import Standing
from edge_node.store.store import Store

COOKIE = "medtech_session"
NOTE_MS = 60_000
"""How often it is written down that a login is in use: after a restart one may be taken for idle by so much longer."""
_REMEMBERED_MAX = 10_000


class Caller(msgspec.Struct, frozen=True):
    """The one who asks. `session`: her token's own name; `ends_ms`: when it ends by itself; `has_pin`: whether a PIN unlocks it."""

    author: Author
    sight: Sight
    session: str
    ends_ms: int
    has_pin: bool = False


class _Used(msgspec.Struct, frozen=True):
    """When a login was last used, by the wall clock and by the steady one."""

    wall_ms: int
    steady_ms: int


class Access:
    """Finds the caller of a request from its headers."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        now_ms: Callable[[], int],
        steady_ms: Clock,
        threads: Threads,
        idle_seconds: int,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._now_ms, self._steady_ms = now_ms, steady_ms
        self._threads = threads
        self.idle_ms = idle_seconds * 1000
        self._ends = Ends(steady_ms)
        self._seen: dict[str, _Used] = {}
        self._noted: dict[str, int] = {}

    def author(self, authorization: str | None, cookie: str | None) -> Author:
        """The person whose token it is, with her role of today. Raises Unauthorised, SessionLocked."""
        return self.caller(authorization, cookie).author

    def caller(self, authorization: str | None, cookie: str | None, *, active: bool = True) -> Caller:
        """The person whose token it is, with what she may do. Not `active`: a page asks by itself, which keeps no login awake.

        Raises Unauthorised, or SessionLocked when it has to be unlocked first.
        """
        claims = self._tokens.check(bearer(authorization, cookie))
        standing = self._standing(claims)
        if standing.locked or (authorization is None and self._is_idle(claims, standing)):
            raise SessionLocked()
        if active and authorization is None:
            self._note(claims)
        return self._caller(claims, standing)

    def locked_caller(self, cookie: str | None) -> Caller:
        """The person of a browser's login, locked or not: for the lock's own page. Raises Unauthorised."""
        claims = self._tokens.check(bearer(None, cookie))
        return self._caller(claims, self._standing(claims))

    def is_locked(self, cookie: str | None) -> bool:
        """Whether a browser's login is locked. Raises Unauthorised."""
        claims = self._tokens.check(bearer(None, cookie))
        standing = self._standing(claims)
        return standing.locked or self._is_idle(claims, standing)

    def unlocked(self, caller: Caller) -> None:
        """It was unlocked just now."""
        self._noted[caller.session] = self._now_ms()
        self._seen[caller.session] = _Used(self._noted[caller.session], self._steady_ms())

    def _standing(self, claims: Claims) -> Standing:
        found = self._store.sessions.standing(claims.jti, claims.sub)
        if found is None or found.disabled:
            raise Unauthorised("This user may not log in any more", hint="Ask an administrator of this node.")
        if found.generation != claims.gen or found.ended:
            raise Unauthorised("The login has ended", hint="Log in again.")
        return found

    def _is_idle(self, claims: Claims, standing: Standing) -> bool:
        """Whether it was not used for too long; of one that is not known yet, since it began.

        A clock that was put back gives nobody more time: what this process saw counts by the steady clock too, and what was used in the
        future, as the store has it after a restart, is locked, since nobody knows for how long it lay there.
        """
        now, used = self._now_ms(), self._seen.get(claims.jti)
        if used is not None:
            return max(now - used.wall_ms, self._steady_ms() - used.steady_ms) > self.idle_ms
        seen = standing.seen_ms or claims.iat * 1000
        return not 0 <= now - seen <= self.idle_ms

    def _note(self, claims: Claims) -> None:
        now = self._now_ms()
        if len(self._seen) >= _REMEMBERED_MAX:
            self._seen.clear()
            self._noted.clear()
        self._seen[claims.jti] = _Used(now, self._steady_ms())
        if not 0 <= now - self._noted.get(claims.jti, 0) < NOTE_MS:
            self._noted[claims.jti] = now
            self._threads.later(self._store.sessions.note, claims.jti, claims.sub, now, claims.exp * 1000)

    def _caller(self, claims: Claims, standing: Standing) -> Caller:
        author = Author(claims.sub, standing.role)
        rights = rights_of(author.role)
        open_now: frozenset[str] = frozenset()
        if "open-with-reason" in rights.acts:
            now = self._now_ms()
            with self._store.reading() as connection:
                found = opened.open_now(connection, author.user, author.role, now)
            open_now = frozenset(one.patient for one in found if not self._ends.is_over(one.number, one.until_ms - now))
        own = standing.patient if rights.own_see else None
        sight = sight_of(author.role, own, open_now, self._joined(own))
        return Caller(author, sight, claims.jti, claims.exp * 1000, standing.has_pin)

    def _joined(self, own: str | None) -> frozenset[str]:
        """The records that are one with hers now: asked each time, since staff may part them again."""
        if own is None:
            return frozenset()
        with self._store.reading() as connection:
            return searching.one_person(connection, own)


def check_act(caller: Caller, act: Act) -> Author:
    """The author, when her role does this. Raises Forbidden."""
    caller.sight.check(act)
    return caller.author


def bearer(authorization: str | None, cookie: str | None) -> str:
    """The token in a request's headers. Raises Unauthorised when there is none."""
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise Unauthorised("The Authorization header holds no bearer token", hint="Log in with POST /auth/login.")
    from_cookie = cookie_value(cookie, COOKIE)
    if from_cookie:
        return from_cookie
    raise Unauthorised("This needs a login", hint="Log in with POST /auth/login, and send the token as a bearer token.")


def cookie_value(cookie: str | None, name: str) -> str | None:
    """A cookie of a Cookie header."""
    if not cookie or name not in cookie:
        return None
    jar = SimpleCookie()
    try:
        jar.load(cookie)
    except CookieError:
        return None
    morsel = jar.get(name)
    return morsel.value if morsel is not None else None
