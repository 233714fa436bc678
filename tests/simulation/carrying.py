"""Bundles: own changes carried to another node on a stick, merged there, and relayed unopened to the hub.

The product's rules and formats, in the order in which a receiver has to use them: an envelope that only its receiver opens, a frame of what
is sendable, and `exchange.hub.merge` in the author's name. What depends on a change that is not here waits with its stick.
"""

from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_node.store import exchange as stored
from edge_node.store import merging
from edge_node.store import standing as standings
from edge_node.store.schema import HOME_SCOPE
from edge_node.store.standing import Lives
from hub.ingest import Ingest
from hub.pushed import Speaker
from hub.store.nodes import IncarnationRow, NodeRow
from sync_protocol import envelope, frame
from sync_protocol.exchange import hub as rules
from tests.simulation.memory_shard import MemoryHub, finish

if TYPE_CHECKING:
    from tests.simulation.actors import Edge, HubActor


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """What is inside: all lives of the author, the present one first, and a frame."""

    lives: list[int]
    frame: bytes


class Stick(msgspec.Struct, frozen=True):
    """The same changes, sealed to the node that carries them and to the hub."""

    author: "Edge"
    for_carrier: bytes
    for_hub: bytes


def pack(author: "Edge", carrier: "Edge", *, everything: bool) -> Stick | None:
    """A node's own changes that the hub has not acknowledged, or all that it keeps. None when there are none."""
    assert author.store is not None
    with author.store.snapshot() as connection:
        standing = standings.standing(connection)
        begun = msgspec.structs.replace(standing, highest=standing.counter)
        # Only what is of the clinic that both are of: another clinic's patient in the carrier's hands would be a stranger's.
        query = (
            "SELECT counter, outbox.key, elements FROM outbox JOIN resource USING (key)"
            " WHERE counter > ? AND scope = ? ORDER BY counter"
        )
        waiting = connection.execute(query, (0 if everything else standing.acked, HOME_SCOPE)).fetchall()
        earlier = sorted(standings.own_incarnations(connection) - {standing.incarnation})
        named = Lives({}, dict.fromkeys(earlier, 0))
        parts = list(stored._parts(connection, waiting, begun, named).values()) if waiting else []
    if not parts:
        return None
    payload = msgspec.msgpack.encode(Payload([standing.incarnation, *earlier], frame.encode(parts)))
    receivers = (carrier.sealing.public_key(), author.hub.hub.keys.x25519.public_key())
    sealed = [
        envelope.seal(
            payload,
            author.signing,
            receiver,
            X25519PrivateKey.from_private_bytes(author.world.chance.randbytes(32)),
        )
        for receiver in receivers
    ]
    return Stick(author, *sealed)


def opened(sealed: bytes, key: X25519PrivateKey, author: "Edge") -> Payload:
    """The payload, from whom it says."""
    sender, payload = envelope.open_(sealed, key)
    assert sender == author.signing.public_key().public_bytes_raw()
    return msgspec.msgpack.decode(payload, type=Payload)


def take(carrier: "Edge", stick: Stick) -> bool:
    """Merges a stick at the node that carries it. Returns whether something of it has to wait."""
    assert carrier.store is not None
    payload = opened(stick.for_carrier, carrier.sealing, stick.author)
    own, waits = frozenset(payload.lives), False
    for part in frame.decode(payload.frame):
        merged = rules.merge(carrier.registers(part.type, part.id), part, own)
        assert merged.refused is None, merged.reason
        waits |= merged.parked is not None
        if merged.after is not None and merged.changed:
            with carrier.store.transaction() as connection:
                changed = [merged.after.part(merged.changed)]
                merging.merge(connection, changed, HOME_SCOPE, carrier.clock(), source="bundle")
    return waits


def relay(hub: "HubActor", sealed: bytes, author: "Edge") -> None:
    """The hub takes what a stick brought, in its author's name."""
    payload = opened(sealed, hub.hub.keys.x25519, author)
    finish(_relayed(hub.hub, author.node, payload))


async def _relayed(hub: MemoryHub, node: NodeRow, payload: Payload) -> None:
    async with hub.shard() as shard:
        await shard.lock_nodes([node.id])
        standings = await shard.standings([node.id], payload.lives)
        unknown = [life for life in payload.lives if life not in standings.lives]
        await shard.write_incarnations([IncarnationRow(life, node.id, 0, 0, 0, b"", 0) for life in unknown])
        speaker = Speaker(node, payload.lives[0], frozenset(payload.lives), standings.scopes[node.id])
        ingest = Ingest(hub, shard)
        await ingest.take([(speaker, frame.decode(payload.frame))])
        await ingest.write()
        await ingest.publish()
