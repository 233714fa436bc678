"""Making a reminder of something that is due: a Task for the clinic, and a message that the hub can send, if she agreed to messages.

The message names a day and the clinic's door, and nothing else: others read her telephone.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from edge_node.concepts import codes_of
from edge_node.forms.consents import agrees
from edge_node.forms.context import Context, create
from edge_node.language.catalogue import SOURCE, languages
from edge_node.language.days import said
from edge_node.language.readers import reading
from edge_node.maternal.course import Due
from edge_node.maternal.ending import OPEN
from edge_node.maternal.reminders import key_of, reminder_key, reminder_message, reminder_task
from edge_node.maternal.texts import REMINDER
from edge_node.store.model import Write


def reachable(patient: Mapping[str, Any]) -> bool:
    """Whether there is a telephone to send to."""
    return any(one.get("system") in ("phone", "sms") and one.get("value") for one in patient.get("telecom") or [])


def is_reminded(records: Iterable[Mapping[str, Any]], item: Due) -> bool:
    """Whether there is an open reminder of an item."""
    key = reminder_key(item)
    return any(
        key_of(each) == key and each.get("status") in OPEN.get(str(each["resourceType"]), ()) for each in records
    )


def day_of(item: Due, today: date) -> date:
    """The day for which she is asked to come: when it is due; tomorrow, when it is due already."""
    return max(item.due_from, today + timedelta(1))


def remind(context: Context, item: Due, patient: str) -> list[Write]:
    """The reminder; without a message where she did not agree to any, or has no telephone. `patient`: her id."""
    records = [held.resource for held in context.records]
    task = reminder_task(item, patient, context.today)
    writes = [create("Task", context.new_id(), task)]
    if agrees(records) and reachable(context.she.resource):
        on = day_of(item, context.today)
        with reading(language_of(context.she.resource)):
            text = str(REMINDER.of(day=said(on)))
        message = reminder_message(item, patient, text, on, context.today)
        writes.append(create("CommunicationRequest", context.new_id(), message))
    return writes


def language_of(patient: Mapping[str, Any]) -> str:
    """The language that she prefers, of those that there are; else English."""
    spoken = sorted(patient.get("communication") or [], key=lambda one: not one.get("preferred"))
    codes = [code.partition("-")[0] for one in spoken for _system, code in codes_of(one.get("language"))]
    return next((code for code in codes if code in languages()), SOURCE)
