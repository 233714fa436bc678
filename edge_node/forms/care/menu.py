"""Which forms are offered: about a person, by who she is; about a record of hers, by what it is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_node.documents import parts
from edge_node.forms.care.allergy import ALLERGY, END_ALLERGY
from edge_node.forms.care.death import DEATH, UNDO_DEATH
from edge_node.forms.care.diagnosis import CHANGE_PROBLEM, CLOSE_PROBLEM, PROBLEM
from edge_node.forms.care.documents import DOCUMENT
from edge_node.forms.care.mistake import CORRECT, MISTAKE, TYPES
from edge_node.forms.care.notes import NOTE_AGAIN, NOTE_SHEET
from edge_node.forms.care.planning import APPOINTMENT, CHANGE_APPOINTMENT, END_REMINDER, REMINDER
from edge_node.forms.care.prescription import PRESCRIPTION, STOP_MEDICINE
from edge_node.forms.care.referral import END_REFERRAL, REFERRAL, is_referral
from edge_node.forms.care.results import RESULT
from edge_node.forms.care.vaccination import VACCINATION
from edge_node.forms.care.visit import END_VISIT, MEASUREMENTS, VISIT
from edge_node.forms.context import Sheet
from edge_node.language import C_, N_, Text

Writes = Callable[[str], bool]
"""Whether somebody's role writes resources of a type."""


class Whom(Struct, frozen=True):
    """Of a person what decides which forms fit: `child` is under five years."""

    child: bool = False
    dead: bool = False


class Entry(Struct, frozen=True):
    """A form that is offered. `first`: among those that are always seen; `living`, `dead`, `child`: whom it fits, and whom it is
    first for."""

    sheet: Sheet
    label: Text
    first: bool = False
    child_first: bool = False
    living: bool = True
    dead: bool = False


MENU: Final = (
    Entry(VISIT, C_("Visit"), first=True),
    Entry(MEASUREMENTS, C_("Measurements"), first=True),
    Entry(PRESCRIPTION, C_("Medicine"), first=True),
    Entry(RESULT, C_("Test result"), first=True),
    Entry(VACCINATION, C_("Vaccine"), child_first=True),
    Entry(PROBLEM, C_("Problem")),
    Entry(ALLERGY, C_("Allergy")),
    Entry(REFERRAL, C_("Referral")),
    Entry(APPOINTMENT, N_("Appointment")),
    Entry(NOTE_SHEET, N_("Note"), dead=True),
    Entry(DOCUMENT, N_("Photo or document"), dead=True),
    Entry(REMINDER, N_("Reminder for the clinic")),
    Entry(DEATH, C_("Death")),
    Entry(UNDO_DEATH, C_("Take back a death"), living=False, dead=True),
)
"""In the order in which they are offered."""


class Offered(Struct, frozen=True):
    """A form with its address."""

    label: Text
    address: str


class Menu(Struct, frozen=True):
    """What is always seen, and what opens when it is wanted."""

    first: tuple[Offered, ...] = ()
    more: tuple[Offered, ...] = ()


def offered(patient: str, whom: Whom, writes: Writes) -> Menu:
    """The forms for a patient that somebody may use. `patient`: her id."""
    fitting = [
        one
        for one in MENU
        if (one.dead if whom.dead else one.living) and all(writes(type_) for type_ in one.sheet.types)
    ]
    first = [one for one in fitting if one.first or (one.child_first and whom.child)]
    return Menu(
        tuple(_at(one, patient) for one in first), tuple(_at(one, patient) for one in fitting if one not in first)
    )


def _at(entry: Entry, patient: str) -> Offered:
    return Offered(entry.label, entry.sheet.path.replace("{id_}", patient))


# --- about one record -------------------------------------------------------------------------------------------------


class Act(Struct, frozen=True):
    """A form about records of some types. `open_only`: not of what is over; `category`: what a record has to be besides, by `kinds_of`."""

    sheet: Sheet
    label: Text
    types: frozenset[str]
    open_only: bool = True
    category: str = ""


def _act(sheet: Sheet, label: Text, types: str, *, open_only: bool = True, category: str = "") -> Act:
    return Act(sheet, label, frozenset(types.split()), open_only, category)


ACTS: Final = (
    _act(CLOSE_PROBLEM, C_("Close"), "Condition"),
    _act(CHANGE_PROBLEM, N_("Change"), "Condition"),
    _act(END_ALLERGY, C_("No longer an allergy"), "AllergyIntolerance"),
    _act(STOP_MEDICINE, C_("Stop"), "MedicationRequest MedicationStatement"),
    _act(END_VISIT, C_("End the visit"), "Encounter", category="goes-on"),
    _act(END_REFERRAL, N_("End"), "ServiceRequest"),
    _act(CHANGE_APPOINTMENT, N_("Change"), "Appointment"),
    _act(END_REMINDER, N_("Done"), "Task"),
    _act(NOTE_AGAIN, N_("Change"), "DocumentReference", category="note"),
    _act(CORRECT, N_("Correct the number"), "Observation", open_only=False, category="number"),
    Act(MISTAKE, N_("Entered by mistake"), TYPES, open_only=False),
)
"""In the order in which a record's menu offers them."""

_GOES_ON: Final[Mapping[str, frozenset[str]]] = MappingProxyType({"Encounter": frozenset({"in-progress", "arrived"})})


def kinds_of(type_: str, resource: Mapping[str, Any]) -> frozenset[str]:
    """What a record is, as far as its menu asks: `goes-on` of a visit, `note` or `file` of a document, `number` of an Observation,
    `referral` of a ServiceRequest."""
    found = set()
    if type_ == "DocumentReference" and parts.named(resource):
        found.add("file")
    if type_ == "ServiceRequest" and is_referral(resource):
        found.add("referral")
    if resource.get("status") in _GOES_ON.get(type_, ()):
        found.add("goes-on")
    contents = resource.get("content")
    attachment = contents[0].get("attachment") if isinstance(contents, list) and contents else None
    if isinstance(attachment, dict) and str(attachment.get("contentType", "")).startswith("text/plain"):
        found.add("note")
    measured = [resource, *(resource.get("component") or [])]
    if type_ == "Observation" and any(isinstance(part.get("valueQuantity"), dict) for part in measured):
        found.add("number")
    return frozenset(found)


def acts_on(type_: str, *, over: bool, wrong: bool, kinds: frozenset[str], writes: Writes) -> tuple[Act, ...]:
    """The acts that fit a record. `over`: it is not any more so; `wrong`: it is marked as a mistake, and nothing is left to do."""
    return tuple(
        act
        for act in ACTS
        if type_ in act.types
        and not wrong
        and not (over and act.open_only)
        and (not act.category or act.category in kinds)
        and all(writes(each) for each in (type_, *act.sheet.types))
    )
