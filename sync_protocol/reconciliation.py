"""Finding the resources in which two replicas differ, when their digests say that they do.

Every resource has a *position*, the first 63 bits of a hash of its name, so that any interval holds its fair share. The sides compare
sums of hashes over intervals, split those that differ, and list the small ones (as in Meyer, "Range-Based Set Reconciliation",
2023, with the digest's sum for its fingerprint). Rounds grow with the logarithm of what is stored; bytes with what differs.
"""

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate, pairwise

from sync_protocol import digest
from sync_protocol.exchange.messages import Leaf, Range

TOP = 1 << 63
PARTS = 16
LEAF_RESOURCES = 64
"""An interval with at most this many resources is listed, not split."""

Item = tuple[int, bytes]
"""`(position, hash)`. All sequences of items here are ascending."""


def position(name: str) -> int:
    """Where `Type/id` stands, in `[0, 2^63)`."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"medtech position").digest(), "big") >> 1


def within(items: Sequence[Item], low: int, high: int) -> Sequence[Item]:
    """The items in `[low, high)`."""
    return items[bisect_left(items, (low, b"")) : bisect_left(items, (high, b""))]


class _Sums:
    """Items with running sums, so that any interval's sum is a subtraction: a peer may ask for thousands."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._positions = [at for at, _ in items]
        self._sums = list(accumulate((int.from_bytes(h, "big") for _, h in items), initial=0))

    def summary(self, low: int, high: int) -> Range:
        """The interval's count and sum."""
        first, last = bisect_left(self._positions, low), bisect_left(self._positions, high)
        inside = (self._sums[last] - self._sums[first]) % digest.MODULUS
        return Range(low, high, last - first, digest.to_bytes(inside))

    def split(self, low: int, high: int) -> list[Range]:
        """Equal parts of an interval."""
        parts = min(PARTS, high - low)
        edges = [low + (high - low) * i // parts for i in range(parts + 1)]
        return [self.summary(a, b) for a, b in pairwise(edges)]


def summary(items: Sequence[Item], low: int, high: int) -> Range:
    """The interval's count and sum."""
    return _Sums(items).summary(low, high)


def split(items: Sequence[Item], low: int = 0, high: int = TOP) -> list[Range]:
    """Equal parts of an interval, each with its count and sum: the first thing sent, and what answers a large difference."""
    return _Sums(items).split(low, high)


def answer(items: Sequence[Item], theirs: Sequence[Range]) -> tuple[list[Range], list[Leaf]]:
    """For each interval in which we differ: our parts of it, or all our items when they are few."""
    ranges: list[Range] = []
    leaves: list[Leaf] = []
    sums = _Sums(items)
    for their in theirs:
        if not 0 <= their.low < their.high <= TOP:
            continue  # an empty or impossible interval has nothing in it to differ about
        mine = sums.summary(their.low, their.high)
        if (mine.count, mine.sum) == (their.count, their.sum):
            continue
        if mine.count <= LEAF_RESOURCES or their.high - their.low <= PARTS:
            leaves.append(Leaf(their.low, their.high, list(within(items, their.low, their.high))))
        else:
            ranges += sums.split(their.low, their.high)
    return ranges, leaves


def differing(items: Sequence[Item], ranges: Sequence[Range]) -> list[Range]:
    """Our summaries of those of their intervals in which we differ: the next round's question."""
    sums = _Sums(items)
    ours = [sums.summary(r.low, r.high) for r in ranges if 0 <= r.low < r.high <= TOP]
    same = {(r.low, r.high, r.count, r.sum) for r in ranges}
    return [r for r in ours if (r.low, r.high, r.count, r.sum) not in same]


def unequal(items: Sequence[Item], leaves: Sequence[Leaf]) -> tuple[set[int], set[int]]:
    """Positions that we should offer (ours, or not like theirs) and ask for (theirs, or not like ours)."""
    offer: set[int] = set()
    wanted: set[int] = set()
    for leaf in leaves:
        mine, theirs = set(within(items, leaf.low, leaf.high)), set(leaf.items)
        offer |= {at for at, _ in mine - theirs}
        wanted |= {at for at, _ in theirs - mine}
    return offer, wanted
