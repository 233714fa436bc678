"""The hub's merge: an honest node's pushes join, and no node can write, erase or delete in another's name."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import elements, frame
from sync_protocol.errors import ForgedChange
from sync_protocol.exchange import edge, hub
from sync_protocol.register import Register, Sibling, Stamp, dot, join, seen
from sync_protocol.resource import ALIVE, DELETION, Resource, gone, join_resource, read_deletion
from tests.laws.strategies import BODIES, TIMES, Node, World, body, registers, stamp_of, worlds

TOP = 2**62


def sent(state: Resource, keys: frozenset[str] | None, node: Node) -> Resource | None:
    """What a node pushes of a state, after a trip through a frame."""
    part = edge.sendable(state, keys, frozenset(node.lives), TOP)
    return None if part is None else frame.decode(frame.encode([part]))[0]


# --- honest nodes ---------------------------------------------------------------------------------------------------


@given(worlds(), st.data())
def test_pushing_own_parts_to_a_hub_that_has_the_rest_is_joining(world: World, data: st.DataObject) -> None:
    """The hub knows what others wrote, from them, and an old version of this node; the push brings it to the join."""
    node = data.draw(st.sampled_from([node for node in world.nodes if node.past]))
    others = [other for other in world.nodes if other is not node]
    state = node.past[-1]
    here = node.past[0]
    for other in others:
        if other.present is not None:
            here = join_resource(here, other.present)[0]
    pushed = sent(state, None, node)
    own = frozenset(node.lives)
    lacking = {
        key
        for key, register in state.elements.items()
        if any(n not in own and context_at(here, key, n) < counter for n, counter in register.context.items())
    }
    merged = hub.merge(here, pushed, own) if pushed is not None else hub.Merge(here, frozenset())
    assert merged.refused is None
    if not lacking:
        assert merged.parked is None
        assert merged.after == world.everything() == join_resource(here, state)[0]


def context_at(state: Resource, key: str, node: int) -> int:
    register = state.elements.get(key)
    return register.context.get(node, 0) if register is not None else 0


class Parked(NamedTuple):
    node: Node
    part: Resource


@settings(max_examples=150)
@given(worlds(what=("write", "write", "send", "send", "join", "delete", "keep", "resolve", "restore")), st.data())
def test_pushes_in_any_order_end_in_the_join_of_everything(world: World, data: st.DataObject) -> None:
    """Each node pushes the present registers that its writes named. What waits for another's change is taken when that came."""
    pushes = [(node, keys) for node in world.nodes for _, keys in node.written if node.present is not None]
    order = data.draw(st.permutations(pushes))
    here: Resource | None = None
    parked: list[Parked] = []

    def take(node: Node, part: Resource) -> None:
        nonlocal here
        before = here
        merged = hub.merge(here, part, frozenset(node.lives))
        assert merged.refused is None, merged.reason
        here = merged.after
        assert merged.changed == changed(before, here)
        waiting = merged.parked.elements.keys() if merged.parked else set()
        for key, register in part.elements.items():
            assert (key in waiting) == depends(before, here, key, register, frozenset(node.lives))
        if merged.parked is not None:
            parked.append(Parked(node, merged.parked))

    for node, keys in order:
        assert node.present is not None
        part = sent(node.present, keys, node)
        if part is not None:
            take(node, part)
        waited, parked = parked, []
        for each in waited:
            take(*each)
    # Everybody's own parts are there: what waited has come in, as soon as it is tried again.
    for _ in range(len(parked) + 1):
        waited, parked = parked, []
        for each in waited:
            take(*each)
    if here is not None:
        whole = world.everything()
        assert join_resource(whole, here)[0] is whole, "nothing is made up"
    for node, keys in pushes:
        for key in keys if not parked else ():
            own = [s.stamp for s in node.past[-1].elements[key].siblings if s.stamp.node in node.lives]
            assert here is not None or not own
            assert all(here is not None and seen(here.elements[key].context, stamp) for stamp in own)


def changed(before: Resource | None, after: Resource | None) -> frozenset[str]:
    old = before.elements if before is not None else {}
    new = after.elements if after is not None else {}
    return frozenset(key for key in new if old.get(key) != new[key])


def depends(before: Resource | None, after: Resource | None, key: str, register: Register, own: frozenset[int]) -> bool:
    """Whether a register needs what the hub does not have: by its context, or as a deletion by what it covers."""

    def has(state: Resource | None, element: str, node: int, counter: int) -> bool:
        return state is not None and context_at(state, element, node) >= counter

    missing = any(n not in own and not has(before, key, n, counter) for n, counter in register.context.items())
    if key == DELETION:
        missing = missing or any(
            n not in own and not has(after, element, n, counter)
            for s in register.siblings
            if s.stamp.node in own
            for element, context in read_deletion(s.value).items()
            for n, counter in context.items()
        )
    return missing


def test_what_depends_waits_and_comes_in_when_its_dependency_has_come() -> None:
    first, _ = elements.write(None, None, elements.parse(body((1, 0, 0, 0, 0))), "p1", stamp_of(1, 1, 0))
    second, _ = elements.write(first, first, elements.parse(body((2, 0, 0, 0, 0))), "p1", stamp_of(2, 1, 0))
    deleted, _ = elements.delete(second, second, stamp_of(3, 1, 0))
    push = [edge.sendable(s, None, frozenset({n}), TOP) for n, s in ((1, first), (2, second), (3, deleted))]
    one, two, three = (p for p in push if p is not None)
    for early, own in ((three, 3), (two, 2)):
        waits = hub.merge(None, early, frozenset({own}))
        assert waits.after is None
        assert waits.parked == early
    here = hub.merge(None, one, frozenset({1})).after
    assert hub.merge(here, three, frozenset({3})).parked == three
    here = hub.merge(here, two, frozenset({2})).after
    end = hub.merge(here, three, frozenset({3}))
    assert end.parked is None
    assert end.after == deleted
    assert gone(deleted)


def test_own_parts_above_the_highest_counter_wait() -> None:
    first, _ = elements.write(None, None, elements.parse(body((1, 1, 0, 0, 0))), "p1", stamp_of(1, 1, 0))
    second, _ = elements.write(first, first, elements.parse(body((2, 1, 0, 0, 0))), "p1", stamp_of(1, 2, 0))
    part = edge.sendable(second, None, frozenset({1}), 1)
    assert part is not None
    assert set(part.elements) == {"deceased[x]"}
    assert edge.sendable(second, ["birthDate", "absent"], frozenset({1}), 1) is None
    assert edge.sendable(second, None, frozenset({2}), 9) is None
    assert edge.sendable(second, None, frozenset({1}), 2) == second


def test_others_values_are_withheld() -> None:
    stamps = [stamp_of(1, 1, 0), stamp_of(2, 1, 1)]
    register = Register(tuple(Sibling(s, b'{"a":1}') for s in stamps), {1: 1, 2: 1})
    part = edge.sendable(Resource("P", "1", {"a": register}), None, frozenset({2}), 9)
    assert part is not None
    assert [s.value for s in part.elements["a"].siblings] == [frame.WITHHELD, b'{"a":1}']


# --- an attacker ------------------------------------------------------------------------------------------------------

ATTACKER = 1


@st.composite
def forged(draw: st.DrawFn, mine: Register) -> Register:
    """A register that an attacker makes up, mostly out of what is there."""
    dots = [dot(s) for s in mine.siblings] + [(n, c) for n, c in mine.context.items()]
    dots += [(ATTACKER, draw(st.integers(1, 12))), (draw(st.sampled_from([7, 99])), draw(st.integers(1, 12)))]
    chosen = sorted(draw(st.sets(st.sampled_from(dots), min_size=1, max_size=3)))
    context = dict(
        draw(st.dictionaries(st.sampled_from([ATTACKER, *mine.context, 99]), st.integers(1, 12), max_size=4))
    )
    if draw(st.booleans()):
        context = {**mine.context, **context}
    for node, counter in chosen:
        context[node] = max(counter, context.get(node, 0))
    values = st.sampled_from([b'{"evil":1}', None, frame.WITHHELD, b'{"a":1}'])
    stamps = [Stamp(node, counter, draw(st.sampled_from(TIMES)), 0, "eve", "") for node, counter in chosen]
    known = {dot(s): s for s in mine.siblings}
    return Register(
        tuple(
            known[dot(made)] if dot(made) in known and draw(st.booleans()) else made
            for made in (Sibling(stamp, draw(values)) for stamp in stamps)
        ),
        context,
    )


@settings(max_examples=400)
@given(registers(1).flatmap(lambda one: st.tuples(st.just(one[0]), forged(one[0]))))
def test_an_attacker_writes_and_erases_only_as_herself(pair: tuple[Register, Register]) -> None:
    mine, theirs = pair
    present, pushed = Resource("P", "1", {"a": mine}), Resource("P", "1", {"a": theirs})
    merged = hub.merge(present, pushed, frozenset({ATTACKER}))
    assert merged.after is not None
    after = merged.after.elements["a"]
    assert after.siblings, "a register always has a value"
    before = {dot(s): s for s in mine.siblings}
    for sibling in after.siblings:
        if sibling.stamp.node != ATTACKER:
            assert before.get(dot(sibling)) == sibling, "others' values neither come nor change"
        assert sibling.value != frame.WITHHELD
    erased = [s for s in mine.siblings if s not in after.siblings and s.stamp.node != ATTACKER]
    fresh = [s for s in after.siblings if s.stamp.node == ATTACKER and not seen(mine.context, s.stamp)]
    assert not erased or fresh, "what is erased is erased by a new write in her own name"
    others = {n: c for n, c in after.context.items() if n != ATTACKER}
    assert others == {n: c for n, c in mine.context.items() if n != ATTACKER}, (
        "she claims to have seen nothing that is not here"
    )
    assert sum(part is not None for part in (merged.parked, merged.refused)) + (after != mine) <= 1


@given(registers(1).flatmap(lambda one: st.tuples(st.just(one[0]), forged(one[0]))))
def test_states_offered_in_a_reconciliation_leave_no_register_empty(pair: tuple[Register, Register]) -> None:
    mine, theirs = pair
    present, offered = Resource("P", "1", {"a": mine}), Resource("P", "1", {"a": theirs})
    remembered = {node: hub.Incarnation(node, acked=counter) for node, counter in mine.context.items()}
    merged = hub.recover(present, offered, frozenset({ATTACKER}), remembered)
    assert merged.after is not None
    after = merged.after.elements["a"]
    assert after.siblings
    for sibling in after.siblings:
        node, counter = dot(sibling)
        assert node == ATTACKER or sibling in mine.siblings or counter > mine.context.get(node, 0)


def test_an_old_write_of_ones_own_cannot_empty_a_register() -> None:
    other = Sibling(stamp_of(7, 7, 0), b'{"a":1}')
    mine = Register((other,), {ATTACKER: 3, 7: 7})
    replayed = Register((Sibling(stamp_of(ATTACKER, 3, 0), b'{"a":2}'),), {ATTACKER: 3, 7: 7})
    assert join(mine, replayed).siblings == ()
    with pytest.raises(ForgedChange):
        hub.fill(mine, replayed, frozenset({ATTACKER}))
    alone = Register((Sibling(stamp_of(ATTACKER, 2, 0), b"{}"),), {ATTACKER: 3})
    with pytest.raises(ForgedChange):
        hub.fill(Register((Sibling(stamp_of(ATTACKER, 3, 0), b"{}"),), {ATTACKER: 3}), alone, frozenset({ATTACKER}))


@given(BODIES)
def test_nobody_deletes_what_others_will_write(choices: tuple[int, ...]) -> None:
    """A clock that covers others' future writes waits for them, and so hides nothing."""
    present, _ = elements.write(None, None, elements.parse(body((1, 1, 1, 1, 1))), "p1", stamp_of(7, 1, 0))
    clock = b'{"birthDate":{"7":9},"deceased[x]":{"7":9}}'
    deletion = Resource(
        "Patient", "p1", {DELETION: Register((Sibling(stamp_of(ATTACKER, 1, 0), clock),), {ATTACKER: 1})}
    )
    merged = hub.merge(present, deletion, frozenset({ATTACKER}))
    assert merged.parked == deletion
    assert merged.after is present
    later, keys = elements.write(present, present, elements.parse(body(choices)), "p1", stamp_of(7, 2, 0))
    if keys:
        part = edge.sendable(later, keys, frozenset({7}), TOP)
        assert part is not None
        after = hub.merge(present, part, frozenset({7})).after
        assert after is not None
        assert not gone(after)
    broken = Resource("Patient", "p1", {DELETION: Register((Sibling(stamp_of(ATTACKER, 1, 0), b"[]"),), {ATTACKER: 1})})
    assert hub.merge(present, broken, frozenset({ATTACKER})).refused == broken


def test_a_dot_used_twice_goes_to_quarantine() -> None:
    stamp = stamp_of(ATTACKER, 1, 0)
    one, two = (Register((Sibling(stamp, v),), {ATTACKER: 1}) for v in (b'{"a":1}', b'{"a":2}'))
    merged = hub.merge(Resource("P", "1", {"a": one}), Resource("P", "1", {"a": two}), frozenset({ATTACKER}))
    assert merged.refused is not None
    assert not merged.changed
    # A value that was withheld, although it is her own, means nothing.
    empty = Resource("P", "1", {"a": Register((Sibling(stamp, frame.WITHHELD),), {ATTACKER: 1})})
    assert hub.merge(None, empty, frozenset({ATTACKER})).refused == empty
    assert ALIVE == b"{}"
