"""What one shard tells another, as it waits and travels: sealed with the key of the scope of the records that it is about."""

import secrets
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from hub.blobs.following import Travelling
from hub.errors import MessageUnknown
from hub.places import Place
from hub.pushed import Speaker
from hub.states import States
from hub.store.nodes import IncarnationRow
from hub.store.relay import Sending
from hub.store.scopes import ScopeRow
from sync_protocol import bounds, frame
from sync_protocol.errors import TooLarge
from sync_protocol.resource import Resource

ID_BYTES: Final = 16
RESOURCES_A_MESSAGE: Final = 500


class Relayed(Struct, frozen=True):
    """A message. `scope`: name of the scope of these records, as the sender knows; `lives`: of the node that speaks, `holds`: whether it
    holds that scope; `former`: for each record the names of the scopes that it was in; `referrals`: those among them; `files`: that they
    speak of; `notice`: what a facility is told, as JSON, and when it was (`at_ms`)."""

    kind: Literal["said", "moved", "told", "ended"]
    scope: str
    frame: bytes = b""
    node: str = ""
    incarnation: int = 0
    lives: list[IncarnationRow] = []
    holds: bool = False
    former: list[list[str]] = []
    referrals: list["Underway"] = []
    files: list[Travelling] = []
    notice: bytes = b""
    at_ms: int = 0


class Underway(Struct, frozen=True):
    """How a referral stands, of the ServiceRequest of this name. `source`: the name of the scope it was said in, or what stands for none
    (`hub.referring`)."""

    name: str
    state: str
    source: str | int


def sealed(place: Place, scope: ScopeRow, message: Relayed) -> Sending:
    """A message as it waits: `scope` is that of its records, here."""
    assert scope.home is not None
    id_ = secrets.token_bytes(ID_BYTES)
    return Sending(id_, scope.home, scope.id, States(place).resealed(scope, id_, msgspec.msgpack.encode(message)))


def said(
    place: Place,
    scope: ScopeRow,
    speaker: Speaker,
    lives: Sequence[IncarnationRow],
    parts: Sequence[Resource],
) -> list[Sending]:
    """What a node said of records in a scope that is at home elsewhere."""
    holds = scope.id in speaker.held
    of_node = speaker.node.id, speaker.incarnation, list(lives), holds
    return [sealed(place, scope, Relayed("said", scope.name, packed, *of_node)) for _, packed in frames(parts)]


def told(place: Place, scope: ScopeRow, kind: Literal["told", "ended"], notice: object, at_ms: int) -> Sending:
    """What a facility that is at home elsewhere is told; `ended`: how something ended that it was told of."""
    message = Relayed(kind, scope.name, notice=msgspec.json.encode(notice), at_ms=at_ms)
    return sealed(place, scope, message)


def moved(
    place: Place,
    scope: ScopeRow,
    records: Sequence[Resource],
    former: Sequence[list[str]],
    referrals: Sequence[Underway],
    files: Sequence[Travelling],
) -> list[Sending]:
    """Records that go into a scope that is at home elsewhere."""
    made: list[Sending] = []
    start = 0
    for some, packed in frames(records):
        names = {one.name for one in some}
        of_these = [referral for referral in referrals if referral.name in names]
        were = list(former[start : start + len(some)])
        start += len(some)
        message = Relayed("moved", scope.name, packed, former=were, referrals=of_these, files=list(files))
        made.append(sealed(place, scope, message))
    return made


def waited(place: Place, scope: ScopeRow, node: str, lives: Sequence[IncarnationRow], part: Resource) -> Sending:
    """What waited for another author's change, in the name of the node that it came from."""
    latest = lives[-1].id if lives else 0
    return sealed(place, scope, Relayed("said", scope.name, frame.encode([part]), node, latest, list(lives)))


def frames(parts: Sequence[Resource]) -> list[tuple[Sequence[Resource], bytes]]:
    """Resources in order, as many in each frame as fit: a photograph's parts are half a megabyte each."""
    if not parts:
        return []
    try:
        if len(parts) > RESOURCES_A_MESSAGE:
            raise TooLarge(f"{len(parts)} resources")
        packed = frame.encode(parts)
        if len(packed) > bounds.FRAME_BYTES_MAX:
            raise TooLarge(f"a frame of {len(packed)} bytes")
    except TooLarge:
        if len(parts) == 1:
            raise
        half = len(parts) // 2
        return [*frames(parts[:half]), *frames(parts[half:])]
    return [(parts, packed)]


def read(place: Place, scope: ScopeRow, one: Sending) -> Relayed:
    """A message that waited. Raises SealBroken, MessageUnknown."""
    plain = States(place).plain(scope, one.id, one.body)
    try:
        return msgspec.msgpack.decode(plain, type=Relayed)
    except msgspec.DecodeError as error:
        raise MessageUnknown from error
