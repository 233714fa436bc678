"""What the hub itself writes: resources in scopes, as a node would write them, that every node of the scope then has offline.

Each process writes in a life of its own, its epoch (`Hub.epoch`), so that a hub that went back never gives a dot twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from hub.moving import move_compartment
from hub.places import Place
from hub.states import States
from hub.store.feed import Pointer
from hub.store.resources import ChangedRow, NewRow, ResourceRow
from hub.store.scopes import Advance, ScopeRow
from hub.store.shard import Shard
from sync_protocol import digest, elements, pack
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource

AUTHOR: Final = "hub"
"""User and role of what the hub writes."""


class _Made(Struct, frozen=True):
    rkey: bytes
    before: ResourceRow | None
    resource: Resource
    hash: bytes
    state: bytes


async def put(hub: Place, shard: Shard, scope: ScopeRow, bodies: Sequence[Mapping[str, Any]], now_ms: int) -> None:
    """Writes FHIR resources, with ids, into a scope, over what is shown of them now; what says nothing new is not written.

    One that stands in another scope is brought into this one: their ids are the hub's to give.
    """
    named = {hub.keys.resource_key(f"{body['resourceType']}/{body['id']}"): body for body in bodies}
    rows = {row.rkey: row for row in await shard.lock_present(list(named))}
    for rkey, row in rows.items():
        if row.scope != scope.id:
            (other,) = await shard.read_scopes([row.scope])
            await move_compartment(hub, shard, States(hub).open(other, rkey, row.state).name, other, scope)
    if any(row.scope != scope.id for row in rows.values()):
        rows = {row.rkey: row for row in await shard.lock_present(list(named))}
    made = [one for rkey, body in named.items() if (one := _made(hub, scope, rkey, rows.get(rkey), body, now_ms))]
    if lost := await _store(hub, shard, scope, made):  # another process stored them first: they are here now
        await put(hub, shard, scope, [named[rkey] for rkey in lost], now_ms)


def _made(
    hub: Place, scope: ScopeRow, rkey: bytes, row: ResourceRow | None, body: Mapping[str, Any], now_ms: int
) -> _Made | None:
    states = States(hub)
    current = states.open(scope, rkey, row.state) if row is not None else None
    parsed = elements.parse(msgspec.json.encode(body))
    # The counter is taken under the row's lock: later writes of one resource have greater ones.
    stamp = Stamp(hub.epoch, hub.next_counter(), now_ms, now_ms, AUTHOR, AUTHOR)
    after, changed = elements.write(current, current, parsed, str(body["id"]), stamp)
    if not changed:
        return None
    named = pack.named(after)
    return _Made(rkey, row, after, pack.hash_named(named), states.seal(scope, rkey, named))


async def _store(hub: Place, shard: Shard, scope: ScopeRow, made: Sequence[_Made]) -> list[bytes]:
    """Stores and publishes. Returns the keys of those that somebody else stored meanwhile."""
    fresh = [NewRow(one.rkey, scope.id, one.hash, one.state) for one in made if one.before is None]
    stored = await shard.insert_fresh(fresh) if fresh else {}
    known = [ChangedRow(one.before.key, scope.id, one.hash, one.state) for one in made if one.before is not None]
    if known:
        await shard.update_rows(known)
    keys = stored | {one.rkey: one.before.key for one in made if one.before is not None}
    written = [one for one in made if one.rkey in keys]
    if written:
        changed = [digest.add(0, new=one.hash, old=one.before.hash if one.before else None) for one in written]
        places = await shard.advance_scopes([Advance(scope.id, len(written), sum(changed) % digest.MODULUS)], hub.epoch)
        pointers = [
            Pointer(scope.id, places[scope.id] + at, keys[one.rkey], None, None) for at, one in enumerate(written)
        ]
        await shard.append_feed(pointers)
    return [one.rkey for one in made if one.rkey not in keys]
