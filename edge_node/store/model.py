"""What goes into the store and comes out of it."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from edge_node.fhir.search_sql import Position
from edge_node.fhir.validation import Issue, validate

GONE = 1
CONFLICT = 2

Chance = Callable[[int], bytes]
"""So many random bytes."""


class Author(Struct, frozen=True):
    """Who writes. Both stand in every stamp."""

    user: str
    role: str


EXCHANGE: Final = Author("hub", "exchange")
"""Whom the audit names for what the exchange changed here."""


class Stored(Struct, frozen=True):
    """One version of a resource as this node shows it. `body` is FHIR JSON with `meta.versionId` and `meta.lastUpdated`."""

    key: int
    type: str
    id: str
    version: str
    updated_ms: int
    gone: bool
    conflict: bool
    body: bytes | None

    @property
    def odd(self) -> bool:
        """Whether the published definitions have something to say about it: it was kept all the same."""
        return self.body is not None and bool(validate(msgspec.json.decode(self.body)))


class Version(Struct, frozen=True):
    """An entry of a history. `gap`: others' versions between this and the one before it never came here."""

    number: int
    stored: Stored
    gap: bool
    user: str
    role: str
    written_ms: int


class Write(Struct, frozen=True):
    """One resource to write: `body` None deletes it.

    `seen` is the version its author saw (If-Match, else the body's own `meta.versionId` counts); without one the write is
    against the latest, and the audit says so. `if_match`: the present version must be `seen`. `create`: the id must
    be new, and is given by the store when None; with `if_match`, its author had seen that it is not there.
    """

    type: str
    id: str | None
    body: bytes | None
    seen: str | None = None
    if_match: bool = False
    create: bool = False


class Once(Struct, frozen=True):
    """That writes belong to a form which is carried out once. `token`: the form's; `location`: the page that it leads to; `said`: a hash of
    who sent what, by which a second sending that says something else is told from one that only came twice; empty where nobody types."""

    token: str
    location: str
    said: str = ""


class Written(Struct, frozen=True):
    """What a write did. Not `changed`: nothing differed from what its author saw, and nothing was stored.

    `show` makes the resource's text as it is now: who saves a form goes on to a page, and never asks.
    """

    show: Callable[[], Stored]
    created: bool
    changed: bool
    issues: tuple[Issue, ...] = ()

    @property
    def stored(self) -> Stored:
        """The resource as it was after the write, made anew each time."""
        return self.show()


class Page(Struct, frozen=True):
    """Results of a search, in order. `total` when it was asked for; `next` says where the next page begins, if there is one;
    `included`: what `_include` and `_revinclude` bring along."""

    found: tuple[Stored, ...]
    included: tuple[Stored, ...] = ()
    total: int | None = None
    next: Position | None = None


class Value(Struct, frozen=True):
    """One of the values that people disagree about, with who wrote it and when."""

    value: msgspec.Raw | None
    user: str
    role: str
    written_ms: int
    device_ms: int
    shown: bool


class OpenConflict(Struct, frozen=True):
    """An element that waits for a person. `element` is the element key, `name` what people call it."""

    key: int
    type: str
    id: str
    version: str
    element: str
    name: str
    since_ms: int
    values: tuple[Value, ...]


class MergeReport(Struct, frozen=True):
    """What merging foreign changes did: resources changed, element conflicts that opened, resources put aside."""

    changed: int
    conflicts: int
    quarantined: int


class ImportReport(Struct, frozen=True):
    """What an import did. `resources` are those in the files that are now stored, changed or not."""

    resources: int
    changed: int
    quarantined: int


class ScopeStatus(Struct, frozen=True):
    """A scope as `status` tells it."""

    scope: str
    seq: int
    digest: str


class Status(Struct, frozen=True):
    """What `status` tells (docs: the contract's shape)."""

    node: str
    incarnation: str
    hub: str | None
    last_sync: str | None
    pending: int
    acked: int
    scopes: tuple[ScopeStatus, ...]
    conflicts: int
    quarantine: int
    clock_offset_ms: int | None
    facility: str | None = None
    region: str | None = None
    last_error: str | None = None
    resources: int = 0


class AuditEntry(Struct, frozen=True):
    """One line of the audit: who did what to which resource. Never any content."""

    number: int
    at_ms: int
    user: str
    role: str
    action: str
    type: str | None
    id: str | None
    version: str | None
    detail: str | None


class User(Struct, frozen=True):
    """A person who may log in at this node, unless `disabled`. `origin`: `hub`, or `local` when she was made here.

    `patient`: the id of the Patient that a citizen is. `generation` rises when her logins end. `wrong`: wrong passwords
    since the last right one. `locked_until_ms`: when the lock ends that they brought about; 0: there is none.
    """

    name: str
    role: str
    disabled: bool
    created_ms: int
    origin: str = "local"
    patient: str | None = None
    generation: int = 0
    has_pin: bool = False
    wrong: int = 0
    locked_until_ms: int = 0


class QuarantineEntry(Struct, frozen=True):
    """Something that could not be taken in, kept with the reason."""

    number: int
    since_ms: int
    source: str
    reason: str
    detail: str | None
    payload: bytes
