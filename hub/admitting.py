"""`/sync/v1/admit`: somebody who was found becomes a patient of the asking node's facility, with her whole record, in one transaction.

The facility that she leaves is told to let go of her with its next exchange, as for every move (`hub.moving`), and keeps a notice of
who admitted her where (`hub.notices`). Both stand in the hub's audit. It may be repeated: whom the facility has already stays there.
"""

from typing import Any, Final

from msgspec import Struct

from hub import candidates, notices
from hub.authoring import put
from hub.clues import body_of
from hub.errors import NotFound
from hub.moving import move_compartment
from hub.runtime import Hub
from hub.states import States
from hub.store.nodes import FacilityRow, NodeRow
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol.exchange.finding import Admitted, read_admit
from sync_protocol.exchange.messages import encode
from sync_protocol.resource import Resource

LINKED_MAX: Final = 50
"""Records of one person that are followed by their links; more is a mistake."""


class Brought(Struct, frozen=True):
    """Who was moved: all records of one person, and how many resources in all."""

    patients: tuple[Resource, ...]
    resources: int


async def admit(hub: Hub, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Admits. Raises ProtocolError, CandidateRefused, NotFound (deleted meanwhile), IdShared."""
    asked = read_admit(body)
    rkey = candidates.redeem(hub.keys, asked.token, node.id, asked.user, now_ms)
    async with hub.shard() as shard:
        await shard.lock_node(node.id)
        facilities = {facility.scope: facility for facility in await shard.facilities_of(node.region)}
        target = next(facility for facility in facilities.values() if facility.id == node.facility)
        rows = await shard.lock_present([rkey])
        if not rows or rows[0].scope not in facilities:
            raise NotFound("She is not a patient of this region any more.")
        (old, new), patient = await _opened(hub, shard, rows[0], target)
        if not body_of(patient):
            raise NotFound("Her record was deleted meanwhile.")
        source = facilities[old.id]
        if old.id == new.id:
            return encode(Admitted(patient=patient.id))
        brought = await bring(hub, shard, rows[0], patient, old, new)
        who = f"{asked.user} ({asked.role})"
        told = notices.moved(
            hub.keys.resource_key(f"notice {patient.name} {hub.epoch} {hub.next_counter()}").hex(),
            body_of(patient),
            source,
            target,
            who=who,
            reason=asked.reason,
            at_ms=now_ms,
        )
        await put(hub, shard, old, [told], now_ms)
        about = f"{who}, {asked.reason}: {brought.resources} records from {source.id} to {target.id}"
        await shard.note_act(node.id, "person.admit", about)
    return encode(Admitted(patient=patient.id, resources=brought.resources, source=source.name))


async def _opened(
    hub: Hub, shard: Shard, row: ResourceRow, target: FacilityRow
) -> tuple[tuple[ScopeRow, ScopeRow], Resource]:
    """The scopes that she is in and goes to, and she herself."""
    scopes = {scope.id: scope for scope in await shard.read_scopes(sorted({row.scope, target.scope}))}
    old = scopes[row.scope]
    return (old, scopes[target.scope]), States(hub).open(old, row.rkey, row.state)


async def bring(hub: Hub, shard: Shard, row: ResourceRow, patient: Resource, old: ScopeRow, new: ScopeRow) -> Brought:
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
