"""A child's FHIR resources as measurements: the one module here that knows FHIR.

A value without a unit, or with one that cannot be converted, is no measurement (`edge_node/concepts.py`). LOINC's
"length" (8306-3) says that the child lay; "height" (8302-2) is used for small children too, by Synthea among others,
and says nothing of it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import msgspec

from edge_node.concepts import SNOMED, VITAL_SIGNS, Concept, Table, amount, codes_of, concept
from edge_node.growth.child import Measured
from edge_node.growth.standard import Sex
from edge_node.maternal.reading import about_day, whole_day

OEDEMA: Final[Concept] = concept("oedema", "Swelling of both feet", local="bilateral-oedema", snomed="271809000")
"""Swelling of both feet that keeps a dent, in a child: a sign of severe malnutrition."""

TABLE: Final = Table(
    (
        *(VITAL_SIGNS[name] for name in ("weight", "height", "length", "head-circumference", "muac", "birth-weight")),
        OEDEMA,
    )
)

_MEMBERS: Final = MappingProxyType(
    {
        "weight": ("weight_kg", "kg"),
        "birth-weight": ("weight_kg", "kg"),
        "height": ("length_cm", "cm"),
        "length": ("length_cm", "cm"),
        "head-circumference": ("head_cm", "cm"),
        "muac": ("muac_cm", "cm"),
    }
)
_VALID: Final = frozenset({"final", "amended", "corrected", "preliminary"})
_PRESENT: Final = frozenset({(SNOMED, "52101004"), (SNOMED, "10828004"), (SNOMED, "373066001")})
"""SNOMED CT: present, positive, yes."""


class Child(msgspec.Struct, frozen=True):
    """Whom the standards are asked about. `born_exact`: false where only the month or year is known: z-scores for age
    are then rough.

    `born` is then the middle of it, from which the day is never far. `measured`: by day, each once.
    """

    born: date
    born_exact: bool
    sex: Sex
    measured: tuple[Measured, ...]


def read(patient: Mapping[str, Any], resources: Iterable[Mapping[str, Any]]) -> Child | None:
    """A child from her Patient and Observations (others are passed over), as decoded JSON; None without birth date or
    sex.

    Of several values of one day the last counts. The order of resources does not matter.
    """
    born = about_day(patient.get("birthDate"))
    sex = patient.get("gender")
    if born is None or sex not in (Sex.FEMALE, Sex.MALE):
        return None
    days: dict[date, dict[str, Any]] = {}
    observations = [
        one for one in resources if one.get("resourceType") == "Observation" and str(one.get("status")) in _VALID
    ]
    for one in sorted(observations, key=lambda one: (str(one.get("effectiveDateTime")), str(one.get("id")))):
        day = whole_day(one.get("effectiveDateTime"))
        if day is not None and day >= born:
            days.setdefault(day, {}).update(_values(one))
    measured = tuple(Measured(day, **values) for day, values in sorted(days.items()) if values)
    return Child(born, whole_day(patient.get("birthDate")) is not None, Sex(sex), measured)


def _values(observation: Mapping[str, Any]) -> dict[str, Any]:
    """What an Observation and its components measure, by the member of Measured."""
    found: dict[str, Any] = {}
    components = observation.get("component")
    parts = [part for part in components if isinstance(part, Mapping)] if isinstance(components, list) else []
    for part in (observation, *parts):
        meant = TABLE.find(part.get("code"))
        if meant is None:
            continue
        if meant is OEDEMA:
            found["oedema"] = _is_present(part)
            continue
        member, unit = _MEMBERS[meant.name]
        value = amount(part.get("valueQuantity"), unit)
        if value is not None and value > 0:
            found[member] = float(value)
            if member == "length_cm":
                found["position"] = "lying" if meant.name == "length" else ""
    return found


def _is_present(part: Mapping[str, Any]) -> bool:
    return part.get("valueBoolean") is True or any(
        code in _PRESENT for code in codes_of(part.get("valueCodeableConcept"))
    )
