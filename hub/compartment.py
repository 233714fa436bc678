"""Which patient a resource is about: the references that make it part of her compartment.

After the FHIR R4 CompartmentDefinition "patient", those of its references that say whom a resource is about, not who made or
received it: a nurse who is also a patient does not take along what she wrote.
"""

import re
from typing import Final

from sync_protocol.resource import Resource, shown

MEMBERS: Final = frozenset({"subject", "patient", "for", "beneficiary", "individual", "candidate", "actor"})
"""Members of any type that name the patient."""
OF_TYPE: Final = {
    "Appointment": frozenset({"participant"}),
    "Provenance": frozenset({"target"}),
    "Binary": frozenset({"securityContext"}),
}
"""Members that do so in one type only."""

_REFERENCE = re.compile(rb'"reference":"(Patient/[A-Za-z0-9.-]{1,64})(?:/_history/[^"]*)?"')


def patients(resource: Resource) -> set[str]:
    """`Patient/id` of all whom a resource, as it is shown, is about."""
    members = MEMBERS | OF_TYPE.get(resource.type, frozenset())
    if not members & resource.elements.keys():
        return set()
    view = shown(resource.part(members))
    return {found.decode() for value in view.values() for found in _REFERENCE.findall(value)}
