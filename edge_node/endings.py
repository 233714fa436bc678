"""What ends with a write, within its transaction: reminders of what is due no more. Pure; the store asks it of whatever is written.

A message that asks a woman to come who lost her child, or one to the telephone of somebody who died, must not go out because nobody
thought of cancelling it. So it is not left to pages: whoever writes (page, FHIR API, import), `edge_node/store/consequences.py` and
`edge_node/store/stale.py` ask here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from edge_node.concepts import Table
from edge_node.immunisation.due import due as doses_due
from edge_node.immunisation.record import read as read_vaccinations
from edge_node.immunisation.reminders import VACCINE_KEY
from edge_node.immunisation.reminders import items as dose_items
from edge_node.immunisation.schedule import load
from edge_node.maternal.concepts import ACTS, STATEMENTS
from edge_node.maternal.course import Due
from edge_node.maternal.ending import ending, items_ending
from edge_node.maternal.history_concepts import MEDICINES
from edge_node.maternal.postnatal import newborn_due
from edge_node.maternal.reading import is_dead, ref_of, same_people, target
from edge_node.maternal.record import read_mother, read_newborn
from edge_node.maternal.reminders import REMINDER_KEY, key_of
from edge_node.programme import Programme

Resource = Mapping[str, Any]

REMINDERS: Final = ("Task", "CommunicationRequest")
"""Types that may end."""
SYSTEMS: Final = (REMINDER_KEY, VACCINE_KEY)
"""Identifier systems of the reminders that are made here."""
TYPES: Final = frozenset(
    {
        "AllergyIntolerance",
        "Condition",
        "Encounter",
        "EpisodeOfCare",
        "Immunization",
        "MedicationAdministration",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "Patient",
        "Procedure",
    }
)
"""Types that may end something: all by which rules find what is due."""
_CODED: Final[Mapping[str, tuple[str, Table]]] = MappingProxyType(
    {
        "Observation": ("code", STATEMENTS),
        "Procedure": ("code", ACTS),
        "MedicationAdministration": ("medicationCodeableConcept", MEDICINES),
        "MedicationRequest": ("medicationCodeableConcept", MEDICINES),
        "MedicationStatement": ("medicationCodeableConcept", MEDICINES),
    }
)
"""Of the types that mostly end nothing: where they say what they are, and the table of what matters. Medicines are recognised by words
too. All other observations pass without a look at the record."""


def may_end(resource: Resource) -> bool:
    """Whether a resource that is being written may end a reminder. Looks at nothing but the resource."""
    type_ = str(resource.get("resourceType"))
    if type_ == "Patient":
        return is_dead(resource)
    if type_ in _CODED:
        element, table = _CODED[type_]
        return bool(table.read(resource.get(element)))
    return type_ in TYPES


def ended(
    patient: str, before: Sequence[Resource], after: Sequence[Resource], programme: Programme
) -> tuple[dict[str, Any], ...]:
    """The reminders that end, as they are to be written. `before`, `after`: the patient's compartment around the write.

    Each package of rules looks at its own reminders: those whose Task names one of her pregnancies, or the baby itself, and those of
    doses. A death ends all.
    """
    was, now = read_mother(patient, before), read_mother(patient, after)
    people = {f"Patient/{id_}" for id_ in same_people(patient, after)}
    reminders = [each for each in after if each.get("resourceType") in REMINDERS and _whose(each) in people]
    if now.dead:
        return ending(was, now, reminders, programme)
    about = {key_of(each): target(each.get("focus")) for each in reminders if each.get("resourceType") == "Task"}
    pregnancies = {each.ref for each in (*was.pregnancies, *now.pregnancies)}
    hers = [each for each in reminders if not key_of(each) or about.get(key_of(each)) in pregnancies]
    its = [each for each in reminders if key_of(each) and about.get(key_of(each)) == f"Patient/{patient}"]
    doses = [each for each in reminders if key_of(each, VACCINE_KEY)]
    found = [*ending(was, now, hers, programme)]
    if its:
        contacts, left = (newborn_due(read_newborn(patient, record)) for record in (before, after))
        found += items_ending(contacts, left, its)
    if doses:
        given, left = (_doses(patient, record, programme) for record in (before, after))
        found += items_ending(given, left, doses, VACCINE_KEY)
    return tuple(found)


def _whose(reminder: Resource) -> str:
    return target(reminder.get("for")) or target(reminder.get("subject"))


def _doses(patient: str, resources: Sequence[Resource], programme: Programme) -> tuple[Due, ...]:
    person = next((each for each in resources if ref_of(each) == f"Patient/{patient}"), {})
    return dose_items(patient, doses_due(load(programme.vaccines), read_vaccinations(person, resources).facts))
