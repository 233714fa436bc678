"""The edge's decisions in an exchange: `(state, message) → (state, effects)`. The store keeps the state and does the effects.

idle ── begin ──► sent(token, highest) ── answered ──► idle | fork
                   ▲        │ failed: the same token again, nothing above `highest`
                   └────────┘
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from sync_protocol.exchange.messages import Answer
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Context, Register, Sibling, Stamp
from sync_protocol.resource import Resource


class Standing(msgspec.Struct, frozen=True):
    """What a node knows of its own life. Counters as in docs/ARCHITECTURE.md.

    `confirmed`: the token of the last answered exchange (empty before the first). `sent`: the token of an exchange that has no answer yet,
    and `highest`, the counter above which it and its retries carry nothing.
    """

    incarnation: int
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
    resource: Resource,
    keys: Iterable[str] | None,
    own: frozenset[int],
    highest: int,
    counted: frozenset[int] | None = None,
) -> Resource | None:
    """The part of a resource to push: registers with a value of our own, others' siblings by dot alone. None: nothing to say.

    A register with a dot above `highest` of a life that is `counted` (None: of any own one) waits: a later outbox row names it
    again. The others of our lives may go on in a copy, with counters of their own.
    """
    chosen = resource.elements if keys is None else {k: resource.elements[k] for k in keys if k in resource.elements}
    elements: dict[str, Register] = {}
    for key, register in chosen.items():
        mine = [s.stamp for s in register.siblings if s.stamp.node in own]
        if not mine or any(stamp.counter > highest and (counted is None or stamp.node in counted) for stamp in mine):
            continue
        elements[key] = register if len(mine) == len(register.siblings) else _withhold(register, own)
    return Resource(resource.type, resource.id, elements) if elements else None


def _withhold(register: Register, own: frozenset[int]) -> Register:
    siblings = tuple(s if s.stamp.node in own else Sibling(s.stamp, WITHHELD) for s in register.siblings)
    return Register(siblings, register.context)


class Outcome(msgspec.Struct, frozen=True):
    """What an answer means. `fork`: rename what these lives wrote, nothing was merged. `lost`: the hub went back, offer again."""

    standing: Standing
    fork: frozenset[int] = frozenset()
    lost: bool = False


def answered(standing: Standing, token: bytes, answer: Answer) -> Outcome:
    """Take an answer to the exchange that carried `token`. A late answer to another exchange changes nothing."""
    if token != standing.sent:
        return Outcome(standing)
    if answer.verdict == "fork":
        return Outcome(standing, fork=frozenset(answer.forked))
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


def restarted(standing: Standing, incarnation: int) -> Standing:
    """The standing of a life that goes on from the one before, in the same place: its tokens are that one's, and speak for it.

    After a fork too: they still speak for the lives in which nobody else went on.
    """
    return msgspec.structs.replace(standing, incarnation=incarnation)


def restored(standing: Standing, incarnation: int) -> Standing:
    """After an explicit restore: nothing sent, nothing confirmed; the old dots are pushed as they are, from the own `acked`."""
    return Standing(incarnation, standing.counter, standing.acked, standing.safe)


def met_elsewhere(
    parts: Iterable[Resource], lives: Mapping[int, int], present: Mapping[str, Resource]
) -> frozenset[int]:
    """Those of our lives in which somebody else goes on: what arrived holds a dot of theirs that is not ours, or not as we wrote it.

    `lives`: life → the last counter that was given in it here; `present`: our states of the parts that name one of them.
    """
    found: set[int] = set()
    for part in of_lives(parts, lives.keys()):
        mine = present.get(part.name)
        for key, register in part.elements.items():
            found |= {life for life, last in lives.items() if register.context.get(life, 0) > last}
            found |= {s.stamp.node for s in register.siblings if s.stamp.node in lives and _unlike(s, key, mine)}
    return frozenset(found)


def of_lives(parts: Iterable[Resource], lives: Collection[int]) -> list[Resource]:
    """Those that hold anything of these lives: a register's context has seen all its own dots. Nearly always none."""
    return [part for part in parts if _holds(part, lives)]


def _holds(part: Resource, lives: Collection[int]) -> bool:
    last: Context = {}
    for register in part.elements.values():
        if register.context is not last:  # elements written together share theirs
            last = register.context
            if any(life in last for life in lives):
                return True
    return False


def _unlike(sibling: Sibling, key: str, mine: Resource | None) -> bool:
    register = mine.elements.get(key) if mine is not None else None
    same_dot = [s for s in register.siblings if _dot(s.stamp) == _dot(sibling.stamp)] if register is not None else []
    return sibling.value != WITHHELD and any(s != sibling for s in same_dot)


def _dot(stamp: Stamp) -> tuple[int, int]:
    return (stamp.node, stamp.counter)


def offset_ms(sent_ms: int, received_ms: int, hub_ms: int) -> int:
    """The hub's clock less ours, at the middle of the exchange (RFC 5905 section 8, with one sample)."""
    return hub_ms - (sent_ms + received_ms) // 2
