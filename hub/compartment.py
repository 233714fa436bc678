"""Which patient a resource is about: the references that make it part of her compartment.

After the FHIR R4 CompartmentDefinition "patient", those of its references that say whom a resource is about, not who made or
received it: a nurse who is also a patient does not take along what she wrote.
"""

import re
from typing import Final

from sync_protocol.resource import Resource

MEMBERS: Final = frozenset({"subject", "patient", "for", "beneficiary", "individual", "candidate", "actor"})
"""Members of any type that name the patient."""
OF_TYPE: Final = {
    "Appointment": frozenset({"participant"}),
    "Provenance": frozenset({"target"}),
    "Binary": frozenset({"securityContext"}),
}
"""Members that do so in one type only."""

_REFERENCE = re.compile(rb'"reference":"(Patient/[A-Za-z0-9.-]{1,64})(?:/_history/[^"]*)?"')


def _members(type_: str) -> frozenset[str]:
    return MEMBERS | OF_TYPE[type_] if type_ in OF_TYPE else MEMBERS


def patients(resource: Resource) -> set[str]:
    """`Patient/id` of all whom a resource, as it is shown, is about."""
    found: set[str] = set()
    for member in _members(resource.type).intersection(resource.elements):
        value = resource.value(member)
        if value is not None:
            found.update([name.decode() for name in _REFERENCE.findall(value)])
    return found
