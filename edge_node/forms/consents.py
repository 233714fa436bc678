"""What a patient agrees to: reminders by telephone."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from edge_node.concepts import LOINC, codes_of
from edge_node.forms.context import Context, create
from edge_node.maternal.reading import about_day, moment
from edge_node.roles import REMINDER_CONSENT
from edge_node.store.model import Write


def reminder_consent(context: Context, patient: str, *, agreed: bool) -> Write:
    """Whether reminders may be sent. Source: FHIR R4 Consent; policy rules of HL7 v3 ActCode."""
    terms = "http://terminology.hl7.org/CodeSystem/"
    rule = {"system": f"{terms}v3-ActCode", "code": "OPTIN" if agreed else "OPTOUT"}
    system, code = REMINDER_CONSENT
    body = {
        "status": "active",
        "scope": {"coding": [{"system": f"{terms}consentscope", "code": "patient-privacy"}]},
        "category": [
            {"coding": [{"system": LOINC, "code": "59284-0"}]},
            {"coding": [{"system": system, "code": code}], "text": "Reminders by telephone"},
        ],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": context.moment,
        "policyRule": {"coding": [rule]},
        "provision": {"type": "permit" if agreed else "deny"},
    }
    return create("Consent", context.new_id(), body)


def agrees(records: Iterable[Mapping[str, Any]]) -> bool:
    """Whether somebody agreed to reminders: the last word on them counts, and of two of one moment the one that says no. Silence is no.

    Consents of another category, to be photographed or studied, say nothing about reminders.
    """
    said = [(_said_at(one), _permits(one)) for one in records if _is_about_reminders(one)]
    last = max((at for at, _permitted in said), default=None)
    return bool(said) and all(permitted for at, permitted in said if at == last)


def _said_at(consent: Mapping[str, Any]) -> datetime:
    """When it was said, wherever its clock stood; of a day alone its beginning, and without one, before all others."""
    at = consent.get("dateTime")
    return moment(at) or datetime.combine(about_day(at) or date.min, time(), UTC)


def _is_about_reminders(record: Mapping[str, Any]) -> bool:
    if record.get("resourceType") != "Consent" or record.get("status") == "entered-in-error":
        return False
    return any(REMINDER_CONSENT in codes_of(category) for category in record.get("category") or [])


def _permits(consent: Mapping[str, Any]) -> bool:
    return consent.get("status") == "active" and (consent.get("provision") or {}).get("type") == "permit"
