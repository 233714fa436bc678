"""The patient compartment (https://hl7.org/fhir/R4/compartmentdefinition-patient.html).

A resource belongs to a patient when one of the parameters that the definition names for its type refers to that
patient; a Patient belongs to itself. These decide scopes, ``$everything`` and who may see what.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from edge_node.fhir.definitions import patient_compartment, type_number
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.parameters import Parameter, parameters_of
from edge_node.fhir.readers import Row

_PREFIX = "Patient/"


def patients_of(resource: dict[str, Any], rows: Iterable[Row] | None = None) -> set[str]:
    """Ids of the patients whose compartment the resource is in. ``rows`` are its index rows, when at hand."""
    type_name = resource.get("resourceType")
    if not isinstance(type_name, str):
        return set()
    slots = _slots(type_name)
    found = {str(resource["id"])} if type_name == "Patient" and "id" in resource else set()
    if slots:
        for slot, value, extra in index_rows(resource) if rows is None else rows:
            if slot in slots and extra == _patient() and type(value) is str and value.startswith(_PREFIX):
                found.add(value[len(_PREFIX) :])
    return found


def parameters_for(type_name: str) -> tuple[Parameter, ...]:
    """The parameters that put a type into the compartment; empty for types that are in none."""
    known = patient_compartment().get(type_name, ())
    return tuple(parameters_of(type_name)[code] for code in known)


@cache
def types() -> tuple[str, ...]:
    """The types that can be in the compartment, Patient first: what ``$everything`` looks through."""
    linked = [name for name, codes in patient_compartment().items() if codes and name != "Patient"]
    return ("Patient", *linked)


@cache
def _slots(type_name: str) -> frozenset[int]:
    return frozenset(use.slot.number for parameter in parameters_for(type_name) for use in parameter.uses)


@cache
def _patient() -> int:
    return type_number("Patient")
