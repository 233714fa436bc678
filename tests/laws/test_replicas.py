"""Convergence: whatever way changes take, through frames, split, repeated, out of order or by another's hands, states end equal."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import digest, elements, frame, pack
from sync_protocol.exchange import edge, hub
from sync_protocol.resource import ALIVE, DELETION, Resource, disagreements, gone, join_resource, shown
from tests.laws.strategies import NODES, Node, Step, World, body, stamp_of, steps, worlds


def received(present: Resource | None, raw: bytes) -> Resource | None:
    for part in frame.decode(raw):
        present = part if present is None else join_resource(present, part)[0]
    return present


def split_parts(state: Resource, data: st.DataObject) -> list[Resource]:
    """A state cut into parts, some of them twice."""
    keys = sorted(state.elements)
    cut = data.draw(st.integers(0, len(keys)))
    parts = [state.part(keys[:cut]), state.part(keys[cut:]), state.part(keys[: cut + 1])]
    return [part for part in parts if part.elements]


@settings(max_examples=100)
@given(worlds(nodes=5, max_size=20), st.data())
def test_any_delivery_ends_in_identical_states(world: World, data: st.DataObject) -> None:
    everything = world.everything()
    states = [node.past[-1] for node in world.nodes if node.past]
    parts = [part for state in states for part in split_parts(state, data)]
    ends = []
    for _ in range(3):
        order = data.draw(st.permutations([*parts, *data.draw(st.lists(st.sampled_from(parts), max_size=4))]))
        at = data.draw(st.integers(0, len(order)))
        present: Resource | None = None
        for batch in (order[:at], order[at:], order[:1]):
            if batch:
                present = received(present, frame.encode(batch))
        assert present is not None
        ends.append(present)
    # The last one gets it all from the first, by a way of its own: whole, then its own old state again.
    last = received(states[-1], frame.encode([ends[0]]))
    assert last is not None
    for end in [*ends, last, join_resource(last, states[0])[0]]:
        assert pack.pack(end) == pack.pack(everything)
        assert shown(end) == shown(everything)
        assert disagreements(end) == disagreements(everything)
        assert gone(end) == gone(everything)


class Star:
    """Nodes that know each other through a hub alone, as the exchange moves parts: pushes, parking, pulls."""

    def __init__(self, nodes: int) -> None:
        self.nodes = [Node(NODES[i]) for i in range(nodes)]
        self.hub: Resource | None = None
        self.parked: list[tuple[Node, Resource]] = []
        self.pushed: dict[int, int] = {}

    def push(self, node: Node, keys: Iterable[str] | None, highest: int) -> None:
        if node.present is None:
            return
        part = edge.sendable(node.present, keys, frozenset(node.lives), highest)
        waiting = [(node, p) for p in (frame.decode(frame.encode([part])) if part else [])] + self.parked
        self.parked = []
        for author, each in waiting:
            merged = hub.merge(self.hub, each, frozenset(author.lives))
            assert merged.refused is None, merged.reason
            self.hub = merged.after
            if merged.parked is not None:
                self.parked.append((author, merged.parked))

    def pull(self, node: Node) -> None:
        if self.hub is not None:
            node.take(received(node.present, frame.encode([self.hub])))

    def step(self, step: Step, turn: int) -> None:
        node = self.nodes[step.node % len(self.nodes)]
        stamp = stamp_of(node.incarnation, node.counter + 1, step.b)
        if step.what == "send":
            # Some of what waits, newest or oldest first, perhaps nothing above some counter.
            written = node.written[::-1] if step.a % 2 else node.written
            for _, keys in written[: 1 + step.a]:
                self.push(node, keys, node.counter - step.b % 2)
        elif step.what == "join":
            self.pull(node)
        elif step.what == "write":
            read = node.version(step.a % 3)
            node.wrote(elements.write(node.present, read, elements.parse(body(step.choices)), "p1", stamp))
        elif node.present is not None and step.what == "delete":
            node.wrote(elements.delete(node.present, node.version(step.a % 3) or node.present, stamp))
        elif node.present is not None and step.what == "keep" and DELETION in node.present.elements:
            node.wrote(elements.resolve(node.present, DELETION, ALIVE, stamp))

    def settle(self) -> None:
        for node in [*self.nodes, *self.nodes]:
            for _, keys in node.written:
                self.push(node, keys, node.counter)
        for node in self.nodes:
            self.pull(node)


@settings(max_examples=150)
@given(steps(4, ("write", "write", "write", "send", "send", "join", "join", "delete", "keep"), 24))
def test_a_hub_and_its_nodes_end_with_identical_states_and_nothing_parked(story: list[Step]) -> None:
    star = Star(4)
    star.step(Step(0, "write", (1, 0, 1, 1, 0), 0, 0), 0)
    everything: Resource | None = None
    for turn, step in enumerate(story):
        star.step(step, turn)
        for node in star.nodes:
            if node.present is not None:
                everything = join_resource(everything, node.present)[0] if everything else node.present
    star.settle()
    assert star.parked == []
    assert star.hub is not None
    assert everything is not None
    expected = pack.pack(everything)
    assert pack.pack(star.hub) == expected, "no write that a node answered is lost"
    ends = [pack.pack(node.past[-1]) for node in star.nodes]
    assert set(ends) == {expected}
    hashes = [pack.hash_of("Patient", "p1", state) for state in [*ends, expected]]
    assert len({digest.total([h]) for h in hashes}) == 1
