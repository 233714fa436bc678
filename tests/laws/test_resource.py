"""The resource: join by elements, deletion that covers only what was seen, and a view that is a function of the state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import elements, pack
from sync_protocol.errors import MalformedState
from sync_protocol.register import Register, Sibling, covers, seen
from sync_protocol.resource import (
    ALIVE,
    DELETION,
    Resource,
    clock_of,
    context_of,
    deletion_disputed,
    deletion_value,
    disagreements,
    gone,
    join_resource,
    last_stamp_ms,
    read_deletion,
    shown,
)
from tests.laws.strategies import BODIES, body, fails_only_with, resources, stamp_of

NEW = 5000
"""An incarnation that no world uses."""


def joined(*states: Resource) -> Resource:
    total, *rest = states
    for state in rest:
        total = join_resource(total, state)[0]
    return total


@given(resources(3))
def test_join_is_commutative_associative_and_idempotent(abc: list[Resource]) -> None:
    a, b, c = abc
    assert joined(a, b) == joined(b, a)
    assert joined(joined(a, b), c) == joined(a, joined(b, c))
    assert joined(a, a) is a
    assert join_resource(joined(a, b), b) == (joined(a, b), frozenset())


@given(resources(2))
def test_join_says_exactly_what_changed(ab: list[Resource]) -> None:
    a, b = ab
    after, changed = join_resource(a, b)
    assert changed == {key for key in after.elements if a.elements.get(key) != after.elements[key]}
    assert (after is a) == (not changed)
    assert after.elements.keys() == a.elements.keys() | b.elements.keys()
    assert all(after.elements[key] == a.elements[key] for key in a.elements.keys() - changed)
    assert covers(context_of(after), context_of(a))
    assert covers(context_of(after), context_of(b))


@given(resources(2), st.data())
def test_joining_part_by_part_is_joining_the_whole(ab: list[Resource], data: st.DataObject) -> None:
    a, b = ab
    keys = sorted(b.elements)
    chosen = data.draw(st.sets(st.sampled_from(keys)))
    parts = [b.part(chosen), b.part(set(keys) - chosen), b.part(chosen | {"absent"})]
    assert joined(a, *data.draw(st.permutations(parts))) == joined(a, b)


@given(resources(2))
def test_view_and_conflicts_depend_on_the_state_alone(ab: list[Resource]) -> None:
    a, b = ab
    one, two = joined(a, b), joined(b, a)
    again = pack.unpack(one.type, one.id, pack.pack(two))
    for other in (two, again, Resource(one.type, one.id, dict(sorted(one.elements.items(), reverse=True)))):
        assert shown(other) == shown(one)
        assert disagreements(other) == disagreements(one)
        assert (gone(other), deletion_disputed(other)) == (gone(one), deletion_disputed(one))
        assert deletion_value(other) == deletion_value(one)
        assert last_stamp_ms(other) == last_stamp_ms(one)


@given(resources(1))
def test_no_loser_is_silent(one: list[Resource]) -> None:
    (state,) = one
    listed = {c.element for c in disagreements(state)}
    for key, register in state.elements.items():
        if key == DELETION:
            assert (key in listed) == deletion_disputed(state)
        else:
            assert (key in listed) == (len({s.value for s in register.siblings}) > 1)
            assert shown(state).get(key) == register.shown.value
    assert DELETION not in shown(state)


def covered(state: Resource) -> bool:
    """DESIGN, section 3: gone when every sibling is covered by its own element's entry in some deletion, and nobody keeps it."""
    if DELETION not in state.elements:
        return False
    values = [s.value for s in state.elements[DELETION].siblings]
    if ALIVE in values:
        return False
    return all(
        any(seen(read_deletion(value).get(key, {}), sibling.stamp) for value in values)
        for key, register in state.elements.items()
        if key != DELETION
        for sibling in register.siblings
    )


@given(resources(2))
def test_gone_only_when_every_sibling_was_seen_by_a_deleter(ab: list[Resource]) -> None:
    state = joined(*ab)
    assert gone(state) == covered(state)
    values = [s.value for s in state.elements[DELETION].siblings] if DELETION in state.elements else []
    assert deletion_disputed(state) == (any(v != ALIVE for v in values) and not covered(state))


@given(resources(2), st.integers(0, 11))
def test_deleting_what_is_seen_whole_makes_it_gone(ab: list[Resource], turn: int) -> None:
    state = joined(*ab)
    after, keys = elements.delete(state, state, stamp_of(NEW, 1, turn))
    assert gone(after)
    assert not deletion_disputed(after)
    assert keys == {DELETION}
    assert read_deletion(after.elements[DELETION].siblings[0].value) == clock_of(state)


@given(resources(2), st.integers(0, 11))
def test_deleting_an_older_version_spares_what_came_since(ab: list[Resource], turn: int) -> None:
    older, newer = ab
    current = joined(older, newer)
    after, _ = elements.delete(current, older, stamp_of(NEW, 1, turn))
    unseen = any(
        not seen(older.elements[key].context if key in older.elements else {}, sibling.stamp)
        for key, register in current.elements.items()
        for sibling in register.siblings
    )
    assert gone(after) or deletion_disputed(after)
    assert unseen or gone(after)
    if deletion_disputed(after):
        # Shown whole, listed, and closed by keeping it or by deleting again.
        assert shown(after) == shown(current)
        assert disagreements(after)[-1].element == DELETION
        kept, _ = elements.resolve(after, DELETION, ALIVE, stamp_of(NEW, 2, turn))
        assert not gone(kept)
        assert not deletion_disputed(kept)
        again, _ = elements.resolve(after, DELETION, None, stamp_of(NEW, 2, turn))
        assert gone(again)


@given(resources(1), BODIES)
def test_an_edit_that_the_deleter_did_not_see_survives(one: list[Resource], choices: tuple[int, ...]) -> None:
    (state,) = one
    kept, _ = elements.resolve(state, DELETION, ALIVE, stamp_of(NEW, 1, 0))
    deleted, _ = elements.delete(kept, kept, stamp_of(NEW, 2, 0))
    edited, keys = elements.write(kept, kept, elements.parse(body(choices)), "p1", stamp_of(NEW + 1, 1, 0))
    both = joined(deleted, edited)
    assert gone(both) == (not keys)
    if keys:
        assert deletion_disputed(both)
        assert shown(both) == shown(edited)


@given(resources(3), BODIES, BODIES)
def test_writing_over_what_is_deleted_shows_only_what_was_written(
    several: list[Resource], choices: tuple[int, ...], more: tuple[int, ...]
) -> None:
    """Values that were deleted do not come back as conflicts beside the new ones."""
    state = joined(*several)
    deleted, _ = elements.delete(state, state, stamp_of(NEW, 1, 0))
    parsed = elements.parse(body(choices))
    alive, keys = elements.write(deleted, deleted, parsed, "p1", stamp_of(NEW, 2, 0))
    assert DELETION in keys
    assert not gone(alive)
    assert disagreements(alive) == []
    assert shown(alive) == elements.split(parsed)
    # Two who write over one deletion do not fight about being alive.
    other, _ = elements.write(deleted, deleted, elements.parse(body(more)), "p1", stamp_of(NEW + 1, 1, 0))
    assert not gone(joined(alive, other))
    assert not deletion_disputed(joined(alive, other))


def test_a_value_that_lost_to_a_removal_does_not_come_back_after_a_deletion() -> None:
    start = body((1, 0, 0, 0, 0))
    first, _ = elements.write(None, None, elements.parse(start), "p1", stamp_of(1, 1, 0))
    removed, _ = elements.write(first, first, elements.parse(body((0, 0, 1, 0, 0))), "p1", stamp_of(1, 2, 3))
    changed, _ = elements.write(first, first, elements.parse(body((2, 0, 0, 0, 0))), "p1", stamp_of(2, 1, 0))
    both = joined(removed, changed)
    assert "birthDate" not in shown(both)
    deleted, _ = elements.delete(both, both, stamp_of(NEW, 1, 0))
    alive, _ = elements.write(deleted, deleted, elements.parse(body((0, 1, 0, 0, 0))), "p1", stamp_of(NEW, 2, 0))
    assert disagreements(alive) == []


@given(resources(1))
def test_keeping_beats_a_deletion_that_did_not_see_it_as_a_dispute(one: list[Resource]) -> None:
    (state,) = one
    deleted, _ = elements.delete(state, state, stamp_of(NEW, 1, 0))
    kept, _ = elements.resolve(state, DELETION, ALIVE, stamp_of(NEW + 1, 1, 0))
    both = joined(deleted, kept)
    assert not gone(both)
    assert deletion_disputed(both)


@given(st.one_of(st.binary(max_size=30), st.text(max_size=30).map(str.encode)))
def test_a_deletion_that_is_no_clock_is_named(value: bytes) -> None:
    fails_only_with((MalformedState,), read_deletion, value)


@pytest.mark.parametrize(
    "value",
    [
        b"[]", b"null", b'{"a":{"zz":1}}', b'{"a":{"1":1.5}}', b'{"a":{"1":null}}', b"[" * 100_000, b'{"a":{"":1}}', b"\xff",
    ],
)  # fmt: skip
def test_odd_deletions_are_named(value: bytes) -> None:
    with pytest.raises(MalformedState):
        read_deletion(value)


@given(st.data())
def test_part_has_what_was_asked_and_nothing_else(data: st.DataObject) -> None:
    register = Register((Sibling(stamp_of(1, 1, 0), b"1"),), {1: 1})
    keys = data.draw(st.sets(st.text(min_size=1, max_size=3)))
    resource = Resource("Patient", "p1", dict.fromkeys(keys, register))
    wanted = data.draw(st.sets(st.text(min_size=1, max_size=3)))
    assert resource.part(wanted).elements.keys() == keys & wanted
