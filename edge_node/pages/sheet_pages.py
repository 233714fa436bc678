"""Runs every form of `sheets.SHEETS`: shows it, reads what was sent, asks back, writes in one transaction, exactly once."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from msgspec import Struct

from edge_node.api.outcome import Refused
from edge_node.errors import AlreadySubmitted, DatabaseBusy, DiskFull
from edge_node.fhir.primitives import is_id
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet, encode
from edge_node.forms.fields import Form, Kind
from edge_node.forms.parsing import CONFIRM, Found, Questions, named, parse
from edge_node.forms.showing import as_sent
from edge_node.language import N_, _
from edge_node.pages import dates, likeness, meanwhile, records, rendering, sending, upload_pages, words
from edge_node.pages.desk import Desk
from edge_node.pages.elements import nobody
from edge_node.pages.forms import asked_for
from edge_node.pages.lines import Line
from edge_node.pages.sending import Entered, Sending
from edge_node.pages.sheet_reading import Desktop, seen_versions, versions
from edge_node.pages.sheets import SHEETS
from edge_node.store.model import Author, Once, Write
from edge_node.store.store import Store

RIDES = "form."
"""Before names of what rides along with a form, which nobody types."""
NOT_SAVED = N_(
    "What you typed stands here and is not saved. Send it again in a moment, and choose files anew; "
    "if it stays so, tell whoever runs this computer."
)
TOKEN, SEEN, ALIKE = f"{RIDES}token", f"{RIDES}seen", f"{RIDES}alike"


class Drawn(Entered, frozen=True):
    """A form as it is drawn: what stands in it, what is asked back, what rides along. `unsaved`: why it could not be kept, in words."""

    form: Form
    questions: Questions
    lists: Mapping[str, tuple[str, ...]]
    token: str
    seen: tuple[str, ...]
    action: str
    beside: str
    alike: tuple[likeness.Alike, ...] = ()
    unsaved: str = ""


class Place(Struct, frozen=True):
    """Where a form is: whom and what it is about."""

    patient: str | None
    about: str | None
    address: str


def handlers(desk: Desk) -> list[Any]:
    """A GET and a POST for each form, and the partial pages that forms ask for."""
    service = desk.parts.service
    desktop = Desktop(desk.store, service.now_ms, service.new_id, desk.new_number)
    paths = [handler for sheet in SHEETS for handler in _of(desk, desktop, sheet)]
    return [*paths, *_partials(desk)]


def _of(desk: Desk, desktop: Desktop, sheet: Sheet) -> list[Any]:
    path = sheet.path.replace("{id_}", "{id_:str}")

    @get(path, name=f"{sheet.name} shown")
    async def show(request: Request[Any, Any, Any]) -> Response[Any]:
        author, place = desk.writer(request, sheet.types), _place(request)
        context = await desk.threads.search(desktop.context, author, place.patient, place.about)
        if place.patient is not None:
            await desk.looked_at(author, place.patient)
        drawn = await desk.threads.search(_fresh, sheet, context, place, desktop.new_id())
        return await _page(desk, request, author, sheet, context, drawn)

    @post(path, status_code=200, name=f"{sheet.name} sent")
    async def send(request: Request[Any, Any, Any]) -> Response[Any]:
        author, place = desk.writer(request, sheet.types), _place(request)
        sent = await sending.posted(request)
        token = sent.one(TOKEN)
        if not is_id(token):
            raise Refused(400, "structure", _("The form could not be read"), _("Go back and send it again"))
        said = _said(author, place, sent)
        before = await desk.threads.search(desk.store.submitted, token)
        if before is not None:
            return _sent_before(before.location, before.said, said)
        seen = sent.values.get(SEEN, ())
        context = await desk.threads.search(desktop.context, author, place.patient, place.about, versions(seen))
        read = await desk.threads.search(_read, desk.store, sheet, context, sent)
        if isinstance(read, Asked):
            return await _page(desk, request, author, sheet, context, _again(sheet, context, place, sent, read), 422)
        try:
            answer = await _save(desk, desktop, author, sheet, context, read, Once(token, "", said))
        except (DiskFull, DatabaseBusy) as error:
            # Under the same token: sent again when there is room, it is saved once.
            unsaved = f"{_(error.title)}. {NOT_SAVED}"
            asked = Asked(await desk.threads.search(sheet.form, context), Questions())
            drawn = _again(sheet, context, place, sent, asked, unsaved)
            return await _page(desk, request, author, sheet, context, drawn, error.status)
        if upload_pages.given(sent):
            await desk.threads.write(upload_pages.done, desk.store, author.user, sent)
        return answer

    return [show, send]


def _place(request: Request[Any, Any, Any]) -> Place:
    about = asked_for(request).get("about")
    if about is not None and not is_id(about.partition("/")[2]):
        about = None
    path = request.scope["path"]
    return Place(request.path_params.get("id_"), about, f"{path}?about={about}" if about else path)


# --- showing ----------------------------------------------------------------------------------------------------------


def _fresh(sheet: Sheet, context: Context, place: Place, token: str) -> Drawn:
    values = as_sent(sheet.start(context))
    seen = seen_versions(sheet, context)
    return Drawn(values, sheet.form(context), Questions(), context.lists, token, seen, place.address, _beside(sheet))


class Asked(Struct, frozen=True):
    """What has to be asked back."""

    form: Form
    questions: Questions
    alike: tuple[likeness.Alike, ...] = ()


def _again(sheet: Sheet, context: Context, place: Place, sent: Sending, asked: Asked, unsaved: str = "") -> Drawn:
    return Drawn(
        sent.values,
        asked.form,
        asked.questions,
        context.lists,
        sent.one(TOKEN),
        sent.values.get(SEEN, ()),
        place.address,
        _beside(sheet),
        asked.alike,
        unsaved,
    )


def _beside(sheet: Sheet) -> str:
    return "/patients/similar" if sheet.registers else ""


async def _page(
    desk: Desk,
    request: Request[Any, Any, Any],
    author: Author,
    sheet: Sheet,
    context: Context,
    drawn: Drawn,
    status: int = 200,
) -> Response[str]:
    patient = context.patient
    whose = likeness.person(patient.id, patient.resource, context.today) if patient is not None else None
    page = await desk.page(
        request, author, "sheet.html", here=sheet.here, drawn=drawn, whose=whose, about=_record(context)
    )
    page.status_code = status
    return page


def _record(context: Context) -> Line | None:
    """The record that the form is about, in words: there may be several of one name."""
    held = context.about
    return records.line(held.type, words.decode(encode(held.resource)), nobody) if held is not None else None


# --- saving -----------------------------------------------------------------------------------------------------------


def _read(store: Store, sheet: Sheet, context: Context, sent: Sending) -> Answers | Asked:
    """What was sent, as answers; or what has to be asked back."""
    form = sheet.form(context)
    values = likeness.without_strangers(store, form, sent.values)
    found = {name: likeness.named(store, typed, context.today) for name, typed in named(form, values).items()}
    asked = [field.name for field in form.fields() if field.kind in (Kind.PHOTO, Kind.FILE)]
    files = upload_pages.received(store, context.author.user, sent, asked)
    read = parse(form, values, context.today, files, found)
    alike = likeness.similar(store, sent.values, context.today) if sheet.registers else ()
    known = {id_ for given in sent.values.get(ALIKE, ()) for id_ in given.split()}
    unknown = tuple(one for one in alike if one.id not in known)
    if isinstance(read, Questions):
        return Asked(form, read, alike)
    return Asked(form, Questions(), alike) if unknown else read


async def _save(
    desk: Desk, desktop: Desktop, author: Author, sheet: Sheet, context: Context, answers: Answers, once: Once
) -> Response[Any]:
    writes = await desk.threads.search(sheet.write, answers, context)
    location = sheet.after(writes, context)
    try:
        changed = await desk.threads.write(_write, desk, author, writes, Once(once.token, location, once.said))
    except AlreadySubmitted as before:
        return _sent_before(before.location, before.said, once.said)
    desk.parts.feed.changed()
    tone, text = meanwhile.news(changed, sheet.news(answers, context) or _("Saved."))
    desk.tell(author, tone, text)
    desktop.villages.add(answers.text("village"))
    return rendering.redirect(location)


def _said(author: Author, place: Place, sent: Sending) -> str:
    """Who sent what, as a hash: what was typed, chosen and added; not what rides along with the form, which may be newer."""
    typed = {name: given for name, given in sent.values.items() if not name.startswith((RIDES, CONFIRM))}
    files = {name: hashlib.sha256(file.content).hexdigest() for name, file in sent.files.items()}
    told = msgspec.json.encode([author.user, place.address, typed, files], order="sorted")
    return hashlib.sha256(told).hexdigest()


def _sent_before(location: str, before: str, said: str) -> Response[Any]:
    """What follows on a second sending: the page that the first led to. Raises Refused when it says something else, or is somebody else's:
    nobody shall take for saved what is not, nor learn where another's form led."""
    if before and before != said:
        raise Refused(
            409,
            "duplicate",
            _("This form was saved before"),
            _(
                "It was saved with something else in it. What you sent now is not saved: open a new form, and write it there."
            ),
        )
    return rendering.redirect(location)


def _write(desk: Desk, author: Author, writes: list[Write], once: Once) -> meanwhile.Changed:
    """Writes them, and tells what colleagues had changed meanwhile. On the writing thread, so nothing comes between."""
    moved = meanwhile.moved(desk.store, writes)
    if writes:
        desk.store.write(writes, author, desk.now_ms(), once=once)
    return meanwhile.changed(desk.store, moved)


# --- parts of a form, while it is filled in ---------------------------------------------------------------------------


def _partials(desk: Desk) -> list[Any]:
    @post("/patients/similar", status_code=200)
    async def similar(request: Request[Any, Any, Any]) -> Response[str]:
        desk.caller(request, "see-patients")
        sent = await sending.posted(request)
        alike = await desk.threads.search(likeness.similar, desk.store, sent.values, _today(desk))
        return rendering.page("alike.html", alike=alike, known=sent.values.get(ALIKE, ()), asked=False)

    @post("/patients/named", status_code=200)
    async def who(request: Request[Any, Any, Any]) -> Response[str]:
        desk.caller(request, "see-patients")
        sent = await sending.posted(request)
        name = sent.one("form.field")
        if not is_id(name.replace("_", "-")):
            raise Refused(400, "value", _("There is no such field"), _("Go back and send the form again"))
        typed = sent.one(name)
        found: list[Found] = await desk.threads.search(likeness.named, desk.store, typed, _today(desk))
        return rendering.page("who.html", name=name, found=found, typed=typed, chosen=sent.one(f"{name}.who"))

    return [similar, who]


def _today(desk: Desk) -> date:
    return dates.local_day(desk.now_ms())
