"""The multi-value register with a dotted version vector: the only merge in the system.

A register is a set of siblings, values written without seeing each other, and a context, which says for each node
up to which counter its writes of this register have been seen. After Preguiça et al., "Dotted Version
Vectors" (2010) and Almeida et al., "Scalable and Accurate Causality Tracking for Eventually Consistent Stores" (2014).

A node's counter rises by one for each resource written, and a register always travels whole; therefore a plain
`{node: counter}` is enough to say "all of this node's writes of this register up to here".
"""

from collections.abc import Iterable, Mapping

import msgspec

Context = Mapping[int, int]
"""node → highest counter seen of it. Never changed in place."""


WITHHELD = b""
"""The value of a foreign sibling sent by dot alone: the receiver has it. No JSON is empty."""


class Stamp(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """Which write, by whom and when. The same object for all elements written together.

    `ts` and `device_ts` are ms since 1970 UTC: the writer's best time (its clock corrected by the hub's) and what its
    clock said. Neither takes part in causality.
    """

    node: int
    counter: int
    ts: int
    device_ts: int
    user: str
    role: str


class Sibling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of a register and the write that made it. `None` means that the element was removed."""

    stamp: Stamp
    value: bytes | None

    @property
    def rank(self) -> tuple[int, int, int]:
        """The total order in which siblings are shown: `(ts, node, counter)`, greatest first."""
        return (self.stamp.ts, self.stamp.node, self.stamp.counter)


class Register(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Siblings in ascending order of `(node, counter)`, and the context. Always at least one sibling."""

    siblings: tuple[Sibling, ...]
    context: Context

    @property
    def shown(self) -> Sibling:
        """The sibling shown to people: the greatest by `(ts, node, counter)`."""
        siblings = self.siblings
        return siblings[0] if len(siblings) == 1 else max(siblings, key=lambda s: s.rank)

    @property
    def values(self) -> set[bytes | None]:
        """Distinct values: more than one is a disagreement. Equal values written apart are agreement."""
        return {s.value for s in self.siblings}


def dot(sibling: Sibling) -> tuple[int, int]:
    """The dot of a sibling: `(node, counter)`."""
    return (sibling.stamp.node, sibling.stamp.counter)


def seen(context: Context, stamp: Stamp) -> bool:
    """Whether a context has seen a write."""
    return context.get(stamp.node, 0) >= stamp.counter


def join_context(a: Context, b: Context) -> Context:
    """The greater counter for each node. Returns `a` itself when it already covers `b`."""
    if a is b or covers(a, b):
        return a
    merged = dict(a)
    for node, counter in b.items():
        if merged.get(node, 0) < counter:
            merged[node] = counter
    return merged


def covers(a: Context, b: Context) -> bool:
    """Whether `a` has seen all that `b` has."""
    return all(a.get(node, 0) >= counter for node, counter in b.items())


def join(a: Register, b: Register) -> Register:
    """Commutative, associative, idempotent. Returns `a` itself when `b` adds nothing.

    A sibling stays that is in both, or that the other side's context has not seen. Equal dots with unequal content are
    dishonest; the greatest bytes win, the same everywhere (`clashes` finds them for the alarm).
    """
    if a is b:
        return a
    if _succeeds(a, b):
        return b
    if a == b:
        return a
    kept: dict[tuple[int, int], Sibling] = {}
    theirs = {dot(s): s for s in b.siblings}
    for sibling in a.siblings:
        other = theirs.pop(dot(sibling), None)
        if other is not None:
            kept[dot(sibling)] = sibling if sibling == other else max(sibling, other, key=_bytes)
        elif not seen(b.context, sibling.stamp):
            kept[dot(sibling)] = sibling
    for key, sibling in theirs.items():
        if not seen(a.context, sibling.stamp):
            kept[key] = sibling
    joined = Register(tuple(kept[key] for key in sorted(kept)), join_context(a.context, b.context))
    return a if joined == a else joined


def _succeeds(a: Register, b: Register) -> bool:
    """Whether `b` is one value, written by someone who had seen all of `a`: the usual change, which is then all that is left."""
    if len(b.siblings) != 1 or seen(a.context, b.siblings[0].stamp) or not covers(b.context, a.context):
        return False
    return all(seen(b.context, sibling.stamp) for sibling in a.siblings)


def clashes(a: Register, b: Register) -> list[Stamp]:
    """Dots that both sides hold with unequal content: somebody reused a counter, or lied."""
    mine = {dot(s): s for s in a.siblings}
    return [s.stamp for s in b.siblings if dot(s) in mine and mine[dot(s)] != s]


def write(current: Register | None, seen_context: Context, stamp: Stamp, value: bytes | None) -> Register:
    """A write by someone who had seen `seen_context`: it replaces that, and stands beside what came meanwhile."""
    if current is None:
        return Register((Sibling(stamp, value),), {stamp.node: stamp.counter})
    unseen = [s for s in current.siblings if not seen(seen_context, s.stamp)]
    siblings = sorted([*unseen, Sibling(stamp, value)], key=dot)
    context = {**current.context, stamp.node: max(stamp.counter, current.context.get(stamp.node, 0))}
    return Register(tuple(siblings), join_context(context, seen_context))


def dots_in(registers: Iterable[Register]) -> dict[tuple[int, int], Stamp]:
    """All live dots of some registers."""
    return {dot(s): s.stamp for register in registers for s in register.siblings}


def _bytes(sibling: Sibling) -> bytes:
    return msgspec.msgpack.encode(sibling)
