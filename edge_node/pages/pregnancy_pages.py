"""`/patients/{id}/pregnancy`: everything about one pregnancy, what was found first. Each form of it leads here. Reminders are made here."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.forms.context import decode
from edge_node.forms.maternal import reminding
from edge_node.forms.maternal.case import mother_of
from edge_node.forms.parsing import Found
from edge_node.language import _
from edge_node.maternal.due import due
from edge_node.maternal.reminders import reminder_key
from edge_node.pages import dates, likeness, pregnancy_reading, rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted
from edge_node.pages.plot import Picture
from edge_node.pages.pregnancy_reading import Case
from edge_node.pages.reach import Reach
from edge_node.pages.sheet_reading import Desktop
from edge_node.pages.sheets import SHEETS
from edge_node.store.model import Author
from edge_node.store.store import Store

REFERRAL = "referral"
"""The name of the form for referrals, which is offered when something refers at once."""


class Read(msgspec.Struct, frozen=True):
    """One reading of a pregnancy's page."""

    key: int
    whose: Found
    case: Case
    charts: list[Picture]


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    service = desk.parts.service
    desktop = Desktop(desk.store, service.now_ms, service.new_id, desk.new_number)

    @get("/patients/{id_:str}/pregnancy")
    async def one(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.reader(request, id_)
        author = caller.author
        read: Read = await desk.threads.search(read_case, desk.store, caller.sight, id_, desk.now_ms())
        await desk.threads.write(desk.store.record, author, desk.now_ms(), "read", read.key)
        return await desk.page(
            request,
            author,
            "pregnancy.html",
            here="patients",
            whose=read.whose,
            case=read.case,
            charts=read.charts,
            referral=referral(id_),
            reach=Reach(caller.sight),
        )

    @post("/patients/{id_:str}/pregnancy/reminder", status_code=200)
    async def remind(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        author = desk.author(request)
        key = (await posted(request)).get("item", "")
        made = await desk.threads.write(make_reminder, desktop, author, id_, key)
        if made is not None:
            desk.parts.feed.changed()
        tone, text = told(made)
        desk.tell(author, tone, text)
        return rendering.redirect(f"/patients/{id_}/pregnancy#due")

    return [one, remind]


def make_reminder(desktop: Desktop, author: Author, patient: str, key: str) -> bool | None:
    """Makes a reminder of what is due; whether there is a message in it. None: it is not due any more, or there is one already.

    On the writing thread, so that a button pressed twice makes one. Raises NotFound.
    """
    context = desktop.context(author, patient, None)
    item = next((each for each in due(mother_of(context), context.programme) if reminder_key(each) == key), None)
    if item is None or reminding.is_reminded((held.resource for held in context.records), item):
        return None
    writes = reminding.remind(context, item, patient)
    desktop.store.write(writes, author, context.now_ms)
    return any(write.type == "CommunicationRequest" for write in writes)


def told(made: bool | None) -> tuple[str, str]:
    """Tone and words of what came of it."""
    if made is None:
        return "plain", _("There is a reminder already, or it is not due any more.")
    if made:
        return "good", _("The reminder is made. It names a day and this clinic, and never says what the visit is for.")
    text = _(
        "The reminder stands on the clinic's list. No message will be sent: she did not agree to any, or has no telephone."
    )
    return "plain", text


def referral(patient: str) -> str:
    """The address of the form for referrals; empty where this program has none."""
    path = next((sheet.path for sheet in SHEETS if sheet.name == REFERRAL), "")
    return path.replace("{id_}", patient)


def read_case(store: Store, sight: Sight, id_: str, now_ms: int) -> Read:
    """A pregnancy's page out of the store. Raises NotFound, also of somebody whose page has no pregnancy to tell of."""
    everything = [stored for stored in store.everything(id_) if sight.sees(stored)]
    today = dates.local_day(now_ms)
    case = pregnancy_reading.of_patient(store, everything, today)
    if case.card is None and not case.may:
        raise NotFound()
    whose = likeness.person(id_, decode(everything[0].body or b"{}"), today)
    drawn = pregnancy_reading.drawn(case.pregnancy) if case.pregnancy is not None else []
    return Read(everything[0].key, whose, case, drawn)
