"""`/patients/{id}/referrals/{request}`: a referral as a letter, to be printed and given along, with the code of her card."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.forms.care.referral import URGENCIES, is_referral
from edge_node.forms.context import decode
from edge_node.language import Text, clinical
from edge_node.maternal.reading import VOID, state, target
from edge_node.pages import card_numbers, card_pages, codes_on_cards, dates, records, words
from edge_node.pages import patient as arranging
from edge_node.pages.desk import Desk
from edge_node.pages.lines import Line
from edge_node.pages.patient_pages import Naming
from edge_node.store.model import Stored

RECENT: Final = 12
"""Results and measurements of so many kinds: a letter is one page."""


class Letter(msgspec.Struct, frozen=True):
    """All that a letter says. `lines`: title and lines of each part of the record that it tells."""

    key: int
    patient: str
    who: arranging.Identity
    number: str
    code: str
    to: str
    sender: str
    by: str
    when: str
    urgency: Text | str
    reason: str
    done: tuple[str, ...]
    asked: str
    parts: tuple[tuple[str, tuple[Line, ...]], ...]


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/referrals/{request_id:str}")
    async def letter(request: Request[Any, Any, Any], id_: FromPath[str], request_id: FromPath[str]) -> Response[Any]:
        caller = desk.reader(request, id_)
        read: Letter = await desk.threads.search(_letter, desk, caller.sight, id_, request_id)
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "read", read.key)
        return await desk.page(request, caller.author, "letter.html", here="patients", letter=read)

    return [letter]


def _letter(desk: Desk, sight: Sight, id_: str, request_id: str) -> Letter:
    """Raises NotFound of what is no referral of hers."""
    everything = [one for one in desk.store.everything(id_) if one.body is not None and sight.sees(one)]
    mine = next((one for one in everything if one.type == "ServiceRequest" and one.id == request_id), None)
    request = decode(mine.body) if mine is not None and mine.body is not None else {}
    if not is_referral(request):
        raise NotFound()
    today = dates.local_day(desk.now_ms())
    naming = Naming(desk.store, everything)
    patient = words.decode(everything[0].body or b"{}")
    number = card_pages.card_number(patient)
    known, _told = desk.standing()
    performer: Mapping[str, Any] = next(iter(request.get("performer") or []), {})
    priority = str(request.get("priority", ""))
    return Letter(
        everything[0].key,
        id_,
        arranging.identity(everything[0].id, patient, naming, today, ""),
        card_numbers.grouped(number) if number else "",
        codes_on_cards.drawn(number) if number else "",
        to=naming(target(performer)) or str(performer.get("display", "")),
        sender=known.place,
        by=str((request.get("requester") or {}).get("display", "")),
        when=dates.day(request.get("authoredOn")),
        urgency=next((choice.label for choice in URGENCIES if choice.value == priority), ""),
        reason=words.concept(request.get("reasonCode")),
        done=tuple(str(one.get("text", "")) for one in request.get("note") or []),
        asked=words.concept(request.get("orderDetail")),
        parts=tuple(_parts(everything, naming, today)),
    )


def _parts(everything: Sequence[Stored], naming: Naming, today: date) -> Any:
    """Allergies first, then what holds now, then what was found last."""
    read = [(one, words.decode(one.body or b"{}")) for one in everything if one.type != "Patient"]
    held = [(one, resource) for one, resource in read if state(resource) not in VOID]
    yield clinical("Allergies"), _in_force(held, naming, "AllergyIntolerance")
    yield clinical("Problems"), _in_force(held, naming, "Condition")
    yield clinical("Medicines"), _in_force(held, naming, "MedicationRequest", "MedicationStatement")
    yield clinical("Last measurements and results"), _latest(held, naming)


def _in_force(held: Sequence[tuple[Stored, Mapping[str, Any]]], naming: Naming, *types: str) -> tuple[Line, ...]:
    lines = [records.line(one.type, dict(resource), naming) for one, resource in held if one.type in types]
    return tuple(sorted((line for line in lines if not line.over and not line.wrong), key=lambda line: line.what))


def _latest(held: Sequence[tuple[Stored, Mapping[str, Any]]], naming: Naming) -> tuple[Line, ...]:
    """The last of each kind of measurement and result."""
    found: dict[str, Line] = {}
    lines = [records.line(one.type, dict(resource), naming) for one, resource in held if one.type == "Observation"]
    for line in sorted(lines, key=lambda line: line.sort):
        found[line.what] = line
    return tuple(sorted(found.values(), key=lambda line: line.sort, reverse=True)[:RECENT])
