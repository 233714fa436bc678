"""`/login` and `/logout`: the API's login, for people."""

from typing import Any
from urllib.parse import parse_qs

from litestar import Request, Response, get, post

from edge_node.api.access import bearer
from edge_node.api.login import CREDENTIAL_CHARS_MAX, Credentials, session_cookie
from edge_node.api.outcome import Refused
from edge_node.api.places import from_here
from edge_node.errors import EdgeError, TooManyTries, Unauthorised
from edge_node.language import _
from edge_node.pages import rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import fields, safe_next


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    logins = desk.parts.logins

    @get("/login")
    async def form(request: Request[Any, Any, Any]) -> Response[Any]:
        asked = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        following = safe_next(asked.get("next", [""])[0])
        return _form(desk, following, left="left" in asked)

    @post("/login", status_code=200)
    async def login(request: Request[Any, Any, Any]) -> Response[Any]:
        if not from_here(dict(request.headers), otherwise=True):
            raise Refused(403, "forbidden", "This comes from another site")
        sent = fields(request.headers.get("content-type"), await request.body())
        name, password, following = (
            sent.get("username", "").strip(),
            sent.get("password", ""),
            safe_next(sent.get("next")),
        )
        if not name or not password:
            return _form(desk, following, name, _("Type your name and your password."), 400)
        if max(len(name), len(password)) > CREDENTIAL_CHARS_MAX:
            return _form(desk, following, "", _("The name or the password is too long."), 400)
        address = request.client.host if request.client is not None else "unknown"
        try:
            session = await logins.login(Credentials(name, password), address)
        except TooManyTries:
            return _form(
                desk, following, name, _("There were too many wrong tries. Wait a minute, then try again."), 429
            )
        except Unauthorised:
            said = _(
                "The name or the password is wrong. An administrator of this clinic's computer can set a new password."
            )
            return _form(desk, following, name, said, 401)
        return rendering.redirect(following, [session_cookie(request, session.access_token, session.expires_in)])

    @post("/logout", status_code=200)
    async def logout(request: Request[Any, Any, Any]) -> Response[Any]:
        try:
            await logins.logout(bearer(None, request.headers.get("cookie")))
        except EdgeError:
            return rendering.redirect("/login")  # the login had ended by itself
        return rendering.redirect("/login?left", [session_cookie(request, "", 0)])

    return [form, login, logout]


def _form(
    desk: Desk, following: str, name: str = "", error: str = "", status: int = 200, *, left: bool = False
) -> Response[str]:
    known = desk.standing()[0]
    return rendering.page(
        "login.html",
        status,
        place=known.facility or known.node,
        path="/login",
        following=following,
        name=name,
        error=error,
        left=left,
    )
