"""`/admin/login` and `/admin/logout`: the login of `hub.sessions` as a page."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request, Response, get, post

from hub.api.access import check_same_origin, cookie_of, session_cookie
from hub.api.context import address_of, context_of
from hub.console import rendering
from hub.console.blocks import Block, Field, Form, News, Page
from hub.console.desk import redirect
from hub.console.forms import fields_of
from hub.errors import RequestFault
from hub.sessions import login
from hub.sessions.login import Credentials

HOME: Final = "/admin"


@get("/login")
async def form(request: Request[Any, Any, Any]) -> Response[str]:
    return _page(str(request.query_params.get("next", "")), "", None)


@post("/login")
async def log_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """What is refused does not tell whether there is such a name."""
    check_same_origin("POST", request.headers, otherwise=True)
    context = context_of(request)
    given = await fields_of(request, "name", "password", "code", "next")
    shown = Credentials(given["name"], given["password"], given["code"])
    try:
        done = await login.log_in(context.hub.desk, shown, address_of(request), context.clock())
    except RequestFault as fault:
        return _page(given["next"], given["name"], fault)
    answer = redirect(_within(given["next"]))
    answer.set_cookie(session_cookie(request, done.cookie, context.hub.settings.session_hours_max))
    return answer


@post("/logout")
async def log_out(request: Request[Any, Any, Any]) -> Response[None]:
    check_same_origin("POST", request.headers)
    context = context_of(request)
    ticket = context.hub.desk.cookies.read(cookie_of(request) or "")
    if ticket is not None:
        await login.log_out(context.hub.desk, ticket.session, context.clock())
    answer = redirect("/admin/login")
    answer.set_cookie(session_cookie(request, "", 0))
    return answer


def _page(wanted: str, name: str, fault: RequestFault | None) -> Response[str]:
    blocks: list[Block] = []
    if fault is not None:
        blocks.append(News(text=f"{fault} {fault.hint}", tone="bad"))
    blocks.append(
        Form(
            action="/admin/login",
            button="Log in",
            fields=(
                Field(name="name", label="Name", value=name[:200], required=True, complete="username"),
                Field(name="password", label="Password", kind="password", required=True, complete="current-password"),
                Field(
                    name="code",
                    label="Code",
                    complete="one-time-code",
                    hint="The six digits of your authenticator, if you have one.",
                ),
                Field(name="next", label="", kind="hidden", value=_within(wanted)),
            ),
        )
    )
    page = Page(title="Log in", here="", blocks=blocks, status=fault.status if fault is not None else 200)
    answer = rendering.html(page, visitor=None, menu=[], news=[], desk=None, made="")
    if fault is not None and fault.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(fault.retry_after_seconds)
    return answer


def _within(wanted: str) -> str:
    """Where to go after the login: a page of the console, and nowhere else whatever the address says."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted and len(wanted) < 1_000 else None
    if parts is None or parts.scheme or parts.netloc or not (parts.path == HOME or parts.path.startswith(f"{HOME}/")):
        return HOME
    return wanted if not parts.path.startswith(("/admin/login", "/admin/logout", "/admin/live")) else HOME
