"""A patient's FHIR resources as the facts that cautions are made of: the one module here that knows FHIR."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from edge_node.concepts import ATC, amount, codes_of
from edge_node.maternal.dating import age_days, dating
from edge_node.maternal.facts import Mother, is_over
from edge_node.maternal.reading import VOID, about_day, by_type, coded, items, state
from edge_node.maternal.record import read_mother
from edge_node.medicines import formulary, substances
from edge_node.medicines.cautions import FERTILE_YEARS, Allergy, Person, Taken

BREASTFEEDING: Final = timedelta(days=730)
"""WHO recommends breast-feeding for two years and beyond; nobody records when it ends."""
IN_FORCE: Final = frozenset({"active", "on-hold", "intended", "draft"})
DAYS_MAX: Final = 36_525
"""A hundred years: a prescription for longer, as others write for one without an end, has none."""
_PREGNANT_DAYS_MAX: Final = 315
Resource = Mapping[str, Any]


def read(patient: Resource, resources: Iterable[Resource], today: date) -> Person:
    """The facts of a patient, from her Patient and her other resources, as decoded JSON, in any order."""
    held = list(resources)
    born = about_day(patient.get("birthDate"))
    days = (today - born).days if born is not None else None
    mother = (
        read_mother(str(patient.get("id", "")), [patient, *held]) if patient.get("gender") != "male" else Mother(id="")
    )
    pregnant, weeks, fed = _pregnancy(mother, today)
    stated = [
        _STATED[each.kind] for each in mother.allergies if each.ref.startswith("Observation/") and each.kind in _STATED
    ]
    fertile = patient.get("gender") != "male" and (days is None or int(days / 365.25) in FERTILE_YEARS)
    return Person(
        age_days=days,
        pregnant=pregnant,
        weeks=weeks,
        may_be_pregnant=fertile,
        breastfeeding=fed,
        allergies=tuple(sorted({*filter(None, map(_allergy, allergies(held))), *stated}, key=lambda one: one.text)),
        medicines=tuple(_taken(each) for each in medicines(held, today)),
    )


_STATED: Final = MappingProxyType(
    {
        kind: Allergy(substances.BY_NAME[name].concept.text, frozenset({name}))
        for kind, name in (("sulfa", "sulfonamides"), ("penicillin", "penicillins"), ("aspirin", "nsaids"))
    }
)
"""What antenatal forms of other programs say of allergies in Observations, by `edge_node/maternal/history_concepts.py`."""


def _pregnancy(mother: Mother, today: date) -> tuple[bool, int | None, bool]:
    """Whether she is pregnant, in which week, and whether she gave birth within the time of breast-feeding."""
    born = [
        outcome.on
        for each in mother.pregnancies
        for outcome in each.outcomes
        if outcome.kind in ("live-birth", "birth")
    ]
    fed = any(timedelta() <= today - day <= BREASTFEEDING for day in born)
    for each in mother.pregnancies:
        used = dating(each)
        age = age_days(used.expected, today) if used is not None else None
        # One that nobody ended goes on on paper for ever; no pregnancy lasts 45 weeks.
        if not is_over(each) and (age is None or 0 <= age <= _PREGNANT_DAYS_MAX):
            return True, age // 7 if age is not None else None, fed
    return False, None, fed


# --- allergies --------------------------------------------------------------------------------------------------------


def allergies(resources: Iterable[Resource]) -> list[Resource]:
    """AllergyIntolerances in force. A denial ("no known allergy") is among them."""
    over = {"resolved", "inactive"}
    return [
        each
        for each in by_type(resources, "AllergyIntolerance")
        if coded(each.get("clinicalStatus")) not in over and coded(each.get("verificationStatus")) not in VOID
    ]


def denies(allergy: Resource) -> bool:
    """Whether it says that there is none."""
    found = substances.TABLE.find(allergy.get("code"))
    return found is not None and found.name == substances.NONE_KNOWN.name


def _allergy(resource: Resource) -> Allergy | None:
    if denies(resource):
        return None
    named = [resource.get("code"), *(one.get("substance") for one in items(resource.get("reaction")))]
    groups = {group.name for code in named for group in substances.groups_in(code)}
    names = {word for code in named for word in substances.mentions(code, _names())}
    atc = {value for code in named for system, value in codes_of(code) if system == ATC}
    atc |= {formulary.find(name).medicine.atc for name in names} - {""}
    severe = resource.get("criticality") == "high" or any(
        one.get("severity") == "severe" for one in items(resource.get("reaction"))
    )
    return Allergy(said(resource.get("code")), frozenset(groups), frozenset(atc), frozenset(names), severe)


def _names() -> list[str]:
    return [one.name for one in formulary.medicines()]


# --- medicines --------------------------------------------------------------------------------------------------------


def medicines(resources: Iterable[Resource], today: date) -> list[Resource]:
    """Prescriptions and statements of what is taken, in force on a day: not stopped, and not at the end of their days."""
    return [
        each
        for each in by_type(resources, "MedicationRequest", "MedicationStatement")
        if state(each) in IN_FORCE and not each.get("doNotPerform") and not _is_used_up(each, today)
    ]


def _is_used_up(resource: Resource, today: date) -> bool:
    period = resource.get("effectivePeriod")
    told = about_day(period.get("end")) if isinstance(period, dict) else None
    steps = [_end(resource, dosage) for dosage in items(resource.get("dosageInstruction"))]
    # A step without an end goes on, whatever came before it.
    known = [end for end in steps if end is not None] if None not in steps else []
    known += [told] if told is not None else []
    return bool(known) and max(known) < today


def _end(resource: Resource, dosage: Any) -> date | None:
    """The last day of a step of a prescription, where it is said: of what is given once, the day itself."""
    repeat = ((dosage.get("timing") or {}).get("repeat") or {}) if isinstance(dosage, dict) else {}
    begin = about_day(resource.get("authoredOn"))
    length = amount(repeat.get("boundsDuration"), "d")
    if length is not None and begin is not None:
        return begin + timedelta(days=int(length)) if 0 <= length <= DAYS_MAX else None
    if repeat.get("count") == 1:
        return begin
    return about_day((repeat.get("boundsPeriod") or {}).get("end"))


def _taken(resource: Resource) -> Taken:
    code = resource.get("medicationCodeableConcept")
    atc = next((value for system, value in codes_of(code) if system == ATC), "")
    return Taken(f"{resource.get('resourceType')}/{resource.get('id')}", said(code), atc)


def said(code: object) -> str:
    """What a CodeableConcept is called: its text, else what stands beside the first code that has a name."""
    if not isinstance(code, Mapping):
        return ""
    displays = (each.get("display") for each in items(code.get("coding")) if isinstance(each, Mapping))
    return next((called for called in (code.get("text"), *displays) if isinstance(called, str) and called), "")
