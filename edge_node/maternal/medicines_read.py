"""Medicines, vaccines and allergies of a record as facts. Which resource says what is told in `edge_node/maternal/record.py`."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from edge_node.concepts import amount, codes_of, text_of
from edge_node.maternal.assigning import Placed
from edge_node.maternal.facts import Allergy, Dose, Medicine
from edge_node.maternal.history_concepts import ALLERGIES, MEDICINES, VACCINES
from edge_node.maternal.reading import Resource, about_day, by_type, items, ref_of, target

DayOf = Callable[[Resource], date | None]
LinksOf = Callable[[Resource], tuple[str, ...]]

SUPPLY_DAYS_MAX: Final = 366
"""A supply for longer than a year was mistyped."""

_TAKEN: Final = MappingProxyType(
    {
        "MedicationRequest": frozenset({"active", "on-hold"}),
        "MedicationStatement": frozenset({"active", "intended", "on-hold"}),
    }
)
"""States in which a medicine is still to be taken."""

_GIVEN: Final = frozenset({"completed", "in-progress", "active"})


def medicines_and_doses(resources: Iterable[Resource], day_of: DayOf, links_of: LinksOf) -> Iterator[Medicine | Placed]:
    """What she takes as Medicine; what was given or handed out as Placed Dose."""
    for each in by_type(
        resources, "MedicationRequest", "MedicationStatement", "MedicationAdministration", "Immunization"
    ):
        day = day_of(each)
        kinds = _kinds(each)
        if each["resourceType"] in _TAKEN and not each.get("doNotPerform"):
            yield _medicine(each, day, kinds[0] if kinds else "")
        if day is not None and _is_dose(each):
            for kind in kinds:
                yield Placed(Dose(ref=ref_of(each), on=day, kind=kind, days=_days(each)), links_of(each))


def _kinds(resource: Resource) -> list[str]:
    if resource["resourceType"] == "Immunization":
        code, table = resource.get("vaccineCode"), VACCINES
    else:
        code, table = resource.get("medicationCodeableConcept"), MEDICINES
    found = [concept.name for concept in table.read(code)]
    # Words such as "iron" are part of the combination's name: the combination is what it is.
    return ["iron-folate"] if "iron-folate" in found else found


def _is_dose(resource: Resource) -> bool:
    if resource["resourceType"] == "MedicationStatement" or resource.get("doNotPerform"):
        return False
    return resource.get("status", "completed") in _GIVEN


def _days(resource: Resource) -> int | None:
    supply = resource.get("dispenseRequest")
    days = amount(supply.get("expectedSupplyDuration"), "d") if isinstance(supply, dict) else None
    return int(days) if days is not None and 0 < days <= SUPPLY_DAYS_MAX else None


def _medicine(resource: Resource, day: date | None, kind: str) -> Medicine:
    code = resource.get("medicationCodeableConcept")
    first = next(iter(codes_of(code)), None)
    named = kind or ("|".join(first) if first else "") or target(resource.get("medicationReference"))
    return Medicine(
        ref=ref_of(resource),
        kind=kind,
        key=named or " ".join(text_of(code).casefold().split()),
        active=resource.get("status") in _TAKEN[resource["resourceType"]],
        since=day,
        until=_until(resource, day),
        prescribed=resource["resourceType"] == "MedicationRequest",
    )


def _until(resource: Resource, begin: date | None) -> date | None:
    """The last day for which it was prescribed or is said to be taken; where that is not told, until the supply is used up."""
    period = resource.get("effectivePeriod")
    ends = [period.get("end")] if isinstance(period, dict) else []
    for dosage in items(resource.get("dosageInstruction")):
        repeat = (dosage.get("timing") or {}).get("repeat") or {}
        ends.append((repeat.get("boundsPeriod") or {}).get("end"))
    days = [day for day in map(about_day, ends) if day is not None]
    supply = _days(resource)
    if not days and begin is not None and supply is not None:
        return begin + timedelta(supply - 1)
    return max(days, default=None)


def allergies(resources: Iterable[Resource]) -> Iterator[Allergy]:
    """Allergies that matter here, by code or by what was written by hand; resolved ones are none."""
    for each in by_type(resources, "AllergyIntolerance"):
        clinical = {code for _, code in codes_of(each.get("clinicalStatus"))}
        if clinical & {"resolved", "inactive"}:
            continue
        substances = [reaction.get("substance") for reaction in items(each.get("reaction"))]
        for codeable in [each.get("code"), *substances]:
            for found in ALLERGIES.read(codeable):
                yield Allergy(ref=ref_of(each), kind=found.name)
