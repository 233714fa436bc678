"""The edge's decisions in an exchange: `(state, message) → (state, effects)`. The store keeps the state and does the effects.

idle ── begin ──► sent(token, highest) ── answered ──► idle | fork
                   ▲        │ failed: the same token again, nothing above `highest`
                   └────────┘
"""

from collections.abc import Iterable, Mapping

import msgspec

from sync_protocol.exchange.messages import Answer
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource


class Standing(msgspec.Struct, frozen=True):
    """What a node knows of its own life. Counters as in docs/ARCHITECTURE.md.

    `confirmed`: the token of the last answered exchange (empty before the first). `sent`: the token of an exchange that has no answer yet,
    and `highest`, the counter above which it and its retries carry nothing.
    """

    incarnation: int
    base: int
    counter: int
    acked: int
    safe: int
    confirmed: bytes = b""
    sent: bytes = b""
    highest: int = 0
    receipt: bytes = b""

    @property
    def known(self) -> list[bytes]:
        """Tokens that the hub may hold as the last, if nobody else lives under this name."""
        return [token for token in (self.confirmed, self.sent) if token]


def begin(standing: Standing, fresh_token: bytes) -> Standing:
    """The standing to store *before* anything is sent: a fresh token, or the unanswered one again."""
    if standing.sent:
        return standing
    return msgspec.structs.replace(standing, sent=fresh_token, highest=standing.counter)


def sendable(
    resource: Resource, keys: Iterable[str] | None, own: frozenset[int], highest: int, life: int | None = None
) -> Resource | None:
    """The part of a resource to push: registers with a value of our own, others' siblings by dot alone. None: nothing to say.

    A register with a dot of this `life` (None: of any own one) above `highest` waits: a later outbox row names it again. Earlier
    lives may go on in a copy, with counters of their own.
    """
    chosen = resource.elements if keys is None else {k: resource.elements[k] for k in keys if k in resource.elements}
    elements: dict[str, Register] = {}
    for key, register in chosen.items():
        mine = [s.stamp for s in register.siblings if s.stamp.node in own]
        if not mine or any(stamp.counter > highest and life in (None, stamp.node) for stamp in mine):
            continue
        elements[key] = register if len(mine) == len(register.siblings) else _withhold(register, own)
    return Resource(resource.type, resource.id, elements) if elements else None


def _withhold(register: Register, own: frozenset[int]) -> Register:
    siblings = tuple(s if s.stamp.node in own else Sibling(s.stamp, WITHHELD) for s in register.siblings)
    return Register(siblings, register.context)


class Outcome(msgspec.Struct, frozen=True):
    """What an answer means. `fork`: begin a new incarnation, nothing was merged. `lost`: the hub went back, offer again."""

    standing: Standing
    fork: bool = False
    lost: bool = False


def answered(standing: Standing, token: bytes, answer: Answer) -> Outcome:
    """Take an answer to the exchange that carried `token`. A late answer to another exchange changes nothing."""
    if token != standing.sent:
        return Outcome(standing)
    if answer.verdict == "fork":
        return Outcome(standing, fork=True)
    after = msgspec.structs.replace(
        standing,
        confirmed=token,
        sent=b"",
        highest=0,
        acked=min(answer.acked, standing.counter),
        safe=max(standing.safe, min(answer.safe, answer.acked, standing.counter)),
        receipt=answer.receipt,
    )
    return Outcome(after, lost=answer.acked < standing.acked)


def forked(standing: Standing, incarnation: int) -> Standing:
    """The standing of the new incarnation: nothing sent, nothing confirmed, the counter goes on, from the own `acked`."""
    return Standing(incarnation, standing.acked, standing.counter, standing.acked, standing.safe)


def restored(standing: Standing, incarnation: int) -> Standing:
    """After an explicit restore: a new incarnation that pushes its old dots as they are."""
    return forked(standing, incarnation)


def meets_itself(parts: Iterable[Resource], standing: Standing, present: Mapping[str, Resource]) -> bool:
    """Whether what arrived holds a dot of this incarnation that this node has not written, or wrote otherwise."""
    mine = of_incarnation(parts, standing.incarnation)
    return any(
        sibling.stamp.node == standing.incarnation
        and (sibling.stamp.counter > standing.counter or _unlike(sibling, key, present.get(part.name)))
        for part in mine
        for key, register in part.elements.items()
        for sibling in register.siblings
    ) or any(
        register.context.get(standing.incarnation, 0) > standing.counter
        for part in mine
        for register in part.elements.values()
    )


def of_incarnation(parts: Iterable[Resource], incarnation: int) -> list[Resource]:
    """Those that hold anything of an incarnation: a register's context has seen all its own dots. Nearly always none."""
    return [part for part in parts if any(incarnation in register.context for register in part.elements.values())]


def _unlike(sibling: Sibling, key: str, mine: Resource | None) -> bool:
    register = mine.elements.get(key) if mine is not None else None
    same_dot = [s for s in register.siblings if _dot(s.stamp) == _dot(sibling.stamp)] if register is not None else []
    return sibling.value != WITHHELD and any(s != sibling for s in same_dot)


def _dot(stamp: Stamp) -> tuple[int, int]:
    return (stamp.node, stamp.counter)


def offset_ms(sent_ms: int, received_ms: int, hub_ms: int) -> int:
    """The hub's clock less ours, at the middle of the exchange (RFC 5905 section 8, with one sample)."""
    return hub_ms - (sent_ms + received_ms) // 2
