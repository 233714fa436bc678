"""What ends with a write, within its transaction: reminders of what is due no more. Pure; the store asks it of whatever is written.

A message that asks a woman to come who lost her child, or one to the telephone of somebody who died, must not go out because nobody
thought of cancelling it. So it is not left to pages: whoever writes (page, FHIR API), `edge_node/store/consequences.py` asks here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from edge_node.concepts import Table
from edge_node.maternal.concepts import ACTS, STATEMENTS, VISITS
from edge_node.maternal.ending import ending, newborn_ending
from edge_node.maternal.history_concepts import CONDITIONS, MEDICINES, OUTCOMES, VACCINES
from edge_node.maternal.reading import target
from edge_node.maternal.record import read_mother, read_newborn
from edge_node.maternal.reminders import key_of

Resource = Mapping[str, Any]

REMINDERS: Final = ("Task", "CommunicationRequest")
"""Types that may end."""
SUBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Patient": "",
        "EpisodeOfCare": "patient",
        "Encounter": "subject",
        "Observation": "subject",
        "Condition": "subject",
        "Procedure": "subject",
        "Immunization": "patient",
        "MedicationAdministration": "subject",
        "MedicationRequest": "subject",
    }
)
"""Types that may end something → the element that names the patient; "" of the patient herself."""
_ENDING_STATEMENTS: Final = frozenset(
    {
        "outcome",
        "delivery-date",
        "accepted-dating",
        "lmp",
        "age-by-ultrasound",
        "gestational-age",
        "expected-birth",
        "expected-birth-by-lmp",
        "expected-birth-by-ultrasound",
        "deworming",
    }
)
"""Observations by which something is due no more, or on another day. All others pass without a look at the record."""


_CODED: Final[Mapping[str, tuple[str, tuple[Table, ...]]]] = MappingProxyType(
    {
        "Encounter": ("type", (VISITS,)),
        "Condition": ("code", (CONDITIONS, OUTCOMES)),
        "Procedure": ("code", (ACTS,)),
        "Immunization": ("vaccineCode", (VACCINES,)),
        "MedicationAdministration": ("medicationCodeableConcept", (MEDICINES,)),
        "MedicationRequest": ("medicationCodeableConcept", (MEDICINES,)),
    }
)
"""Where each other type says what it is, and the tables of what matters. Medicines and vaccines are recognised by words too."""


def may_end(resource: Resource) -> bool:
    """Whether a resource that is being written may end a reminder. Looks at nothing but the resource."""
    type_ = str(resource.get("resourceType"))
    if type_ == "Patient":
        return bool(resource.get("deceasedBoolean")) or "deceasedDateTime" in resource
    if type_ == "Observation":
        found = STATEMENTS.find(resource.get("code"))
        return found is not None and found.name in _ENDING_STATEMENTS
    if type_ in _CODED:
        element, tables = _CODED[type_]
        said = resource.get(element)
        return any(table.read(one) for one in (said if isinstance(said, list) else [said]) for table in tables)
    return type_ in SUBJECTS


def ended(patient: str, before: Sequence[Resource], after: Sequence[Resource]) -> tuple[dict[str, Any], ...]:
    """The reminders that end, as they are to be written. `before`, `after`: the patient's compartment around the write.

    Each package of rules looks at its own reminders: those whose Task names one of her pregnancies, or the baby itself. A death ends all.
    """
    was, now = read_mother(patient, before), read_mother(patient, after)
    reminders = [each for each in after if each.get("resourceType") in REMINDERS]
    if now.dead:
        return ending(was, now, reminders)
    about = {key_of(each): target(each.get("focus")) for each in reminders if each.get("resourceType") == "Task"}
    pregnancies = {each.ref for each in (*was.pregnancies, *now.pregnancies)}
    hers = [each for each in reminders if not key_of(each) or about.get(key_of(each)) in pregnancies]
    its = [each for each in reminders if key_of(each) and about.get(key_of(each)) == f"Patient/{patient}"]
    of_baby = newborn_ending(read_newborn(patient, before), read_newborn(patient, after), its) if its else ()
    return (*ending(was, now, hers), *of_baby)
