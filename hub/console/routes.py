"""`/admin`: all pages of the console, their files, and errors as pages."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, Router, get
from litestar.params import FromPath

from hub.api.problems import describe
from hub.console import (
    export_pages,
    facility_pages,
    live,
    login_pages,
    maternal_pages,
    move_pages,
    node_pages,
    overview_pages,
    own_pages,
    people_pages,
    quality_pages,
    rendering,
    trail_pages,
)
from hub.console.blocks import Block, Cell, Links, News, Page
from hub.console.desk import redirect
from hub.errors import NotFound

LOGIN = "/admin/login"


@get("/assets/{name:str}")
async def assets(name: FromPath[str]) -> Response[bytes]:
    """The files that pages ask for: for anybody."""
    if name not in rendering.ASSETS:
        raise NotFound("There is no such file.")
    return rendering.asset_answer(name)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """An error as a page; who is not logged in is led to the login, and back to where she wanted to go."""
    problem, headers = describe(error)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        if request.method != "GET" or request.url.path == "/admin/live":
            return redirect(LOGIN)
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return redirect(f"{LOGIN}?next={quote(wanted, safe='/')}")
    blocks: list[Block] = [
        News(text=f"{problem.detail} {problem.hint}", tone="bad", code=problem.instance or ""),
        Links((Cell("To the overview", href="/admin"),)),
    ]
    page = Page(title=problem.title, here="", blocks=blocks, status=problem.status)
    answer = rendering.html(page, visitor=None, menu=[], news=[], desk=None, made="")
    for name in ("Retry-After",):
        if name in headers:
            answer.headers[name] = headers[name]
    return answer


HANDLERS: Final = (
    *(assets, live.live, login_pages.form, login_pages.log_in, login_pages.log_out),
    *(overview_pages.page, maternal_pages.page, quality_pages.page),
    *(export_pages.page, export_pages.one, export_pages.begin, export_pages.confirm, export_pages.drop),
    *(facility_pages.listing, facility_pages.form, facility_pages.add, facility_pages.one),
    *(move_pages.page, move_pages.move),
    *(node_pages.listing, node_pages.one, node_pages.confirm_revoke, node_pages.confirm_wipe),
    *(node_pages.revoke, node_pages.wipe, node_pages.invite_form, node_pages.invite),
    *(people_pages.listing, people_pages.new, people_pages.add, people_pages.one),
    *(people_pages.disable, people_pages.codes),
    *(own_pages.page, own_pages.enrol, own_pages.confirm),
    *(trail_pages.waiting, trail_pages.confirm, trail_pages.resolve, trail_pages.audit),
)

router = Router(
    "/admin",
    route_handlers=HANDLERS,
    exception_handlers={Exception: answer_error},
    include_in_schema=False,
)
