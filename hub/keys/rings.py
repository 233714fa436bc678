"""The ring of a scope's data keys, as it stands in `scope.data_key`: MessagePack of a `Ring`, or 40 bytes that are one key of version 0.

It is read with the scope's row, once an exchange, and costs no question of its own. Which of its keys are not needed any more is known by
counting (`hub.rotation.data`).

    one key ──announced──► two, the old one current ──used──► two, the new one current ──retired──► one key
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.errors import KeyFault
from hub.keys.seals import UNMARKED, VERSION_MAX

LEGACY_BYTES: Final = 40
"""A key of 32 bytes under AES key wrap: what a ring was before there were versions. No ring has this length."""


class WrappedKey(Struct, frozen=True, array_like=True):
    """A data key as it rests. `id` and `master` name the key and what it is wrapped under, 8 bytes each (empty in version 0: not known).

    `begun_seq`: the position of the scope's feed when its use began, by which its seals are counted; `made_ms` since 1970.
    """

    version: int
    id: bytes
    master: bytes
    wrapped: bytes
    begun_seq: int = 0
    made_ms: int = 0


class Ring(Struct, frozen=True, array_like=True):
    """A scope's data keys, ascending by version; `current` seals."""

    current: int
    keys: tuple[WrappedKey, ...]

    @property
    def newest(self) -> WrappedKey:
        return self.keys[-1]

    @property
    def of_current(self) -> WrappedKey:
        return next(key for key in self.keys if key.version == self.current)


_DECODER = msgspec.msgpack.Decoder(Ring)


def read(packed: bytes) -> Ring:
    """The ring of a scope's row. Raises KeyFault for what is none."""
    if len(packed) == LEGACY_BYTES:
        return Ring(UNMARKED, (WrappedKey(UNMARKED, b"", b"", packed),))
    try:
        ring = _DECODER.decode(packed)
    except msgspec.DecodeError as error:
        raise KeyFault("The keys of a scope cannot be read.") from error
    if ring.current not in [key.version for key in ring.keys]:
        raise KeyFault("The keys of a scope lack the one that seals.")
    return ring


def pack(ring: Ring) -> bytes:
    """The inverse."""
    packed = msgspec.msgpack.encode(ring)
    assert len(packed) != LEGACY_BYTES
    return packed


def announced(ring: Ring, key: WrappedKey) -> Ring:
    """With one key more, which nothing is sealed with yet: whoever read the ring before does not know it."""
    assert ring.newest.version < key.version <= VERSION_MAX
    return Ring(ring.current, (*ring.keys, key))


def used(ring: Ring, seq: int) -> Ring:
    """With its newest key for what is sealed from now on, the scope's feed being at `seq`."""
    return Ring(ring.newest.version, (*ring.keys[:-1], replace(ring.newest, begun_seq=seq)))


def retired(ring: Ring) -> Ring:
    """With its current key and those that are newer: nothing is sealed with the others any more."""
    return Ring(ring.current, tuple(key for key in ring.keys if key.version >= ring.current))


def joined(home: Ring, copy: Ring) -> Ring:
    """The ring of a scope that is at home in another database: what its home has, and what rows here may still be under."""
    here = {key.version: key for key in (*copy.keys, *home.keys)}
    return Ring(home.current, tuple(here[version] for version in sorted(here)))


def has_older(ring: Ring) -> bool:
    """Whether it has keys that nothing is sealed with any more, and that something may still be under."""
    return ring.keys[0].version < ring.current


def with_wrapped(ring: Ring, wrapped: Sequence[WrappedKey]) -> Ring:
    """With its keys wrapped in another way."""
    assert [key.version for key in ring.keys] == [key.version for key in wrapped]
    return Ring(ring.current, tuple(wrapped))
