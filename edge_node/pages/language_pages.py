"""In which language a page is read, and `/language`, where that is chosen: by anybody, before a login too."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import Cookie

from edge_node.api.outcome import Refused
from edge_node.api.places import from_here
from edge_node.language import _
from edge_node.language.catalogue import languages
from edge_node.language.choosing import COOKIE, choose
from edge_node.language.readers import begin as begin_reading
from edge_node.pages import rendering
from edge_node.pages.forms import posted, safe_next

_KEPT_SECONDS = 365 * 24 * 3600


def reads(setting: str) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """What is done before each request: from then on its reader is known."""

    async def begin(request: Request[Any, Any, Any]) -> None:
        headers = request.headers
        begin_reading(choose(headers.get("cookie"), headers.get("accept-language"), setting))

    return begin


def handlers() -> list[Any]:
    """The paths."""

    @post("/language", status_code=200)
    async def choose_language(request: Request[Any, Any, Any]) -> Response[Any]:
        if not from_here(dict(request.headers), otherwise=True):
            raise Refused(403, "forbidden", _("This comes from another site"))
        sent = await posted(request)
        language = sent.get("language", "")
        if language not in languages():
            raise Refused(400, "value", _("There is no such language"), _("Go back and choose one of the list"))
        secure = request.url.scheme == "https"
        kept = Cookie(
            COOKIE, value=language, max_age=_KEPT_SECONDS, path="/", httponly=True, samesite="lax", secure=secure
        )
        return rendering.redirect(safe_next(sent.get("next"), also_login=True), [kept])

    return [choose_language]
