"""`/login` and `/logout`: the API's login, for people. Who has logged in on this device before picks her name."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie

from edge_node.api import known_names
from edge_node.api.access import bearer, cookie_value
from edge_node.api.login import CREDENTIAL_CHARS_MAX, Credentials, address_of, session_cookie
from edge_node.api.outcome import Refused
from edge_node.api.places import from_here
from edge_node.errors import EdgeError, TooManyTries, Unauthorised
from edge_node.language import N_, _
from edge_node.pages import rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for, posted, safe_next
from edge_node.pages.lock_pages import TOO_MANY

SOMEBODY_ELSE = "other"
WRONG = N_("The name or the password is wrong. An administrator of this clinic's computer can set a new password.")


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    logins = desk.parts.logins

    @get("/login")
    async def form(request: Request[Any, Any, Any]) -> Response[Any]:
        asked = asked_for(request)
        following = safe_next(asked.get("next"))
        who = asked.get("who", "")
        names = _names(desk, request)
        chosen = names[int(who)] if who.isascii() and who.isdigit() and len(who) < 3 and int(who) < len(names) else ""
        return _form(
            desk,
            following,
            chosen,
            names=[] if chosen or who == SOMEBODY_ELSE else names,
            known=bool(chosen),
            left="left" in asked,
            ended="ended" in asked,
        )

    @post("/login", status_code=200)
    async def login(request: Request[Any, Any, Any]) -> Response[Any]:
        if not from_here(dict(request.headers), otherwise=True):
            raise Refused(403, "forbidden", _("This comes from another site"))
        sent = await posted(request)
        name, password = sent.get("username", "").strip(), sent.get("password", "")
        following = safe_next(sent.get("next"))
        known = name in _names(desk, request)
        if not name or not password:
            return _form(desk, following, name, _("Type your name and your password."), 400, known=known)
        if max(len(name), len(password)) > CREDENTIAL_CHARS_MAX:
            return _form(desk, following, "", _("The name or the password is too long."), 400)
        try:
            session = await logins.login(Credentials(name, password), address_of(request))
        except TooManyTries:
            return _form(desk, following, name, str(TOO_MANY), 429, known=known)
        except Unauthorised:
            return _form(desk, following, name, str(WRONG), 401, known=known)
        remembered = desk.parts.names.with_name(_names_cookie(request), name)
        token = session_cookie(request, session.access_token, session.expires_in)
        return rendering.redirect(following, [token, _remembering(request, remembered)])

    @post("/logout", status_code=200)
    async def logout(request: Request[Any, Any, Any]) -> Response[Any]:
        try:
            await logins.logout(bearer(None, request.headers.get("cookie")))
        except EdgeError:
            return rendering.redirect("/login")  # the login had ended by itself
        return rendering.redirect("/login?left", [session_cookie(request, "", 0)])

    return [form, login, logout]


def _names_cookie(request: Request[Any, Any, Any]) -> str | None:
    return cookie_value(request.headers.get("cookie"), known_names.COOKIE)


def _names(desk: Desk, request: Request[Any, Any, Any]) -> list[str]:
    """Those who use this device and may still log in."""
    names = desk.parts.names.read(_names_cookie(request))
    users = {name: desk.store.users.get(name) for name in names}
    return [name for name, user in users.items() if user is not None and not user.disabled]


def _remembering(request: Request[Any, Any, Any], value: str) -> Cookie:
    """The names as a cookie that no script reads and no other site sends."""
    secure = request.url.scheme == "https"
    return Cookie(
        known_names.COOKIE,
        value=value,
        max_age=known_names.SECONDS,
        path="/login",
        httponly=True,
        samesite="strict",
        secure=secure,
    )


def _form(
    desk: Desk,
    following: str,
    name: str = "",
    error: str = "",
    status: int = 200,
    *,
    names: list[str] | None = None,
    known: bool = False,
    left: bool = False,
    ended: bool = False,
) -> Response[str]:
    """The names to pick from; or the password's field, with the name given (`known`) or a field for it."""
    standing = desk.standing()[0]
    return rendering.page(
        "login.html",
        status,
        place=standing.place,
        path="/login",
        following=following,
        name=name,
        names=names or [],
        known=known,
        somebody_else=SOMEBODY_ELSE,
        error=error,
        left=left,
        ended=ended,
    )
