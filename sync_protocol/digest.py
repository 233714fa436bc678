"""A scope's digest: the sum mod 2^128 of its resources' hashes, kept by addition and subtraction.

Sums of hashes are order-independent and can be updated in place (Bellare & Micciancio 1997, "AdHash"). 128 bits guard against
accident, not against someone who may choose resources at will; such a person can write into the scope anyway.
"""

from collections.abc import Iterable

MODULUS = 1 << 128
EMPTY = 0


def add(digest: int, *, new: bytes | None = None, old: bytes | None = None) -> int:
    """The digest after one resource's hash went from `old` to `new`."""
    plus = int.from_bytes(new, "big") if new is not None else 0
    minus = int.from_bytes(old, "big") if old is not None else 0
    return (digest + plus - minus) % MODULUS


def total(hashes: Iterable[bytes]) -> int:
    """The digest of all these hashes."""
    return sum(int.from_bytes(h, "big") for h in hashes) % MODULUS


def to_bytes(digest: int) -> bytes:
    """16 bytes, big-endian: how it is stored and sent."""
    return digest.to_bytes(16, "big")


def from_bytes(raw: bytes) -> int:
    """The inverse of `to_bytes`."""
    return int.from_bytes(raw, "big")
