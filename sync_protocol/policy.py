"""The declarative table: which elements of FHIR R4 form one unit, which lists are keyed, which conflicts people must review.

Three rules keep it safe to extend. A unit's members are found again when a resource is assembled whatever table wrote it,
because a value names its members. Whether a released list is keyed never changes. A type or element that the table does not
know is a unit of its own with policy `latest`.

Source of the elements: FHIR R4 (4.0.1) resource definitions. Review: what hurts when the wrong value is believed.
"""

from functools import lru_cache
from types import MappingProxyType

import msgspec


class KeyedList(msgspec.Struct, frozen=True):
    """A list whose entries are registers. `fields`: paths into an entry that key it. `unique`: two first entries with equal keys,
    made apart, are one register and so a conflict, not two entries."""

    fields: tuple[tuple[str, ...], ...]
    unique: bool


class Plan(msgspec.Struct, frozen=True):
    """How one type's top-level members become elements: member name → unit key; list name → how it is keyed."""

    units: MappingProxyType[str, str]
    lists: MappingProxyType[str, KeyedList]
    review: frozenset[str]


_EXTENSIONS = KeyedList(fields=(("url",),), unique=True)
_IDENTIFIERS = KeyedList(fields=(("system",),), unique=True)
_TELECOMS = KeyedList(fields=(("system",), ("use",)), unique=False)
_NAMES = KeyedList(fields=(("use",),), unique=False)
_ADDRESSES = KeyedList(fields=(("use",),), unique=False)
_COMPONENTS = KeyedList(fields=(("code", "coding", "code"), ("code", "text")), unique=True)
_ITEMS = KeyedList(fields=(("linkId",),), unique=True)

_EVERY_TYPE = {"extension": _EXTENSIONS, "modifierExtension": _EXTENSIONS}
_PERSON = {"identifier": _IDENTIFIERS, "telecom": _TELECOMS, "name": _NAMES, "address": _ADDRESSES}

LISTS: dict[str, dict[str, KeyedList]] = {
    "Patient": _PERSON,
    "RelatedPerson": _PERSON,
    "Practitioner": _PERSON,
    "PractitionerRole": {"identifier": _IDENTIFIERS, "telecom": _TELECOMS},
    "Organization": {"identifier": _IDENTIFIERS, "telecom": _TELECOMS, "address": _ADDRESSES},
    "Location": {"identifier": _IDENTIFIERS, "telecom": _TELECOMS},
    "Observation": {"identifier": _IDENTIFIERS, "component": _COMPONENTS},
    "QuestionnaireResponse": {"item": _ITEMS},
}
"""Keyed lists of a type beside `extension` and `modifierExtension`, which are keyed in every type."""

_WITH_IDENTIFIERS = (
    "Encounter EpisodeOfCare Condition AllergyIntolerance Immunization Medication MedicationRequest MedicationStatement "
    "MedicationAdministration Procedure DiagnosticReport CarePlan Goal ServiceRequest Appointment Task Flag DetectedIssue "
    "Communication CommunicationRequest DocumentReference Consent Questionnaire Measure MeasureReport Group List"
).split()
LISTS.update({name: {"identifier": _IDENTIFIERS} for name in _WITH_IDENTIFIERS})

CHOICES: dict[str, tuple[str, ...]] = {
    "Patient": ("deceased", "multipleBirth"),
    "Observation": ("effective", "value"),
    "Condition": ("onset", "abatement"),
    "AllergyIntolerance": ("onset",),
    "Immunization": ("occurrence",),
    "MedicationRequest": ("reported", "medication"),
    "MedicationStatement": ("medication", "effective"),
    "MedicationAdministration": ("medication", "effective"),
    "Procedure": ("performed",),
    "DiagnosticReport": ("effective",),
    "Goal": ("start",),
    "ServiceRequest": ("quantity", "occurrence", "asNeeded"),
    "DetectedIssue": ("identified",),
    "CommunicationRequest": ("occurrence",),
    "Provenance": ("occurred",),
    "Questionnaire": (),
    "Measure": ("subject",),
    "Consent": ("source",),
}
"""Choice elements `name[x]` by type. The data types that may follow are recognised by their capital letter."""

STATEMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Observation": {"value[x]": ("value[x]", "dataAbsentReason")},
    "Condition": {"verification": ("clinicalStatus", "verificationStatus")},
    "AllergyIntolerance": {"verification": ("clinicalStatus", "verificationStatus")},
    "Immunization": {"vaccine": ("vaccineCode", "status", "statusReason")},
    "MedicationRequest": {
        "medication": ("medication[x]", "dosageInstruction", "status", "statusReason", "doNotPerform")
    },
    "MedicationStatement": {"medication": ("medication[x]", "dosage", "status", "statusReason")},
    "MedicationAdministration": {"medication": ("medication[x]", "dosage", "status", "statusReason")},
    "Goal": {"status": ("lifecycleStatus", "achievementStatus")},
    "Procedure": {"status": ("status", "statusReason")},
    "Encounter": {"status": ("status", "statusHistory")},
    "EpisodeOfCare": {"status": ("status", "statusHistory")},
    "Consent": {"provision": ("status", "provision")},
    "Group": {"member": ("member", "quantity")},
}
"""Elements that state something only together: a unit's key → its members."""

REVIEW: dict[str, tuple[str, ...]] = {
    "Patient": ("birthDate", "gender", "deceased[x]", "identifier", "link", "active"),
    "RelatedPerson": ("birthDate", "gender", "identifier", "patient"),
    "Practitioner": ("identifier", "qualification"),
    "AllergyIntolerance": (
        "code",
        "verification",
        "criticality",
        "reaction",
        "category",
        "type",
        "patient",
        "onset[x]",
    ),
    "Condition": ("code", "verification", "severity", "subject", "onset[x]", "abatement[x]", "stage"),
    "Observation": ("code", "value[x]", "status", "component", "subject", "effective[x]", "interpretation"),
    "Immunization": ("vaccine", "occurrence[x]", "patient", "doseQuantity", "protocolApplied"),
    "Medication": ("code", "ingredient", "form", "amount"),
    "MedicationRequest": ("medication", "intent", "subject", "substitution", "dispenseRequest"),
    "MedicationStatement": ("medication", "subject", "effective[x]"),
    "MedicationAdministration": ("medication", "subject", "effective[x]"),
    "Procedure": ("code", "status", "subject", "performed[x]", "outcome"),
    "DiagnosticReport": ("code", "status", "subject", "conclusion", "conclusionCode", "result"),
    "EpisodeOfCare": ("status", "patient", "period", "diagnosis"),
    "Encounter": ("status", "subject", "diagnosis"),
    "CarePlan": ("status", "intent", "subject", "activity"),
    "Goal": ("status", "subject", "target"),
    "ServiceRequest": ("code", "status", "intent", "subject", "priority"),
    "Task": ("status", "for"),
    "Flag": ("code", "status", "subject"),
    "DetectedIssue": ("code", "status", "severity", "patient"),
    "Consent": ("provision", "patient", "scope"),
    "DocumentReference": ("status", "subject", "content"),
    "QuestionnaireResponse": ("status", "subject", "item"),
    "Group": ("member",),
}
"""Element keys (units, or names of keyed lists) whose disagreements wait in the clinicians' inbox. All others show the latest
and keep the rest in the history."""


@lru_cache(maxsize=256)
def plan(type_: str) -> Plan:
    """The table's rows for one type, known or not, as look-ups."""
    units: dict[str, str] = {}
    for key, members in STATEMENTS.get(type_, {}).items():
        units.update(dict.fromkeys(members, key))
    lists = {**_EVERY_TYPE, **LISTS.get(type_, {})}
    return Plan(MappingProxyType(units), MappingProxyType(lists), frozenset(REVIEW.get(type_, ())))


@lru_cache(maxsize=8192)
def unit_of(type_: str, member: str) -> str:
    """The key of the unit that a top-level member belongs to: `_birthDate` → `birthDate`, `valueQuantity` → `value[x]`."""
    name = member.removeprefix("_")
    for choice in CHOICES.get(type_, ()):
        rest = name[len(choice) :]
        if name.startswith(choice) and rest[:1].isupper():
            name = f"{choice}[x]"
            break
    return plan(type_).units.get(name, name)


def needs_review(type_: str, element: str) -> bool:
    """Whether a disagreement about this element waits for a clinician. A disputed deletion always does."""
    return element == "~" or element.partition("|")[0] in plan(type_).review
