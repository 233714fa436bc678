"""What is sent: one `Request` and one `Answer`, msgpack maps with short names; unknown members are ignored, absent ones have defaults.
The CRC-32 of the map follows it, 4 bytes big-endian: frames have their own, but a damaged cursor or counter would be believed.

Media type `application/vnd.medtech.exchange+msgpack`. Version 1. A change that an older program may ignore adds a member; one that it
must not ignore raises `PROTOCOL`, and the hub answers older nodes in their version as long as it is in `PROTOCOLS`.
"""

import zlib
from typing import Annotated, Final, Literal

import msgspec

from sync_protocol import bounds
from sync_protocol.errors import MalformedMessage, TooLarge, UnsupportedProtocol
from sync_protocol.exchange.people import Mark

PROTOCOL = 1
PROTOCOLS = frozenset({1})
MEDIA_TYPE = "application/vnd.medtech.exchange+msgpack"

Verdict = Literal["merged", "fork"]


class Push(msgspec.Struct, frozen=True, array_like=True):
    """Own changes with counters in `(base, upto]`, as one frame (`sync_protocol.frame`); empty when later ones replaced them all."""

    base: int
    upto: int
    frame: bytes


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a node stands in a scope's feed. `lineage`: `(epoch, last seq seen in it)` of earlier epochs, newest first."""

    scope: str
    epoch: int = 0
    seq: int = 0
    lineage: Annotated[list[tuple[int, int]], msgspec.Meta(max_length=bounds.LINEAGE_EPOCHS_MAX)] = []


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Positions in `[low, high)`: how many resources stand there, and the sum of their hashes (`reconciliation`)."""

    low: int
    high: int
    count: int
    sum: bytes


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """All the resources in `[low, high)`: `(position, hash)`."""

    low: int
    high: int
    items: list[tuple[int, bytes]]


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """From an edge. `known`: tokens that the hub may have seen last; `base`: up to which
    counter everything of the node is acknowledged, for a hub that meets this incarnation for the first time."""

    protocol: int = msgspec.field(name="v", default=PROTOCOL)
    incarnation: int = msgspec.field(name="n", default=0)
    base: int = msgspec.field(name="b", default=0)
    token: bytes = msgspec.field(name="t", default=b"")
    known: Annotated[list[bytes], msgspec.Meta(max_length=bounds.REQUEST_TOKENS_MAX)] = msgspec.field(
        name="k", default_factory=list
    )
    lives: Annotated[list[int], msgspec.Meta(max_length=bounds.REQUEST_LIVES_MAX)] = msgspec.field(
        name="e", default_factory=list
    )
    """Earlier incarnations that this node was before a restore or a fork, and in whose names it speaks too: others may go on
    as these, so no token is asked for."""
    unfinished: Annotated[list[int], msgspec.Meta(max_length=bounds.REQUEST_LIVES_MAX)] = msgspec.field(
        name="u", default_factory=list
    )
    """Earlier incarnations with changes that are not acknowledged, ended by nothing but the program's: `known` must be their tokens."""
    receipt: bytes = msgspec.field(name="r", default=b"")
    push: Annotated[list[Push], msgspec.Meta(max_length=bounds.REQUEST_FRAMES_MAX)] = msgspec.field(
        name="p", default_factory=list
    )
    elsewhere: Annotated[list[tuple[str, str, str]], msgspec.Meta(max_length=bounds.FRAME_RESOURCES_MAX)] = (
        msgspec.field(name="h", default_factory=list)
    )
    """`(type, id, scope)` of what is pushed and is not in the scope of the node's own facility, should the hub have lost it."""
    pull: Annotated[list[Cursor], msgspec.Meta(max_length=bounds.REQUEST_CURSORS_MAX)] = msgspec.field(
        name="c", default_factory=list
    )
    budget_bytes: int = msgspec.field(name="l", default=bounds.FRAME_BYTES_START)
    clock_ms: int = msgspec.field(name="m", default=0)
    pending: int = msgspec.field(name="w", default=0)
    program: Annotated[str, msgspec.Meta(max_length=bounds.PROGRAM_CHARS_MAX, pattern=r"^[^\x00]*$")] = msgspec.field(
        name="s", default=""
    )
    compare: str = msgspec.field(name="x", default="")
    """Scope whose `ranges` are compared: a reconciliation round."""
    ranges: Annotated[list[Range], msgspec.Meta(max_length=bounds.RANGES_MAX)] = msgspec.field(
        name="g", default_factory=list
    )
    wanted: Annotated[list[int], msgspec.Meta(max_length=bounds.RANGES_MAX)] = msgspec.field(
        name="q", default_factory=list
    )
    """Positions whose whole present state is asked for."""
    offer: bytes = msgspec.field(name="o", default=b"")
    """A frame of whole states that the digests say the hub lacks, others' values included."""
    people: Mark | None = msgspec.field(name="i", default=None)
    """Which people may log in here, as the hub said (`people`); None: not asked for, as by an older node."""
    recalled: Annotated[list[bytes], msgspec.Meta(max_length=bounds.PEOPLE_MAX)] = msgspec.field(
        name="j", default_factory=list
    )
    """The hub's own statements about people that it seems to have forgotten."""
    disk_free_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = msgspec.field(name="d", default=None)
    """How much of the node's disk is free; None: not said, as by an older node."""
    agreed: bool | None = msgspec.field(name="a", default=None)
    """Whether the node holds just what the hub was last found to hold; None: not said, or nothing was compared yet."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What became of a pushed resource that was not plainly applied."""

    kind: str
    """`parked`, `quarantined`, `late-moved`, `recovered`, or what a newer hub knows."""
    type: str
    id: str
    reason: str = ""


class Pull(msgspec.Struct, frozen=True, array_like=True):
    """Changes of a scope up to `seq`. `digest` is there when `more` is not: the scope's at exactly `seq`. `cut`: the hub lost
    a part of what the node had seen."""

    scope: str
    epoch: int
    seq: int
    frame: bytes = b""
    evicted: list[tuple[str, str]] = []
    more: bool = False
    digest: bytes = b""
    cut: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """From the hub, after its commit. `acked` may be lower than before: the hub lost it, and the edge offers it again."""

    protocol: int = msgspec.field(name="v", default=PROTOCOL)
    verdict: Verdict = msgspec.field(name="d", default="merged")
    forked: list[int] = msgspec.field(name="e", default_factory=list)
    """Those of the request's incarnations in which somebody else went on: their changes above `acked` get other names."""
    acked: int = msgspec.field(name="a", default=0)
    safe: int = msgspec.field(name="b", default=0)
    receipt: bytes = msgspec.field(name="r", default=b"")
    clock_ms: int = msgspec.field(name="m", default=0)
    notes: list[Note] = msgspec.field(name="n", default_factory=list)
    parked: int = msgspec.field(name="k", default=0)
    pulls: list[Pull] = msgspec.field(name="p", default_factory=list)
    scopes: list[tuple[str, str]] = msgspec.field(name="s", default_factory=list)
    """All the scopes that the node holds, `(name, kind)`, when they are not those it asked for."""
    ranges: list[Range] = msgspec.field(name="g", default_factory=list)
    leaves: list[Leaf] = msgspec.field(name="f", default_factory=list)
    states: bytes = msgspec.field(name="o", default=b"")
    """A frame of the whole states that were `wanted`."""
    people: Annotated[list[bytes], msgspec.Meta(max_length=bounds.PEOPLE_MAX)] = msgspec.field(
        name="i", default_factory=list
    )
    """Statements about people who may log in at the node, or not any more: what it lacks."""
    people_whole: bool = msgspec.field(name="j", default=False)
    """These are all that the hub knows of: it does not know the set that the node holds."""
    credit_bytes: int = msgspec.field(name="w", default=0)
    """How much the node may send at most with its next request (`pace`); 0: as much as it likes."""


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the hub says instead of an answer when it cannot speak the request's protocol."""

    protocols: list[int] = msgspec.field(name="versions", default_factory=list)


class _Version(msgspec.Struct, frozen=True):
    protocol: int = msgspec.field(name="v", default=PROTOCOL)


_CRC_BYTES: Final = 4
_REQUEST = msgspec.msgpack.Decoder(Request)
_ANSWER = msgspec.msgpack.Decoder(Answer)
_VERSION = msgspec.msgpack.Decoder(_Version)


def encode(message: msgspec.Struct) -> bytes:
    """The message as bytes."""
    packed = msgspec.msgpack.encode(message)
    return packed + zlib.crc32(packed).to_bytes(_CRC_BYTES, "big")


def read_request(raw: bytes) -> Request:
    """A request. Raises TooLarge, UnsupportedProtocol or MalformedMessage, and nothing else."""
    if len(raw) > bounds.REQUEST_BYTES_MAX:
        raise TooLarge(f"a request of {len(raw)} bytes; at most {bounds.REQUEST_BYTES_MAX}")
    packed = whole(raw)
    try:
        request = _REQUEST.decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedMessage("a request that does not decode") from error
    _check(request)
    return request


def read_answer(raw: bytes) -> Answer:
    """An answer. Raises UnsupportedProtocol or MalformedMessage, and nothing else."""
    packed = whole(raw)
    try:
        return _ANSWER.decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedMessage("an answer that does not decode") from error


def whole(raw: bytes) -> bytes:
    """The map of a message that came as it was sent, in a version that is spoken here. Raises MalformedMessage or UnsupportedProtocol."""
    packed = raw[:-_CRC_BYTES]
    if len(raw) < _CRC_BYTES or zlib.crc32(packed) != int.from_bytes(raw[-_CRC_BYTES:], "big"):
        raise MalformedMessage("a message damaged on the way")
    try:
        version = _VERSION.decode(packed).protocol
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedMessage("not a message of the exchange") from error
    if version not in PROTOCOLS:
        raise UnsupportedProtocol(f"protocol {version}; this program speaks {sorted(PROTOCOLS)}")
    return packed


def _check(request: Request) -> None:
    counters = [request.base, request.pending, request.clock_ms, request.budget_bytes]
    counters += [n for push in request.push for n in (push.base, push.upto)]
    counters += [
        n for cursor in request.pull for n in (cursor.epoch, cursor.seq, *(m for pair in cursor.lineage for m in pair))
    ]
    names = (request.incarnation, *request.lives, *request.unfinished)
    if any(not 0 <= n <= bounds.COUNTER_MAX for n in counters) or any(not 0 < n <= bounds.NODE_ID_MAX for n in names):
        raise MalformedMessage("a number out of range")
    if any(len(token) != bounds.TOKEN_BYTES for token in (request.token, *request.known)):
        raise MalformedMessage("a token of another length")
