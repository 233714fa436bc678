"""What each role may see, write and do: one table, read by the FHIR API, by the pages and by the tests.

A kind is a group of FHIR types that the same people work with. A type that no kind names is clinical: what is not foreseen is seen by
those who see everything, and by nobody else. A role that is not in the table may do nothing.

Source: docs/ARCHITECTURE.md, "The clinic's workplace" (Roles); FHIR R4, https://hl7.org/fhir/R4/security.html#binding (need to know).
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

Kind = Literal[
    "demographics",  # who she is and who belongs to her
    "scheduling",
    "clinical",
    "immunisation",
    "reminders",  # what is to be done and said: it tells of her care
    "consent",
    "directory",  # staff and places
    "definitions",  # forms, measures, the list of medicines: of no patient
    "reports",
    "audit",
]
KINDS: Final[tuple[Kind, ...]] = (
    *("demographics", "scheduling", "clinical", "immunisation", "reminders"),
    *("consent", "directory", "definitions", "reports", "audit"),
)

Act = Literal[
    "see-patients",  # the pages of patients
    "register",
    "settle",  # a conflict of a kind that one may write
    "merge",  # two records of one person
    "open-with-reason",  # a record outside of one's role
    "see-opened",  # who did that, and why
    "see-audit",
    "manage-people",
    "import-export",
    "sync-now",
    "see-node",  # how this node stands with its hub
    "see-quarantine",
    "indicators",
]
ACTS: Final[tuple[Act, ...]] = (
    *("see-patients", "register", "settle", "merge", "open-with-reason", "see-opened", "see-audit"),
    *("manage-people", "import-export", "sync-now", "see-node", "see-quarantine", "indicators"),
)

_TYPES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "demographics": ("Patient", "Person", "RelatedPerson"),
    "scheduling": ("Appointment", "AppointmentResponse", "Schedule", "Slot"),
    "immunisation": ("Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation"),
    "reminders": ("Communication", "CommunicationRequest", "Task"),
    "consent": ("Consent",),
    "directory": ("Endpoint", "HealthcareService", "Location", "Organization", "Practitioner", "PractitionerRole"),
    "definitions": (
        *("ActivityDefinition", "CodeSystem", "Library", "Measure", "Medication", "PlanDefinition"),
        *("Questionnaire", "SearchParameter", "StructureDefinition", "ValueSet"),
    ),
    "reports": ("MeasureReport",),
    "audit": ("AuditEvent",),
}
TYPES: Final[Mapping[str, Kind]] = MappingProxyType({name: kind for kind, names in _TYPES.items() for name in names})
"""FHIR type → kind; all others are clinical."""

RECORDS: Final[frozenset[Kind]] = frozenset(KINDS) - {"audit"}
"""All that is opened with a reason, and all that is in a citizen's own record."""
_SHARED: Final[frozenset[Kind]] = frozenset({"directory", "definitions"})


class Rights(Struct, frozen=True):
    """What a role may do. `see` and `write` are of everybody's records, `own_see` and `own_write` of the one patient that the user is."""

    see: frozenset[Kind] = frozenset()
    write: frozenset[Kind] = frozenset()
    acts: frozenset[Act] = frozenset()
    own_see: frozenset[Kind] = frozenset()
    own_write: frozenset[Kind] = frozenset()


def _rights(see: Collection[Kind], write: Collection[Kind], acts: Collection[Act]) -> Rights:
    return Rights(frozenset(see), frozenset(write), frozenset(acts))


_PLACES: Final[tuple[Kind, ...]] = ("directory",)
_CLINIC: Final[tuple[Act, ...]] = ("see-patients", "register", "settle", "merge", "sync-now", "see-node", "indicators")
_DESK: Final[tuple[Kind, ...]] = ("demographics", "scheduling", "consent")

TABLE: Final[Mapping[str, Rights]] = MappingProxyType(
    {
        "clinician": _rights(KINDS, RECORDS, (*_CLINIC, "see-opened", "see-audit", "see-quarantine")),
        "midwife": _rights(RECORDS, RECORDS, _CLINIC),
        "registrar": _rights(
            (*_DESK, *_SHARED),
            _DESK,
            ("see-patients", "register", "settle", "sync-now", "see-node", "open-with-reason"),
        ),
        "operator": _rights(
            _SHARED, _PLACES, ("import-export", "sync-now", "see-node", "see-quarantine", "open-with-reason")
        ),
        "admin": _rights(
            (*_SHARED, "audit"),
            _SHARED,
            (
                *("manage-people", "import-export", "sync-now", "see-node", "see-quarantine"),
                *("see-opened", "see-audit", "open-with-reason"),
            ),
        ),
        "citizen": Rights(see=_SHARED, own_see=RECORDS, own_write=frozenset({"consent"})),
    }
)
ROLES: Final[tuple[str, ...]] = tuple(TABLE)
_NOTHING: Final = Rights()

REMINDER_CONSENT: Final = ("urn:medtech-edge:consent", "reminders")
"""System and code of the category of the one Consent that a citizen gives and takes back by herself."""


def rights_of(role: str) -> Rights:
    """The rights of a role; none for one that is not in the table."""
    return TABLE.get(role, _NOTHING)


def kind_of(type_: str) -> Kind:
    """The kind that a FHIR type belongs to."""
    return TYPES.get(type_, "clinical")


def may(role: str, act: Act) -> bool:
    """Whether people of this role do this."""
    return act in rights_of(role).acts


assert frozenset(KINDS) == {*TYPES.values(), "clinical"}
assert all(rights.write <= rights.see and rights.own_write <= rights.own_see for rights in TABLE.values())
