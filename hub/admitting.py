"""`/sync/v1/admit`: somebody who was found becomes a patient of the asking node's facility, with her whole record, in one transaction.

The facility that she leaves is told to let go of her with its next exchange, as for every move (`hub.moving`), and keeps a notice of
who admitted her where (`hub.notices`). Both stand in the hub's audit. It may be repeated: whom the facility has already stays there.
"""

from hub import candidates, notices
from hub.authoring import put
from hub.bringing import bring
from hub.clues import body_of
from hub.errors import NotFound
from hub.places import Place
from hub.relaying import deliver
from hub.states import States
from hub.store.nodes import FacilityRow, NodeRow
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol.exchange.finding import Admit, Admitted, read_admit
from sync_protocol.exchange.messages import encode
from sync_protocol.resource import Resource


async def admit(hub: Place, node: NodeRow, body: bytes, now_ms: int) -> bytes:
    """Admits, from whichever shard of the region she is on.

    Raises ProtocolError, CandidateRefused, NotFound (deleted meanwhile), IdShared.
    """
    asked = read_admit(body)
    rkey = candidates.redeem(hub.keys, asked.token, node.id, asked.user, now_ms)
    for place in sorted(hub.others.of_region(node.region), key=lambda one: one is not hub):
        admitted = await _admitted(place, node, asked, rkey, now_ms)
        if admitted is not None:
            if place.sends:
                await deliver(place)
            return encode(admitted)
    raise NotFound("She is not a patient of this region any more.")


async def _admitted(hub: Place, node: NodeRow, asked: Admit, rkey: bytes, now_ms: int) -> Admitted | None:
    """The same on one shard; None when her record is not at home there."""
    async with hub.shard() as shard:
        facilities = {facility.scope: facility for facility in await shard.facilities_of(node.region)}
        target = next(facility for facility in facilities.values() if facility.id == node.facility)
        rows = await shard.lock_present([rkey])
        if not rows or rows[0].scope not in facilities:
            return None
        (old, new), patient = await _opened(hub, shard, rows[0], target)
        if old.home is not None:
            return None
        if not body_of(patient):
            raise NotFound("Her record was deleted meanwhile.")
        source = facilities[old.id]
        if old.id == new.id:
            return Admitted(patient=patient.id)
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
        return Admitted(patient=patient.id, resources=brought.resources, source=source.name)


async def _opened(
    hub: Place, shard: Shard, row: ResourceRow, target: FacilityRow
) -> tuple[tuple[ScopeRow, ScopeRow], Resource]:
    """The scopes that she is in and goes to, and she herself."""
    scopes = {scope.id: scope for scope in await shard.read_scopes(sorted({row.scope, target.scope}))}
    old = scopes[row.scope]
    return (old, scopes[target.scope]), States(hub).open(old, row.rkey, row.state)
