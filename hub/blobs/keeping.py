"""Writing an object and reading it: encrypted, and never without Postgres knowing of it.

An object is loose before its first byte is written, and stops to be so in the transaction that gives it to a row. Killed in between, it is
visible to nobody, and is swept (`hub.blobs.sweeping`).
"""

import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct

from hub.blobs.cipher import open_window, sealed, windows
from hub.blobs.kinds import SIGN_BYTES
from hub.keys import KEY_BYTES
from hub.places import Place
from hub.store.blobs import note_loose

NAME_BYTES: Final = 16


class Kept(Struct, frozen=True):
    """An object that was written and is loose still. `digest`: SHA-256 of the plain content."""

    object: str
    key: bytes
    size: int
    digest: bytes
    beginning: bytes


class _Counted:
    """What passes through is measured; what goes wrong in it is remembered, since a store may tell it in other words."""

    def __init__(self, plain: AsyncIterable[bytes]) -> None:
        self._plain = plain
        self.size, self.hash, self.beginning = 0, sha256(), b""
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._plain:
                self.size += len(piece)
                self.hash.update(piece)
                if len(self.beginning) < SIGN_BYTES:
                    self.beginning += piece[: SIGN_BYTES - len(self.beginning)]
                yield piece
        except Exception as error:
            self.error = error
            raise


def new_object(region: str) -> str:
    """A name that no object ever had."""
    name = secrets.token_hex(NAME_BYTES)
    return f"{region}/{name[:2]}/{name}"


async def keep(place: Place, region: str, plain: AsyncIterable[bytes], now: datetime) -> Kept:
    """Writes an object in a region's store, noted at a place. Raises `StoreFault`, and whatever the content raises."""
    name, key = new_object(region), os.urandom(KEY_BYTES)
    async with place.transaction() as connection:
        await note_loose(connection, [name], now)
    counted = _Counted(plain)
    try:
        await place.stores.of(name).put(name, sealed(key, counted))
    except Exception:
        if counted.error is not None:
            raise counted.error from None
        raise
    return Kept(name, key, counted.size, counted.hash.digest(), counted.beginning)


async def plain_of(place: Place, object_: str, key: bytes, size: int, start: int, stop: int) -> AsyncIterator[bytes]:
    """The bytes `start` to `stop` (exclusive) of what was kept, a window at a time. Raises `StoreFault`, `ObjectMissing`, `SealBroken`."""
    store = place.stores.of(object_)
    for window in windows(size, start, stop):
        yield open_window(key, size, window, await store.read(object_, window.start, window.length))
