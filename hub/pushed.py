"""What is pushed, while it is merged: who says it, and each resource that it is about."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final

from msgspec import Struct

from hub.store.nodes import IncarnationRow, NodeRow
from hub.store.scopes import ScopeRow
from sync_protocol import elements
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Note
from sync_protocol.resource import Resource, join_resource

FACILITY: Final = "facility"
"""Kind of the scopes that clinics write into."""

Key = bytes
"""A resource's `rkey`."""

Rule = Callable[[Resource | None, Resource], rules.Merge]
"""How what arrives is joined to what is here."""


class Speaker:
    """A node in one request. `own`: the lives in whose names it speaks; `forgetful`: it has proved that this hub went back, and nobody
    else is believed to know of a move better than the hub."""

    def __init__(
        self,
        node: NodeRow,
        incarnation: int,
        own: frozenset[int],
        scopes: Sequence[ScopeRow],
        *,
        forgetful: bool = False,
        home: int | None = None,
        refers: bool = True,
        brought: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.node, self.incarnation, self.own, self.forgetful = node, incarnation, own, forgetful
        self.scopes = {scope.id: scope for scope in scopes}
        self.held = frozenset(self.scopes)
        self.refers_from = self.held if refers else frozenset[int]()
        """The scopes in whose name it may refer somebody."""
        if home is None:
            home = next(scope.id for scope in scopes if scope.name == f"facility/{node.facility}")
        self.home = home
        self.brought = brought
        """Of whole records that come from another shard, and are joined as they are: name → names of the scopes that each was in."""
        self.earlier = own - {incarnation}
        self.places: dict[str, int] = {}
        self.recovering: Mapping[int, IncarnationRow] | None = None
        """While it offers whole states in a reconciliation: what is remembered of their authors."""
        self.notes: list[Note] = []

    def place(self, name: str, scope: str) -> None:
        """Where the node has a resource, in case that it is new here: in one of its facilities, else it is not believed. What all
        hold no clinic adds to."""
        self.places.update((name, row.id) for row in self.scopes.values() if row.name == scope and row.kind == FACILITY)

    def rule(self) -> Rule:
        """How what it says is joined to what is here."""
        if self.brought is not None:
            return joined
        if self.recovering is None:
            return lambda present, part: rules.merge(present, part, self.own)
        remembered = {life: memory(row) for life, row in self.recovering.items()}
        return lambda present, part: rules.recover(present, part, self.own, remembered)


class Said(Struct):
    """What one push did to a resource. `after`: how it left it."""

    push: int
    """The push's place among all of the transaction."""
    speaker: Speaker
    left: frozenset[int]
    """Scopes of this node that have to let go of it: the patient is elsewhere now."""
    fresh: bool
    """Whether nothing was here before."""
    changed: Set[str] = frozenset()
    others: bool = False
    """Whether something is among it that waited here, or stood here, and that this node does not know: a copy of it may have sent it."""
    after: Resource | None = None
    parts: Sequence[Resource] = ()
    """What it says, of what is at home on another shard."""


class Work(Struct):
    """One resource while it is merged, by one push after the other."""

    rkey: Key
    scope: int
    before: Resource | None
    after: Resource | None
    hash: bytes | None
    key: int | None
    said: list[Said]
    made_by: int = -1
    """The push that brought it, of what was never here."""
    abroad: bool = False
    """Whether it is at home on another shard: what is said of it goes there."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to store."""
        return self.after is not self.before


class Held(Struct):
    """A part that waits for another author's change. `id` 0: since this transaction."""

    id: int
    node: str
    scope: int
    rkey: Key
    part: Resource
    reason: str


def joined(present: Resource | None, part: Resource) -> rules.Merge:
    """A whole record that another shard had, joined to what is here."""
    if present is None:
        return rules.Merge(part, frozenset(part.elements))
    return rules.Merge(*join_resource(present, part))


def memory(row: IncarnationRow) -> rules.Incarnation:
    """A life's row, for the decisions of the protocol."""
    return rules.Incarnation(row.id, row.base_counter, row.acked, row.safe, row.token or b"", row.exchanges)


def readable(part: Resource) -> tuple[Resource | None, Resource]:
    """The registers whose values are JSON, and those whose are not."""
    broken = {key for key in part.elements if not _is_readable(part.part([key]))}
    rest = part.part(key for key in part.elements if key not in broken)
    return (rest if rest.elements else None), part.part(broken)


def _is_readable(part: Resource) -> bool:
    try:
        elements.check_values(part)
    except ProtocolError:
        return False
    return True
