"""`/patients/{id}/same`: who may be the same person, why, both side by side, merging; `/patients/{id}/part-again`: undoing it.

Nothing is merged by itself: a person looks at both records, and says which goes on (`edge_node/same_person.py`).
"""

from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node import same_person
from edge_node.errors import Forbidden, InvalidResource, NotFound
from edge_node.language import _
from edge_node.pages import dates, likeness, patient_pages, people, rendering, words
from edge_node.pages import patient as arranging
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted
from edge_node.pages.likeness import Alike
from edge_node.pages.words import decode
from edge_node.store.model import Author, Stored
from edge_node.store.store import Store

SHOWN_MAX: Final = 8


class Side(msgspec.Struct, frozen=True):
    """One of two records. `records`: how many are kept under it; `last`: when the latest of them came here."""

    id: str
    version: str
    name: str
    about: str
    records: int
    last: str


class Row(msgspec.Struct, frozen=True):
    """One thing that is told of both; `differs`: not the same."""

    name: str
    values: tuple[str, str]
    differs: bool


class Compared(msgspec.Struct, frozen=True):
    """Two records side by side."""

    sides: tuple[Side, Side]
    rows: tuple[Row, ...]


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    return [*_choosing(desk), *_merging(desk)]


def _choosing(desk: Desk) -> list[Any]:
    async def shown(request: Request[Any, Any, Any], id_: str, asked: str) -> Response[Any]:
        caller = _allowed(desk, request)
        who, found = await desk.threads.search(candidates, desk.store, id_, asked, desk.now_ms())
        return await desk.page(request, caller, "same.html", here="patients", who=who, found=found, asked=asked, id=id_)

    @get("/patients/{id_:str}/same")
    async def alike(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        return await shown(request, id_, "")

    @post("/patients/{id_:str}/same", status_code=200)
    async def named(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        _allowed(desk, request)
        sent = await posted(request)
        return await shown(request, id_, people.plain(sent.get("find", "")))

    @get("/patients/{id_:str}/same/{other:str}")
    async def beside(request: Request[Any, Any, Any], id_: FromPath[str], other: FromPath[str]) -> Response[Any]:
        author = _allowed(desk, request)
        found = await desk.threads.search(compared, desk.store, id_, other, desk.now_ms())
        for side in found.sides:
            await desk.looked_at(author, side.id)
        return await desk.page(request, author, "compared.html", here="patients", found=found, id=id_)

    return [alike, named, beside]


def _merging(desk: Desk) -> list[Any]:
    @post("/patients/{id_:str}/same/{other:str}", status_code=200)
    async def merge(request: Request[Any, Any, Any], id_: FromPath[str], other: FromPath[str]) -> Response[Any]:
        author = _allowed(desk, request)
        sent = await posted(request)
        keep = sent.get("keep", "")
        if keep not in (id_, other):
            raise NotFound()
        gone = other if keep == id_ else id_
        seen = (sent.get(f"version-{keep}", ""), sent.get(f"version-{gone}", ""))
        try:
            await desk.threads.write(_merge, desk, author, keep, gone, seen)
        except InvalidResource:
            desk.tell(
                author,
                "bad",
                _("Not put together: one of the two was put together with another one, or changed, meanwhile."),
            )
            return rendering.redirect(f"/patients/{id_}/same")
        desk.parts.feed.changed()
        desk.tell(
            author,
            "good",
            _("The two records are now shown as one. Nothing was lost; you can take them apart again here."),
        )
        return rendering.redirect(f"/patients/{keep}")

    @post("/patients/{id_:str}/part-again", status_code=200)
    async def part(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        author = _allowed(desk, request)
        other = (await posted(request)).get("other", "")
        try:
            await desk.threads.write(_part, desk, author, id_, other)
        except InvalidResource:
            desk.tell(
                author,
                "plain",
                _("These two are apart already, or were put together through a third record: open that one."),
            )
        else:
            desk.parts.feed.changed()
            desk.tell(
                author, "good", _("They are two people again. What was written since stays where it was written.")
            )
        return rendering.redirect(f"/patients/{id_}")

    return [merge, part]


def _allowed(desk: Desk, request: Request[Any, Any, Any]) -> Author:
    """Who merges. Raises Forbidden for those who do not, or do not see whole records: both are looked at first."""
    caller = desk.caller(request, "merge")
    if not (caller.sight.sees_all and caller.sight.writes_type("Patient")):
        raise Forbidden("This is not for your role")
    return caller.author


def _present(store: Store, id_: str) -> Stored:
    stored = store.read("Patient", id_)
    if stored is None or stored.gone or stored.body is None:
        raise NotFound()
    return stored


def candidates(store: Store, id_: str, asked: str, now_ms: int) -> tuple[Alike, tuple[Alike, ...]]:
    """The patient, and who may be the same person: those that are alike, or those of a name or number that was typed."""
    today = dates.local_day(now_ms)
    patient = _present(store, id_)
    mine = people.person(patient, today)
    if asked:
        others = (
            people.person(one, today) for one in store.find_patients(asked, SHOWN_MAX, today=today) if one.id != id_
        )
        found = tuple(Alike(one.id, one.name, likeness.about(one)) for one in others)
    else:
        found = likeness.like(store, decode(patient.body or b"{}"), SHOWN_MAX, today)
    return Alike(mine.id, mine.name, likeness.about(mine)), found


def compared(store: Store, id_: str, other: str, now_ms: int) -> Compared:
    """Two records side by side. Raises NotFound."""
    if id_ == other:
        raise NotFound()
    today = dates.local_day(now_ms)
    pair = (_present(store, id_), _present(store, other))
    facts = [_facts(store, one, now_ms) for one in pair]
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows = tuple(
        Row(
            name,
            (facts[0].get(name, ""), facts[1].get(name, "")),
            _differs(facts[0].get(name, ""), facts[1].get(name, "")),
        )
        for name in names
    )
    sides = [_side(store, one, today, now_ms) for one in pair]
    return Compared((sides[0], sides[1]), rows)


def _differs(one: str, other: str) -> bool:
    return bool(one and other) and one.casefold() != other.casefold()


def _facts(store: Store, one: Stored, now_ms: int) -> dict[str, str]:
    patient = decode(one.body or b"{}")
    naming = patient_pages.Naming(store, [one])
    who = arranging.identity(one.id, patient, naming, dates.local_day(now_ms), "")
    told = {_("Name"): who.name, _("Sex"): who.sex, _("Age"): who.age, _("Born"): who.born, _("Died"): who.died}
    told |= {name: words.joined(values, "; ") for name, values in who.facts}
    return {name: said for name, said in told.items() if said}


def _side(store: Store, one: Stored, today: date, now_ms: int) -> Side:
    person = people.person(one, today)
    everything = store.everything(one.id)
    last = dates.moment(max(each.updated_ms for each in everything), now_ms)
    return Side(one.id, one.version, person.name, likeness.about(person), len(everything), last)


# --- on the writing thread: nothing comes between looking and writing ---------------------------------------------------


def _merge(desk: Desk, author: Author, keep: str, gone: str, seen: tuple[str, str]) -> None:
    """Raises InvalidResource when the records are not those that were looked at, or cannot be merged; NotFound."""
    kept, other = _present(desk.store, keep), _present(desk.store, gone)
    if (kept.version, other.version) != seen:
        raise InvalidResource([], "Changed meanwhile")
    desk.store.write(same_person.merge(kept, other), author, desk.now_ms())


def _part(desk: Desk, author: Author, id_: str, other: str) -> None:
    """Raises InvalidResource when they are not merged; NotFound."""
    desk.store.write(same_person.part(_present(desk.store, id_), _present(desk.store, other)), author, desk.now_ms())
