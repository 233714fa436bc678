"""`/today`, what there is to do; `/lists/{name}`, one list: narrowed to a village, printed, downloaded, called through, reminded.

A list shows names with reasons, so reading one is audited as such: one entry with the list's name and how many it showed. Where somebody is
in a list, and which village, is sealed into addresses.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.access import Caller
from edge_node.api.outcome import Refused
from edge_node.api.routes import ID
from edge_node.errors import AlreadySubmitted, Forbidden, NotFound
from edge_node.fhir.query import parse_query
from edge_node.forms.consents import agrees
from edge_node.language import _, ngettext
from edge_node.pages import dates, lists, reminding, rendering, words
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for, posted
from edge_node.pages.lists import LISTS, Line, List, Read
from edge_node.store.model import Once, Write
from edge_node.store.rows import instant
from edge_node.store.state import whereabouts
from edge_node.store.store import Store
from edge_node.store.trail import Action

CSV: Final = "text/csv; charset=utf-8"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Asked(msgspec.Struct, frozen=True):
    """Where somebody is in a list: of one village, or of all; from which place on."""

    village: str = ""
    skip: int = 0


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    return [*_reading(desk), *_acting(desk)]


def may_read(caller: Caller, list_: List) -> bool:
    """Whether all that a list shows is for her role."""
    sight = caller.sight
    return sight.may("see-patients") and (
        all(sight.sees_type(type_) for type_ in list_.types) if list_.types else sight.sees_all
    )


def _list(desk: Desk, request: Request[Any, Any, Any], name: str) -> tuple[Caller, List]:
    """Who is asking, and for which list. Raises NotFound, Forbidden."""
    caller = desk.caller(request, "see-patients")
    list_ = LISTS.get(name)
    if list_ is None:
        raise NotFound()
    if not may_read(caller, list_):
        raise Forbidden("This is not for your role")
    return caller, list_


def _asked(desk: Desk, request: Request[Any, Any, Any], caller: Caller) -> Asked:
    cursor = asked_for(request).get("at", "")
    return desk.parts.service.sealer.open(cursor, caller.author.user, Asked) if cursor else Asked()


def _reading(desk: Desk) -> list[Any]:
    sealer = desk.parts.service.sealer

    @get("/today")
    async def today(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "see-patients")
        mine = [one for one in LISTS.values() if may_read(caller, one)]
        left = await desk.parts.lists.a_little()
        names = [one.name for one in mine]
        found = await desk.threads.search(lists.numbers, desk.store, names, desk.now_ms(), _facility(desk))
        shown = [one for one in mine if found[one.name] or one.name not in lists.ONLY_IF_ANY]
        page: dict[str, Any] = {
            "lists": shown,
            "numbers": found,
            "left": left,
            "day": dates.calendar_day(desk.parts.lists.today()),
        }
        return await desk.page(request, caller.author, "today.html", here="today", **page)

    @get("/lists/{name:str}")
    async def one(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
        caller, list_ = _list(desk, request, name)
        asked = _asked(desk, request, caller)
        left = await desk.parts.lists.a_little()
        found: Read = await desk.threads.search(_read, desk, list_, asked, news=caller.sight.sees_type("Communication"))
        await _audit(desk, caller, "list", list_, len(found.lines))
        user, until = caller.author.user, asked.skip + len(found.lines)
        page: dict[str, Any] = {
            "list": list_,
            "found": found,
            "asked": asked,
            "until": until,
            "left": left,
            "day": dates.calendar_day(desk.parts.lists.today()),
            "at": sealer.seal(asked, user),
            "following": sealer.seal(Asked(asked.village, until), user) if until < found.total else "",
            "beginning": sealer.seal(Asked(asked.village), user) if asked.skip else "",
            "token": desk.parts.service.new_id(),
            "reminds": list_.remind and caller.sight.writes_type("Task"),
            "calls": caller.sight.writes_type("Communication"),
        }
        return await desk.page(request, caller.author, "list.html", here="today", **page)

    @post("/lists/{name:str}", status_code=200)
    async def narrow(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
        caller = _list(desk, request, name)[0]
        village = (await posted(request)).get("village", "")[:200]
        return rendering.redirect(f"/lists/{name}?at={sealer.seal(Asked(village), caller.author.user)}")

    @get("/lists/{name:str}/download")
    async def download(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
        caller, list_ = _list(desk, request, name)
        await desk.parts.lists.a_little()
        whole = Asked(_asked(desk, request, caller).village)
        found: Read = await desk.threads.search(_read, desk, list_, whole, lists.DOWNLOADED_MAX)
        await _audit(desk, caller, "list-download", list_, len(found.lines))
        named = f'attachment; filename="{list_.name}-{desk.parts.lists.today().isoformat()}.csv"'
        headers = {**rendering.HEADERS, "content-disposition": named}
        return Response(as_csv(list_, found.lines), media_type=CSV, headers=headers)

    return [today, one, narrow, download]


def _acting(desk: Desk) -> list[Any]:
    @post("/lists/{name:str}/call", status_code=200)
    async def call(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
        caller = _list(desk, request, name)[0]
        caller.sight.check_writes("Communication")
        sent = await posted(request)
        patient, how, token = sent.get("patient", ""), sent.get("how", ""), sent.get("token", "")
        back = _back(name, sent)
        if not (ID(patient) and ID(token) and how in ("reached", "not-reached")):
            raise Refused(400, "value", "This says nothing about anybody", "Go back and press the button again")
        stored = desk.store.read("Patient", patient)
        if stored is None or stored.gone:
            raise NotFound()
        new_id, moment = desk.parts.service.new_id(), instant(desk.now_ms())
        write = reminding.contact(new_id, patient, moment, reached=how == "reached")
        await _save(desk, caller, [write], Once(f"{token}.{patient}.{how}", back))
        name_ = words.human_name(words.decode(stored.body or b"{}").get("name"))
        said = _("Noted: %(name)s was reached.") if how == "reached" else _("Noted: %(name)s was not reached.")
        desk.tell(caller.author, "good", said % {"name": name_})
        return rendering.redirect(back)

    @post("/lists/{name:str}/remind", status_code=200)
    async def remind(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
        caller, list_ = _list(desk, request, name)
        if not list_.remind:
            raise NotFound()
        for type_ in ("Task", "CommunicationRequest"):
            caller.sight.check_writes(type_)
        sent = await posted(request)
        if not ID(sent.get("token", "")):
            raise Refused(400, "value", "This is not what our form sends", "Go back and press the button again")
        asked = desk.parts.service.sealer.open(sent.get("at", ""), caller.author.user, Asked)
        await desk.parts.lists.a_little()
        found: Read = await desk.threads.search(_read, desk, list_, asked)
        made, told = await desk.threads.search(_reminders, desk, found.lines)
        back = _back(name, sent)
        if made:
            ids = [desk.parts.service.new_id() for _each in range(2 * len(made))]
            await _save(desk, caller, reminding.writes(made, ids), Once(f"{sent['token']}.remind", back))
        desk.tell(caller.author, "good" if made else "plain", told)
        return rendering.redirect(back)

    return [call, remind]


def _facility(desk: Desk) -> str:
    with desk.store.reading() as connection:
        return whereabouts(connection)[1]


def _read(desk: Desk, list_: List, asked: Asked, count: int = lists.ON_A_PAGE, *, news: bool = False) -> Read:
    return lists.read(
        desk.store, list_, asked.village, asked.skip, desk.now_ms(), facility=_facility(desk), count=count, news=news
    )


async def _audit(desk: Desk, caller: Caller, action: Action, list_: List, rows: int) -> None:
    detail = {"list": list_.name, "rows": rows}
    await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), action, detail=detail)


def _back(name: str, sent: Mapping[str, str]) -> str:
    """The page of the list that the form was on."""
    at = sent.get("at", "")
    return f"/lists/{name}?at={at}" if at and at.replace("-", "").replace("_", "").isalnum() else f"/lists/{name}"


async def _save(desk: Desk, caller: Caller, writes: Sequence[Write], once: Once) -> None:
    """Writes, once: pressed twice, it was done the first time."""
    try:
        await desk.threads.write(desk.store.write, writes, caller.author, desk.now_ms(), once=once)
    except AlreadySubmitted:
        return
    desk.parts.feed.changed()


def _reminders(desk: Desk, lines: Sequence[Line]) -> tuple[list[reminding.Reminder], str]:
    """The reminders of a page, and in words for whom there is none, and why."""
    store, now_ms = desk.store, desk.now_ms()
    made: list[reminding.Reminder] = []
    silent = unreachable = already = 0
    for line in lines:
        stored = store.read("Patient", line.person.id)
        one = reminding.reminder(line, stored, desk.parts.lists.today()) if stored is not None else None
        if one is None:
            continue
        if not line.person.phone:
            unreachable += 1
        elif not agrees(_found(store, "Consent", [("patient", f"Patient/{line.person.id}")], now_ms)):
            silent += 1
        elif _found(store, "Task", [("identifier", f"{one.system}|{one.key}"), ("status", "requested")], now_ms):
            already += 1
        else:
            made.append(one)
    counted = (
        (len(made), ngettext("%(count)s reminder is made.", "%(count)s reminders are made.", len(made))),
        (already, ngettext("%(count)s was made before.", "%(count)s were made before.", already)),
        (silent, ngettext("%(count)s has not agreed to reminders.", "%(count)s have not agreed to reminders.", silent)),
        (unreachable, ngettext("%(count)s has no telephone.", "%(count)s have no telephone.", unreachable)),
    )
    said = " ".join(text for number, text in counted if number)
    return made, said or _("There is nobody here to be reminded.")


def _found(store: Store, type_: str, pairs: list[tuple[str, str]], now_ms: int) -> list[words.Object]:
    query = parse_query(type_, [*pairs, ("_count", "50")], now_ms=now_ms)
    return [words.decode(one.body) for one in store.search(query).found if one.body is not None]


def as_csv(list_: List, lines: Sequence[Line]) -> str:
    """A list for a spreadsheet. What a spreadsheet would take for a formula is marked as text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(
        [_("Name"), _("Number"), _("Age"), _("Lives in"), _("Telephone"), str(list_.day), _("What"), _("Call")]
    )
    for line in lines:
        who = line.person
        cells = [who.name, who.number, who.age, who.village, who.phone, line.day, "; ".join(line.what), line.reached]
        writer.writerow([_cell(text) for text in cells])
    return "\N{BYTE ORDER MARK}" + file.getvalue()


def _cell(text: str) -> str:
    """Source: OWASP, CSV injection. A telephone number in international form is no formula that does anything, and stays."""
    if text.startswith("+") and text[1:].replace(" ", "").replace("-", "").isdigit():
        return text
    return f"'{text}" if text.startswith(_FORMULA) else text
