"""What a facility is told of its patients by the hub, as FHIR Communications in its own scope: every node of it has them, offline.

    category (system urn:medtech-edge:notice)    status
    moved           completed                     she was admitted elsewhere
    moved           in-progress                   she was referred, her record went along, and she has not been seen there yet
    moved           completed, not-done           the referral is over there: carried out, or given up
    referral-left   not-done                      a referral that moved nobody, with the reason

`about` names the patient, who is not in the facility's records any more; it is no `subject`, so that a notice stays where it is when she
moves on. Words are made of the codes by whoever shows them; the text in `payload` is for programs that know no codes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from hub.store.nodes import FacilityRow
from sync_protocol.matching.person import name_text
from sync_protocol.referral import NOTICE_SYSTEM

ADMITTED: Final[Mapping[str, str]] = {
    "here": "she came there",
    "referral": "she was referred",
    "moved": "she moved to live there",
}
"""Why somebody was admitted elsewhere: code → words."""
LEFT: Final[Mapping[str, str]] = {
    "no-such-facility": "the hub knows no such clinic",
    "another-region": "that clinic is in another region",
    "elsewhere": "she is a patient of another clinic already",
    "id-shared": "her records have ids that the other clinic uses too",
}
"""Why a referral moved nobody: code → words."""
Status = Literal["in-progress", "completed", "not-done"]


def moved(
    id_: str,
    patient: Mapping[str, Any],
    source: FacilityRow,
    target: FacilityRow,
    *,
    who: str,
    reason: str,
    at_ms: int,
    referral: str = "",
    status: Status = "completed",
) -> dict[str, Any]:
    """To the facility that a patient left: who admitted her where, and why. `referral`: the ServiceRequest's id."""
    text = f"{_name(patient)} is a patient of {target.name} now: {ADMITTED[reason]}. By {who}."
    return {
        **_notice(f"moved-{id_}", "moved", status, patient, source, reason, text, at_ms, referral),
        "sender": {"reference": f"Organization/{target.id}", "display": target.name},
        "note": [{"authorString": who, "text": text}],
    }


def left(
    id_: str, patient: Mapping[str, Any], source: FacilityRow, reason: str, at_ms: int, referral: str
) -> dict[str, Any]:
    """To the facility that referred somebody: her record stayed where it is, and why."""
    text = f"The record of {_name(patient)} did not go along with the referral: {LEFT[reason]}."
    return _notice(f"left-{id_}", "referral-left", "not-done", patient, source, reason, text, at_ms, referral)


def _notice(
    id_: str,
    kind: str,
    status: Status,
    patient: Mapping[str, Any],
    source: FacilityRow,
    reason: str,
    text: str,
    at_ms: int,
    referral: str,
) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "id": id_,
        "status": status,
        "category": [{"coding": [{"system": NOTICE_SYSTEM, "code": kind}]}],
        "about": [{"reference": f"Patient/{patient['id']}", "display": _name(patient)}],
        "sent": datetime.fromtimestamp(at_ms // 1000, UTC).isoformat(),
        "recipient": [{"reference": f"Organization/{source.id}", "display": source.name}],
        "reasonCode": [{"coding": [{"system": NOTICE_SYSTEM, "code": reason}], "text": {**ADMITTED, **LEFT}[reason]}],
        "payload": [{"contentString": text}],
        **({"basedOn": [{"reference": f"ServiceRequest/{referral}"}]} if referral else {}),
    }


def _name(patient: Mapping[str, Any]) -> str:
    names = patient.get("name")
    texts = [name_text(name) for name in names if isinstance(name, dict)] if isinstance(names, list) else []
    return next((text for text in texts if text), "A patient without a name")
