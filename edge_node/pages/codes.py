"""Words for what FHIR writes as fixed codes: types of resources, states, units.

A code that is not here is shown with its hyphens as spaces.
"""

from collections.abc import Mapping
from types import MappingProxyType

from edge_node.language import C_, N_, NN_, Plural, Text, _, reader
from edge_node.language.digits import in_digits
from edge_node.pages import dates

KINDS = MappingProxyType(
    {
        "AllergyIntolerance": NN_("allergy", "allergies"),
        "Appointment": NN_("appointment", "appointments"),
        "AuditEvent": NN_("entry of the record of use", "entries of the record of use"),
        "Basic": NN_("other record", "other records"),
        "Binary": NN_("attached file", "attached files"),
        "Bundle": NN_("bundle of records", "bundles of records"),
        "CarePlan": NN_("care plan", "care plans"),
        "CareTeam": NN_("care team", "care teams"),
        "Communication": NN_("message", "messages"),
        "CommunicationRequest": NN_("request for a message", "requests for messages"),
        "Condition": NN_("problem", "problems"),
        "Consent": NN_("consent", "consents"),
        "Coverage": NN_("insurance", "insurances"),
        "DetectedIssue": NN_("warning", "warnings"),
        "Device": NN_("device", "devices"),
        "DiagnosticReport": NN_("report", "reports"),
        "DocumentReference": NN_("document", "documents"),
        "Encounter": NN_("visit", "visits"),
        "EpisodeOfCare": NN_("episode of care", "episodes of care"),
        "FamilyMemberHistory": NN_("illness in the family", "illnesses in the family"),
        "Flag": NN_("warning", "warnings"),
        "Goal": NN_("goal", "goals"),
        "Group": NN_("group", "groups"),
        "ImagingStudy": NN_("images", "sets of images"),
        "Immunization": NN_("vaccination", "vaccinations"),
        "ImmunizationRecommendation": NN_("advice on vaccinations", "pieces of advice on vaccinations"),
        "List": NN_("list", "lists"),
        "Location": NN_("place", "places"),
        "Media": NN_("picture or recording", "pictures and recordings"),
        "Measure": NN_("measure", "measures"),
        "MeasureReport": NN_("report of a measure", "reports of measures"),
        "Medication": NN_("medicine", "medicines"),
        "MedicationAdministration": NN_("medicine given", "medicines given"),
        "MedicationDispense": NN_("medicine handed out", "medicines handed out"),
        "MedicationRequest": NN_("prescription", "prescriptions"),
        "MedicationStatement": NN_("medicine taken", "medicines taken"),
        "Observation": NN_("result", "results"),
        "Organization": NN_("organisation", "organisations"),
        "Patient": NN_("patient", "patients"),
        "Practitioner": NN_("health worker", "health workers"),
        "PractitionerRole": NN_("role of a health worker", "roles of health workers"),
        "Procedure": NN_("procedure", "procedures"),
        "Provenance": NN_("note of origin", "notes of origin"),
        "Questionnaire": NN_("questionnaire", "questionnaires"),
        "QuestionnaireResponse": NN_("filled-in form", "filled-in forms"),
        "RelatedPerson": NN_("relative or carer", "relatives and carers"),
        "ServiceRequest": NN_("order or referral", "orders and referrals"),
        "Specimen": NN_("sample", "samples"),
        "Task": NN_("task", "tasks"),
    }
)
"""Type of resource → one and several of it, as people at a clinic say it."""


def kind(type_: str, number: int = 1) -> str:
    """A type's name for people; of a type that is not known, its own name as words: `RiskAssessment` → `risk assessment`."""
    words = KINDS.get(type_)
    if words is None:
        spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type_).strip()
        return spaced or _("record")
    return words.of(number)


def counted(type_: str, number: int) -> str:
    """`1 visit`, `12 visits`."""
    shown = in_digits(f"{number:,}", reader().locale)
    return _("%(number)s %(things)s", number=shown, things=kind(type_, number))


STATES = MappingProxyType(
    {
        "arrived": N_("arrived"),
        "booked": N_("booked"),
        "cancelled": N_("cancelled"),
        "completed": N_("done"),
        "current": N_("current"),
        "entered-in-error": N_("entered by mistake"),
        "finished": N_("ended"),
        "fulfilled": N_("took place"),
        "in-progress": N_("under way"),
        "nka": N_("none known"),
        "noshow": N_("did not come"),
        "not-done": N_("not done"),
        "not-taken": N_("not taken"),
        "on-hold": N_("paused"),
        "onhold": N_("paused"),
        "onleave": N_("on leave"),
        "proposed": N_("proposed"),
        "revoked": N_("stopped"),
        "superseded": N_("replaced by a newer one"),
        "unable-to-assess": N_("cannot be assessed"),
        "waitlist": N_("on the waiting list"),
        "phone": N_("telephone"),
        "sms": N_("text message"),
        "asap": N_("as soon as possible"),
        "active": N_("active"),
        "inactive": N_("inactive"),
        "resolved": N_("resolved"),
        "remission": N_("remission"),
        "recurrence": N_("recurrence"),
        "relapse": N_("relapse"),
        "confirmed": N_("confirmed"),
        "unconfirmed": N_("unconfirmed"),
        "provisional": N_("provisional"),
        "differential": N_("differential"),
        "refuted": N_("refuted"),
        "draft": N_("draft"),
        "final": N_("final"),
        "registered": N_("registered"),
        "preliminary": N_("preliminary"),
        "amended": N_("amended"),
        "corrected": N_("corrected"),
        "planned": N_("planned"),
        "triaged": N_("triaged"),
        "stopped": N_("stopped"),
        "requested": N_("requested"),
        "accepted": N_("accepted"),
        "rejected": N_("rejected"),
        "ready": N_("ready"),
        "pending": N_("pending"),
        "failed": N_("failed"),
        "suspended": N_("suspended"),
        "routine": N_("routine"),
        "urgent": N_("urgent"),
        "mild": N_("mild"),
        "moderate": N_("moderate"),
        "severe": N_("severe"),
        "high": N_("high"),
        "low": N_("low"),
        "food": N_("food"),
        "medication": N_("medication"),
        "environment": N_("environment"),
        "biologic": N_("biologic"),
        "home": N_("home"),
        "work": N_("work"),
        "mobile": N_("mobile"),
        "old": N_("old"),
        "temp": N_("temporary"),
        "email": N_("email"),
        "fax": N_("fax"),
        "usual": N_("usual"),
        "official": N_("official"),
        "nickname": N_("nickname"),
        "maiden": N_("name before marriage"),
        "anonymous": N_("anonymous"),
        "achieved": N_("achieved"),
        "improving": N_("improving"),
        "worsening": N_("worsening"),
        "stat": N_("at once"),
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
    return str(STATES.get(code, code.replace("-", " ").replace("_", " ")))


UNITS: Mapping[str, str | Text] = MappingProxyType(
    {
        "mm[Hg]": "mmHg",
        "Cel": "°C",
        "degC": "°C",
        "C": "°C",
        "[degF]": "°F",
        "degF": "°F",
        "kg/m2": "kg/m²",
        "m2": "m²",
        "/min": N_("per minute"),
        "{beats}/min": N_("per minute"),
        "{breaths}/min": N_("per minute"),
        "beats/min": N_("per minute"),
        "beats/minute": N_("per minute"),
        "breaths/minute": N_("per minute"),
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
        "s": N_("seconds"),
        "1": "",
        "ea": "",
        "{score}": "",
        "{#}": "",
        "{count}": "",
        "{nominal}": "",
    }
)
"""UCUM codes that are not how people write a unit."""

_SPANS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_THINGS = {
    "tablet": NN_("%(count)s tablet", "%(count)s tablets"),
    "capsule": NN_("%(count)s capsule", "%(count)s capsules"),
    "drop": NN_("%(count)s drop", "%(count)s drops"),
    "puff": NN_("%(count)s puff", "%(count)s puffs"),
    "sachet": NN_("%(count)s sachet", "%(count)s sachets"),
    "suppository": NN_("%(count)s suppository", "%(count)s suppositories"),
    "injection": NN_("%(count)s injection", "%(count)s injections"),
    "application": NN_("%(count)s application", "%(count)s applications"),
}
COUNTED: Mapping[str, Plural] = MappingProxyType(
    {
        alias: said
        for name, said in _THINGS.items()
        for alias in (name, f"{{{name}}}", said.plural.removeprefix("%(count)s "))
    }
    | {alias: dates.SPANS[name] for name, code in _SPANS.items() for alias in (name, f"{name}s", code)}
)
"""Units that are counted, by how records write them: `2 tablets`, in the reader's language."""

SEXES = MappingProxyType(
    {"female": N_("Female"), "male": N_("Male"), "other": N_("Other"), "unknown": N_("Sex unknown")}
)

MARRIED = MappingProxyType(
    {
        "A": N_("annulled"),
        "C": N_("living together"),
        "D": N_("divorced"),
        "I": N_("divorce not final"),
        "L": N_("living apart"),
        "M": N_("married"),
        "P": N_("several spouses"),
        "S": N_("never married"),
        "T": N_("partnership"),
        "U": N_("not married"),
        "W": N_("widowed"),
    }
)
"""HL7 v3 MaritalStatus."""

RELATIONS = MappingProxyType(
    {
        "C": N_("emergency contact"),
        "E": N_("employer"),
        "F": N_("federal agency"),
        "I": N_("insurer"),
        "N": N_("next of kin"),
        "S": N_("state agency"),
        "CP": N_("contact person"),
        "O": N_("other"),
        "U": N_("not known"),
    }
)
"""HL7 v2 table 0131: how somebody is related."""

NONE_KNOWN = frozenset("716186003 409137002 716220001 429625007 428607008 1003774007 716184000".split())
"""SNOMED CT findings that deny an allergy: of anything, of drugs, of latex, of food, of the environment."""

VISIT_CLASSES = MappingProxyType(
    {
        "AMB": N_("outpatient visit"),
        "EMER": N_("emergency"),
        "FLD": N_("visit in the field"),
        "HH": N_("home visit"),
        "IMP": N_("hospital stay"),
        "ACUTE": N_("hospital stay"),
        "NONAC": N_("hospital stay"),
        "OBSENC": N_("observation"),
        "PRENC": N_("before admission"),
        "SS": N_("short stay"),
        "VR": N_("by telephone or video"),
        "ambulatory": N_("outpatient visit"),
        "emergency": N_("emergency"),
        "inpatient": N_("hospital stay"),
        "outpatient": N_("outpatient visit"),
        "wellness": N_("check-up"),
        "urgentcare": N_("urgent care"),
        "home": N_("home visit"),
    }
)
"""Codes of HL7 v3 ActCode for visits, and those that older systems write instead."""

HIGH = frozenset("H HH HU > critical-high".split())
LOW = frozenset("L LL LU < critical-low".split())
ABNORMAL = frozenset("A AA POS IND".split())
INTERPRETATIONS = MappingProxyType(
    {
        "H": C_("high"),
        "HH": C_("very high"),
        "HU": C_("high"),
        "L": C_("low"),
        "LL": C_("very low"),
        "LU": C_("low"),
        "A": C_("abnormal"),
        "AA": C_("very abnormal"),
        "N": C_("normal"),
        "POS": C_("positive"),
        "NEG": C_("negative"),
        "IND": C_("unclear"),
        "R": C_("resistant"),
        "S": C_("susceptible"),
        "I": C_("intermediate"),
    }
)
"""HL7 v3 ObservationInterpretation."""

OF_SYSTEMS: Mapping[str, Mapping[str, Text]] = MappingProxyType(
    {
        "http://terminology.hl7.org/CodeSystem/v3-ActCode": VISIT_CLASSES,
        "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus": MARRIED,
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation": INTERPRETATIONS,
        "http://terminology.hl7.org/CodeSystem/v2-0131": RELATIONS,
    }
)
"""Code systems all of whose common codes have words here."""
