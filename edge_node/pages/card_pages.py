"""`/patients/{id}/card`, to be printed and cut out; `/scan`, which finds a patient by it; her photo."""

import base64
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from edge_node.api.sight import owners
from edge_node.errors import NotFound, VersionConflict
from edge_node.forms import registration
from edge_node.forms.context import Held, changed, decode
from edge_node.forms.pictures import MEDIA_TYPE, NoPicture
from edge_node.language import _
from edge_node.pages import card_numbers, codes_on_cards, dates, people, rendering, sending, words
from edge_node.pages.desk import Desk
from edge_node.pages.people import Person
from edge_node.pages.reach import Reach
from edge_node.pages.sending import Sending
from edge_node.store.model import Author
from edge_node.store.store import Store
from sync_protocol.matching import numbers

_PICTURES = frozenset({MEDIA_TYPE, "image/png", "image/webp"})


class Looked(Struct, frozen=True):
    """What came of looking for a card's number: those who have it, or why nobody was found."""

    people: tuple[Person, ...] = ()
    why: str = ""


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/card")
    async def card(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.caller(request, "see-patients")
        author = caller.author
        patient = await desk.threads.search(_patient, desk.store, id_)
        await desk.looked_at(author, id_)
        number = card_number(patient)
        return await desk.page(
            request,
            author,
            "card.html",
            here="patients",
            patient_id=id_,
            name=words.human_name(patient.get("name")) or _("Name not recorded"),
            born=dates.day(patient.get("birthDate")),
            spoken=card_numbers.grouped(number) if number else "",
            code=codes_on_cards.drawn(number) if number else "",
            reach=Reach(caller.sight),
        )

    @post("/patients/{id_:str}/card")
    async def give(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        author = desk.writer(request, ("Patient",))
        await desk.threads.write(_give_number, desk, id_, author)
        return rendering.redirect(f"/patients/{id_}/card")

    @get("/scan")
    async def scan(request: Request[Any, Any, Any]) -> Response[Any]:
        return await desk.page(
            request, desk.caller(request, "see-patients").author, "scan.html", here="scan", looked=Looked()
        )

    @post("/scan", status_code=200)
    async def look(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "see-patients").author
        sent = await sending.posted(request)
        looked = await desk.threads.search(_look, desk.store, sent, desk.now_ms())
        if len(looked.people) == 1:
            return rendering.redirect(f"/patients/{looked.people[0].id}")
        return await desk.page(request, author, "scan.html", here="scan", looked=looked)

    @get("/patients/{id_:str}/photo")
    async def photo(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[bytes]:
        desk.visitor(request, id_)
        return _picture(await desk.threads.search(_photo, desk.store, id_))

    @get("/patients/{id_:str}/thumbnail")
    async def thumbnail(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[bytes]:
        desk.visitor(request, id_)
        patient = await desk.threads.search(_patient, desk.store, id_)
        data = next((one["data"] for one in words.objects(patient.get("photo")) if "data" in one), None)
        if not isinstance(data, str):
            raise NotFound()
        return _picture(base64.b64decode(data))

    return [card, give, scan, look, photo, thumbnail]


def card_number(patient: words.Object) -> str:
    """The short number of a patient; empty when she has none. What came under its name and is none is not printed as one."""
    mine = (one for one in words.objects(patient.get("identifier")) if one.get("system") == numbers.SYSTEM)
    return next((value for one in mine if numbers.is_number(value := words.text(one.get("value")))), "")


def _give_number(desk: Desk, id_: str, author: Author) -> None:
    """A number for who was registered elsewhere."""
    stored = desk.store.read("Patient", id_)
    if stored is None or stored.body is None:
        raise NotFound()
    if not card_number(words.decode(stored.body)):
        held = Held("Patient", id_, stored.version, decode(stored.body))
        more = [*(held.resource.get("identifier") or []), registration.card_number(desk.new_number())]
        write = msgspec.structs.replace(changed(held, identifier=more), if_match=True)
        # Of two who ask at the same moment one gives it; the card shows what she has now.
        with suppress(VersionConflict):
            desk.store.write([write], author, desk.now_ms())


def _patient(store: Store, id_: str) -> words.Object:
    stored = store.read("Patient", id_)
    if stored is None or stored.body is None:
        raise NotFound()
    patient: words.Object = words.decode(stored.body)
    return patient


def _photo(store: Store, id_: str) -> bytes:
    """Her photo. Raises NotFound also for a file that is no picture, or not kept with her record: whoever writes who somebody is may name
    any file for a photo, and would read by it what is not for her role."""
    urls = (words.text(one.get("url")) for one in words.objects(_patient(store, id_).get("photo")))
    target = next((url for url in urls if url.startswith("Binary/")), None)
    stored = store.read("Binary", target.removeprefix("Binary/")) if target is not None else None
    if stored is None or stored.body is None:
        raise NotFound()
    binary = words.decode(stored.body)
    if id_ not in owners(binary) or binary.get("contentType") not in _PICTURES:
        raise NotFound()
    return base64.b64decode(words.text(binary.get("data")))


def _picture(content: bytes) -> Response[bytes]:
    # Whatever it really is, a browser takes it for a picture or for nothing.
    return Response(content, media_type=MEDIA_TYPE, headers=dict(rendering.HEADERS))


def _look(store: Store, sent: Sending, now_ms: int) -> Looked:
    """Those whose number was typed, or stands in a photograph."""
    file = sent.files.get("photo")
    try:
        texts = (
            [sent.one("number")] if sent.one("number").strip() else codes_on_cards.found(file.content) if file else []
        )
    except NoPicture:
        return Looked(why=_("This is no picture that can be read here. Take a photo, or choose another file."))
    numbers = {number for text in texts if (number := card_numbers.read(text))}
    if not numbers:
        return Looked(why=_why(sent, texts))
    if len(numbers) > 1:
        return Looked(why=_("There are several cards in this picture. Take a photo of one card alone."))
    today = dates.local_day(now_ms)
    found = [one for number in numbers for one in card_numbers.owners(store, number, now_ms)]
    if not found:
        return Looked(why=_("Nobody who is registered here has this number."))
    return Looked(tuple(people.person(one, today) for one in found))


def _why(sent: Sending, texts: list[str]) -> str:
    if sent.one("number").strip():
        return _("A digit of this number is wrong or missing: it has 12 digits. Read it again.")
    if texts:
        return _("The code in this picture is not one of our cards.")
    if sent.files:
        return _("No code was found in this picture. Hold the card flat, nearer, and in good light.")
    return _("Take a photo of the card, or type its number.")
