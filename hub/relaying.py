"""Between shards: what is to be done on another one is written down in the transaction that acknowledges it, and carried over afterwards.

    kind    what is in it                                        how it is taken
    said    what a node said of records that are elsewhere        merged by the node's own rule, as if it had been said there
    moved   records that went to a facility of another shard      joined, whole, into that facility's scope
    told    what a facility is told of a patient of its           written there (`hub.telling`)
    ended   how a referral ended that it was told of              the same, over what it was told

A join may be repeated and comes out the same in any order, so nothing is locked on two shards at once. Messages go in the order in which
they were written; each is taken once (`relayed`), since a record may have moved on when its move is told again. A record that is elsewhere
has a stub here, its key and its sealed name: by it late edits find the way, and who held it is told to let go.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from hub import telling
from hub.blobs.following import arrived
from hub.errors import Busy, HubError, PostgresFault
from hub.ingest import Ingest
from hub.places import Place
from hub.pushed import Speaker
from hub.relayed import Relayed, read
from hub.store import relay
from hub.store.nodes import NodeRow
from hub.store.referrals import ReferralRow
from hub.store.relay import Waiting
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from sync_protocol import frame
from sync_protocol.errors import ProtocolError
from sync_protocol.resource import Resource

log = structlog.get_logger()

A_ROUND: Final = 100
TAKEN_DAYS: Final = 90
"""So long a shard may be brought back to an earlier day, and tell again what it told then."""
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


async def deliver(place: Place) -> set[str]:
    """Carries over what waits at a place. Returns the scopes that it was about. What one shard does not take now waits."""
    place.sends = False
    async with place.transaction() as connection:
        targets = await relay.targets(connection)
    told: set[str] = set()
    for target in targets:
        try:
            told |= await _deliver_to(place, target)
        except (PostgresFault, Busy) as error:
            log.warning("messages to another shard wait", shard=place.id, target=target, error=type(error).__name__)
    return told


async def _deliver_to(place: Place, target: int) -> set[str]:
    """What waits for a shard, in order. What nobody can take is put aside, told in the log, and tried again in the next round."""
    told: set[str] = set()
    after = 0
    while True:
        async with place.transaction() as connection:
            waiting = await relay.waiting(connection, target, after, A_ROUND)
            numbers = sorted({one.scope for one in waiting})
            scopes = {row.id: row for row in await place.on(connection).read_scopes(numbers)}
        if not waiting:
            return told
        for one in waiting:
            after = one.number
            try:
                await _send(place, scopes[one.scope], one)
            except (PostgresFault, Busy):
                raise
            except (HubError, ProtocolError) as error:
                log.error("a message to another shard is not taken", id=one.id.hex(), error=type(error).__name__)
        told |= {scope.name for scope in scopes.values()}


async def _send(place: Place, scope: ScopeRow, one: Waiting) -> None:
    """To where the scope is at home by now: that may be here again."""
    await take(
        place.others.at(scope.home) if scope.home is not None else place, one.id, read(place, scope, one), place.id
    )
    async with place.transaction() as connection:
        await relay.sent(connection, [one.id])


async def take(place: Place, id_: bytes, message: Relayed, sender: int) -> None:
    """Does what a message says. Raises `Busy` when the scope is at home at the sender's, as far as is known here."""
    async with place.transaction() as connection:
        shard = place.on(connection)
        if await relay.take(connection, id_):
            await _take(place, shard, message, sender)
    place.note(shard)


async def _take(place: Place, shard: Shard, message: Relayed, sender: int) -> None:
    (scope,) = await shard.named_scopes([message.scope])
    if scope.home == sender != place.id:
        raise Busy("The scope is about to move.")
    if message.notice:
        await telling.take(place, shard, scope, message)
        return
    ingest = Ingest(place, shard)
    parts = frame.decode(message.frame)
    speaker = _speaker(message, scope, parts)
    if message.lives:
        known = await shard.incarnations([life.id for life in message.lives])
        await shard.write_incarnations([life for life in message.lives if life.id not in known])
    await ingest.take([(speaker, parts)])
    await ingest.write()
    await ingest.publish()
    await _note_former(place, shard, scope, message, parts)
    await arrived(place, shard, message.files, scope)


def _speaker(message: Relayed, scope: ScopeRow, parts: Sequence[Resource]) -> Speaker:
    own = frozenset(life.id for life in message.lives) | {message.incarnation}
    # A name is all that is asked of it here.
    node = NodeRow(message.node, "", "", "", "", "", LONG_AGO, None, None, None, None, b"", None)
    brought = None
    if message.kind == "moved":
        brought = {part.name: frozenset(were) for part, were in zip(parts, message.former, strict=True)}
    return Speaker(node, message.incarnation, own, [scope], home=scope.id, refers=message.holds, brought=brought)


async def forget_taken(place: Place) -> None:
    """Messages that were taken long ago do not come again."""
    async with place.transaction() as connection:
        await relay.forget(connection, TAKEN_DAYS)


async def _note_former(
    place: Place, shard: Shard, scope: ScopeRow, message: Relayed, parts: Sequence[Resource]
) -> None:
    """Where records were before, and how their referrals stand."""
    names = {name for of_one in message.former for name in of_one}
    if not names:
        return
    said_in = {one.source for one in message.referrals if isinstance(one.source, str)}
    scopes = {scope.name: scope.id for scope in await shard.named_scopes(sorted(names | said_in))}
    keys = place.keys
    usual = {keys.resource_key(part.name): part.name for part in parts}
    own = {keys.own_key(message.scope, part.name): part.name for part in parts}
    # Another facility may have a record of its own under one of these ids.
    rows = [row for row in await shard.lock_present([*usual, *own]) if row.scope == scope.id]
    numbers = {(usual | own)[row.rkey]: row.key for row in rows}
    for name, former_scope in scopes.items():
        were = [part.name for part, former in zip(parts, message.former, strict=True) if name in former]
        if of_scope := [numbers[one] for one in were if one in numbers]:
            await shard.note_former(of_scope, former_scope)
    for one in message.referrals:
        if one.name in numbers:
            source = one.source if isinstance(one.source, int) else scopes[one.source]
            await shard.bring_referral(ReferralRow(numbers[one.name], source, one.state))
