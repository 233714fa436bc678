"""The register: join is a least upper bound, a write replaces what its author saw and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol.register import (
    Register,
    Sibling,
    Stamp,
    clashes,
    covers,
    dot,
    dots_in,
    join,
    join_context,
    seen,
    write,
)
from tests.laws.strategies import NODES, registers, stamp_of

CONTEXTS = st.dictionaries(st.sampled_from(NODES), st.integers(1, 9), max_size=4)


@given(registers(3))
def test_join_is_commutative_associative_and_idempotent(abc: list[Register]) -> None:
    a, b, c = abc
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) is a
    assert join(join(a, b), b) == join(a, b)


@given(registers(2))
def test_join_returns_the_very_same_object_when_nothing_is_added(ab: list[Register]) -> None:
    a, b = ab
    joined = join(a, b)
    assert join(joined, a) is joined
    assert join(joined, b) is joined
    assert (joined is a) == (joined == a)
    assert join(a, Register(a.siblings, dict(a.context))) is a


@given(registers(2))
def test_join_forgets_nothing(ab: list[Register]) -> None:
    a, b = ab
    joined = join(a, b)
    assert covers(joined.context, a.context)
    assert covers(joined.context, b.context)
    assert set(joined.context) == set(a.context) | set(b.context)
    assert all(seen(joined.context, s.stamp) for s in joined.siblings)
    # What is gone was overwritten by someone who had seen it: the other side saw it and does not have it.
    for mine, other in ((a, b), (b, a)):
        for sibling in mine.siblings:
            assert sibling in joined.siblings or (seen(other.context, sibling.stamp) and sibling not in other.siblings)
    assert set(joined.siblings) <= set(a.siblings) | set(b.siblings)


@given(registers(3))
def test_join_is_monotone(abc: list[Register]) -> None:
    """a ≤ a ⊔ b stays so when both sides join c: whoever knows more stays ahead."""
    a, b, c = abc
    more = join(a, b)
    assert join(join(a, c), join(more, c)) == join(more, c)


@given(registers(1))
def test_a_reachable_register_is_in_order_and_never_empty(one: list[Register]) -> None:
    (a,) = one
    dots = [dot(s) for s in a.siblings]
    assert dots
    assert dots == sorted(set(dots))
    assert set(dots) == set(dots_in([a]))


@given(registers(2), st.integers(0, 3), st.sampled_from([b"1", None]), st.integers(0, 11))
def test_a_write_replaces_exactly_what_its_author_saw(
    ab: list[Register], at: int, value: bytes | None, turn: int
) -> None:
    older, newer = ab
    current = join(older, newer)
    node = NODES[at]
    stamp = stamp_of(node, current.context.get(node, 0) + 1, turn)
    after = write(current, older.context, stamp, value)
    survivors = {s for s in current.siblings if not seen(older.context, s.stamp)}
    assert set(after.siblings) == survivors | {Sibling(stamp, value)}
    assert covers(after.context, current.context)
    assert seen(after.context, stamp)
    assert join(current, after) == after
    # Writing against everything leaves one value.
    assert write(current, current.context, stamp, value).siblings == (Sibling(stamp, value),)


@given(registers(1), st.integers(0, 11), st.integers(0, 11))
def test_values_written_apart_both_survive_even_when_equal(one: list[Register], t1: int, t2: int) -> None:
    (a,) = one
    left = write(a, a.context, stamp_of(1001, 1, t1), b"1")
    right = write(a, a.context, stamp_of(1002, 1, t2), b"1")
    both = join(left, right)
    assert [dot(s) for s in both.siblings] == [(1001, 1), (1002, 1)]
    assert both.values == {b"1"}


@given(registers(1), st.permutations([0, 1, 2]))
def test_what_is_shown_is_the_greatest_by_time_node_and_counter(one: list[Register], order: list[int]) -> None:
    (a,) = one
    assert all(s.rank <= a.shown.rank for s in a.siblings)
    assert len({s.rank for s in a.siblings}) == len(a.siblings)
    # Time before node, node before counter: (ts, node, counter).
    ranked = [(4, 9, 9), (5, 1, 9), (5, 2, 3)]
    siblings = [Sibling(Stamp(node, counter, ts, 0, "", ""), b"1") for ts, node, counter in ranked]
    a = Register(tuple(siblings[i] for i in order), {})
    assert a.shown is siblings[2]
    assert [s.rank for s in siblings] == ranked


@given(registers(2), st.binary(max_size=3), st.one_of(st.none(), st.binary(max_size=3)))
def test_a_dot_used_twice_ends_the_same_everywhere_and_is_found(
    ab: list[Register], one: bytes, two: bytes | None
) -> None:
    base, c = ab
    stamp = stamp_of(1001, 1, 1)
    a, b = (write(base, base.context, stamp, value) for value in (one, two))
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c)) == join(join(b, c), a)
    assert clashes(a, b) == ([stamp] if one != two else [])
    assert clashes(a, a) == clashes(a, c) == []


@given(CONTEXTS, CONTEXTS, CONTEXTS)
def test_contexts_are_a_lattice(a: dict[int, int], b: dict[int, int], c: dict[int, int]) -> None:
    assert join_context(a, b) == join_context(b, a)
    assert join_context(join_context(a, b), c) == join_context(a, join_context(b, c))
    assert (join_context(a, b) is a) == covers(a, b)
    assert covers(join_context(a, b), b)


@settings(max_examples=25)
@given(registers(4), st.permutations(range(4)))
def test_any_order_of_joins_ends_the_same(states: list[Register], order: list[int]) -> None:
    def all_of(these: list[Register]) -> Register:
        total, *rest = these
        for state in rest:
            total = join(total, state)
        return total

    assert all_of(states) == all_of([states[i] for i in order])
