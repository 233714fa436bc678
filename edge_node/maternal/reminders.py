"""Reminders as FHIR: a Task for the clinic, and a CommunicationRequest that the hub can send to her telephone.

Others read her telephone: neither resource's text, code or category says why she should come. Which item of the work list it is
stands in the Task's identifier as a number that means nothing outside (a hash), and only the Task, which stays in the clinic's
record, names the pregnancy.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, Final

from edge_node.concepts import LOCAL
from edge_node.maternal.course import Due

REMINDER_KEY: Final = "urn:medtech-edge:reminder:maternal"
"""Identifier system of reminders of maternal care. Other packages of knowledge have their own, and end their own."""
_CODE: Final = {"coding": [{"system": LOCAL, "code": "come-to-clinic"}], "text": "Reminder to come to the clinic"}


def reminder_key(item: Due) -> str:
    """By which a reminder is known to be of an item: the same for the same item, and telling nothing."""
    return blake2b(f"{item.of}|{item.kind}|{item.number}".encode(), digest_size=12).hexdigest()


def reminder_task(item: Due, patient: str, authored: date) -> dict[str, Any]:
    """The Task, without id: `requested`, for the woman, about the pregnancy, on the day from which the item is due."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": REMINDER_KEY, "value": reminder_key(item)}],
        "status": "requested",
        "intent": "order",
        "code": _CODE,
        "for": {"reference": f"Patient/{patient}"},
        "focus": {"reference": item.of},
        "authoredOn": authored.isoformat(),
        "executionPeriod": {"start": item.due_from.isoformat()},
    }


def reminder_message(item: Due, patient: str, text: str, on: date, authored: date) -> dict[str, Any]:
    """The CommunicationRequest, without id. `text`: `edge_node.maternal.texts.REMINDER` in her language, with the day filled in."""
    return {
        "resourceType": "CommunicationRequest",
        "identifier": [{"system": REMINDER_KEY, "value": reminder_key(item)}],
        "status": "active",
        "subject": {"reference": f"Patient/{patient}"},
        "recipient": [{"reference": f"Patient/{patient}"}],
        "payload": [{"contentString": text}],
        "occurrenceDateTime": on.isoformat(),
        "authoredOn": authored.isoformat(),
    }


def key_of(resource: Mapping[str, Any], system: str = REMINDER_KEY) -> str:
    """The key of a reminder's item; "" for a Task or message that is no reminder of ours (or of the package with that `system`)."""
    identifiers = resource.get("identifier")
    for each in identifiers if isinstance(identifiers, list) else ():
        if isinstance(each, dict) and each.get("system") == system:
            return str(each.get("value", ""))
    return ""
