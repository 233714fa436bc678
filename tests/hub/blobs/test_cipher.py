"""An encrypted object opens to what was sealed, any part alone; changed in any way it does not open at all."""

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.blobs.cipher import CHUNK_BYTES, SEALED_BYTES, open_window, sealed, sealed_size, windows
from hub.errors import SealBroken

KEY = bytes(range(32))
SIZES = [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 20 * CHUNK_BYTES + 5]


async def pieces(plain: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(plain), size):
        yield plain[at : at + size]


async def object_of(plain: bytes, piece: int = 10_000, key: bytes = KEY) -> bytes:
    return b"".join([part async for part in sealed(key, pieces(plain, piece))])


def opened(whole: bytes, size: int, start: int, stop: int, key: bytes = KEY) -> bytes:
    return b"".join(
        open_window(key, size, window, whole[window.start : window.start + window.length])
        for window in windows(size, start, stop)
    )


@pytest.mark.parametrize("size", SIZES)
async def test_it_opens_to_what_was_sealed_however_it_came(size: int) -> None:
    plain = os.urandom(size)
    for piece in (7_001, CHUNK_BYTES, 1 << 20):
        whole = await object_of(plain, piece)
        assert len(whole) == sealed_size(size)
        assert opened(whole, size, 0, size) == plain
    assert plain[:64] not in whole or size < 16


@given(st.data())
async def test_any_part_opens_alone(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    plain = bytes(number % 251 for number in range(size))
    assert opened(await object_of(plain), size, start, stop) == plain[start:stop]


async def test_a_part_fetches_only_the_chunks_that_it_lies_in() -> None:
    (window,) = windows(20 * CHUNK_BYTES, 5 * CHUNK_BYTES + 3, 5 * CHUNK_BYTES + 9)
    assert (window.start, window.length) == (5 * SEALED_BYTES, SEALED_BYTES)


async def test_chunks_cannot_be_moved_cut_repeated_or_taken_from_another_object() -> None:
    size = 4 * CHUNK_BYTES
    plain = os.urandom(size)
    whole, other = await object_of(plain), await object_of(plain, key=os.urandom(32))
    chunks = [whole[at : at + SEALED_BYTES] for at in range(0, len(whole), SEALED_BYTES)]
    attacks = {
        "exchanged": b"".join([chunks[1], chunks[0], *chunks[2:]]),
        "repeated": b"".join([chunks[0], chunks[0], *chunks[2:]]),
        "of another object": b"".join([*chunks[:2], other[2 * SEALED_BYTES : 3 * SEALED_BYTES], chunks[3]]),
        "the last one left out": b"".join(chunks[:3]),
        "cut within the last": whole[:-1],
        "one left out": b"".join([chunks[0], *chunks[2:]]),
        "one bit": bytes((whole[0] ^ 1,)) + whole[1:],
        "nothing": b"",
    }
    for name, changed in attacks.items():
        with pytest.raises(SealBroken):
            pytest.fail(f"{name}: {len(opened(changed, size, 0, size))} bytes")


async def test_a_shorter_object_is_not_taken_for_a_shorter_file() -> None:
    """Its size stands in Postgres: cut to a whole chunk, which is not sealed as the last, it does not open at either size."""
    whole = await object_of(os.urandom(2 * CHUNK_BYTES))
    for size in (CHUNK_BYTES, 2 * CHUNK_BYTES):
        with pytest.raises(SealBroken):
            opened(whole[:SEALED_BYTES], size, 0, size)
