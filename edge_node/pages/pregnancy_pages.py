"""`/patients/{id}/pregnancy`: everything about one pregnancy, what was found first. Each form of it leads here."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.errors import NotFound
from edge_node.forms.context import decode
from edge_node.forms.parsing import Found
from edge_node.pages import dates, pregnancy_reading, words
from edge_node.pages.desk import Desk
from edge_node.pages.pregnancy_reading import Case, Drawn
from edge_node.pages.sheets import SHEETS
from edge_node.store.store import Store

REFERRAL = "referral"
"""The name of the form for referrals, which is offered when something refers at once."""


class Read(msgspec.Struct, frozen=True):
    """One reading of a pregnancy's page."""

    key: int
    whose: Found
    case: Case
    charts: list[Drawn]


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/pregnancy")
    async def one(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        author = desk.author(request)
        read: Read = await desk.threads.search(read_case, desk.store, id_, desk.now_ms())
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
        )

    return [one]


def referral(patient: str) -> str:
    """The address of the form for referrals; empty where this program has none."""
    path = next((sheet.path for sheet in SHEETS if sheet.name == REFERRAL), "")
    return path.replace("{id_}", patient)


def read_case(store: Store, id_: str, now_ms: int) -> Read:
    """A pregnancy's page out of the store. Raises NotFound, also of somebody whose page has no pregnancy to tell of."""
    everything = store.everything(id_)
    today = dates.local_day(now_ms)
    case = pregnancy_reading.of_patient(store, everything, today)
    if case is None:
        raise NotFound()
    patient = decode(everything[0].body or b"{}")
    name = words.human_name(patient.get("name"))
    about = words.joined([words.age(patient, today), words.village(patient)], " · ")
    drawn = pregnancy_reading.drawn(case.pregnancy) if case.pregnancy is not None else []
    return Read(everything[0].key, Found(id_, name, about), case, drawn)
