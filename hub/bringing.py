"""A person goes to another facility with all records of hers: those that are linked as one person's go together."""

from typing import Any, Final

from msgspec import Struct

from hub.clues import body_of
from hub.moving import move_compartment
from hub.places import Place
from hub.states import States
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol.resource import Resource

LINKED_MAX: Final = 50
"""Records of one person that are followed by their links; more is a mistake."""


class Brought(Struct, frozen=True):
    """Who was moved: all records of one person, and how many resources in all."""

    patients: tuple[Resource, ...]
    resources: int


async def bring(hub: Place, shard: Shard, row: ResourceRow, patient: Resource, old: ScopeRow, new: ScopeRow) -> Brought:
    """Moves a patient from scope to scope, her row locked by the caller, and the other records that were merged with hers.

    Raises IdShared when the target has other records under ids of hers.
    """
    found = {patient.name: (row, patient)}
    waiting = [patient]
    while waiting and len(found) < LINKED_MAX:
        names = [name for name in _linked(waiting.pop()) if name not in found]
        for other in await shard.lock_present([hub.keys.resource_key(name) for name in names]):
            if other.scope == old.id:
                resource = States(hub).open(old, other.rkey, other.state)
                found[resource.name] = (other, resource)
                waiting.append(resource)
    moved = 0
    for name in found:
        moved += (await move_compartment(hub, shard, name, old, new, careful=True)).resources
    return Brought(tuple(resource for _, resource in found.values()), moved)


def _linked(patient: Resource) -> list[str]:
    """`Patient/id` of the records that are said to be of the same person (FHIR `Patient.link`)."""
    links = body_of(patient).get("link")
    found = [_reference(link) for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [name for name in found if name.startswith("Patient/")]


def _reference(link: dict[str, Any]) -> str:
    other = link.get("other")
    reference = other.get("reference") if isinstance(other, dict) else None
    return reference if isinstance(reference, str) else ""
