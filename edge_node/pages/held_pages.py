"""`/held`: what was put aside: seen, tried again, put right, thrown away with a reason, or sent on as a report."""

from collections.abc import Mapping
from importlib.metadata import version as version_of
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.access import Caller
from edge_node.api.sight import HINT, Sight
from edge_node.errors import Forbidden, NotFound
from edge_node.forms.parsing import Questions
from edge_node.language import N_, Text, _
from edge_node.pages import dates, put_aside, rendering, repairing, sending
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted
from edge_node.pages.put_aside import Item
from edge_node.pages.repairing import Spot
from edge_node.pages.sending import Entered
from edge_node.store import aside
from edge_node.store.aside import Aside, Outcome
from edge_node.store.model import Author
from edge_node.store.store import Store

_SAID: Final[Mapping[Outcome, tuple[str, Text]]] = {
    "taken": ("good", N_("It is in the records now.")),
    "refused": ("bad", N_("It could not be taken in this time either. It stays here.")),
    "present": ("bad", N_("A record with this number is here already and says something else. Nothing was changed.")),
}


class Repair(Entered, frozen=True):
    """A repair as it is drawn."""

    item: Item
    spots: tuple[Spot, ...]
    questions: Questions = Questions()
    lists: Mapping[str, tuple[str, ...]] = {}


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    return [*_seen(desk), *_settled(desk), *_repaired(desk)]


def _seen(desk: Desk) -> list[Any]:
    @get("/held")
    async def listed(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "see-quarantine")
        now = desk.now_ms()
        items = await desk.threads.search(put_aside.items, desk.store, caller.sight, now)
        refused = await desk.threads.search(put_aside.refused, desk.store, caller.sight)
        await desk.threads.write(desk.store.record, caller.author, now, "put-aside-read")
        return await desk.page(request, caller.author, "held.html", here="sync", items=items, refused=refused)

    @get("/held/report")
    async def report(request: Request[Any, Any, Any]) -> Response[str]:
        caller = desk.caller(request, "see-quarantine")
        now = desk.now_ms()
        text = await desk.threads.search(put_aside.report, desk.store, version_of("medtech-edge"), now)
        await desk.threads.write(desk.store.record, caller.author, now, "put-aside-report")
        headers = {**rendering.HEADERS, "content-disposition": 'attachment; filename="put-aside.txt"'}
        return Response(text, media_type="text/plain; charset=utf-8", headers=headers)

    return [listed, report]


def _settled(desk: Desk) -> list[Any]:
    @post("/held/{number:int}/again", status_code=200)
    async def again(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
        caller = desk.caller(request, "see-quarantine")
        one = await desk.threads.search(_one, desk.store, number)
        _check_writes(caller, one)
        return await _tried(desk, caller.author, number, None)

    @post("/held/{number:int}/discard", status_code=200)
    async def discard(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
        caller = desk.caller(request, "see-quarantine")
        _check_writes(caller, await desk.threads.search(_one, desk.store, number))
        reason = (await posted(request)).get("reason", "").strip()
        if not reason:
            desk.tell(caller.author, "bad", _("Nothing was thrown away: write the reason first."))
            return rendering.redirect("/held")
        await desk.threads.write(_discard, desk, number, reason, caller.author)
        desk.tell(caller.author, "good", _("Thrown away. The reason is kept."))
        return rendering.redirect("/held")

    return [again, discard]


def _repaired(desk: Desk) -> list[Any]:
    @get("/held/{number:int}", name="repair shown")
    async def shown(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
        caller = desk.caller(request, "see-quarantine")
        one, found = await desk.threads.search(_repairable, desk.store, caller.sight, number)
        item = await desk.threads.search(put_aside.item, desk.store, caller.sight, one, desk.now_ms())
        repair = Repair(repairing.start(found), item, found)
        return await desk.page(request, caller.author, "repair.html", here="sync", repair=repair)

    @post("/held/{number:int}", status_code=200, name="repair sent")
    async def sent(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
        caller = desk.caller(request, "see-quarantine")
        typed = (await sending.posted(request)).values
        one, found = await desk.threads.search(_repairable, desk.store, caller.sight, number)
        made = repairing.repaired(one.resource or {}, found, typed, dates.local_day(desk.now_ms()))
        if isinstance(made, Questions):
            item = await desk.threads.search(put_aside.item, desk.store, caller.sight, one, desk.now_ms())
            repair = Repair(typed, item, found, made)
            return await desk.page(request, caller.author, "repair.html", here="sync", status=422, repair=repair)
        return await _tried(desk, caller.author, number, made)

    return [shown, sent]


async def _tried(desk: Desk, author: Author, number: int, corrected: bytes | None) -> Response[Any]:
    outcome: Outcome = await desk.threads.write(_again, desk, number, author, corrected)
    if outcome == "taken":
        desk.parts.feed.changed()
    tone, text = _SAID[outcome]
    desk.tell(author, tone, str(text))
    return rendering.redirect("/held")


def _check_writes(caller: Caller, one: Aside) -> None:
    """Who may take it in or throw it away: who writes such records, or who reads files in. Raises Forbidden."""
    if not (caller.sight.may("import-export") or (one.type and caller.sight.writes_type(one.type))):
        raise Forbidden("This is not for your role", hint=HINT)


def _one(store: Store, number: int) -> Aside:
    with store.snapshot() as connection:
        return aside.one(connection, number)


def _repairable(store: Store, sight: Sight, number: int) -> tuple[Aside, tuple[Spot, ...]]:
    """What can be put right by who has this sight. Raises NotFound when nothing can."""
    one = _one(store, number)
    if not one.type or not (sight.sees_type(one.type) and sight.writes_type(one.type)):
        raise Forbidden("Records of this kind are not for your role to write", hint=HINT)
    found = repairing.spots(one.type, one.resource or {}, one.issues)
    if not found:
        raise NotFound()
    return one, found


def _again(desk: Desk, number: int, author: Author, corrected: bytes | None) -> Outcome:
    with desk.store.writing() as connection:
        return aside.again(connection, number, author, desk.now_ms(), desk.parts.service.new_id, corrected)


def _discard(desk: Desk, number: int, reason: str, author: Author) -> None:
    with desk.store.transaction() as connection:
        aside.discard(connection, number, reason, author, desk.now_ms())
