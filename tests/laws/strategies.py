"""Reachable states: a handful of nodes that write, delete, keep, join, restore and fork; and garbage for decoders.

A world is run from a list of plain steps, so that a failure shrinks to a short story. States come out of such stories only: the laws
are promised for what honest nodes can make, not for arbitrary registers.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgpack
from hypothesis import strategies as st

from sync_protocol import elements, register
from sync_protocol.identity import Renaming, rename
from sync_protocol.register import Register, Stamp
from sync_protocol.resource import ALIVE, DELETION, Resource, context_of, disagreements, join_resource

NODES: Final = (1, 7, 2**40 + 1, 2**62 + 3, 2**63 - 1)
"""Incarnations, small and large: order by number, by bytes and by text must not be mixed up."""

TIMES: Final = (0, 1_700_000_000_000, 1_700_000_000_001, 253_402_300_799_999)
USERS: Final = (("amina", "midwife"), ("joão", "clinician"), ("", ""))


def stamp_of(node: int, counter: int, turn: int) -> Stamp:
    """A stamp; `turn` chooses a clock (often the same, sometimes absurd) and an author."""
    user, role = USERS[turn % len(USERS)]
    return Stamp(node, counter, TIMES[turn % len(TIMES)], TIMES[(turn // 2) % len(TIMES)], user, role)


# --- registers --------------------------------------------------------------------------------------------------------

RegisterStep = tuple[int, int, int, int]
"""`(node, what, value or other node, turn)`: `what` 0 to 2 writes against the version that many versions ago, 3 and 4 join."""

_VALUES: Final = (b'{"a":1}', b'{"a":2}', None)


def run_registers(steps: Sequence[RegisterStep]) -> list[Register]:
    """Every state that one register had at any of four nodes."""
    past: list[list[Register]] = [[], [], [], []]
    counters = [0, 0, 0, 0]
    found: list[Register] = []
    for at, what, argument, turn in steps:
        mine = past[at][-1] if past[at] else None
        if what <= 2:
            counters[at] += 1 + turn % 2  # a node's counter also rises for other resources
            read = past[at][max(0, len(past[at]) - 1 - what)].context if mine else {}
            stamp = stamp_of(NODES[at], counters[at], turn)
            after = register.write(mine, read, stamp, _VALUES[argument % len(_VALUES)])
        elif past[argument]:
            theirs = past[argument][-1]
            after = theirs if mine is None else register.join(mine, theirs)
        else:
            continue
        past[at].append(after)
        found.append(after)
    return found


_REGISTER_STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3), st.integers(0, 11)), min_size=3, max_size=16
)


@st.composite
def registers(draw: st.DrawFn, count: int) -> list[Register]:
    """Reachable registers of one world, late ones more often than early ones."""
    found = run_registers([(0, 0, 0, 0), *draw(_REGISTER_STEPS)])
    back = draw(st.lists(st.integers(0, len(found) - 1), min_size=count, max_size=count))
    return [found[len(found) - 1 - i] for i in back]


# --- resources --------------------------------------------------------------------------------------------------------

_PHONES = [{"system": "phone", "value": f"+254 {n}", "use": use} for n, use in ((1, "home"), (2, "home"), (3, "work"))]
_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "birthDate": (None, "1990-01-01", "1991-02-03"),
    "deceasedBoolean": (None, False),
    "telecom": (None, _PHONES[:1], _PHONES[:2], _PHONES[1:], [_PHONES[2], _PHONES[0]], _PHONES[::-1]),
    "identifier": (None, [{"system": "urn:a", "value": "1"}], [{"system": "urn:a", "value": "2"}]),
    "x|~?": (None, {"odd": 1.5}),
}
BODIES: Final = st.tuples(*(st.sampled_from(range(len(values))) for values in _CHOICES.values()))


def body(choices: tuple[int, ...]) -> bytes:
    """A small Patient, as its author sends it."""
    members = {name: values[i] for (name, values), i in zip(_CHOICES.items(), choices, strict=True)}
    shown = {name: value for name, value in members.items() if value is not None}
    return json.dumps({"resourceType": "Patient", "id": "p1", **shown}).encode()


class Node:
    """A replica of one resource."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.lives = {incarnation}
        self.counter = 0
        self.past: list[Resource] = []
        self.written: list[tuple[Resource, frozenset[str]]] = []

    @property
    def present(self) -> Resource | None:
        return self.past[-1] if self.past else None

    def version(self, back: int) -> Resource | None:
        """What somebody at this node saw some versions ago."""
        return self.past[max(0, len(self.past) - 1 - back)] if self.past else None

    def take(self, after: Resource | None) -> None:
        if after is not None and after is not self.present:
            self.past.append(after)

    def wrote(self, result: tuple[Resource, frozenset[str]]) -> None:
        after, keys = result
        if keys:
            self.counter += 1
            self.written.append((after.part(keys), keys))
            self.take(after)


class Step(NamedTuple):
    """`what` one of the names in `World`; `a` and `b` are its arguments, of which it takes what it needs."""

    node: int
    what: str
    choices: tuple[int, ...]
    a: int
    b: int


class World:
    """Some nodes and the story of one resource among them."""

    def __init__(self, nodes: int) -> None:
        self.nodes = [Node(NODES[i]) for i in range(nodes)]
        self.fresh = 1000

    def run(self, steps: Sequence[Step]) -> "World":
        for step in steps:
            self.step(step)
        return self

    def step(self, step: Step) -> None:
        node = self.nodes[step.node % len(self.nodes)]
        stamp = stamp_of(node.incarnation, node.counter + 1, step.b)
        present = node.present
        if step.what == "write":
            read = node.version(step.a % 3)
            node.wrote(elements.write(present, read, elements.parse(body(step.choices)), "p1", stamp))
        elif present is None:
            return
        elif step.what == "delete":
            node.wrote(elements.delete(present, node.version(step.a % 3) or present, stamp))
        elif step.what == "keep" and DELETION in present.elements:
            node.wrote(elements.resolve(present, DELETION, ALIVE, stamp))
        elif step.what == "resolve":
            for conflict in disagreements(present)[:1]:
                value = conflict.siblings[step.a % len(conflict.siblings)].value
                node.wrote(elements.resolve(present, conflict.element, value, stamp))
        elif step.what == "join":
            other = self.nodes[step.a % len(self.nodes)].present
            node.take(join_resource(present, other)[0] if other is not None else None)
        elif step.what == "send":
            other_node = self.nodes[step.a % len(self.nodes)]
            there = other_node.present
            other_node.take(join_resource(there, present)[0] if there is not None else present)
        elif step.what == "restore":
            self._restore(node, step.a % 3)
        elif step.what == "fork":
            self._fork(node)

    def _restore(self, node: Node, back: int) -> None:
        """An old image comes back and begins a new incarnation, keeping its dots."""
        past = node.past[: max(1, len(node.past) - back)]
        node.past = past
        node.incarnation = self.fresh = self.fresh + 1
        node.lives.add(node.incarnation)
        node.written = []

    def _fork(self, node: Node) -> None:
        """Dots that nobody else has seen get another name, in everything that the node holds."""
        others = (other.present for other in self.nodes if other is not node)
        acked = max(
            (context_of(there).get(node.incarnation, 0) for there in others if there is not None),
            default=0,
        )
        self.fresh += 1
        renaming = Renaming({node.incarnation: 1 << 40}, self.fresh, acked)
        node.past = [rename(state, renaming) for state in node.past]
        node.written = [(rename(part, renaming), keys) for part, keys in node.written]
        node.incarnation = self.fresh
        node.lives.add(self.fresh)

    def states(self) -> list[Resource]:
        """The latest states first."""
        longest = max(len(node.past) for node in self.nodes)
        return [node.past[-1 - i] for i in range(longest) for node in self.nodes if i < len(node.past)]

    def everything(self) -> Resource:
        """The join of what all the nodes hold."""
        total, *rest = [node.present for node in self.nodes if node.present is not None]
        for state in rest:
            total = join_resource(total, state)[0]
        return total


_WHAT: Final = ("write", "write", "write", "send", "send", "join", "delete", "keep", "resolve", "restore", "fork")


def steps(nodes: int = 3, what: Sequence[str] = _WHAT, max_size: int = 14) -> st.SearchStrategy[list[Step]]:
    """Stories: what happens at which node."""
    return st.lists(
        st.builds(
            Step, st.integers(0, nodes - 1), st.sampled_from(what), BODIES, st.integers(0, 5), st.integers(0, 11)
        ),
        min_size=2,
        max_size=max_size,
    )


@st.composite
def worlds(draw: st.DrawFn, nodes: int = 3, what: Sequence[str] = _WHAT, max_size: int = 14) -> World:
    """A world after some story, in which the first node at least has written."""
    first = Step(0, "write", (1, 0, 1, 1, 0), 0, 0)
    return World(nodes).run([first, *draw(steps(nodes, what, max_size))])


@st.composite
def resources(draw: st.DrawFn, count: int) -> list[Resource]:
    """Reachable states of one resource in one world."""
    found = draw(worlds()).states()
    return [found[i] for i in draw(st.lists(st.integers(0, len(found) - 1), min_size=count, max_size=count))]


# --- garbage ----------------------------------------------------------------------------------------------------------

_ODD_NUMBERS = st.sampled_from(
    [-1, 0, 1, 2, 16, 255, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), _ODD_NUMBERS, st.integers(-3, 9), st.floats(), st.text(max_size=4), st.binary(max_size=4)
)
THINGS: Final = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=6)
"""Anything that msgpack can say, lists of small depth."""


@st.composite
def mutated(draw: st.DrawFn, packed: bytes) -> bytes:
    """msgpack with one to three of its parts replaced, removed, doubled or swapped: right in form, wrong in meaning."""
    tree = msgpack.unpackb(packed, raw=False, strict_map_key=False)
    for _ in range(draw(st.integers(1, 3))):
        tree = _change(draw, tree)
    result: bytes = msgpack.packb(tree)
    return result


def _change(draw: st.DrawFn, node: object) -> object:
    if isinstance(node, dict) and node:
        key = draw(st.sampled_from(sorted(node, key=str)))
        if draw(st.booleans()):
            return {**node, key: _change(draw, node[key])}
        return {**node, key: draw(THINGS)} if draw(st.booleans()) else {k: v for k, v in node.items() if k != key}
    if not isinstance(node, list) or not node:
        return draw(THINGS)
    at = draw(st.integers(0, len(node) - 1))
    how = draw(st.sampled_from(["inside", "inside", "inside", "replace", "remove", "double", "swap"]))
    if how == "inside":
        return [*node[:at], _change(draw, node[at]), *node[at + 1 :]]
    if how == "replace":
        return [*node[:at], draw(THINGS), *node[at + 1 :]]
    if how == "remove":
        return [*node[:at], *node[at + 1 :]]
    if how == "double":
        return [*node[:at], node[at], *node[at:]]
    other = draw(st.integers(0, len(node) - 1))
    swapped = list(node)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    return swapped


def fails_only_with(allowed: tuple[type[Exception], ...], decode: Callable[[bytes], object], raw: bytes) -> bool:
    """Decode hostile bytes: whether they were accepted. Any error that is not allowed is the test's failure."""
    try:
        decode(raw)
    except allowed:
        return False
    return True
