"""The hub's side of a reconciliation: where a scope differs from a node's copy, and the whole states there.

Positions are hashes of names, and names are sealed: they are found by opening all states of the scope, once for each state of
the scope's feed. That is work proportional to what is stored, for an alarm that should never come.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hub.ingest import Ingest
from hub.places import Place, Positions
from hub.pushed import Speaker
from hub.states import States
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import bounds, frame, reconciliation
from sync_protocol.errors import TooLarge
from sync_protocol.exchange.messages import Leaf, Range, Request
from sync_protocol.reconciliation import Item
from sync_protocol.resource import Resource

ROWS_A_READ = 2_000


class Comparison(NamedTuple):
    """What a round answers."""

    ranges: list[Range]
    leaves: list[Leaf]
    states: bytes


async def compare(
    hub: Place, shard: Shard, scope: ScopeRow, request: Request, ingest: Ingest, speaker: Speaker
) -> Comparison:
    """One round: take what is offered, compare what is asked, give what is wanted."""
    if request.offer:
        await ingest.recover(speaker, frame.decode(request.offer), scope.name)
    if not request.ranges and not request.wanted:
        return Comparison([], [], b"")
    positions = await _positions(hub, shard, scope)
    ranges, leaves = reconciliation.answer(positions.items, request.ranges)
    wanted = [positions.keys[p] for p in request.wanted[: bounds.RANGES_MAX] if p in positions.keys]
    parts = await _whole(hub, shard, scope, wanted)
    return Comparison(ranges, leaves, _fitting(parts) if parts else b"")


async def _positions(hub: Place, shard: Shard, scope: ScopeRow) -> Positions:
    known = hub.positions.get(scope.id)
    if known is not None and known.seq == scope.seq:
        return known
    states = States(hub)
    items: list[Item] = []
    keys: dict[int, int] = {}
    after = 0
    while rows := await shard.scan_scope(scope.id, after, ROWS_A_READ):
        for row in rows:
            position = reconciliation.position(states.open(scope, row.rkey, row.state).name)
            items.append((position, row.hash))
            keys[position] = row.key
        after = rows[-1].key
    found = Positions(scope.seq, sorted(items), keys)
    hub.positions[scope.id] = found
    return found


async def _whole(hub: Place, shard: Shard, scope: ScopeRow, keys: Sequence[int]) -> list[Resource]:
    states = States(hub)
    rows = await shard.read_states(keys) if keys else {}
    return [states.open(scope, row.rkey, row.state) for row in rows.values() if row.scope == scope.id]


def _fitting(parts: Sequence[Resource]) -> bytes:
    """A frame of as many of these as fit into one; the rest is found again by the next reconciliation."""
    try:
        return frame.encode(parts)
    except TooLarge:
        if len(parts) == 1:
            raise
        return _fitting(parts[: len(parts) // 2])
