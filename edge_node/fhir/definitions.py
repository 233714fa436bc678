"""The published FHIR R4 definitions, decoded once and only when asked for.

Every function is cached: the first call reads and decodes its file, later calls return the same object.
"""

import gzip
from functools import cache
from importlib.resources import files

import msgspec

CONTRACT_TYPES: tuple[str, ...] = (
    "Patient",
    "RelatedPerson",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Encounter",
    "EpisodeOfCare",
    "Observation",
    "Condition",
    "AllergyIntolerance",
    "Immunization",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "Procedure",
    "DiagnosticReport",
    "CarePlan",
    "Goal",
    "ServiceRequest",
    "Appointment",
    "Task",
    "Flag",
    "DetectedIssue",
    "Communication",
    "CommunicationRequest",
    "DocumentReference",
    "Binary",
    "Consent",
    "Provenance",
    "AuditEvent",
    "Questionnaire",
    "QuestionnaireResponse",
    "Measure",
    "MeasureReport",
    "Group",
    "List",
    "Bundle",
)
"""The resource types that are served, searched and validated."""


class ElementType(msgspec.Struct, frozen=True):
    """One permitted type of an element, with the resource types a Reference may point to."""

    code: str
    target: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, rename="camel"):
    """A terminology binding (https://hl7.org/fhir/R4/terminologies.html#strength)."""

    strength: str
    value_set: str | None = None


class ElementDefinition(msgspec.Struct, frozen=True, rename="camel"):
    """One row of a StructureDefinition's snapshot (https://hl7.org/fhir/R4/elementdefinition.html)."""

    path: str
    min: int
    max: str
    type: tuple[ElementType, ...] = ()
    binding: Binding | None = None
    content_reference: str | None = None


class Structure(msgspec.Struct, frozen=True):
    """A type: ``primitive-type``, ``complex-type`` or ``resource``, and its elements in published order."""

    kind: str
    elements: tuple[ElementDefinition, ...]


class SearchParameterDefinition(msgspec.Struct, frozen=True):
    """A published SearchParameter (https://hl7.org/fhir/R4/searchparameter.html), reduced."""

    code: str
    base: tuple[str, ...]
    type: str
    url: str
    expression: str = ""
    target: tuple[str, ...] = ()


class CompartmentMember(msgspec.Struct, frozen=True):
    """A resource type and the parameters that put it into a compartment."""

    code: str
    param: tuple[str, ...]


def _read(name: str) -> bytes:
    return gzip.decompress((files("edge_node.fhir") / "published" / name).read_bytes())


@cache
def structures() -> dict[str, Structure]:
    """All types by name."""
    return msgspec.json.decode(_read("structure-elements.json.gz"), type=dict[str, Structure])


@cache
def required_codes() -> dict[str, frozenset[str]]:
    """The codes of each required value set, by its canonical address without version."""
    return msgspec.json.decode(_read("required-codes.json.gz"), type=dict[str, frozenset[str]])


@cache
def search_parameters() -> tuple[SearchParameterDefinition, ...]:
    """All published search parameters, in published order."""
    return msgspec.json.decode(_read("search-parameters.json.gz"), type=tuple[SearchParameterDefinition, ...])


@cache
def patient_compartment() -> dict[str, tuple[str, ...]]:
    """Resource type to the codes of the parameters that link it to a patient (empty: never in a compartment)."""
    members = msgspec.json.decode(_read("compartment-patient.json.gz"), type=tuple[CompartmentMember, ...])
    return {member.code: member.param for member in members}


@cache
def resource_types() -> tuple[str, ...]:
    """All resource type names of FHIR R4, sorted; the list of a published, closed release."""
    return tuple(sorted(required_codes()["http://hl7.org/fhir/ValueSet/resource-types"]))


@cache
def _type_numbers() -> dict[str, int]:
    return {name: number for number, name in enumerate(resource_types(), start=1)}


def type_number(name: str) -> int:
    """A resource type as a small number that never changes: its place in the sorted list of R4; 0 when not in R4."""
    return _type_numbers().get(name, 0)
