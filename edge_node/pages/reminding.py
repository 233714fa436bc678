"""What is written from a work list: whether somebody was reached, and reminders for those who agreed to them.

A reminder says the day and nothing else (`edge_node.maternal.texts.REMINDER`), in her language: others read her telephone. It is made for
the first thing that puts her on the list, known by that thing's key, so that it ends when the thing is done or the pregnancy is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from edge_node.concepts import LOCAL
from edge_node.forms.context import create
from edge_node.language import reading
from edge_node.language.catalogue import languages
from edge_node.maternal.course import Due as Item
from edge_node.maternal.reminders import REMINDER_KEY, reminder_key, reminder_message, reminder_task
from edge_node.maternal.texts import REMINDER
from edge_node.pages import dates, words
from edge_node.pages.lists import WORK_LIST, Line
from edge_node.roles import REMINDER_CONSENT
from edge_node.store.due import Due
from edge_node.store.model import Stored, Write
from edge_node.worklists import watching

VACCINE_KEY: Final = "urn:medtech-edge:reminder:immunisation"
"""Identifier system of reminders of immunisation, whose items are no maternal care's."""
CONSENT_TEXT: Final = "Reminders by telephone"
"""What the registration calls the category of its Consent."""
_DAY: Final = timedelta(days=1)


def contact(new_id: str, patient: str, moment: str, *, reached: bool) -> Write:
    """A Communication: she was reached by telephone, or was not. It does not say about what."""
    body: dict[str, Any] = {
        "status": "completed" if reached else "not-done",
        "category": [{"coding": [{"system": LOCAL, "code": WORK_LIST}], "text": "Call from a work list"}],
        "medium": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "PHONE"}]}
        ],
        "subject": {"reference": f"Patient/{patient}"},
        "recipient": [{"reference": f"Patient/{patient}"}],
        "sent": moment,
        "statusReason": {} if reached else {"text": "Not reached"},
    }
    return create("Communication", new_id, body)


class Reminder(msgspec.Struct, frozen=True):
    """What is written for one person, and the key by which it is known again."""

    system: str
    key: str
    task: dict[str, Any]
    message: dict[str, Any]


def agrees(consents: Iterable[Mapping[str, Any]]) -> bool:
    """Whether she agreed to reminders: her last word on them counts, and of two of one moment the one that says no. Silence is no."""
    said = [(str(one.get("dateTime", "")), _permits(one)) for one in consents if _is_about_reminders(one)]
    last = max((at for at, _permitted in said), default="")
    return bool(said) and all(permitted for at, permitted in said if at == last)


def _is_about_reminders(consent: Mapping[str, Any]) -> bool:
    categories = words.objects(consent.get("category"))
    codings = [coding for one in categories for coding in words.objects(one.get("coding"))]
    named = any((coding.get("system"), coding.get("code")) == REMINDER_CONSENT for coding in codings)
    written = any(one.get("text") == CONSENT_TEXT for one in categories)
    return (named or written) and consent.get("status") != "entered-in-error"


def _permits(consent: Mapping[str, Any]) -> bool:
    return consent.get("status") == "active" and words.first(consent.get("provision")).get("type") == "permit"


def reminder(line: Line, stored: Stored, today: date) -> Reminder | None:
    """Her reminder to come: tomorrow, or on the day from which the first thing is due. None where nothing puts her on the list."""
    if not line.rows:
        return None
    first = min(line.rows, key=lambda row: (row.since, row.code))
    come = max(first.since, today + _DAY)
    item, system = _item(first, line.person.id, come)
    task = _under(system, reminder_task(item, line.person.id, today))
    message = reminder_message(
        item, line.person.id, _text(words.decode(stored.body or b"{}"), come), come - _DAY, today
    )
    task["executionPeriod"] = {"start": come.isoformat()}
    return Reminder(system, reminder_key(item), task, _under(system, message))


def writes(reminders: Sequence[Reminder], new_ids: Iterable[str]) -> list[Write]:
    """The Tasks and CommunicationRequests."""
    ids = iter(new_ids)
    bodies = [body for one in reminders for body in (one.task, one.message)]
    return [create(body["resourceType"], next(ids), _content(body)) for body in bodies]


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "resourceType"}


def _item(row: Due, patient: str, come: date) -> tuple[Item, str]:
    late, ends = row.overdue or come, row.until or date.max
    if row.list == watching.VACCINES:
        item = Item(kind=row.code, of=f"Patient/{patient}", due_from=row.since, overdue_from=late, ends=ends)
        return item, VACCINE_KEY
    about = row.about
    params = tuple((name, str(value)) for name, value in about["params"])
    return (
        Item(
            kind=about["kind"],
            of=about["of"],
            number=about["number"],
            due_from=row.since,
            overdue_from=late,
            ends=ends,
            params=params,
        ),
        REMINDER_KEY,
    )


def _under(system: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "identifier": [{**one, "system": system} for one in body["identifier"]]}


def _text(patient: words.Object, come: date) -> str:
    """The reminder in her language, where it is one of ours; else in that of who makes it."""
    tags = [
        words.text(coding.get("code")).split("-")[0].lower()
        for one in words.objects(patient.get("communication"))
        for coding in words.objects(words.first(one.get("language")).get("coding"))
    ]
    known = next((tag for tag in tags if tag in languages()), None)
    if known is None:
        return str(REMINDER.of(day=dates.calendar_day(come)))
    with reading(known):
        return str(REMINDER.of(day=dates.calendar_day(come)))
