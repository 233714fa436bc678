"""What an object in the store is: a file, encrypted in chunks, of which any can be read alone.

    object  = chunk 0 ‖ chunk 1 ‖ … ‖ last chunk
    chunk i = AES-256-GCM(key, nonce i, plain i, PURPOSE)        64 KiB of the file and a tag of 16 bytes; the last one may be shorter
    nonce i = i as 11 bytes, big-endian ‖ 1 when it is the last, else 0

This is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár 2015, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance"), as `age` uses it. Each object has a key of its own that never seals anything else, so nonces need no chance, and
chunks of two objects cannot be exchanged; within one, none can be moved, repeated, left out or cut off, since its place and whether it is
the last are in its nonce. The object itself says nothing: its key (sealed with the data key of a scope) and its size stand in Postgres.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from hub.errors import SealBroken

CHUNK_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
SEALED_BYTES: Final = CHUNK_BYTES + TAG_BYTES
WINDOW_CHUNKS: Final = 16
"""Chunks that are fetched and opened at once: 1 MiB."""
PURPOSE: Final = b"medtech blob v1"


class Window(Struct, frozen=True):
    """A part of an object to fetch, `start` and `length` in bytes of it, and what of its plain text is wanted."""

    first: int
    """Number of its first chunk."""
    start: int
    length: int
    skip: int
    """Bytes of the plain text before what is wanted."""
    take: int


def sealed_size(size: int) -> int:
    """Bytes of the object of a file of `size` bytes."""
    return size + TAG_BYTES * _chunks(size)


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK_BYTES))


async def sealed(key: bytes, plain: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The object of a file that comes in pieces of any size. `key`: 32 random bytes, for this object alone."""
    cipher, number, waiting = AESGCM(key), 0, bytearray()
    async for piece in plain:
        waiting += piece
        while len(waiting) > CHUNK_BYTES:  # what is left may be the last chunk, so a full one waits for what follows
            yield _seal(cipher, number, bytes(waiting[:CHUNK_BYTES]), last=False)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield _seal(cipher, number, bytes(waiting), last=True)


def windows(size: int, start: int, stop: int) -> Iterator[Window]:
    """What to fetch for the bytes `start` to `stop` (exclusive) of a file of `size` bytes."""
    while start < stop:
        first = start // CHUNK_BYTES
        end = min(stop, (first + WINDOW_CHUNKS) * CHUNK_BYTES)
        last = (end - 1) // CHUNK_BYTES
        length = min((last + 1) * SEALED_BYTES, sealed_size(size)) - first * SEALED_BYTES
        yield Window(first, first * SEALED_BYTES, length, start - first * CHUNK_BYTES, end - start)
        start = end


def open_window(key: bytes, size: int, window: Window, fetched: bytes) -> bytes:
    """The plain text that is wanted of a window. Raises `SealBroken` when it is not what was sealed, there, whole."""
    cipher, last = AESGCM(key), _chunks(size) - 1
    parts = [fetched[at : at + SEALED_BYTES] for at in range(0, len(fetched), SEALED_BYTES)]
    try:
        plain = b"".join(
            cipher.decrypt(_nonce(number, number == last), part, PURPOSE)
            for number, part in enumerate(parts, window.first)
        )
    except (InvalidTag, ValueError) as error:
        raise SealBroken("A stored file cannot be opened.") from error
    wanted = plain[window.skip : window.skip + window.take]
    if len(fetched) != window.length or len(wanted) != window.take:
        raise SealBroken("A stored file is shorter than it was.")
    return wanted


def _seal(cipher: AESGCM, number: int, plain: bytes, *, last: bool) -> bytes:
    return cipher.encrypt(_nonce(number, last), plain, PURPOSE)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))
