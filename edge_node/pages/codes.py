"""Words for what FHIR writes as fixed codes: types of resources, states, units.

A code that is not here is shown with its hyphens as spaces.
"""

from types import MappingProxyType

from edge_node.language import N_

KINDS = MappingProxyType(
    {
        "AllergyIntolerance": ("allergy", "allergies"),
        "Appointment": ("appointment", "appointments"),
        "AuditEvent": ("entry of the record of use", "entries of the record of use"),
        "Basic": ("other record", "other records"),
        "Binary": ("attached file", "attached files"),
        "Bundle": ("bundle of records", "bundles of records"),
        "CarePlan": ("care plan", "care plans"),
        "CareTeam": ("care team", "care teams"),
        "Communication": ("message", "messages"),
        "CommunicationRequest": ("request for a message", "requests for messages"),
        "Condition": ("problem", "problems"),
        "Consent": ("consent", "consents"),
        "Coverage": ("insurance", "insurances"),
        "DetectedIssue": ("warning", "warnings"),
        "Device": ("device", "devices"),
        "DiagnosticReport": ("report", "reports"),
        "DocumentReference": ("document", "documents"),
        "Encounter": ("visit", "visits"),
        "EpisodeOfCare": ("episode of care", "episodes of care"),
        "FamilyMemberHistory": ("illness in the family", "illnesses in the family"),
        "Flag": ("warning", "warnings"),
        "Goal": ("goal", "goals"),
        "Group": ("group", "groups"),
        "ImagingStudy": ("images", "sets of images"),
        "Immunization": ("vaccination", "vaccinations"),
        "ImmunizationRecommendation": ("advice on vaccinations", "pieces of advice on vaccinations"),
        "List": ("list", "lists"),
        "Location": ("place", "places"),
        "Media": ("picture or recording", "pictures and recordings"),
        "Measure": ("measure", "measures"),
        "MeasureReport": ("report of a measure", "reports of measures"),
        "Medication": ("medicine", "medicines"),
        "MedicationAdministration": ("medicine given", "medicines given"),
        "MedicationDispense": ("medicine handed out", "medicines handed out"),
        "MedicationRequest": ("prescription", "prescriptions"),
        "MedicationStatement": ("medicine taken", "medicines taken"),
        "Observation": ("result", "results"),
        "Organization": ("organisation", "organisations"),
        "Patient": ("patient", "patients"),
        "Practitioner": ("health worker", "health workers"),
        "PractitionerRole": ("role of a health worker", "roles of health workers"),
        "Procedure": ("procedure", "procedures"),
        "Provenance": ("note of origin", "notes of origin"),
        "Questionnaire": ("questionnaire", "questionnaires"),
        "QuestionnaireResponse": ("filled-in form", "filled-in forms"),
        "RelatedPerson": ("relative or carer", "relatives and carers"),
        "ServiceRequest": ("order or referral", "orders and referrals"),
        "Specimen": ("sample", "samples"),
        "Task": ("task", "tasks"),
    }
)
"""Type of resource → one and several of it, as people at a clinic say it."""


def kind(type_: str, number: int = 1) -> str:
    """A type's name for people; of a type that is not known, its own name as words: `RiskAssessment` → `risk assessment`."""
    words = KINDS.get(type_)
    if words is None:
        spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type_).strip()
        return spaced or "record"
    return words[0] if number == 1 else words[1]


def counted(type_: str, number: int) -> str:
    """`1 visit`, `12 visits`."""
    return f"{number:,} {kind(type_, number)}"


STATES = MappingProxyType(
    {
        "arrived": "arrived",
        "booked": "booked",
        "cancelled": "cancelled",
        "completed": "done",
        "current": "current",
        "entered-in-error": "entered by mistake",
        "finished": "ended",
        "fulfilled": "took place",
        "in-progress": "under way",
        "nka": "none known",
        "noshow": "did not come",
        "not-done": "not done",
        "not-taken": "not taken",
        "on-hold": "paused",
        "onhold": "paused",
        "onleave": "on leave",
        "proposed": "proposed",
        "revoked": "stopped",
        "superseded": "replaced by a newer one",
        "unable-to-assess": "cannot be assessed",
        "waitlist": "on the waiting list",
        "phone": "telephone",
        "sms": "text message",
        "asap": "as soon as possible",
        "stat": "at once",
    }
)

PAST = frozenset(
    "abandoned aborted cancelled completed entered-in-error finished fulfilled inactive noshow not-done not-taken obsolete "
    "rejected remission resolved revoked stopped superseded ended refuted mitigated".split()
)
"""States of what is over."""


ROLES = MappingProxyType(
    {
        "admin": N_("administrator"),
        "citizen": N_("citizen"),
        "clinician": N_("clinician"),
        "midwife": N_("midwife"),
        "operator": N_("operator"),
        "registrar": N_("registrar"),
    }
)


def role(code: str) -> str:
    """A role in words."""
    return str(ROLES.get(code, code))


def state(code: object) -> str:
    """A fixed code in words."""
    if not isinstance(code, str):
        return ""
    return STATES.get(code, code.replace("-", " ").replace("_", " "))


UNITS = MappingProxyType(
    {
        "mm[Hg]": "mmHg",
        "Cel": "°C",
        "degC": "°C",
        "C": "°C",
        "[degF]": "°F",
        "degF": "°F",
        "kg/m2": "kg/m²",
        "m2": "m²",
        "/min": "per minute",
        "{beats}/min": "per minute",
        "{breaths}/min": "per minute",
        "beats/min": "per minute",
        "beats/minute": "per minute",
        "breaths/minute": "per minute",
        "[lb_av]": "lb",
        "[in_i]": "in",
        "10*3/uL": "×10³/µL",
        "10*6/uL": "×10⁶/µL",
        "10*9/L": "×10⁹/L",
        "10*12/L": "×10¹²/L",
        "10^9/L": "×10⁹/L",
        "10^12/L": "×10¹²/L",
        "mm Hg": "mmHg",
        "degrees C": "°C",
        "umol/L": "µmol/L",
        "ug/L": "µg/L",
        "ug": "µg",
        "[IU]": "IU",
        "[iU]": "IU",
        "a": "years",
        "mo": "months",
        "wk": "weeks",
        "d": "days",
        "h": "hours",
        "min": "minutes",
        "s": "seconds",
        "1": "",
        "ea": "",
        "{score}": "",
        "{#}": "",
        "{count}": "",
        "{nominal}": "",
    }
)
"""UCUM codes that are not how people write a unit."""

SEXES = MappingProxyType({"female": "Female", "male": "Male", "other": "Other", "unknown": "Sex unknown"})

MARRIED = MappingProxyType(
    {
        "A": "annulled",
        "C": "living together",
        "D": "divorced",
        "I": "divorce not final",
        "L": "living apart",
        "M": "married",
        "P": "several spouses",
        "S": "never married",
        "T": "partnership",
        "U": "not married",
        "W": "widowed",
    }
)
"""HL7 v3 MaritalStatus."""

RELATIONS = MappingProxyType(
    {
        "C": "emergency contact",
        "E": "employer",
        "F": "federal agency",
        "I": "insurer",
        "N": "next of kin",
        "S": "state agency",
        "CP": "contact person",
        "O": "other",
        "U": "not known",
    }
)
"""HL7 v2 table 0131: how somebody is related."""

NONE_KNOWN = frozenset("716186003 409137002 716220001 429625007 428607008 1003774007 716184000".split())
"""SNOMED CT findings that deny an allergy: of anything, of drugs, of latex, of food, of the environment."""

VISIT_CLASSES = MappingProxyType(
    {
        "AMB": "outpatient visit",
        "EMER": "emergency",
        "FLD": "visit in the field",
        "HH": "home visit",
        "IMP": "hospital stay",
        "ACUTE": "hospital stay",
        "NONAC": "hospital stay",
        "OBSENC": "observation",
        "PRENC": "before admission",
        "SS": "short stay",
        "VR": "by telephone or video",
        "ambulatory": "outpatient visit",
        "emergency": "emergency",
        "inpatient": "hospital stay",
        "outpatient": "outpatient visit",
        "wellness": "check-up",
        "urgentcare": "urgent care",
        "home": "home visit",
    }
)
"""Codes of HL7 v3 ActCode for visits, and those that older systems write instead."""

HIGH = frozenset("H HH HU > critical-high".split())
LOW = frozenset("L LL LU < critical-low".split())
ABNORMAL = frozenset("A AA POS IND".split())
INTERPRETATIONS = MappingProxyType(
    {
        "H": "high",
        "HH": "very high",
        "HU": "high",
        "L": "low",
        "LL": "very low",
        "LU": "low",
        "A": "abnormal",
        "AA": "very abnormal",
        "N": "normal",
        "POS": "positive",
        "NEG": "negative",
        "IND": "unclear",
        "R": "resistant",
        "S": "susceptible",
        "I": "intermediate",
    }
)
"""HL7 v3 ObservationInterpretation."""
