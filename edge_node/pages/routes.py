"""The pages' addresses. No address holds anything about a patient but the record's own random id."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Request, Response, Router, get
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge_node.api.app import Pages, Parts
from edge_node.api.app import problem as for_machines
from edge_node.api.node import Sync
from edge_node.api.outcome import Refused, understand
from edge_node.api.sight import Sight
from edge_node.dhis2 import District
from edge_node.errors import EdgeError, NotFound, SessionLocked, Unauthorised
from edge_node.language import N_, _
from edge_node.pages import (
    audit_pages,
    card_pages,
    child,
    conflict_pages,
    contradictions,
    document_pages,
    elsewhere_pages,
    held_pages,
    history_pages,
    language_pages,
    letters,
    list_pages,
    live_pages,
    lock_pages,
    login_pages,
    month_pages,
    offline_pages,
    opened_pages,
    patient_pages,
    pregnancy_pages,
    rendering,
    same_person_pages,
    sheet_pages,
    staff_pages,
    sync_pages,
    trust_pages,
    upload_pages,
    whole_pages,
)
from edge_node.pages.desk import Desk
from edge_node.pages.forms import safe_next
from edge_node.pages.reach import begins
from edge_node.pages.trust_pages import Trust

_PARTS = ("/sync/state",)
"""What a page's script asks for: told that the login is locked, not led anywhere."""
_MACHINES = (
    "/offline/key",
    "/uploads/",
    "/api/",
    "/auth/",
    "/schema",
    "/fhir",
    "/events",
    "/ws",
    "/metrics",
    "/healthz",
    "/readyz",
)


def make_pages(
    sync: Sync | None = None,
    *,
    key_is_plain: bool = False,
    language: str = "en",
    trust: Trust | None = None,
    district: District | None = None,
) -> Pages:
    """The pages, for `make_app`.

    `sync` does one exchange with the hub; `key_is_plain` puts up the warning that goes with it; `language` is the clinic's locale;
    `trust` is there when HTTPS is served; `district` has the ids of its DHIS2, when it gave them.
    """

    def made(parts: Parts) -> Sequence[ControllerRouterHandler]:
        desk = Desk(parts, sync, key_is_plain, language)
        handlers: list[Any] = [
            *login_pages.handlers(desk),
            *lock_pages.handlers(desk),
            *staff_pages.handlers(desk),
            *opened_pages.handlers(desk),
            *patient_pages.handlers(desk),
            *list_pages.handlers(desk),
            *month_pages.handlers(desk, district),
            *whole_pages.handlers(desk),
            *same_person_pages.handlers(desk),
            *sheet_pages.handlers(desk),
            *pregnancy_pages.handlers(desk),
            *child.handlers(desk),
            *upload_pages.handlers(desk),
            *document_pages.handlers(desk),
            *letters.handlers(desk),
            *card_pages.handlers(desk),
            *sync_pages.handlers(desk),
            *conflict_pages.handlers(desk),
            *elsewhere_pages.handlers(desk),
            *history_pages.handlers(desk),
            *held_pages.handlers(desk),
            *audit_pages.handlers(desk),
            *contradictions.handlers(desk),
            *language_pages.handlers(),
            *live_pages.handlers(desk),
            *offline_pages.handlers(desk),
            *(trust_pages.handlers(trust) if trust is not None else ()),
        ]
        handlers += _rest(handlers)
        return [
            Router(
                path="/",
                route_handlers=handlers,
                include_in_schema=False,
                before_request=language_pages.reads(language),
                exception_handlers={Exception: _problem(desk), HTTPException: _problem(desk)},
            )
        ]

    return made


def _rest(handlers: Sequence[Any]) -> list[Any]:
    """What no page has, so that it is answered in words: also the addresses that only lead to others."""

    @get("/{rest:path}")
    async def nothing(rest: FromPath[str]) -> Response[str]:
        raise NotFound()

    @get(_between(handlers))
    async def between() -> Response[str]:
        raise NotFound()

    return [rendering.assets, nothing, between]


def _between(handlers: Sequence[Any]) -> list[str]:
    """The beginnings of the handlers' paths where nothing is read: the router refuses those before it asks for the rest."""
    read: set[tuple[str, ...]] = {()}
    begun: dict[tuple[str, ...], str] = {}
    for handler in handlers:
        for path in handler.paths:
            steps = path.strip("/").split("/")
            if "GET" in handler.http_methods:
                read.add(_alike(steps))
            for count in range(1, len(steps) + 1):
                begun.setdefault(_alike(steps[:count]), "/" + "/".join(steps[:count]))
    return [path for steps, path in begun.items() if steps not in read and not f"{path}/".startswith(_MACHINES)]


def _alike(steps: Sequence[str]) -> tuple[str, ...]:
    """A path as the router tells it from others: whatever its parameters are called."""
    return tuple("{}" if step.startswith("{") else step for step in steps)


# --- what went wrong --------------------------------------------------------------------------------------------------

_SAID = {
    400: (N_("That could not be understood"), N_("Go back and try again.")),
    403: (
        N_("You may not see this"),
        N_("Your login is not for this. Ask an administrator of this clinic's computer."),
    ),
    404: (
        N_("There is nothing here"),
        N_("It may have been deleted or moved, or the address is wrong. Look for the patient by name."),
    ),
    409: (N_("That is not possible now"), N_("Go back, look at what is there now, and try again.")),
    412: (N_("Somebody else changed this meanwhile"), N_("Go back, look at what is there now, and choose again.")),
    413: (N_("This is too large"), N_("Send a smaller photo or file.")),
    415: (N_("That could not be understood"), N_("Go back and send the form again.")),
    423: (
        N_("The screen is locked"),
        N_("What you sent was not saved. Unlock it with your PIN or password, then go back and send it again."),
    ),
    429: (N_("Too many tries"), N_("Wait a minute, then try again.")),
    500: (
        N_("Something failed here"),
        N_("Nothing that was saved is lost. Go back and try again; if it stays so, tell whoever runs this computer."),
    ),
    503: (N_("The computer is busy"), N_("Nothing that was saved is lost. Try again in a moment.")),
    507: (
        N_("The disk is full"),
        N_("What you just did was not saved; all before it was. Tell whoever runs this computer."),
    ),
}


def _problem(desk: Desk) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """Any error as a page in plain words, to who reads pages; who is not logged in is led to the login and then back."""

    def problem(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        request.scope["state"]["error"] = error
        path = request.scope["path"]
        # A part of a page that is refreshed by itself stays as it is: neither a login nor an error belongs into its place.
        if path.startswith(_MACHINES) or "hx-request" in request.headers:
            return for_machines(request, error)
        if isinstance(error, Unauthorised):
            came_from = safe_next(path) if request.method == "GET" else "/"
            return rendering.redirect("/login" if came_from == "/" else f"/login?next={came_from}")
        if isinstance(error, SessionLocked) and request.method == "GET" and not path.startswith(_PARTS):
            following = safe_next(path)
            return rendering.redirect("/lock" if following == "/" else f"/lock?next={following}")
        if "text/html" not in request.headers.get("accept", ""):
            return for_machines(request, error)
        status = error.status_code if isinstance(error, HTTPException) else understand(error).status
        status = status if status in _SAID else 500 if status >= 500 else 400
        title, advice = (str(text) for text in _SAID[status])
        sight = _sight(desk, request)
        if isinstance(error, Refused | EdgeError) and status in (409, 503, 507):
            advice = _(understand(error).hint) or advice
        if status == 404 and (sight is None or not sight.may("see-patients")):
            advice = _("It may have been deleted or moved, or the address is wrong.")
        return rendering.page(
            "problem.html",
            status,
            title=title,
            advice=advice,
            begins=begins(sight) if sight is not None else None,
            logged_in=sight is not None,
            locked=status == 423,
        )

    return problem


def _sight(desk: Desk, request: Request[Any, Any, Any]) -> Sight | None:
    """What the one who asks may see; None when nobody is logged in."""
    try:
        return desk.anyone(request, active=False).sight
    except EdgeError:
        return None
