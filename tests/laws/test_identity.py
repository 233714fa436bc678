"""Forks: renaming the dots of a life is a homomorphism over join, and changes nothing that people see."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sync_protocol import elements
from sync_protocol.identity import Renaming, rename
from sync_protocol.register import covers
from sync_protocol.resource import (
    DELETION,
    Resource,
    clock_of,
    context_of,
    deletion_disputed,
    deletion_value,
    disagreements,
    gone,
    join_resource,
    shown,
)
from tests.laws.strategies import NODES, resources, stamp_of

NEW = 6000
EVER = 1 << 40
RENAMINGS = st.builds(
    lambda old, acked: Renaming({old: EVER}, NEW, acked), st.sampled_from(NODES[:3]), st.integers(0, 5)
)


def old_of(renaming: Renaming) -> int:
    return next(iter(renaming.old))


def lives_in(state: Resource) -> set[int]:
    """All that wrote in it, those begun by forks too."""
    return {sibling.stamp.node for register in state.elements.values() for sibling in register.siblings}


@given(resources(2), RENAMINGS)
def test_renaming_is_a_homomorphism_over_join(ab: list[Resource], renaming: Renaming) -> None:
    a, b = ab
    assert rename(join_resource(a, b)[0], renaming) == join_resource(rename(a, renaming), rename(b, renaming))[0]


@given(resources(2), RENAMINGS)
def test_renaming_twice_is_renaming_once_and_different_states_stay_different(
    ab: list[Resource], renaming: Renaming
) -> None:
    a, b = (rename(state, renaming) for state in ab)
    assert rename(a, renaming) == a
    assert (a == b) == (ab[0] == ab[1])


@given(resources(1), RENAMINGS)
def test_renaming_changes_nothing_that_people_see(one: list[Resource], renaming: Renaming) -> None:
    (state,) = one
    after = rename(state, replace(renaming, own=dict.fromkeys(lives_in(state), EVER)))
    assert (gone(after), deletion_disputed(after)) == (gone(state), deletion_disputed(state))
    assert [c.element for c in disagreements(after)] == [c.element for c in disagreements(state)]
    for key, register in after.elements.items():
        assert register.values == state.elements[key].values or key == DELETION
        before = {(s.stamp.ts, s.value) for s in state.elements[key].siblings}
        assert {(s.stamp.ts, s.value) for s in register.siblings} == before or key == DELETION
    if len({s.stamp.ts for r in state.elements.values() for s in r.siblings}) == 1:
        return  # equal times are decided by the node's number, which is another now
    for key, register in state.elements.items():
        if len({s.stamp.ts for s in register.siblings}) == len(register.siblings) and key != DELETION:
            assert shown(after).get(key) == shown(state).get(key)


@given(resources(1), RENAMINGS)
def test_only_dots_above_the_acknowledged_get_the_new_name(one: list[Resource], renaming: Renaming) -> None:
    (state,) = one
    after = rename(state, renaming)
    for key, register in after.elements.items():
        before = state.elements[key]
        old = old_of(renaming)
        assert register.context.get(old, 0) == min(before.context.get(old, 0), renaming.acked)
        assert 0 not in register.context.values()
        assert [(s.stamp.node, s.stamp.counter) for s in register.siblings] == sorted(
            (renaming.new if n == old and c > renaming.acked else n, c)
            for n, c in ((s.stamp.node, s.stamp.counter) for s in before.siblings)
        )
    if context_of(state).get(old_of(renaming), 0) <= renaming.acked:
        assert after == state


@given(resources(2), RENAMINGS)
def test_deletions_and_writes_mean_the_same_before_and_after(ab: list[Resource], renaming: Renaming) -> None:
    state = join_resource(*ab)[0]
    deleted, _ = elements.delete(state, ab[0], stamp_of(8000, 1, 0))
    renamed, _ = elements.delete(rename(state, renaming), rename(ab[0], renaming), stamp_of(8000, 1, 0))
    assert clock_of(rename(deleted, replace(renaming, own={8000: EVER}))) == clock_of(renamed)
    assert deletion_value(rename(state, renaming)) == deletion_value(rename(rename(state, renaming), renaming))
    assert all(covers(clock_of(renamed)[key], context) for key, context in clock_of(rename(state, renaming)).items())


def test_a_context_that_has_seen_the_new_name_keeps_the_greater_counter() -> None:
    renaming = Renaming({1: EVER}, NEW, 3)
    assert renaming.context({1: 5, NEW: 9}) == {1: 3, NEW: 9}
    assert renaming.context({1: 9, NEW: 5}) == {1: 3, NEW: 9}
    assert Renaming({1: EVER}, NEW, 0).context({1: 9}) == {NEW: 9}


def test_what_the_other_copy_wrote_in_the_same_life_keeps_its_name() -> None:
    """It came on a stick: above the last counter that was given here, a dot of that life is not ours."""
    renaming = Renaming({1: 6}, NEW, 3)
    assert renaming.stamp(stamp_of(1, 6, 0)).node == NEW
    assert renaming.stamp(stamp_of(1, 7, 0)).node == 1
    assert renaming.context({1: 7}) == {1: 7, NEW: 6}


def test_a_deletion_of_another_of_ones_lives_is_renamed_with_what_it_covers() -> None:
    """Its clock says something else afterwards, and one dot must never mean two things; what others say stays as it is."""
    start, _ = elements.write(
        None, None, elements.parse(b'{"resourceType":"P","id":"1","a":0}'), "1", stamp_of(1, 2, 0)
    )
    for life, expected in ((2, NEW), (9, 9)):
        deleted, _ = elements.delete(start, start, stamp_of(life, 5, 0))
        after = rename(deleted, Renaming({1: 2}, NEW, 0, {1: 2, 2: 7}))
        (sibling,) = after.elements[DELETION].siblings
        assert (sibling.stamp.node, sibling.stamp.counter) == (expected, 5)
        assert gone(after) is (expected == NEW)
        assert sibling.value == deleted.elements[DELETION].siblings[0].value or expected == NEW


@given(st.integers(0, 11))
def test_two_lives_of_one_name_meet_without_losing_either(turn: int) -> None:
    """A copy and its original write under the same dots; after the fork both writes stand side by side."""
    start, _ = elements.write(
        None, None, elements.parse(b'{"resourceType":"P","id":"1","a":0}'), "1", stamp_of(1, 1, turn)
    )
    lives = []
    for value in (b"1", b"2"):
        parsed = elements.parse(b'{"resourceType":"P","id":"1","a":%b}' % value)
        lives.append(elements.write(start, start, parsed, "1", stamp_of(1, 2, turn))[0])
    copy = rename(lives[1], Renaming({1: EVER}, NEW, 1))
    both = join_resource(lives[0], copy)[0]
    assert both.elements["a"].values == {b'{"a":1}', b'{"a":2}'}
