"""Reconciliation finds exactly what differs, in rounds that grow with the logarithm, and bytes that grow with the difference."""

import random
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import digest, reconciliation
from sync_protocol.exchange import messages
from sync_protocol.exchange.messages import Answer, Range, Request
from sync_protocol.reconciliation import TOP, Item


class Found(NamedTuple):
    offer: set[int]
    wanted: set[int]
    rounds: int
    sent_bytes: int


def reconcile(ours: list[Item], theirs: list[Item]) -> Found:
    """The whole conversation, through the messages that carry it."""
    offer: set[int] = set()
    wanted: set[int] = set()
    ranges = reconciliation.split(ours)
    rounds = size = 0
    while ranges:
        rounds += 1
        assert rounds < 40
        asked = messages.encode(Request(ranges=ranges))
        answer = messages.read_answer(messages.encode(answer_to(theirs, ranges)))
        size += len(asked) + len(messages.encode(answer))
        more_offer, more_wanted = reconciliation.unequal(ours, answer.leaves)
        offer |= more_offer
        wanted |= more_wanted
        ranges = reconciliation.differing(ours, answer.ranges)
    return Found(offer, wanted, rounds, size)


def answer_to(theirs: list[Item], ranges: list[Range]) -> Answer:
    more, leaves = reconciliation.answer(theirs, ranges)
    return Answer(ranges=more, leaves=leaves)


def item(at: int, version: int = 0) -> Item:
    return at, blake2b(f"{at} {version}".encode(), digest_size=16).digest()


POSITIONS = st.one_of(
    st.integers(0, TOP - 1), st.integers(0, 200), st.integers(TOP - 200, TOP - 1), st.integers(2**62, 2**62 + 1000)
)
SETS = st.dictionaries(POSITIONS, st.integers(0, 1), max_size=200)


@settings(max_examples=60)
@given(SETS, SETS, st.booleans())
def test_exactly_the_differing_positions_are_found(left: dict[int, int], right: dict[int, int], alike: bool) -> None:
    right = {**left, **dict(list(right.items())[:5])} if alike else right
    ours, theirs = (sorted(item(at, v) for at, v in side.items()) for side in (left, right))
    found = reconcile(ours, theirs)
    assert found.offer == {at for at, _ in set(ours) - set(theirs)}
    assert found.wanted == {at for at, _ in set(theirs) - set(ours)}
    assert found.rounds <= 17


@pytest.mark.parametrize("differences", [0, 1, 20])
def test_bytes_grow_with_what_differs_and_rounds_with_the_logarithm(differences: int) -> None:
    chance = random.Random(differences)
    ours = sorted(item(chance.randrange(TOP)) for _ in range(20_000))
    changed = chance.sample(range(len(ours)), differences)
    theirs = sorted(item(at, 1) if i in changed else (at, hash_) for i, (at, hash_) in enumerate(ours))
    found = reconcile(ours, theirs)
    assert found.offer == found.wanted == {ours[i][0] for i in changed}
    assert found.rounds <= 5
    assert found.sent_bytes < 2_000 + 8_000 * differences


def test_crowded_positions_still_end() -> None:
    ours = [item(at) for at in range(1000)]
    theirs = [item(at, int(at == 500)) for at in range(1000)]
    found = reconcile(ours, theirs)
    assert found.offer == found.wanted == {500}


@pytest.mark.parametrize(("ours", "theirs"), [(0, 3000), (3000, 0), (1, 3000)])
def test_one_side_may_be_empty(ours: int, theirs: int) -> None:
    chance = random.Random(1)
    all_ = sorted(item(chance.randrange(TOP)) for _ in range(max(ours, theirs)))
    found = reconcile(all_[:ours], all_[:theirs])
    assert (len(found.offer), len(found.wanted)) == (max(0, ours - theirs), max(0, theirs - ours))


@given(st.integers(0, TOP - 1), st.integers(1, 100))
def test_a_split_covers_its_interval_once(low: int, width: int) -> None:
    high = min(TOP, low + width)
    items = [item(at) for at in range(low, high)]
    parts = reconciliation.split(items, low, high)
    assert (parts[0].low, parts[-1].high) == (low, high)
    assert all(a.high == b.low and a.low < a.high for a, b in pairwise(parts))
    assert sum(part.count for part in parts) == high - low
    total = sum(digest.from_bytes(part.sum) for part in parts) % digest.MODULUS
    assert total == digest.total(hash_ for _, hash_ in items)


@given(
    st.lists(
        st.builds(Range, st.integers(-5, 2**64), st.integers(-5, 2**64), st.integers(-5, 5), st.binary(max_size=3)),
        max_size=5,
    )
)
def test_impossible_intervals_are_passed_over(ranges: list[Range]) -> None:
    items = [item(at) for at in (0, 5, TOP - 1)]
    _, leaves = reconciliation.answer(items, ranges)
    assert all(0 <= leaf.low < leaf.high <= TOP for leaf in leaves)
    assert all(0 <= r.low < r.high <= TOP for r in reconciliation.differing(items, ranges))


@given(st.text(max_size=20))
def test_positions_are_in_range(name: str) -> None:
    assert 0 <= reconciliation.position(name) < TOP
    assert reconciliation.position(name) == reconciliation.position(str(name))
