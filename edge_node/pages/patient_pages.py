"""`/`, the list of patients and the find box; `/patients/{id}`, one patient with everything about her."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from edge_node.api.routes import ID
from edge_node.api.sight import Sight
from edge_node.forms.care.menu import Menu
from edge_node.pages import (
    child,
    conflict_pages,
    contradictions,
    corrections,
    dates,
    opened_pages,
    people,
    pregnancy_reading,
    rendering,
    words,
    writing,
)
from edge_node.pages import patient as arranging
from edge_node.pages.child import Child
from edge_node.pages.contradictions import Shown
from edge_node.pages.desk import Desk
from edge_node.pages.disputes import Dispute
from edge_node.pages.forms import asked_for, posted
from edge_node.pages.measured import pictures
from edge_node.pages.people import Listed, Place
from edge_node.pages.plot import Picture
from edge_node.pages.reach import Reach, begins, may_see, refused, sees_whole
from edge_node.pages.since import Since, since
from edge_node.pages.standing import unsafe
from edge_node.store.model import Stored
from edge_node.store.store import Store

_NAMED_TYPES = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Patient", "RelatedPerson"}
)


class Read(msgspec.Struct, frozen=True):
    """One reading of a patient's page."""

    key: int
    page: arranging.Page
    disputes: list[Dispute]
    pregnancy: pregnancy_reading.Case
    contradictions: list[Shown]
    since: Since | None
    pictures: list[Picture]
    child: Child | None
    writing: Menu


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    sealer = desk.parts.service.sealer

    @get("/")
    async def listed(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.anyone(request)
        if not caller.sight.may("see-patients"):
            return rendering.redirect(begins(caller.sight).path)
        author = caller.author
        cursor = asked_for(request).get("at", "")
        place = sealer.open(cursor, author.user, Place) if cursor else Place()
        found: Listed = await desk.threads.search(people.listed, desk.store, place, desk.now_ms())
        following = sealer.seal(found.next, author.user) if found.next is not None else ""
        # The same words, for who is not found here, and is looked for at the hub.
        elsewhere = sealer.seal(Place(place.text), author.user)
        return await desk.page(
            request,
            author,
            "patients.html",
            here="patients",
            asked=place,
            found=found,
            following=following,
            elsewhere=elsewhere,
        )

    @post("/", status_code=200)
    async def find(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "see-patients").author
        text = people.plain((await posted(request)).get("find", ""))
        return rendering.redirect(f"/?at={sealer.seal(Place(text), author.user)}" if text else "/")

    @get("/patients/{id_:str}")
    async def one(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.anyone(request)
        author, sight = caller.author, caller.sight
        if not may_see(sight, id_):
            if sight.may("open-with-reason") and ID(id_):
                return rendering.redirect(f"/patients/{id_}/open")
            raise refused(sight)
        if id_ == sight.own:
            mine = await desk.threads.search(desk.store.read, "Patient", id_)
            if mine is None or mine.gone:  # she begins here: "there is nothing" would lead her in a circle
                deleted = mine is not None
                return await desk.page(request, author, "own_elsewhere.html", here="", deleted=deleted)
        going_on = await desk.threads.search(goes_on, desk.store, id_)
        if going_on != id_:  # a record that was merged is shown with the one that goes on
            return rendering.redirect(f"/patients/{going_on}")
        read_ms = desk.now_ms()
        read: Read = await desk.threads.search(read_patient, desk.store, sight, id_, read_ms, author.user)
        await desk.threads.write(desk.store.record, author, desk.now_ms(), "read", read.key)
        notices = await desk.threads.search(opened_pages.notices, desk, id_, author.user)
        return await desk.page(
            request,
            author,
            "patient.html",
            here="patients",
            patient=read.page,
            disputes=read.disputes if sight.may("settle") else [],
            notices=notices,
            whole=sees_whole(sight, id_),
            read_ms=read_ms,
            pregnancy=read.pregnancy if sees_whole(sight, id_) else None,
            contradictions=read.contradictions if sees_whole(sight, id_) else [],
            since=read.since,
            pictures=read.pictures,
            child=read.child if sees_whole(sight, id_) else None,
            writing=read.writing,
            corrections=corrections.offered(sight),
            reach=Reach(sight),
        )

    return [listed, find, one]


def goes_on(store: Store, id_: str) -> str:
    """The id of the record with which this one is shown: its own, unless it was merged into one other."""
    found: list[Stored] = store.survivors(id_)
    return found[0].id if len(found) == 1 else id_


def read_patient(store: Store, sight: Sight, id_: str, now_ms: int, user: str) -> Read:
    """A patient's page out of the store, as far as it is for who asks. Raises NotFound."""
    everything = [stored for stored in store.everything(id_) if sight.sees(stored)]
    with store.reading() as connection:
        not_at_hub = unsafe(connection, [stored.key for stored in everything])
    naming = Naming(store, everything)
    disputed = [stored for stored in everything if stored.conflict and sight.writes_type(stored.type)]
    disputes = conflict_pages.of_patient(store, disputed, naming, now_ms)
    today = dates.local_day(now_ms)
    page = arranging.page(everything, not_at_hub, naming, today)
    pregnancy = pregnancy_reading.of_patient(store, everything, today)
    found = contradictions.of_record(everything, pregnancy.mother)
    news = since(store, user, everything, naming, now_ms)
    patient = words.decode(everything[0].body or b"{}")
    offered = writing.offered(patient, id_, sight, today)
    drawn = pictures(everything)
    return Read(
        everything[0].key,
        page,
        disputes,
        pregnancy,
        found,
        news,
        drawn,
        child.of_patient(everything, today, store.programme),
        offered,
    )


def read_sections(store: Store, sight: Sight, id_: str, now_ms: int) -> tuple[int, arranging.Page]:
    """The key of a patient and all her records in their sections, as far as they are for who asks. Raises NotFound."""
    everything = [stored for stored in store.everything(id_) if sight.sees(stored)]
    with store.reading() as connection:
        not_at_hub = unsafe(connection, [stored.key for stored in everything])
    page = arranging.page(everything, not_at_hub, Naming(store, everything), dates.local_day(now_ms))
    return everything[0].key, page


class Naming:
    """What references mean, by what is known here: looked up once each."""

    def __init__(self, store: Store, everything: list[Stored]) -> None:
        self._store = store
        self._here = {f"{stored.type}/{stored.id}": stored for stored in everything}
        self._names: dict[str, str] = {}

    def __call__(self, target: str) -> str:
        """The name of `Practitioner/f001`; empty when it is not known."""
        if target not in self._names:
            self._names[target] = self._look_up(target)
        return self._names[target]

    def _look_up(self, target: str) -> str:
        type_, _, id_ = target.partition("/")
        stored = self._here.get(target)
        if stored is None and type_ in _NAMED_TYPES and id_ and "/" not in id_:
            stored = self._store.read(type_, id_)
        if stored is None or stored.body is None:
            return ""
        return name_of(words.decode(stored.body))


def name_of(resource: words.Object) -> str:
    """What a resource is called, whatever it is."""
    name = resource.get("name")
    if isinstance(name, str):
        return words.text(name)
    return words.human_name(name) or words.concept(resource.get("code")) or words.concept(resource.get("type"))
