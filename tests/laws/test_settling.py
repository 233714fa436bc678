"""What waits at the hub comes in as soon as it can: in any order, and together when each waits only for the other."""

from sync_protocol.exchange import hub
from sync_protocol.exchange.hub import Waiting
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Register, Sibling, Stamp, write
from sync_protocol.resource import Resource


def stamp(node: int, counter: int) -> Stamp:
    return Stamp(node, counter, counter, counter, f"u{node}", "nurse")


def part(register: Register) -> Resource:
    return Resource("Patient", "p", {"birthDate": register})


def withheld(register: Register, own: int) -> Register:
    siblings = (s if s.stamp.node == own else Sibling(s.stamp, WITHHELD) for s in register.siblings)
    return Register(tuple(siblings), register.context)


FIRST = write(None, {}, stamp(1, 1), b'{"a":1}')
SECOND = write(FIRST, FIRST.context, stamp(2, 1), b'{"a":2}')
THIRD = write(SECOND, SECOND.context, stamp(3, 1), b'{"a":3}')


def test_a_chain_comes_in_whatever_order_it_waited_in() -> None:
    waiting = [Waiting(part(withheld(r, n)), frozenset({n})) for n, r in ((3, THIRD), (2, SECOND))]
    after, merged = hub.settle(part(FIRST), waiting)
    assert after == part(THIRD)
    assert [one.parked for one in merged] == [None, None]


def test_two_that_have_seen_each_other_come_in_together_and_neither_alone() -> None:
    both = write(FIRST, {}, stamp(2, 1), b'{"a":2}')
    one, two = (Waiting(part(withheld(both, n)), frozenset({n})) for n in (1, 2))
    for alone in (one, two):
        after, merged = hub.settle(None, [alone])
        assert after is None
        assert merged[0].parked == alone.part
    after, merged = hub.settle(None, [one, two])
    assert after == part(both)
    assert [m.parked for m in merged] == [None, None]


def test_nobody_is_vouched_for_by_anybody_else() -> None:
    """A register that claims to have seen what its author did not say yet waits, however many say so."""
    erasing = Register((Sibling(stamp(3, 1), b'{"a":3}'),), {1: 9, 3: 1})
    echoing = Register((Sibling(stamp(2, 1), b'{"a":2}'),), {1: 9, 2: 1})
    waiting = [Waiting(part(erasing), frozenset({3})), Waiting(part(echoing), frozenset({2}))]
    after, merged = hub.settle(part(FIRST), waiting)
    assert after == part(FIRST)
    assert [one.parked for one in merged] == [one.part for one in waiting]


def test_what_an_earlier_life_sent_ahead_of_a_fork_is_left_behind_unless_it_was_seen() -> None:
    """The fork gave it a new name, and its feed had passed what the old life wrote (seed 3009426)."""
    old, new, others = write(None, {}, stamp(1, 1), b'{"a":1}'), stamp(2, 1), write(None, {}, stamp(3, 1), b'{"a":3}')
    renamed, over = write(None, {}, new, b'{"a":1}'), write(old, old.context, new, b'{"a":2}')
    for here, sent, left in ((old, renamed, True), (old, over, False), (others, renamed, False)):
        merged = hub.merge(part(here), part(sent), frozenset({1, 2}))
        assert hub.left_behind(merged, part(sent), frozenset({1})) is left
        assert not hub.left_behind(merged, part(sent), frozenset())
