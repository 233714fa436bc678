"""Looking for a person at the hub, and admitting her: what a node asks and what it is told.

    POST /sync/v1/find    Find    → Found      who this may be, in the node's own region
    POST /sync/v1/admit   Admit   → Admitted   her whole record belongs to the node's facility from now on

Messages are as those of the exchange (`messages`): msgpack maps with short names and a CRC behind, in the same media type, in the same
versions. Nothing but what tells one person from another is in them: no diagnosis, no visit, no pregnancy.
"""

from typing import Annotated, Any, Literal

import msgspec

from sync_protocol import bounds
from sync_protocol.errors import MalformedMessage, TooLarge
from sync_protocol.exchange.messages import PROTOCOL, whole
from sync_protocol.matching.person import Person, person_of
from sync_protocol.matching.scoring import Grade

Text = Annotated[str, msgspec.Meta(max_length=bounds.ASKED_CHARS_MAX, pattern=r"^[^\x00]*\Z")]
User = Annotated[str, msgspec.Meta(min_length=1, max_length=bounds.USER_CHARS_MAX, pattern=r"^[^\x00-\x1f]*\Z")]
Role = Annotated[str, msgspec.Meta(max_length=bounds.ROLE_CHARS_MAX, pattern=r"^[^\x00-\x1f]*\Z")]
Born = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?\Z")]
Sex = Literal["", "female", "male"]
Reason = Literal["here", "referral", "moved"]
"""Why she is admitted: she is here now; she was referred; she has moved to live here."""


class Find(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a person at a node looks for. What is not known is empty; `clues.enough` says whether it is enough.

    `born`: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `estimated`: made of an age that was told.
    """

    user: User = msgspec.field(name="u")
    role: Role = msgspec.field(name="o")
    protocol: int = msgspec.field(name="v", default=PROTOCOL)
    identifier: Text = msgspec.field(name="i", default="")
    names: Text = msgspec.field(name="n", default="")
    born: Born = msgspec.field(name="b", default="")
    estimated: bool = msgspec.field(name="e", default=False)
    phone: Text = msgspec.field(name="p", default="")
    sex: Sex = msgspec.field(name="s", default="")
    village: Text = msgspec.field(name="l", default="")


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who may be meant. `token` admits her, for a short time, at the node that asked.

    `bits`: the sum of weights (`scoring`); `why`: `(field, level)` of each comparison, never the values compared.
    """

    token: bytes = msgspec.field(name="t")
    bits: float = msgspec.field(name="w")
    grade: Grade = msgspec.field(name="g")
    why: list[tuple[str, str]] = msgspec.field(name="y", default_factory=list)
    name: str = msgspec.field(name="n", default="")
    sex: str = msgspec.field(name="s", default="")
    born: str = msgspec.field(name="b", default="")
    village: str = msgspec.field(name="l", default="")
    facility: str = msgspec.field(name="f", default="")
    """The name of the facility whose patient she is."""
    alive: bool = msgspec.field(name="a", default=True)
    here: str = msgspec.field(name="h", default="")
    """Her id, when she is the asking facility's own patient; else nothing: ids are not told before she is admitted."""


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may be meant, the likeliest first. `more`: others are as likely; another detail would tell them apart."""

    protocol: int = msgspec.field(name="v", default=PROTOCOL)
    candidates: Annotated[list[Candidate], msgspec.Meta(max_length=bounds.CANDIDATES_MAX)] = msgspec.field(
        name="c", default_factory=list
    )
    more: bool = msgspec.field(name="m", default=False)
    left: int = msgspec.field(name="q", default=0)
    """Questions that the node may still ask within the hour."""


class Admit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who admits whom, and why."""

    token: Annotated[bytes, msgspec.Meta(max_length=bounds.CANDIDATE_TOKEN_BYTES_MAX)] = msgspec.field(name="t")
    user: User = msgspec.field(name="u")
    role: Role = msgspec.field(name="o")
    reason: Reason = msgspec.field(name="r")
    protocol: int = msgspec.field(name="v", default=PROTOCOL)


class Admitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of it. `resources`: how many records came along; none when she was the facility's patient already. They come with
    the node's next exchange."""

    patient: str = msgspec.field(name="p")
    protocol: int = msgspec.field(name="v", default=PROTOCOL)
    resources: int = msgspec.field(name="n", default=0)
    source: str = msgspec.field(name="f", default="")
    """The name of the facility that she came from."""


_FIND = msgspec.msgpack.Decoder(Find)
_FOUND = msgspec.msgpack.Decoder(Found)
_ADMIT = msgspec.msgpack.Decoder(Admit)
_ADMITTED = msgspec.msgpack.Decoder(Admitted)


def read_find(raw: bytes) -> Find:
    """A question. Raises TooLarge, UnsupportedProtocol or MalformedMessage, and nothing else."""
    found: Find = _read(raw, _FIND)
    return found


def read_found(raw: bytes) -> Found:
    """Its answer. Raises as `read_find`."""
    found: Found = _read(raw, _FOUND)
    return found


def read_admit(raw: bytes) -> Admit:
    """An admission. Raises as `read_find`."""
    found: Admit = _read(raw, _ADMIT)
    return found


def read_admitted(raw: bytes) -> Admitted:
    """Its answer. Raises as `read_find`."""
    found: Admitted = _read(raw, _ADMITTED)
    return found


def _read(raw: bytes, decoder: "msgspec.msgpack.Decoder[Any]") -> Any:
    if len(raw) > bounds.FINDING_BYTES_MAX:
        raise TooLarge(f"a message of {len(raw)} bytes; at most {bounds.FINDING_BYTES_MAX}")
    packed = whole(raw)
    try:
        return decoder.decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedMessage("a message that does not decode") from error


def described(find: Find) -> Person:
    """The question as a description that can be compared: what a Patient of these members would be. The system of an identifier is
    not asked for: nobody at a desk knows it."""
    person = person_of(
        {
            "name": [{"text": find.names}],
            "birthDate": find.born,
            "gender": find.sex,
            "telecom": [{"system": "phone", "value": find.phone}],
            "address": [{"city": find.village}],
            "identifier": [{"value": find.identifier}],
        }
    )
    return msgspec.structs.replace(person, estimated=True) if find.estimated else person
