"""Who is asking, and what that person may do.

Roles are reduced to two: those who care for patients read and write records, those who look after the node do that too and see to the
node. A citizen has no business at a clinic's API.
"""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

import msgspec

from edge_node.api.tokens import Tokens
from edge_node.errors import Forbidden, Unauthorised
from edge_node.store.model import Author
from edge_node.store.store import Store

COOKIE = "medtech_session"
CLINICIANS = frozenset({"clinician", "midwife", "registrar"})
ADMINS = frozenset({"admin", "operator"})
STALE_MS = 5_000
"""For so long a user is taken to be what she was when last looked up; then a disabled one is out."""
_REMEMBERED_MAX = 1_000


class _Person(msgspec.Struct, frozen=True):
    author: Author
    since_ms: int


class Access:
    """Finds the author of a request from its headers."""

    def __init__(self, store: Store, tokens: Tokens, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._tokens = tokens
        self._now_ms = now_ms
        self._people: dict[str, _Person] = {}

    def author(self, authorization: str | None, cookie: str | None) -> Author:
        """The person whose token it is, with her role of today. Raises Unauthorised."""
        claims = self._tokens.check(bearer(authorization, cookie))
        person = self._people.get(claims.sub)
        now = self._now_ms()
        if person is None or not 0 <= now - person.since_ms < STALE_MS:
            person = self._look_up(claims.sub, now)
        return person.author

    def _look_up(self, name: str, now: int) -> _Person:
        self._people.pop(name, None)
        user = self._store.users.get(name)
        if user is None or user.disabled:
            raise Unauthorised("This user may not log in any more", hint="Ask an administrator of this node.")
        if len(self._people) >= _REMEMBERED_MAX:
            self._people.clear()
        person = self._people[name] = _Person(Author(user.name, user.role), now)
        return person


def bearer(authorization: str | None, cookie: str | None) -> str:
    """The token in a request's headers. Raises Unauthorised when there is none."""
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise Unauthorised("The Authorization header holds no bearer token", hint="Log in with POST /auth/login.")
    from_cookie = cookie_token(cookie)
    if from_cookie:
        return from_cookie
    raise Unauthorised("This needs a login", hint="Log in with POST /auth/login, and send the token as a bearer token.")


def cookie_token(cookie: str | None) -> str | None:
    """The token in a Cookie header."""
    if not cookie or COOKIE not in cookie:
        return None
    jar = SimpleCookie()
    try:
        jar.load(cookie)
    except CookieError:
        return None
    morsel = jar.get(COOKIE)
    return morsel.value if morsel is not None else None


def check_records(author: Author) -> None:
    """Raises Forbidden for those who may not see records."""
    if author.role not in CLINICIANS | ADMINS:
        raise Forbidden("This role may not see records")


def check_admin(author: Author) -> None:
    """Raises Forbidden for all but those who look after the node."""
    if author.role not in ADMINS:
        raise Forbidden("This is for administrators of the node")
