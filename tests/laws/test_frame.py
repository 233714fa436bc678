"""Frames: what goes in comes out, and no bytes do anything but fail by name, in bounded time and memory."""

import subprocess
import sys
import zlib
from itertools import pairwise

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_protocol import bounds, compression, frame
from sync_protocol.errors import MalformedFrame, TooLarge, UnknownDictionary
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.laws.documents import created
from tests.laws.examples import msgpack_suite, specification_examples
from tests.laws.strategies import THINGS, fails_only_with, mutated, registers, resources, stamp_of

NAMED = (MalformedFrame, TooLarge, UnknownDictionary)
HEADER_BYTES = 13
IDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda u: str(u).upper()),
    st.sampled_from(["1", "x" * 64, "0" * 36, "------------------------------------", "é"]),
)


def wrapped(payload: bytes, version: int = compression.LATEST, size: int | None = None) -> bytes:
    """A frame of any payload, with a right CRC."""
    packed = compression.Codec(version, compression.FRAME_LEVEL).compress(payload)
    checked = b"MTF1" + bytes([version]) + (len(payload) if size is None else size).to_bytes(4, "big")
    return checked + zlib.crc32(packed, zlib.crc32(checked)).to_bytes(4, "big") + packed


def payload_of(raw: bytes) -> bytes:
    return compression.Codec(raw[4]).decompress(raw[HEADER_BYTES:], bounds.FRAME_RAW_BYTES_MAX)


@st.composite
def batches(draw: st.DrawFn) -> list[Resource]:
    """Resources and parts of some worlds under several types and ids."""
    found: list[Resource] = []
    for _ in range(draw(st.integers(0, 3))):
        for state in draw(resources(2)):
            keys = draw(st.sets(st.sampled_from(sorted(state.elements)), min_size=1))
            part = state if draw(st.booleans()) else state.part(keys)
            type_ = draw(st.sampled_from(["Patient", "Observation"]))
            found.append(Resource(type_, draw(IDS), part.elements))
    return found


@given(batches())
def test_resources_and_parts_come_back(batch: list[Resource]) -> None:
    assert frame.decode(frame.encode(batch)) == batch


@given(st.lists(registers(2), min_size=1, max_size=3), st.sampled_from(sorted(compression.VERSIONS)))
def test_any_registers_come_back_with_every_dictionary(several: list[list[Register]], version: int) -> None:
    batch = [Resource("P", str(i), dict(zip("ab", pair, strict=True))) for i, pair in enumerate(several)]
    raw = frame.encode(batch, compression.Codec(version))
    assert raw[4] == version
    assert frame.decode(raw) == batch
    withheld = [
        Resource("P", r.id, {k: Register(tuple(Sibling(s.stamp, frame.WITHHELD) for s in g.siblings), g.context)})
        for r in batch
        for k, g in r.elements.items()
    ]
    assert frame.decode(frame.encode(withheld)) == withheld


def test_every_example_comes_back_in_one_frame() -> None:
    batch = [created(text, 7, i + 1) for i, text in enumerate(specification_examples())]
    raw = frame.encode(batch)
    assert frame.decode(raw) == batch
    assert len(raw) * 4 < sum(map(len, specification_examples()))


def test_extreme_stamps_come_back() -> None:
    top = bounds.COUNTER_MAX
    stamps = [
        Stamp(n, c, t, d, "", "") for n, c, t, d in [(top, top, 0, 0), (1, 1, bounds.CLOCK_MS_MAX, 0), (2, top, 5, 9)]
    ]
    batch = [Resource("P", str(i), {"a": Register((Sibling(s, b"1"),), {s.node: top})}) for i, s in enumerate(stamps)]
    assert frame.decode(frame.encode(batch)) == batch


# --- bounds on what is sent ------------------------------------------------------------------------------------------


def one(value: bytes | None, id_: str = "1", keys: int = 1) -> Resource:
    register = Register((Sibling(stamp_of(1, 1, 0), value),), {1: 1})
    return Resource("P", id_, {f"k{i:05d}": register for i in range(keys)})


def test_the_largest_value_can_be_sent_although_it_does_not_compress() -> None:
    import random

    value = random.Random(1).randbytes(bounds.VALUE_BYTES_MAX)
    assert frame.decode(frame.encode([one(value)])) == [one(value)]


@pytest.mark.parametrize(
    "batch",
    [
        [one(b"x" * bounds.FRAME_RAW_BYTES_MAX)],
        [one(b"1")] * (bounds.FRAME_RESOURCES_MAX + 1),
        [one(b"1", keys=bounds.RESOURCE_ELEMENTS_MAX)] * (bounds.FRAME_VALUES_MAX // bounds.RESOURCE_ELEMENTS_MAX + 1),
        [Resource("P", "1", {})],
    ],
    ids=["bytes", "resources", "values", "nothing"],
)
def test_too_much_is_refused_by_the_sender_already(batch: list[Resource]) -> None:
    with pytest.raises(TooLarge):
        frame.encode(batch)


# --- damage ----------------------------------------------------------------------------------------------------------


def small_frames() -> list[bytes]:
    odd = [one(bytes(range(256)), "a"), one(None, "b"), one(b"", "c")]
    return [frame.encode(odd, compression.Codec(version)) for version in sorted(compression.VERSIONS)] + [
        frame.encode([])
    ]


@pytest.mark.parametrize("raw", small_frames())
def test_every_cut_and_every_flipped_bit_is_seen(raw: bytes) -> None:
    for at in range(len(raw)):
        with pytest.raises(NAMED):
            frame.decode(raw[:at])
        for bit in range(8):
            with pytest.raises(NAMED):
                frame.decode(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :])
    with pytest.raises(NAMED):
        frame.decode(raw + b"\0")


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda b: b"MTF1" + b)))
def test_garbage_is_named(raw: bytes) -> None:
    assert not fails_only_with(NAMED, frame.decode, raw)


def test_a_wrong_or_unknown_dictionary_is_named() -> None:
    batch = [created(text, 7, i + 1) for i, text in enumerate(specification_examples()[:5])]
    payload = payload_of(frame.encode(batch))
    packed = compression.Codec(1).compress(payload)
    for version, expected in ((0, MalformedFrame), (2, UnknownDictionary), (255, UnknownDictionary)):
        checked = b"MTF1" + bytes([version]) + len(payload).to_bytes(4, "big")
        raw = checked + zlib.crc32(packed, zlib.crc32(checked)).to_bytes(4, "big") + packed
        with pytest.raises(expected):
            frame.decode(raw)


@pytest.mark.parametrize("size", [0, 1, 10**6, bounds.FRAME_RAW_BYTES_MAX + 1, 2**32 - 1])
def test_a_size_that_is_not_the_payloads_is_named(size: int) -> None:
    with pytest.raises((MalformedFrame, TooLarge)):
        frame.decode(wrapped(b"\xc0" * 100, size=size))


# --- hostile columns, rightly wrapped --------------------------------------------------------------------------------


@settings(max_examples=300)
@given(batches().filter(bool), st.data())
def test_hostile_columns_are_named(batch: list[Resource], data: st.DataObject) -> None:
    payload = data.draw(mutated(payload_of(frame.encode(batch))))
    accepted = fails_only_with(NAMED, frame.decode, wrapped(payload))
    if accepted:  # then what came out keeps the promises that the rest of the protocol builds on
        for resource in frame.decode(wrapped(payload)):
            assert 0 < len(resource.type) <= bounds.TYPE_CHARS_MAX
            assert 0 < len(resource.id) <= bounds.ID_CHARS_MAX
            for register in resource.elements.values():
                dots = [(s.stamp.node, s.stamp.counter) for s in register.siblings]
                assert dots
                assert all(a < b for a, b in pairwise(dots))
                assert all(register.context.get(node, 0) >= counter > 0 for node, counter in dots)
                assert all(0 <= s.stamp.ts <= bounds.CLOCK_MS_MAX for s in register.siblings)
                assert all(0 < node <= bounds.NODE_ID_MAX for node in register.context)
        assert frame.decode(frame.encode(frame.decode(wrapped(payload)))) == frame.decode(wrapped(payload))


@pytest.mark.parametrize(
    "layout", [[[2], [0, 1, 0]], [[2], [0, 0, 0]], [[2], [0]], [[0], [0, 0]], [[2], [1, 0]], [[2]]]
)
def test_siblings_out_of_order_or_missing_are_named(layout: list[list[int]]) -> None:
    stamps = [stamp_of(1, 1, 0), stamp_of(7, 1, 0)]
    register = Register(tuple(Sibling(s, b'{"a":1}') for s in stamps), {1: 1, 7: 1})
    columns = msgpack.unpackb(payload_of(frame.encode([Resource("P", "1", {"a": register})])))
    assert columns[14] == [[[2], [0, 0, 1]]]
    frame.decode(wrapped(msgpack.packb(columns)))
    with pytest.raises(MalformedFrame):
        frame.decode(wrapped(msgpack.packb([*columns[:14], [layout], columns[15]])))


@given(THINGS)
@example([[]] * 16)
@example([[], [], [], [], [], b"", *[[]] * 10])
def test_any_payload_is_named_or_empty(thing: object) -> None:
    fails_only_with(NAMED, frame.decode, wrapped(msgpack.packb(thing)))


def test_every_msgpack_value_in_place_of_a_column_is_named() -> None:
    batch = [one(b"1"), one(None, "2", 2)]
    columns = msgpack.unpackb(payload_of(frame.encode(batch)))
    packed = [msgpack.packb(column) for column in columns]
    for _, encodings in msgpack_suite():
        for raw in encodings:
            assert not fails_only_with(NAMED, frame.decode, wrapped(raw)) or raw == b""
            for at in range(len(packed)):
                payload = b"\xdc\x00\x10" + b"".join([*packed[:at], raw, *packed[at + 1 :]])
                fails_only_with(NAMED, frame.decode, wrapped(payload, 0))


# --- bombs, in a process with little memory and little time ----------------------------------------------------------

BOMBS = """
import resource, sys
from tests.laws.test_frame import bombs, NAMED
from tests.laws.test_messages import message_bombs
from sync_protocol import frame
from sync_protocol.exchange import messages
made = [(name, raw, frame.decode, NAMED) for name, raw in bombs()]
made += [(name, raw, messages.read_request, messages_errors) for name, raw, messages_errors in message_bombs()]
frame.decode(frame.encode([]))
for name, raw, decode, named in made:
    before = resource.getrusage(resource.RUSAGE_SELF)
    used = before.ru_utime + before.ru_stime
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 20, resource.RLIM_INFINITY))
    try:
        decode(raw)
        end = "accepted"
    except named as error:
        end = type(error).__name__
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(name, end, round(after.ru_utime - before.ru_utime, 2), (after.ru_maxrss - before.ru_maxrss) // 1024)
"""


def array(count: int, item: bytes) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big") + item * count


def bombs() -> list[tuple[str, bytes]]:
    """Small frames that would be large: each column with as many of its smallest entries as a payload holds."""
    empty = [b"\xc4\x00" if at == 5 else b"\x90" for at in range(16)]
    room = bounds.FRAME_RAW_BYTES_MAX - 100

    def with_column(at: int, column: bytes) -> bytes:
        return wrapped(b"\xdc\x00\x10" + b"".join([*empty[:at], column, *empty[at + 1 :]]))

    smallest = [
        b"\xa0",
        b"\x01",
        b"\x92\xa0\xa0",
        b"\x90",
        b"\x00",
        b"",
        b"\xc0",
        *[b"\x00"] * 5,
        b"\x90",
        b"\x90",
        b"\x90",
        b"\xc0",
    ]
    found = [(f"column{at}", with_column(at, array(room // len(s), s))) for at, s in enumerate(smallest) if s]
    found += [(f"inside{at}", with_column(at, b"\x91" + array(room, b"\x90"))) for at in (3, 12, 13, 14)]
    found += [(f"pairs{at}", with_column(at, b"\x91" + array(room // 3, b"\x92\x00\x01"))) for at in (13, 14)]
    found.append(("deep", wrapped(b"\x91" * room)))
    found.append(("deep column", wrapped(b"\xdc\x00\x10" + b"\x90" * 14 + b"\x91" * (room - 20))))
    found.append(("one shape", one_shape(bounds.FRAME_RESOURCES_MAX, 300, mixed=False)))
    found.append(("allowed", one_shape(20, bounds.RESOURCE_ELEMENTS_MAX, mixed=False)))
    found.append(("allowed mixed", one_shape(20, bounds.RESOURCE_ELEMENTS_MAX, mixed=True)))
    found.append(("contexts without values", one_shape(260, 1, mixed=True, contexts=bounds.RESOURCE_ELEMENTS_MAX)))
    found.append(("layout without values", one_shape(260, 1, mixed=True, rows=bounds.RESOURCE_ELEMENTS_MAX)))
    # zstd that says 8 GB: one run-length block after another, and a header that claims little or nothing.
    block = (1 << 17 << 3 | 2).to_bytes(3, "little") + b"\0"
    for name, head in (
        ("says 8 GB", b"\xe0" + (8 << 30).to_bytes(8, "little")),
        ("says 1 kB", b"\x60" + (744).to_bytes(2, "little")),
    ):
        packed = b"\x28\xb5\x2f\xfd" + head + block * 60_000
        for size in (1000, bounds.FRAME_RAW_BYTES_MAX, 2**32 - 1):
            checked = b"MTF1\x00" + size.to_bytes(4, "big")
            found.append(
                (f"{name}, {size}", checked + zlib.crc32(packed, zlib.crc32(checked)).to_bytes(4, "big") + packed)
            )
    return found


def one_shape(count: int, keys: int, *, mixed: bool, contexts: int = 1, rows: int = 0) -> bytes:
    """Many resources of one shape of absent values: a byte for each register."""
    zeros = [0] * count
    columns: list[object] = [
        ["P"], [1], [["", ""]], [[0, int(mixed), *(f"{i:05d}" for i in range(keys))]], zeros, b"", ["a"] * count,
        zeros, [1, *zeros[1:]], zeros, zeros, zeros,
        [] if mixed else [None] * count,
        [[[0, 1]] * contexts] * count if mixed else [],
        [[[1], *[[0, 0]] * (rows or keys)]] * count if mixed else [],
        [None] * (count * keys),
    ]  # fmt: skip
    return wrapped(msgpack.packb(columns))


def test_bombs_take_little_time_and_memory() -> None:
    lines = subprocess.run(
        [sys.executable, "-c", BOMBS], check=True, capture_output=True, text=True, timeout=300
    ).stdout.splitlines()
    assert len(lines) > 30
    for line in lines:
        name, end, seconds, megabytes = line.rsplit(" ", 3)
        assert (end == "accepted") == name.startswith("allowed"), line
        assert float(seconds) < 5, line
        assert int(megabytes) < 300, line
