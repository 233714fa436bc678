"""`/contradictions`: resources of one record that cannot all be true, side by side, and their settling.

They stand in the inbox beside the conflicts of elements, and first on her own page.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, post

from edge_node.api.outcome import Refused
from edge_node.fhir.primitives import is_id
from edge_node.forms.context import decode
from edge_node.forms.maternal import settling
from edge_node.forms.maternal.case import mother_of
from edge_node.language import _, clinical
from edge_node.language.days import said
from edge_node.maternal.contradictions import Contradiction, contradictions
from edge_node.maternal.facts import Mother
from edge_node.maternal.findings import Param
from edge_node.maternal.reading import whole_day, written
from edge_node.maternal.record import read_mother
from edge_node.pages import dates, maternal_words, meanwhile, rendering, sending, words
from edge_node.pages.desk import Desk
from edge_node.pages.forms import safe_next
from edge_node.pages.meanwhile import Changed
from edge_node.pages.sheet_reading import Desktop, versions
from edge_node.store import due
from edge_node.store.model import Author, Stored, Write
from edge_node.store.store import Store

LIST: Final = "contradictions"
"""The work list (`edge_node/store/due.py`) on which a patient stands whose record has one."""
LISTED_MAX: Final = 50


class Way(msgspec.Struct, frozen=True):
    """One value, to be chosen. `told`: where it stands, in words."""

    number: int
    said: str
    told: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True):
    """A contradiction as it is shown. `seen`: versions of what it is about; `dating`: the form that settles it, else empty."""

    code: str
    of: str
    title: str
    asked: str
    ways: tuple[Way, ...]
    seen: tuple[str, ...]
    dating: str
    patient_id: str
    patient: str = ""


def of_record(everything: Sequence[Stored], mother: Mother) -> list[Shown]:
    """The contradictions of a record in words."""
    found = contradictions(mother)
    if not found:
        return []
    held = {f"{stored.type}/{stored.id}": stored for stored in everything}
    return [_shown(one, held, mother.id) for one in found]


def of_all(store: Store, now_ms: int) -> list[Shown]:
    """Those of the patients who stand on the list, each with whose it is; looked at anew, so that none is shown that is settled."""
    today = dates.local_day(now_ms)
    with store.reading() as connection:
        keys = [entry.patient for entry in due.of_list(connection, LIST, today=today, count=LISTED_MAX)]
    shown: list[Shown] = []
    for stored in store.read_many(list(dict.fromkeys(keys))):
        if stored.type != "Patient" or stored.gone:
            continue
        everything = store.everything(stored.id)
        resources = [decode(one.body) for one in everything if one.body is not None]
        name = words.human_name(resources[0].get("name"))
        found = of_record(everything, read_mother(stored.id, resources))
        shown += [msgspec.structs.replace(one, patient=name) for one in found]
    return shown


def _shown(one: Contradiction, held: Mapping[str, Stored], patient: str) -> Shown:
    offers = settling.offers(one)
    ways = (Way(at, _value(one.code, each.value, each.refs), _told(each.refs, held)) for at, each in enumerate(offers))
    by_dating = settling.settled_by_dating(one)
    about = f"?about={one.of}" if one.of.startswith("EpisodeOfCare/") else ""
    return Shown(
        one.code,
        one.of,
        maternal_words.contradiction(one.code),
        str(settling.ASKED[one.code]),
        tuple(ways),
        tuple(f"{ref}@{held[ref].version}" for ref in dict.fromkeys(ref for ref, _ in one.sides) if ref in held),
        f"/patients/{patient}/pregnancy/dating{about}" if by_dating else "",
        patient,
    )


def _value(code: str, value: Param, refs: tuple[str, ...]) -> str:
    if code == "seen-after-death":
        day = _day(value)
        return _("Died on %(day)s", day=day) if refs[0].startswith("Patient/") else _("Alive, seen on %(day)s", day=day)
    if code == "active-pregnancies":
        return _("Registered on %(day)s", day=_day(value))
    texts = {
        "positive": clinical("Positive"),
        "negative": clinical("Negative"),
        "+": clinical("Rhesus positive"),
        "-": clinical("Rhesus negative"),
    }
    return texts.get(str(value)) or maternal_words.value("medicine", value)


def _day(value: Param) -> str:
    return said(value) if isinstance(value, date) else _("an unknown day")


def _told(refs: tuple[str, ...], held: Mapping[str, Stored]) -> tuple[str, ...]:
    """When each was said."""
    days = [whole_day(written(decode(held[ref].body or b"{}"))) for ref in refs if ref in held]
    return tuple(dict.fromkeys(_("Written down for %(day)s", day=said(day)) for day in days if day is not None))


# --- settling ---------------------------------------------------------------------------------------------------------


def handlers(desk: Desk) -> list[Any]:
    """The path."""
    service = desk.parts.service
    desktop = Desktop(desk.store, service.now_ms, service.new_id, desk.new_number)

    @post("/contradictions", status_code=200)
    async def choose(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.author(request)
        sent = await sending.posted(request)
        choice = _choice(sent.one("patient"), sent.one("code"), sent.one("of"), sent.one("choose"))
        seen = versions(sent.values.get("form.seen", ()))
        done = await desk.threads.write(settle, desktop, author, choice, seen)
        if done is None:
            desk.tell(author, "plain", _("Somebody has settled this already."))
        else:
            desk.parts.feed.changed()
            desk.tell(
                author,
                *meanwhile.news(
                    done, _("Settled. What you chose stands everywhere; the other is kept in the history.")
                ),
            )
        return rendering.redirect(safe_next(sent.one("next")))

    return [choose]


class Choice(msgspec.Struct, frozen=True):
    """Which contradiction of whom, and the number of the way that was chosen."""

    patient: str
    code: str
    of: str
    number: int


def _choice(patient: str, code: str, of: str, number: str) -> Choice:
    if not is_id(patient) or not (number.isascii() and number.isdigit() and len(number) < 4):
        raise Refused(400, "value", _("Nothing was chosen"), _("Go back and choose one of the values"))
    return Choice(patient, code, of, int(number))


def settle(desktop: Desktop, author: Author, choice: Choice, seen: Mapping[str, str]) -> Changed | None:
    """Writes what was chosen, against what was on the screen; None when it is settled already. On the writing thread. Raises NotFound."""
    context = desktop.context(author, choice.patient, None, seen)
    one = settling.same(mother_of(context), choice.code, choice.of)
    ways = settling.offers(one) if one is not None and not settling.settled_by_dating(one) else ()
    if one is None or choice.number >= len(ways):
        return None
    writes: list[Write] = settling.settle(one, ways[choice.number], context)
    moved = meanwhile.moved(desktop.store, writes)
    desktop.store.write(writes, author, context.now_ms)
    return meanwhile.changed(desktop.store, moved)
