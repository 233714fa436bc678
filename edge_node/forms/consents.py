"""What a patient agrees to: reminders by telephone."""

from edge_node.forms.context import Context, create
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
            {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]},
            {"coding": [{"system": system, "code": code}], "text": "Reminders by telephone"},
        ],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": context.moment,
        "policyRule": {"coding": [rule]},
        "provision": {"type": "permit" if agreed else "deny"},
    }
    return create("Consent", context.new_id(), body)
