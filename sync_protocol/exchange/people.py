"""Who may log in at a node: what the hub says of each person, and how a node tells which of it it has.

A *statement* is one person as the hub had her at one moment, under the hub's MAC: nodes keep it as it came and give it back to a hub that
went back, which thereby learns again whom it disabled. Of two statements about one name the one with the greater revision counts,
everywhere. A revision is the hub's time in ms, and never less than one after the greatest before: so what a restored hub says after its
restore is newer than what it had said before and forgot, without its remembering that.

A *mark* is the greatest revision that a node holds and a digest of all `(name, revision)`. The hub knows that set: nothing is sent; it
knows it as its own set up to that revision: what came since is sent; it does not know it: everything is sent, and the node answers
with what it holds that is newer or that the hub forgot.

The plain password is in none of it; `secret` is Argon2id in PHC form.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from sync_protocol import bounds
from sync_protocol.errors import MalformedMessage

Name = Annotated[str, Meta(min_length=1, max_length=bounds.USER_CHARS_MAX)]


class Person(msgspec.Struct, frozen=True, array_like=True):
    """A person who may log in. `facility`: at whose nodes, empty for all. `patient`: the Patient that a citizen is. `gone`: she works
    elsewhere now, and this facility's nodes let her in no more."""

    name: Name
    facility: Annotated[str, Meta(max_length=bounds.ID_CHARS_MAX)]
    role: Annotated[str, Meta(max_length=bounds.ROLE_CHARS_MAX)]
    secret: Annotated[str, Meta(max_length=bounds.SECRET_CHARS_MAX)]
    revision: Annotated[int, Meta(ge=0, le=bounds.COUNTER_MAX)]
    disabled: bool = False
    patient: Annotated[str, Meta(max_length=bounds.ID_CHARS_MAX)] = ""
    gone: bool = False


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Which statements a node holds: the greatest revision, and the digest of all; of none by default."""

    revision: int = 0
    digest: bytes = b""


class _Statement(msgspec.Struct, frozen=True, array_like=True):
    packed: bytes
    mac: bytes


_PERSON = msgspec.msgpack.Decoder(Person)
_STATEMENT = msgspec.msgpack.Decoder(_Statement)


def state(person: Person, key: bytes) -> bytes:
    """The hub's statement about a person."""
    packed = msgspec.msgpack.encode(person)
    return msgspec.msgpack.encode(_Statement(packed, _mac(packed, key)))


def read(statement: bytes) -> Person:
    """What a statement says, whoever made it. Raises MalformedMessage."""
    return _opened(statement)[0]


def proven(statement: bytes, key: bytes) -> Person | None:
    """What a statement says that the holder of this key made; None for any other."""
    try:
        person, inner = _opened(statement)
    except MalformedMessage:
        return None
    return person if hmac.compare_digest(inner.mac, _mac(inner.packed, key)) else None


def mark(held: Iterable[tuple[str, int]]) -> Mark:
    """The mark of a set of `(name, revision)`."""
    ordered = sorted(held)
    if not ordered:
        return Mark()
    body = msgspec.msgpack.encode(ordered)
    digest = blake2b(body, digest_size=bounds.PEOPLE_DIGEST_BYTES, person=b"medtech people").digest()
    return Mark(max(revision for _, revision in ordered), digest)


def missing(people: Sequence[Person], held: Mark) -> tuple[list[Person], bool]:
    """Of all that a node shall hold, what one with this mark lacks, by revision, at most `PEOPLE_MAX`; and whether its mark is unknown."""
    ordered = sorted(people, key=lambda person: person.revision)
    names = [(person.name, person.revision) for person in ordered]
    known = [name for name in names if name[1] <= held.revision]
    whole = mark(known) != held
    since = ordered if whole else ordered[len(known) :]
    return since[: bounds.PEOPLE_MAX], whole


def _opened(statement: bytes) -> tuple[Person, _Statement]:
    try:
        if len(statement) > bounds.PERSON_BYTES_MAX:
            raise MalformedMessage(f"a statement of {len(statement)} bytes")
        inner = _STATEMENT.decode(statement)
        return _PERSON.decode(inner.packed), inner
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedMessage("a statement about a person that does not decode") from error


def _mac(packed: bytes, key: bytes) -> bytes:
    return blake2b(packed, key=key, digest_size=bounds.RECEIPT_MAC_BYTES, person=b"medtech person").digest()
