"""Opening a record outside of one's role with a reason, `/open` and `/patients/{id}/open`; `/opened`, what supervisors see of it."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.outcome import Refused
from edge_node.errors import NotFound
from edge_node.fhir.criteria import escape
from edge_node.fhir.query import parse_query
from edge_node.language import _
from edge_node.pages import dates, people, rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted
from edge_node.store.opened import Opened
from edge_node.store.store import Store

NOTICE_MS = 30 * 24 * 60 * 60 * 1000
"""So long a patient's page tells who opened it."""
NUMBER_CHARS_MAX = 100


class Opening(msgspec.Struct, frozen=True):
    """An opening in words. `reviewed`: which supervisor looked at it and when, or empty; `mine`: it is by who looks, who does not review
    herself."""

    number: int
    who: str
    role: str
    when: str
    reason: str
    patient_id: str
    patient: str
    reviewed: str
    mine: bool


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    return [*_opening(desk), *_supervision(desk)]


def _opening(desk: Desk) -> list[Any]:
    async def opened(request: Request[Any, Any, Any], patient: str, asked: dict[str, str], place: str) -> Response[Any]:
        caller = desk.caller(request, "open-with-reason")
        reason = asked.get("reason", "")
        try:
            await desk.threads.write(desk.parts.glass.open, caller, patient, reason)
        except (Refused, NotFound) as error:
            said = (
                f"{error.what}. {error.hint}"
                if isinstance(error, Refused)
                else _("There is nobody with this number here.")
            )
            page: dict[str, Any] = {"error": said, "place_of": place, "reason": reason, "asks_number": place == "/open"}
            return await desk.page(request, caller.author, "open.html", here="open", status=400, **page)
        desk.tell(
            caller.author, "plain", _("The record is open to you for a while. Your reason is shown to a supervisor.")
        )
        return rendering.redirect(f"/patients/{patient}")

    @get("/open")
    async def by_number(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "open-with-reason")
        page: dict[str, Any] = {"error": "", "place_of": "/open", "reason": "", "asks_number": True}
        return await desk.page(request, caller.author, "open.html", here="open", **page)

    @post("/open", status_code=200)
    async def open_by_number(request: Request[Any, Any, Any]) -> Response[Any]:
        desk.caller(request, "open-with-reason")
        sent = await posted(request)
        number = sent.get("number", "").strip()[:NUMBER_CHARS_MAX]
        patient = await desk.threads.search(numbered, desk.store, number, desk.now_ms())
        return await opened(request, patient, sent, "/open")

    @get("/patients/{id_:str}/open")
    async def form(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.caller(request, "open-with-reason")
        page: dict[str, Any] = {"error": "", "place_of": f"/patients/{id_}/open", "reason": "", "asks_number": False}
        return await desk.page(request, caller.author, "open.html", here="open", **page)

    @post("/patients/{id_:str}/open", status_code=200)
    async def open_one(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        sent = await posted(request)
        return await opened(request, id_, sent, f"/patients/{id_}/open")

    return [by_number, open_by_number, form, open_one]


def _supervision(desk: Desk) -> list[Any]:
    @get("/opened")
    async def listed(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "see-opened")
        found = await desk.threads.search(desk.parts.glass.latest)
        names = caller.sight.sees_type("Patient")
        told = await desk.threads.search(_told, desk, found, caller.author.user, names)
        return await desk.page(request, caller.author, "opened.html", here="opened", openings=told)

    @post("/opened", status_code=200)
    async def review(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "see-opened")
        number = (await posted(request)).get("number", "")
        if number.isascii() and number.isdigit() and len(number) < 18:
            await desk.threads.write(desk.parts.glass.review, caller, int(number))
            desk.tell(caller.author, "good", _("Noted that you have looked at it."))
        return rendering.redirect("/opened")

    return [listed, review]


def numbered(store: Store, number: str, now_ms: int) -> str:
    """The id of the one patient with this number on her card, or with this id; empty when there is none, or several."""
    if not number:
        return ""
    pairs = [("identifier", escape(number)), ("_count", "2")]
    found = store.search(parse_query("Patient", pairs, now_ms=now_ms)).found
    if len(found) == 1:
        return found[0].id
    direct = store.read("Patient", number) if not found else None
    return direct.id if direct is not None and not direct.gone else ""


def notices(desk: Desk, patient: str, user: str) -> list[Opening]:
    """Who opened a patient's record lately, for her own page."""
    since = desk.now_ms() - NOTICE_MS
    return _told(desk, desk.parts.glass.of_patient(patient, since), user, False)


def _told(desk: Desk, found: list[Opened], user: str, names: bool) -> list[Opening]:
    now = desk.now_ms()
    return [
        Opening(
            one.number,
            one.user,
            one.role,
            dates.moment(one.at_ms, now),
            one.reason,
            one.patient if names else "",
            people.called(desk.store.read("Patient", one.patient)) if names else "",
            f"{one.reviewed_by}, {dates.moment(one.reviewed_ms, now)}" if one.reviewed_by else "",
            one.user == user,
        )
        for one in found
    ]
