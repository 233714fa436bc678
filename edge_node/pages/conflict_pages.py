"""`/conflicts`: what waits for a clinician; `/conflicts/{type}/{id}`: one of them, where something else can be written; their settling."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.access import Caller
from edge_node.api.node import Choice, may_settle, settle
from edge_node.api.outcome import Refused
from edge_node.api.sight import Sight
from edge_node.errors import InvalidResource, NotFound, VersionConflict
from edge_node.forms.parsing import Problem, Questions
from edge_node.forms.reading import Sent
from edge_node.language import N_, _
from edge_node.pages import contradictions, dates, people, rendering, sending, whose, words
from edge_node.pages.another_value import Way, ways, written
from edge_node.pages.desk import Desk
from edge_node.pages.disputes import Dispute, dispute, written_here
from edge_node.pages.elements import nobody
from edge_node.pages.forms import asked_for, posted, safe_next
from edge_node.pages.sending import Entered, Sending
from edge_node.pages.words import Naming
from edge_node.store.model import Author, OpenConflict, Stored
from edge_node.store.store import Store
from sync_protocol.policy import needs_review

LISTED_MAX = 50
CHANGED = N_("Nothing was changed: the record was changed while you looked at it. Look again, then choose.")


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/conflicts")
    async def inbox(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        found = await desk.threads.search(of_all, desk.store, caller.sight, desk.now_ms())
        others: list[contradictions.Shown] = []
        if caller.sight.sees_all:
            others = await desk.threads.search(contradictions.of_all, desk.store, desk.now_ms())
        return await desk.page(
            request, caller.author, "conflicts.html", here="conflicts", disputes=found, contradictions=others
        )

    @post("/conflicts", status_code=200)
    async def choose(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        sent = await posted(request)
        author = may_settle(caller, sent.get("type", ""))
        said = _("Settled. What you chose now stands; the other is kept in the history.")
        await _settle(desk, author, sent.get("type", ""), sent.get("id", ""), _choice(sent), said)
        return rendering.redirect(safe_next(sent.get("next")))

    return [inbox, choose, *_one(desk)]


def _one(desk: Desk) -> list[Any]:
    @get("/conflicts/{type_:str}/{id_:str}", name="one conflict")
    async def one(request: Request[Any, Any, Any], type_: FromPath[str], id_: FromPath[str]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        may_settle(caller, type_)
        asked = asked_for(request)
        following = safe_next(asked.get("next")) if asked.get("next") else "/conflicts"
        at = Asked(type_, id_, asked.get("element", ""), following)
        return await _shown(desk, request, caller, at)

    @post("/conflicts/{type_:str}/{id_:str}", status_code=200, name="something else written")
    async def write(request: Request[Any, Any, Any], type_: FromPath[str], id_: FromPath[str]) -> Response[Any]:
        caller = desk.caller(request, "settle")
        author = may_settle(caller, type_)
        sent = await sending.posted(request)
        at = Asked(type_, id_, sent.one("element"), safe_next(sent.one("next")))
        found = await desk.threads.search(_open, desk.store, at)
        if found is None:
            desk.tell(author, "plain", _("Somebody has settled this already."))
            return rendering.redirect(at.next)
        made, way = _typed(found, sent, dates.local_day(desk.now_ms()))
        if isinstance(made, Questions):
            return await _shown(desk, request, caller, at, Again(way, sent.values, made))
        choice = Choice(at.element, sent.one("version"), value=msgspec.Raw(made))
        said = _("Settled. What you wrote now stands; the others are kept in the history.")
        try:
            await _settle(desk, author, type_, id_, choice, said)
        except InvalidResource:
            problem = Problem(way.leaves[0].field.name, N_("This cannot stand there. Look at it again."))
            return await _shown(desk, request, caller, at, Again(way, sent.values, Questions((problem,))))
        return rendering.redirect(at.next)

    return [one, write]


async def _settle(desk: Desk, author: Author, type_: str, id_: str, choice: Choice, said: str) -> None:
    """Settles a conflict, and tells what came of it: `said`, or why not. Raises InvalidResource for a value that cannot stand there."""
    try:
        await desk.threads.write(settle, desk.parts.service, author, type_, id_, choice)
    except VersionConflict:
        desk.tell(author, "bad", str(CHANGED))
    except NotFound:
        desk.tell(author, "plain", _("Somebody has settled this already."))
    else:
        desk.parts.feed.changed()
        desk.tell(author, "good", said)


class Asked(msgspec.Struct, frozen=True):
    """Which conflict a page is about, and where it leads. `element`: its key."""

    type: str
    id: str
    element: str
    next: str


class Again(msgspec.Struct, frozen=True):
    """A way that was filled in and not taken: what stood in it, and what is asked."""

    way: Way
    values: Sent
    questions: Questions


class Filled(Entered, frozen=True):
    """A way as it is drawn."""

    way: Way
    questions: Questions = Questions()

    @property
    def lists(self) -> Mapping[str, tuple[str, ...]]:
        """Suggestions."""
        return self.way.lists


async def _shown(
    desk: Desk, request: Request[Any, Any, Any], caller: Caller, at: Asked, again: Again | None = None
) -> Response[Any]:
    read = await desk.threads.search(_read_one, desk.store, caller.sight, at, desk.now_ms())
    if read is None:
        desk.tell(caller.author, "plain", _("Somebody has settled this already."))
        return rendering.redirect(at.next)
    told, found = read
    filled = [
        Filled(again.values, way, again.questions)
        if again and again.way.number == way.number
        else Filled(way.start, way)
        for way in ways(found.type, found.element, found.values)
    ]
    return await desk.page(
        request,
        caller.author,
        "conflict.html",
        here="conflicts",
        status=422 if again else 200,
        dispute_=told,
        ways=filled,
        next=at.next,
    )


def _open(store: Store, at: Asked) -> OpenConflict | None:
    return next((one for one in store.disagreements(at.type, at.id) if one.element == at.element), None)


def _read_one(store: Store, sight: Sight, at: Asked, now_ms: int) -> tuple[Dispute, OpenConflict] | None:
    found = _open(store, at)
    return (_with_patient(store, sight, found, now_ms), found) if found is not None else None


def _typed(found: OpenConflict, sent: Sending, today: date) -> tuple[bytes | Questions, Way]:
    """What was typed, in which of the shapes. Raises Refused when it is in none."""
    number = sent.one("way")
    way = next((one for one in ways(found.type, found.element, found.values) if str(one.number) == number), None)
    if way is None:
        raise Refused(400, "value", "Nothing was written", "Go back and write it again")
    return written(way, sent.values, today), way


def _choice(sent: dict[str, str]) -> Choice:
    """What was chosen on the form. Raises Refused."""
    element, version = sent.get("element", ""), sent.get("version", "")
    if sent.get("keep") in ("yes", "no"):
        return Choice(element, version, keep=sent["keep"] == "yes")
    number = sent.get("choose", "")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise Refused(400, "value", _("Nothing was chosen"), _("Go back and choose one of the values"))
    return Choice(element, version, choose=int(number))


def of_patient(store: Store, disputed: Sequence[Stored], naming: Naming, now_ms: int) -> list[Dispute]:
    """The open conflicts of some records."""
    told = []
    for stored in disputed:
        found = [one for one in store.disagreements(stored.type, stored.id) if needs_review(one.type, one.element)]
        resource = words.decode(stored.body) if stored.body is not None else {}
        told += _told(store, found, resource, naming, now_ms)
    return told


def of_all(store: Store, sight: Sight, now_ms: int) -> list[Dispute]:
    """The inbox of who has this sight, oldest first, each with whose it is: those that are hers to settle."""
    return [_with_patient(store, sight, one, now_ms) for one in store.conflicts(LISTED_MAX, sight.writes_type)]


def _with_patient(store: Store, sight: Sight, one: OpenConflict, now_ms: int) -> Dispute:
    """A conflict, whose it is, and what bears on it."""
    stored = store.read(one.type, one.id)
    resource = words.decode(stored.body) if stored is not None and stored.body is not None else {}
    patient_id = people.patient_of(one.type, one.id, resource)
    patient = store.read("Patient", patient_id) if patient_id else None
    (told,) = _told(store, [one], resource, nobody, now_ms)
    return msgspec.structs.replace(
        told,
        patient_id=patient_id if patient is not None else "",
        patient=people.called(patient),
        whose=whose.line(store, sight, patient_id, dates.local_day(now_ms)) if patient is not None else "",
    )


def _told(
    store: Store, found: list[OpenConflict], resource: words.Object, naming: Naming, now_ms: int
) -> list[Dispute]:
    with store.snapshot() as connection:
        here = written_here(connection, found)
    return [dispute(one, resource, places, now_ms, naming=naming) for one, places in zip(found, here, strict=True)]
