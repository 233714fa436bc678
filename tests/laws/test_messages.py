"""Requests and answers: what goes in comes out, hostile bytes are named, later versions are told apart from broken ones."""

import zlib
from collections.abc import Callable
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import bounds
from sync_protocol.errors import MalformedMessage, TooLarge, UnsupportedProtocol
from sync_protocol.exchange import messages
from sync_protocol.exchange.messages import Answer, Cursor, Leaf, Note, Pull, Push, Range, Request
from sync_protocol.exchange.people import Mark, mark
from tests.laws.examples import msgpack_suite
from tests.laws.strategies import THINGS, fails_only_with, mutated

REQUEST_NAMED = (MalformedMessage, TooLarge, UnsupportedProtocol)
ANSWER_NAMED = (MalformedMessage, UnsupportedProtocol)
NUMBERS = st.integers(0, bounds.COUNTER_MAX)
BYTES = st.binary(max_size=8)
TOKENS = st.binary(min_size=bounds.TOKEN_BYTES, max_size=bounds.TOKEN_BYTES)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3)


def few(thing: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(thing, max_size=3)


RANGES = few(st.builds(Range, NUMBERS, NUMBERS, NUMBERS, BYTES))
REQUESTS = st.builds(
    Request,
    incarnation=st.integers(1, bounds.NODE_ID_MAX),
    base=NUMBERS,
    token=TOKENS,
    known=few(TOKENS),
    receipt=BYTES,
    push=few(st.builds(Push, NUMBERS, NUMBERS, BYTES)),
    pull=few(st.builds(Cursor, st.text(max_size=5), NUMBERS, NUMBERS, PAIRS)),
    budget_bytes=NUMBERS,
    clock_ms=NUMBERS,
    pending=NUMBERS,
    program=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5),
    compare=st.text(max_size=5),
    ranges=RANGES,
    wanted=few(NUMBERS),
    offer=BYTES,
    people=st.none() | st.builds(Mark, NUMBERS, BYTES),
    recalled=few(BYTES),
)
NAMES = st.tuples(st.text(max_size=5), st.text(max_size=5))
KINDS = st.sampled_from(["parked", "quarantined", "late-moved", "recovered", "newer"])
ANSWERS = st.builds(
    Answer,
    verdict=st.sampled_from(["merged", "fork"]),
    acked=NUMBERS,
    safe=NUMBERS,
    receipt=BYTES,
    clock_ms=NUMBERS,
    people=few(BYTES),
    people_whole=st.booleans(),
    notes=few(st.builds(Note, KINDS, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))),
    parked=NUMBERS,
    pulls=few(
        st.builds(Pull, st.text(max_size=5), NUMBERS, NUMBERS, BYTES, few(NAMES), st.booleans(), BYTES),
    ),
    scopes=few(NAMES),
    ranges=RANGES,
    leaves=few(st.builds(Leaf, NUMBERS, NUMBERS, few(st.tuples(NUMBERS, BYTES)))),
    states=BYTES,
)


def sealed(packed: bytes) -> bytes:
    """A map with its CRC, as messages are sent."""
    return packed + zlib.crc32(packed).to_bytes(4, "big")


@given(REQUESTS)
def test_requests_come_back(request: Request) -> None:
    assert messages.read_request(messages.encode(request)) == request


@given(ANSWERS)
def test_answers_come_back(answer: Answer) -> None:
    assert messages.read_answer(messages.encode(answer)) == answer


@given(REQUESTS, ANSWERS, st.dictionaries(st.text(min_size=2, max_size=4), THINGS, max_size=3))
def test_unknown_members_are_ignored(request: Request, answer: Answer, more: dict[str, object]) -> None:
    for message, read in ((request, messages.read_request), (answer, messages.read_answer)):
        raw = msgpack.packb({**more, **msgpack.unpackb(messages.encode(message)[:-4]), **more})
        assert read(sealed(raw)) == message


@given(st.integers(-(2**63), 2**64 - 1).filter(lambda v: v not in messages.PROTOCOLS), st.data())
def test_another_protocol_is_told_apart_from_broken_bytes(version: int, data: st.DataObject) -> None:
    # Even when nothing else in it can be understood.
    tree = {"n": data.draw(THINGS), "p": data.draw(THINGS), "v": version}
    for read in (messages.read_request, messages.read_answer):
        with pytest.raises(UnsupportedProtocol):
            read(sealed(msgpack.packb(tree)))


def test_absent_members_have_defaults() -> None:
    assert messages.read_answer(sealed(b"\x80")) == Answer()
    token = bytes(bounds.TOKEN_BYTES)
    assert messages.read_request(sealed(msgpack.packb({"n": 1, "t": token}))) == Request(incarnation=1, token=token)


def test_what_an_exchange_says_of_people_when_nothing_changed_is_small() -> None:
    with_people = Request(incarnation=1, people=mark([("ama", 1_790_000_000_000)]))
    assert len(messages.encode(with_people)) - len(messages.encode(Request(incarnation=1))) <= 24
    assert messages.encode(Answer(people=[], people_whole=False)) == messages.encode(Answer())


@settings(max_examples=200)
@given(REQUESTS, ANSWERS, st.data())
def test_hostile_messages_are_named(request: Request, answer: Answer, data: st.DataObject) -> None:
    fails_only_with(REQUEST_NAMED, messages.read_request, sealed(data.draw(mutated(messages.encode(request)[:-4]))))
    fails_only_with(ANSWER_NAMED, messages.read_answer, sealed(data.draw(mutated(messages.encode(answer)[:-4]))))


@given(REQUESTS, ANSWERS, st.data())
def test_damaged_messages_are_never_read(request: Request, answer: Answer, data: st.DataObject) -> None:
    for raw, read in (
        (messages.encode(request), messages.read_request),
        (messages.encode(answer), messages.read_answer),
    ):
        at, change = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
        for damaged in (raw[:at], raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :]):
            with pytest.raises(MalformedMessage):
                read(damaged)


@given(st.binary(max_size=60))
def test_garbage_is_named(raw: bytes) -> None:
    for text in (raw, sealed(raw)):
        fails_only_with(REQUEST_NAMED, messages.read_request, text)
        fails_only_with(ANSWER_NAMED, messages.read_answer, text)


def test_every_msgpack_value_in_place_of_a_message_or_a_member_is_named() -> None:
    members = [f.encode_name for f in msgspec.structs.fields(Request)]
    answers = [f.encode_name for f in msgspec.structs.fields(Answer)]
    readers: list[tuple[list[str], Callable[[bytes], object], tuple[type[Exception], ...]]] = [
        (members, messages.read_request, REQUEST_NAMED),
        (answers, messages.read_answer, ANSWER_NAMED),
    ]
    for _, encodings in msgpack_suite():
        for raw in encodings:
            for names, read, named in readers:
                fails_only_with(named, read, sealed(raw))
                for name in names:
                    fails_only_with(named, read, sealed(b"\x81" + msgpack.packb(name) + raw))


def request_of(**members: object) -> bytes:
    return sealed(msgpack.packb({"n": 1, "t": bytes(bounds.TOKEN_BYTES), **members}))


@pytest.mark.parametrize(
    "members",
    [
        {"n": 0}, {"n": -1}, {"n": 2**63}, {"t": b""}, {"t": b"x" * 13}, {"k": [b"x"]}, {"b": -1}, {"l": -1}, {"m": -1},
        {"w": 2**63}, {"p": [[-1, 2, b""]]}, {"p": [[0, 2**63, b""]]}, {"c": [["a", -1, 0, []]]}, {"c": [["a", 0, -1, []]]},
        {"c": [["a", 0, 0, [[-1, 0]]]]}, {"v": "1"}, {"v": None}, {"v": 1.5},
        {"k": [bytes(bounds.TOKEN_BYTES)] * (bounds.REQUEST_TOKENS_MAX + 1)},
        {"p": [[0, 1, b""]] * (bounds.REQUEST_FRAMES_MAX + 1)}, {"c": [["a"]] * (bounds.REQUEST_CURSORS_MAX + 1)},
        {"c": [["a", 0, 0, [[1, 1]] * (bounds.LINEAGE_EPOCHS_MAX + 1)]]}, {"g": [[0, 1, 0, b""]] * (bounds.RANGES_MAX + 1)},
        {"q": [1] * (bounds.RANGES_MAX + 1)}, {"e": [0]}, {"e": [1] * (bounds.REQUEST_LIVES_MAX + 1)},
    ],
)  # fmt: skip
def test_numbers_tokens_and_lists_out_of_bounds_are_named(members: dict[str, object]) -> None:
    messages.read_request(request_of())
    with pytest.raises(MalformedMessage):
        messages.read_request(request_of(**members))


def test_too_many_bytes_are_named() -> None:
    with pytest.raises(TooLarge):
        messages.read_request(bytes(bounds.REQUEST_BYTES_MAX + 1))


def message_bombs() -> list[tuple[str, bytes, tuple[type[Exception], ...]]]:
    """Requests that would be large once read. `tests/laws/test_frame.py` reads them under limits."""
    room = bounds.REQUEST_BYTES_MAX - 64

    def array(count: int, item: bytes) -> bytes:
        return b"\xdd" + count.to_bytes(4, "big") + item * count

    start = b"\xa1n\x01\xa1t\xc4\x0c" + bytes(12)
    smallest = {
        "k": b"\xc4\x00",
        "p": b"\x93\x00\x00\xc4\x00",
        "c": b"\x91\xa0",
        "g": b"\x94\x00\x00\x00\xc4\x00",
        "q": b"\x00",
    }
    found = [
        (f"request {name}", b"\x83" + start + msgpack.packb(name) + array(room // len(item), item))
        for name, item in smallest.items()
    ]
    found.append(("lineage", b"\x83" + start + b"\xa1c\x91\x94\xa0\x00\x00" + array(room // 3, b"\x92\x00\x00")))
    many = b"".join(b"\xa4" + f"{i:04x}".encode() + b"\xc0" for i in range(65_536))
    found.append(("allowed names", b"\xdf" + (65_538).to_bytes(4, "big") + start + many))
    found.append(("deep message", b"\x81\xa1z" + b"\x91" * room))
    return [(name, sealed(raw), REQUEST_NAMED) for name, raw in found]
