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
from edge_node.forms.maternal.reminding import language_of
from edge_node.immunisation.reminders import VACCINE_KEY
from edge_node.immunisation.reminders import item as dose_item
from edge_node.language import reading
from edge_node.maternal.course import Due as Item
from edge_node.maternal.reminders import REMINDER_KEY, reminder_key, reminder_message, reminder_task
from edge_node.maternal.texts import REMINDER
from edge_node.pages import dates, due_words, words
from edge_node.pages.lists import WORK_LIST, Line
from edge_node.store.due import Due
from edge_node.store.model import Stored, Write
from edge_node.worklists import watching

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


def reminder(line: Line, stored: Stored, today: date) -> Reminder | None:
    """Her reminder to come: tomorrow, or on the day from which the first thing is due. None where nothing puts her on the list."""
    if not line.rows:
        return None
    first = min(line.rows, key=lambda row: (row.since, row.code))
    come = max(first.since, today + _DAY)
    item, system = _item(first, line.person.id)
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


def _item(row: Due, patient: str) -> tuple[Item, str]:
    """The item of a kept row, and the system of its reminder's key."""
    if row.list != watching.VACCINES:
        return due_words.care_item(row), REMINDER_KEY
    return dose_item(row.code, patient, row.since, row.overdue, row.until), VACCINE_KEY


def _under(system: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "identifier": [{**one, "system": system} for one in body["identifier"]]}


def _text(patient: words.Object, come: date) -> str:
    with reading(language_of(patient)):
        return str(REMINDER.of(day=dates.calendar_day(come)))
