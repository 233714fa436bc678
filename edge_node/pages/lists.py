"""Work lists, read out of the store: one page of one list, each of its people as a line with what is to be done and how to reach her.

Lists that are kept (`edge_node/worklists/watching.py`) are a query of `due`; appointments and referrals are FHIR searches. Both come out
as the same lines.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final

import msgspec

from edge_node.concepts import LOCAL, SNOMED
from edge_node.fhir.query import parse_query
from edge_node.language import N_, Text, _
from edge_node.pages import dates, due_words, people, words
from edge_node.pages.people import Person
from edge_node.store import due, reading
from edge_node.store.connection import Connection
from edge_node.store.due import Due, Entry
from edge_node.store.model import Stored
from edge_node.store.rows import instant
from edge_node.store.store import Store
from edge_node.worklists import watching

ON_A_PAGE: Final = 30
"""What fits on one or two printed pages."""
DOWNLOADED_MAX: Final = 2_000
SEARCHED_MAX: Final = 500
CALLED_MS: Final = 31 * 24 * 3_600_000
APPOINTMENTS, REFERRED = "appointments", "referred"
REFERRAL: Final = f"{SNOMED}|3457005"
WORK_LIST: Final = "work-list"
"""Code of the category of a Communication that tells whether somebody on a list was reached."""
COME: Final = "come-to-clinic"
"""Code of a reminder's Task (`edge_node.maternal.reminders`)."""


class List(msgspec.Struct, frozen=True):
    """A list. `hint`: what it has; `day`: what its day means. `order`: see `due.of_list`; "" when it is searched for. `types`: all of these
    FHIR types must be for the role of who reads it; none: all of a record. `remind`: reminders can be made from it."""

    name: str
    title: Text
    hint: Text
    empty: Text
    day: Text
    order: str = ""
    types: tuple[str, ...] = ()
    remind: bool = False


LISTS: Final[Mapping[str, List]] = MappingProxyType(
    {
        one.name: one
        for one in (
            List(
                APPOINTMENTS,
                N_("Appointments today"),
                N_("Who has an appointment today, by time."),
                N_("No appointment is noted for today."),
                N_("Time"),
                types=("Patient", "Appointment"),
            ),
            List(
                watching.DUE,
                N_("Due this week"),
                N_("Care that is due today or within six days, and not overdue."),
                N_("Nothing is due this week."),
                N_("Due"),
                order="overdue",
                remind=True,
            ),
            List(
                watching.OVERDUE,
                N_("Overdue"),
                N_("Care that should have been given, the longest overdue first."),
                N_("Nothing is overdue."),
                N_("Overdue since"),
                order="overdue",
                remind=True,
            ),
            List(
                watching.HIGH_RISK,
                N_("High risk"),
                N_("Pregnant women at high risk and babies with danger signs, the next birth first."),
                N_("Nobody is known to be at high risk."),
                N_("Birth expected"),
                order="overdue",
            ),
            List(
                watching.LOST,
                N_("Lost from sight"),
                N_("Women and babies whose contact is overdue for four weeks or more, the latest first."),
                N_("Nobody is lost from sight."),
                N_("Lost since"),
                order="-overdue",
                remind=True,
            ),
            List(
                watching.BIRTHS,
                N_("Expected births"),
                N_("From three weeks before the expected day until four weeks after it."),
                N_("No birth is expected soon."),
                N_("Birth expected"),
                order="overdue",
            ),
            List(
                watching.IMMUNISATION,
                N_("Immunisations"),
                N_("Children under five with a vaccine due within the week or overdue, those due last first."),
                N_("No immunisation is due."),
                N_("Due since"),
                order="-overdue",
                remind=True,
            ),
            List(
                REFERRED,
                N_("Referred here"),
                N_("Who was referred to this clinic and is still expected, the latest first."),
                N_("Nobody is known to be referred here."),
                N_("Referred"),
                types=("Patient", "ServiceRequest"),
            ),
            List(
                watching.CONTRADICTIONS,
                N_("Records that contradict themselves"),
                N_("Two things are written that cannot both be true. Ask her, and correct the record."),
                N_("No record contradicts itself."),
                N_("Noted"),
                order="since",
            ),
            List(
                due.UNREAD,
                N_("Records that could not be worked out"),
                N_(
                    "What is due for these people is not known here: look at their pages. Tell whoever runs this computer."
                ),
                N_("There is none."),
                N_("Noted"),
                order="since",
            ),
        )
    }
)
NO_DAY: Final = frozenset({watching.CONTRADICTIONS, due.UNREAD})
"""Lists whose day says nothing."""
ONLY_IF_ANY: Final = NO_DAY
"""Lists that are spoken of only when somebody is on them."""


class Line(msgspec.Struct, frozen=True):
    """Somebody on a list. `what`: what is to be done or known. `reached`: how the last try to reach her ended. `reminder`: the day that she
    was or will be asked to come. `rows`: what is kept as due for her, of which `what` is made."""

    key: int
    person: Person
    day: str
    what: tuple[str, ...]
    reached: str = ""
    reminder: str = ""
    rows: tuple[Due, ...] = ()


class Read(msgspec.Struct, frozen=True):
    """One page of a list. `total`: of all pages."""

    lines: tuple[Line, ...]
    total: int
    villages: tuple[str, ...]


def read(
    store: Store,
    list_: List,
    village: str,
    skip: int,
    now_ms: int,
    *,
    facility: str = "",
    count: int = ON_A_PAGE,
    news: bool = False,
) -> Read:
    """A page of a list, those of one village where one is named. `news`: with what was done to reach each, which is looked up for each."""
    today = dates.local_day(now_ms)
    if not list_.order:
        found = _SEARCHED[list_.name](store, now_ms, today, facility)
        of_village = [one for one in found if not village or one.person.village == village]
        villages = sorted({one.person.village for one in found if one.person.village})
        lines = of_village[skip : skip + count]
        return Read(_with_news(store, lines, now_ms) if news else tuple(lines), len(of_village), tuple(villages))
    with store.snapshot() as connection:
        entries = due.of_list(
            connection, list_.name, since=today, today=today, count=count, skip=skip, place=village, order=list_.order
        )
        total = due.number_of(connection, list_.name, since=today, today=today, place=village)
        villages = due.places(connection, list_.name, since=today, today=today)
        lines = _lines(connection, list_, entries, today)
    return Read(_with_news(store, lines, now_ms) if news else tuple(lines), total, tuple(villages))


def numbers(store: Store, names: Iterable[str], now_ms: int, facility: str) -> dict[str, int]:
    """How many stand on each of these lists today."""
    today = dates.local_day(now_ms)
    found = {}
    with store.snapshot() as connection:
        for name in names:
            if LISTS[name].order:
                found[name] = due.number_of(connection, name, since=today, today=today)
    return found | {
        name: len(_SEARCHED[name](store, now_ms, today, facility)) for name in names if not LISTS[name].order
    }


# --- lists that are kept ----------------------------------------------------------------------------------------------


def _lines(connection: Connection, list_: List, entries: Sequence[Entry], today: date) -> list[Line]:
    stored = {one.key: one for one in reading.read_many(connection, [entry.patient for entry in entries])}
    return [_line(connection, list_, stored[one.patient], one, today) for one in entries if one.patient in stored]


def _line(connection: Connection, list_: List, stored: Stored, entry: Entry, today: date) -> Line:
    day = entry.due.overdue if list_.name not in NO_DAY else None
    person = people.person(stored, today)
    rows = tuple(_asked(list_.name, due.of_patient(connection, stored.key), today))
    what = tuple(_ABOUT[list_.name](entry.due, rows) if list_.name in _ABOUT else due_words.said(rows))
    return Line(stored.key, person, dates.calendar_day(day) if day is not None else "", what, rows=rows)


def _asked(list_: str, rows: Iterable[Due], today: date) -> list[Due]:
    """Of what is kept for her, the items that put her on the list today."""
    kept, asks = _ITEMS.get(list_, ("", lambda row, day: False))
    open_ = [row for row in rows if row.list == kept and (row.until is None or today <= row.until)]
    return [row for row in open_ if asks(row, today)]


def _this_week(row: Due, today: date) -> bool:
    return row.since <= today + watching.SOON and (row.overdue is None or today < row.overdue)


def _overdue(row: Due, today: date) -> bool:
    return row.overdue is not None and row.overdue <= today


_ITEMS: Final[Mapping[str, tuple[str, Callable[[Due, date], bool]]]] = MappingProxyType(
    {
        watching.DUE: (watching.CARE, _this_week),
        watching.OVERDUE: (watching.CARE, _overdue),
        watching.LOST: (watching.CARE, _overdue),
        watching.IMMUNISATION: (watching.VACCINES, lambda row, today: row.since <= today + watching.SOON),
    }
)
_ABOUT: Final[Mapping[str, Callable[[Due, Sequence[Due]], Iterable[str]]]] = MappingProxyType(
    {
        watching.HIGH_RISK: lambda row, rows: due_words.risks(row),
        watching.CONTRADICTIONS: lambda row, rows: due_words.contradictions(row),
        watching.BIRTHS: lambda row, rows: (),
        due.UNREAD: lambda row, rows: (),
    }
)


# --- lists that are searched for --------------------------------------------------------------------------------------


def _appointments(store: Store, now_ms: int, today: date, facility: str) -> list[Line]:
    begin = datetime.combine(today, time()).astimezone()
    end = datetime.combine(today + timedelta(days=1), time()).astimezone()
    pairs = [("date", f"ge{_instant(begin)}"), ("date", f"lt{_instant(end)}"), ("_count", str(SEARCHED_MAX))]
    found = [(words.decode(one.body), one) for one in _search(store, "Appointment", pairs, now_ms) if one.body]
    held = [(body, one) for body, one in found if body.get("status") not in ("cancelled", "noshow", "entered-in-error")]
    held.sort(key=lambda pair: words.text(pair[0].get("start")))
    return [line for body, _ in held for line in _appointment(store, body, today)]


def _appointment(store: Store, body: words.Object, today: date) -> list[Line]:
    at = dates.day_and_time(body.get("start"))
    reasons = [words.concept(body.get("reasonCode")), words.concept(body.get("serviceType"))]
    what = words.joined([*reasons, words.text(body.get("description"))])
    actors = [
        words.text(words.first(one.get("actor")).get("reference")) for one in words.objects(body.get("participant"))
    ]
    return [line for actor in actors if (line := _about(store, actor, today, at, what)) is not None]


def _referred(store: Store, now_ms: int, today: date, facility: str) -> list[Line]:
    if not facility:
        return []
    pairs = [("performer", f"Organization/{facility}"), ("status", "active"), ("category", REFERRAL)]
    pairs += [("_sort", "-authored"), ("_count", str(SEARCHED_MAX))]
    lines: dict[str, Line] = {}
    for one in _search(store, "ServiceRequest", pairs, now_ms):
        body = words.decode(one.body or b"{}")
        patient = words.text(words.first(body.get("subject")).get("reference"))
        what = words.joined([words.concept(body.get("code")), words.concept(body.get("reasonCode"))])
        line = _about(store, patient, today, dates.day(body.get("authoredOn")), what) if patient not in lines else None
        if line is not None:
            lines[patient] = line
    return list(lines.values())


_SEARCHED: Final[Mapping[str, Callable[[Store, int, date, str], list[Line]]]] = MappingProxyType(
    {APPOINTMENTS: _appointments, REFERRED: _referred}
)


def _about(store: Store, reference: str, today: date, day: str, what: str) -> Line | None:
    """The line of a patient; None for anybody else, and for one who is not here."""
    type_, _, id_ = reference.partition("/")
    stored = store.read("Patient", id_) if type_ == "Patient" else None
    if stored is None or stored.gone:
        return None
    return Line(stored.key, people.person(stored, today), day, (what,) if what else ())


def _search(store: Store, type_: str, pairs: Sequence[tuple[str, str]], now_ms: int) -> tuple[Stored, ...]:
    return store.search(parse_query(type_, pairs, now_ms=now_ms)).found


def _instant(at: datetime) -> str:
    return instant(int(at.astimezone(UTC).timestamp() * 1000))


# --- what was done about it -------------------------------------------------------------------------------------------


def _with_news(store: Store, lines: Sequence[Line], now_ms: int) -> tuple[Line, ...]:
    """The lines with what was done to reach each: two searches for all of them, since sixty took half of a page's time."""
    who = [f"Patient/{line.person.id}" for line in lines]
    if not who:
        return ()
    reached, reminders = _reached(store, who, now_ms), _reminders(store, who, now_ms)
    return tuple(
        msgspec.structs.replace(line, reached=reached.get(one, ""), reminder=reminders.get(one, ""))
        for line, one in zip(lines, who, strict=True)
    )


def _reached(store: Store, who: Sequence[str], now_ms: int) -> dict[str, str]:
    """How the last try to reach each ended, and when, of the last month."""
    pairs = [
        ("subject", ",".join(who)),
        ("category", f"{LOCAL}|{WORK_LIST}"),
        ("sent", f"ge{instant(now_ms - CALLED_MS)}"),
    ]
    found: dict[str, str] = {}
    for one in _search(store, "Communication", [*pairs, ("_sort", "-sent"), ("_count", str(SEARCHED_MAX))], now_ms):
        body: dict[str, Any] = words.decode(one.body or b"{}")
        when = dates.moment(one.updated_ms, now_ms)
        done = body.get("status") == "completed"
        said = _("Reached %(when)s", when=when) if done else _("Not reached %(when)s", when=when)
        found.setdefault(words.text(words.first(body.get("subject")).get("reference")), said)
    return found


def _reminders(store: Store, who: Sequence[str], now_ms: int) -> dict[str, str]:
    """The day of each one's last open reminder."""
    pairs = [("patient", ",".join(who)), ("status", "requested"), ("code", f"{LOCAL}|{COME}")]
    found: dict[str, str] = {}
    for one in _search(store, "Task", [*pairs, ("_sort", "-authored-on"), ("_count", str(SEARCHED_MAX))], now_ms):
        body: dict[str, Any] = words.decode(one.body or b"{}")
        day = dates.day(words.first(body.get("executionPeriod")).get("start"))
        found.setdefault(words.text(words.first(body.get("for")).get("reference")), day)
    return found
