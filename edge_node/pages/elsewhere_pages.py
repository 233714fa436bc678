"""`/elsewhere`: somebody whom another clinic knows is looked for at the hub, and admitted here with her record.

What is asked and what is found stand in bodies alone, never in an address. The hub being away is told as what it is: the usual case.
"""

import base64
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, Final, get_args

import msgspec
from litestar import Request, Response, get, post

from edge_node.api.outcome import Refused
from edge_node.errors import EdgeError, HubUnreachable, NotEnrolled, SyncFault, TooLittleKnown
from edge_node.forms import elsewhere
from edge_node.forms.parsing import Questions, parse
from edge_node.forms.reading import Sent
from edge_node.forms.showing import as_sent
from edge_node.language import N_, Text, _
from edge_node.pages import codes, dates, rendering, sending
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for, posted
from edge_node.pages.people import Place
from edge_node.pages.sheet_pages import Drawn
from edge_node.store.model import Author
from edge_node.sync import admission
from edge_node.sync.background import apart
from sync_protocol.exchange.finding import Candidate, Find, Found, Reason, described
from sync_protocol.matching import clues

PATH: Final = "/elsewhere"
REASONS: Final[tuple[tuple[Reason, Text], ...]] = (
    ("here", N_("She is here now")),
    ("referral", N_("She was referred to this clinic")),
    ("moved", N_("She lives here now")),
)
GRADES: Final = {"certain": N_("Very likely"), "probable": N_("Likely"), "possible": N_("Possible")}
WHY: Final[dict[tuple[str, str], Text]] = {
    ("name", "same"): N_("same name"),
    ("name", "sound"): N_("a name that sounds alike"),
    ("name", "near"): N_("a name that is spelled nearly alike"),
    ("name", "initial"): N_("a name of the same first letter"),
    ("name", "other"): N_("another name"),
    ("born", "day"): N_("same birth date"),
    ("born", "swapped"): N_("same birth date, day and month exchanged"),
    ("born", "typed"): N_("nearly the same birth date"),
    ("born", "year"): N_("same year of birth"),
    ("born", "within 2 years"): N_("nearly the same age"),
    ("born", "estimated year"): N_("same year of birth"),
    ("born", "estimated within 1"): N_("nearly the same age"),
    ("born", "estimated within 3"): N_("nearly the same age"),
    ("born", "other"): N_("another birth date"),
    ("born", "estimated other"): N_("another age"),
    ("sex", "other"): N_("another sex"),
    ("phone", "same"): N_("same telephone number"),
    ("phone", "near"): N_("nearly the same telephone number"),
    ("phone", "ending"): N_("a telephone number of the same ending"),
    ("place", "same"): N_("same village"),
    ("place", "sound"): N_("same village"),
    ("place", "near"): N_("nearly the same village"),
    ("place", "other"): N_("another village"),
    ("identifier", "same"): N_("same number"),
}
"""What agrees and what does not, in words; what says nothing has none."""


class Shown(msgspec.Struct, frozen=True):
    """Somebody who may be meant, as a page shows her."""

    token: str
    name: str
    about: str
    facility: str
    grade: Text | str
    why: tuple[str, ...]
    alive: bool
    here: str


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    sealer = desk.parts.service.sealer

    @get(PATH)
    async def show(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "register").author
        cursor = asked_for(request).get("at", "")
        text = sealer.open(cursor, author.user, Place).text if cursor else ""
        return await _page(desk, request, author, as_sent({"names": text}), Questions())

    @post(PATH, status_code=200)
    async def find(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "register").author
        sent = (await sending.posted(request)).values
        read = parse(elsewhere.form(_today(desk)), sent, _today(desk))
        if isinstance(read, Questions):
            return await _page(desk, request, author, sent, read, status=422)
        asked = elsewhere.asked(read, author.user, author.role)
        try:
            found = await _found(desk, asked)
        except SyncFault as error:
            return await _page(desk, request, author, sent, Questions(), trouble=_told(error), status=error.status)
        return await _page(desk, request, author, sent, Questions(), found=found)

    @post(f"{PATH}/admit", status_code=200)
    async def admit(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "register").author
        sent = await posted(request)
        token, reason = _token(sent.get("token", "")), _reason(sent.get("reason", ""))
        ask = partial(admission.admit, desk.store, token, author, reason, desk.now_ms())
        try:
            admitted = await apart(ask)
        except SyncFault as error:
            trouble, advice = _told(error)
            desk.tell(author, "bad", f"{trouble}. {advice}")
            return rendering.redirect(PATH)
        return rendering.redirect(await _fetch(desk, author, admitted.patient))

    return [show, find, admit]


async def _found(desk: Desk, asked: Find) -> Found:
    """Who may be meant. What is too little is not sent."""
    if not clues.enough(described(asked)):
        raise TooLittleKnown()
    return await apart(partial(admission.find, desk.store, asked, desk.now_ms()))


async def _fetch(desk: Desk, author: Author, patient: str) -> str:
    """One exchange, which brings her record, and where to go on to."""
    try:
        if desk.sync is not None:
            await desk.sync()
        here = desk.store.read("Patient", patient) is not None
    except EdgeError:
        here = False  # or not all of it
    finally:
        desk.parts.feed.changed()
    if not here:
        desk.tell(
            author,
            "plain",
            _("She is a patient of this clinic now. Her record comes with the next exchange with the hub."),
        )
        return "/"
    desk.tell(author, "good", _("She is a patient of this clinic now, and her record is here."))
    return f"/patients/{patient}"


async def _page(
    desk: Desk,
    request: Request[Any, Any, Any],
    author: Author,
    sent: Sent,
    asked: Questions,
    *,
    found: Found | None = None,
    trouble: tuple[str, str] | None = None,
    status: int = 200,
) -> Response[str]:
    token = desk.parts.service.new_id()
    drawn = Drawn(sent, elsewhere.form(_today(desk)), asked, {}, token, (), PATH, "")
    listed = [_shown(one, _today(desk)) for one in found.candidates] if found is not None else None
    return await desk.page(
        request,
        author,
        "elsewhere.html",
        here="patients",
        status=status,
        drawn=drawn,
        listed=listed,
        more=found is not None and found.more,
        trouble=trouble,
        reasons=REASONS,
    )


def _shown(one: Candidate, today: date) -> Shown:
    sex = codes.SEXES.get(one.sex)
    born = _("born %(date)s", date=dates.day(one.born)) if one.born else ""
    parts = [str(sex) if sex is not None else "", dates.age(one.born, today) if one.alive else "", born, one.village]
    why = dict.fromkeys(str(WHY[said]) for said in map(tuple, one.why) if said in WHY)
    return Shown(
        base64.urlsafe_b64encode(one.token).decode(),
        one.name or _("Name not recorded"),
        " · ".join(part for part in parts if part),
        one.facility,
        GRADES.get(one.grade, ""),
        tuple(why),
        one.alive,
        one.here,
    )


def _told(error: SyncFault) -> tuple[str, str]:
    """What went wrong and what to do, for somebody with a patient in front of her."""
    if isinstance(error, HubUnreachable):
        return _("The hub did not answer"), _(
            "That is usual when there is no network. Register her here meanwhile: when both records meet, they can be shown as one."
        )
    if isinstance(error, NotEnrolled):
        return _("This computer has no hub"), _("The page on the hub says how it gets one. Register her here.")
    return _SAID.get(type(error).__name__, lambda: (_(error.title), _(error.hint)))()


_SAID: Final[dict[str, Callable[[], tuple[str, str]]]] = {
    "TooLittleKnown": lambda: (
        _("More has to be known about her"),
        _("Give the number on her card, or two of: name, birth date, telephone, and the village with a name."),
    ),
    "AskedTooOften": lambda: (
        _("This clinic has looked for too many people"),
        _("Try again in an hour. Meanwhile she can be registered here."),
    ),
    "FoundTooLongAgo": lambda: (_("That was some time ago"), _("Look for her again, and choose her then.")),
    "NotThereAnyMore": lambda: (
        _("Her record is not there any more"),
        _("Look for her again, or register her here."),
    ),
    "IdUsedTwice": lambda: (
        _("Her record cannot come here: its number belongs to somebody else's record in this clinic"),
        _("Register her here, and ask the clinic that knows her for what matters."),
    ),
}


def _token(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii"))
    except (ValueError, NotBase64) as error:
        raise Refused(400, "value", _("Nobody was chosen"), _("Go back and look for her again")) from error


def _reason(text: str) -> Reason:
    if text not in get_args(Reason):
        raise Refused(400, "value", _("There is no such reason"), _("Go back and choose one"))
    found: Reason = msgspec.convert(text, Reason)
    return found


def _today(desk: Desk) -> date:
    return dates.local_day(desk.now_ms())
