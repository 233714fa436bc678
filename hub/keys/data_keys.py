"""The data keys of scopes, opened: each is unwrapped once in a process, and kept in memory alone.

A key is known by its id, not by how it is wrapped. So a process goes on with what it has opened when the master key is another one, or
the KMS is away; what it has not met yet it cannot open then (`KmsFault`, `MasterKeyWrong`: come later).
"""

import os
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from hub.errors import KmsFault
from hub.keys import rings
from hub.keys.masters import KEY_BYTES, LocalMaster, Master, Masters
from hub.keys.rings import Ring, WrappedKey
from hub.keys.seals import ScopeSeal

KEY_ID_BYTES: Final = 8
SEALS_KEPT_MAX: Final = 20_000
"""Rings whose seals are at hand; one for each scope, and one more for each time that a ring was written anew."""


class DataKeys:
    """Opens the rings of scopes, and makes and wraps what is in them."""

    def __init__(self, masters: Masters) -> None:
        self._masters = masters
        self._keys: dict[bytes, bytes] = {}
        self._seals: dict[bytes, ScopeSeal] = {}

    def seal_of(self, packed: bytes) -> ScopeSeal:
        """The seal of a scope, from its ring as it is stored; kept, since unwrapping takes longer than sealing.

        Raises MasterKeyWrong, and KmsFault for a key in a KMS that was not asked for before (`prepare`).
        """
        if (found := self._seals.get(packed)) is None:
            ring = rings.read(packed)
            found = ScopeSeal(ring.current, {key.version: self._opened_at_once(key) for key in ring.keys})
            if len(self._seals) >= SEALS_KEPT_MAX:
                self._seals.clear()  # all, rather than looking for the oldest at every new one; the keys stay
            self._seals[packed] = found
        return found

    async def prepare(self, packed: Iterable[bytes]) -> None:
        """Has the keys of these rings at hand, with one question to each KMS that has to be asked. Raises KmsFault, MasterKeyWrong."""
        unknown = [one for one in packed if one not in self._seals]
        missing = {key.id: key for one in unknown for key in rings.read(one).keys if not self._is_at_hand(key)}
        for master, keys in self._by_master(missing.values()):
            for key, plain in zip(keys, await master.unwrap([key.wrapped for key in keys]), strict=True):
                self._keys[key.id] = plain

    async def new_ring(self, master: bytes, made_ms: int) -> bytes:
        """The ring of a new scope, its key wrapped under a master key by its id."""
        return rings.pack(Ring(1, (await self._new_key(1, master, made_ms),)))

    async def announced(self, packed: bytes, master: bytes, made_ms: int) -> bytes:
        """A ring with one key more (`rings.announced`)."""
        ring = rings.read(packed)
        return rings.pack(rings.announced(ring, await self._new_key(ring.newest.version + 1, master, made_ms)))

    async def wrapped_anew(self, packed: Sequence[bytes], target: Master) -> list[bytes]:
        """The rings with all their keys wrapped under another master key. Raises as `prepare`."""
        await self.prepare(packed)
        found = [rings.read(one) for one in packed]
        plain = [self._opened_at_once(key) for ring in found for key in ring.keys]
        wrapped = iter(await target.wrap(plain))
        opened = iter(plain)
        return [
            rings.pack(
                rings.with_wrapped(
                    ring,
                    [
                        replace(key, id=id_of(next(opened)), master=target.id, wrapped=next(wrapped))
                        for key in ring.keys
                    ],
                )
            )
            for ring in found
        ]

    async def _new_key(self, version: int, master: bytes, made_ms: int) -> WrappedKey:
        plain = os.urandom(KEY_BYTES)
        (wrapped,) = await self._masters.named(master).wrap([plain])
        identity = id_of(plain)
        self._keys[identity] = plain
        return WrappedKey(version, identity, master, wrapped, made_ms=made_ms)

    def _is_at_hand(self, key: WrappedKey) -> bool:
        """Whether it is, or needs nobody to be asked."""
        return key.id in self._keys or not key.id

    def _by_master(self, keys: Iterable[WrappedKey]) -> list[tuple[Master, list[WrappedKey]]]:
        of_one: dict[bytes, list[WrappedKey]] = {}
        for key in keys:
            of_one.setdefault(key.master, []).append(key)
        return [(self._masters.named(identity), some) for identity, some in of_one.items()]

    def _opened_at_once(self, key: WrappedKey) -> bytes:
        if not key.id:
            _, plain = self._masters.unwrapped_by_any(key.wrapped)
            return self._keys.setdefault(id_of(plain), plain)
        if (found := self._keys.get(key.id)) is not None:
            return found
        master = self._masters.named(key.master)
        if not isinstance(master, LocalMaster):
            raise KmsFault("A data key was not asked of the KMS yet.", retry_after_seconds=1)
        return self._keys.setdefault(key.id, master.unwrapped(key.wrapped))


def id_of(key: bytes) -> bytes:
    """What names a data key and tells nothing of it: 8 bytes of a one-way hash of 32 random ones."""
    return blake2b(key, digest_size=KEY_ID_BYTES, person=b"data key id").digest()
