"""The history of every element: who wrote what, when and where, what it replaced, and what it stands beside or lost against.

A function of the versions that were here, as registers: each version holds who wrote each of its values (stamps), and what they had seen
(contexts). So two values that stood beside each other for a while, and were settled in a third, are told as that.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from edge_node.store import reading, rows
from edge_node.store.connection import Connection
from edge_node.store.standing import own_incarnations
from sync_protocol.register import Register, Sibling, Stamp, dot
from sync_protocol.resource import Resource

Fate = Literal["shown", "beside", "replaced"]
SHOWN: Final = "shown"
BESIDE: Final = "beside"
REPLACED: Final = "replaced"


class Entry(msgspec.Struct, frozen=True):
    """One value that somebody wrote into an element.

    `value`: the element's JSON text, None when it was removed. `stored_ms`: when this node first held it. `fate`: it is what is
    shown; it stands beside what is shown, written by people who had not seen each other's (`lost` while the other is shown); or it was
    replaced by those at the places `by` of the same list. `replaced`: the places of those that it took the place of. `here`: written at
    this node. `gap`: what it replaced was, in part, never here.
    """

    value: bytes | None
    stamp: Stamp
    stored_ms: int
    here: bool
    fate: Fate
    by: tuple[int, ...] = ()
    replaced: tuple[int, ...] = ()
    gap: bool = False


class Lineage(msgspec.Struct, frozen=True):
    """An element and all values that it ever had here, oldest first."""

    element: str
    entries: tuple[Entry, ...]


class _Kept(msgspec.Struct):
    sibling: Sibling
    stored_ms: int
    gap: bool
    replaced: list[int] = msgspec.field(default_factory=list)
    by: list[int] = msgspec.field(default_factory=list)


def lineages(versions: Sequence[tuple[int, Resource]], own: frozenset[int] = frozenset()) -> list[Lineage]:
    """The history of each element of a resource out of its versions, each with the time at which it was stored, oldest first.

    Elements in the order of their last change, latest first. `own`: this node's incarnations.
    """
    names = dict.fromkeys(name for _, resource in versions for name in resource.elements)
    told = [Lineage(name, tuple(_entries(name, versions, own))) for name in names]
    return sorted(told, key=lambda one: max(entry.stored_ms for entry in one.entries), reverse=True)


def _entries(name: str, versions: Sequence[tuple[int, Resource]], own: frozenset[int]) -> Iterable[Entry]:
    kept: list[_Kept] = []
    places: dict[tuple[int, int], int] = {}
    before: Register | None = None
    for stored_ms, resource in versions:
        register = resource.elements.get(name)
        if register is None or register is before:
            continue
        _advance(kept, places, before, register, stored_ms)
        before = register
    if before is None:
        return
    live = {dot(sibling) for sibling in before.siblings}
    for one in kept:
        at = dot(one.sibling)
        fate: Fate = REPLACED if at not in live else SHOWN if one.sibling.value == before.shown.value else BESIDE
        stamp = one.sibling.stamp
        yield Entry(
            one.sibling.value,
            stamp,
            one.stored_ms,
            stamp.node in own,
            fate,
            tuple(sorted(one.by)),
            tuple(sorted(one.replaced)),
            one.gap,
        )


def _advance(
    kept: list[_Kept],
    places: dict[tuple[int, int], int],
    before: Register | None,
    register: Register,
    stored_ms: int,
) -> None:
    """From one version's register to the next one's: what is new, and which of it took the place of what is gone."""
    fresh = [sibling for sibling in register.siblings if dot(sibling) not in places]
    for sibling in sorted(fresh, key=lambda one: one.rank):
        places[dot(sibling)] = len(kept)
        kept.append(_Kept(sibling, stored_ms, _unseen_write(before, register, fresh)))
    if before is None:
        return
    live = {dot(sibling) for sibling in register.siblings}
    for sibling in before.siblings:
        if dot(sibling) in live:
            continue
        gone = places[dot(sibling)]
        for winner in fresh or register.siblings:
            place = places[dot(winner)]
            kept[gone].by.append(place)
            kept[place].replaced.append(gone)


def _unseen_write(before: Register | None, register: Register, fresh: Sequence[Sibling]) -> bool:
    """Whether somebody wrote between these two and it never came here: the later has seen a write that neither holds."""
    seen_before = before.context if before is not None else {}
    new = {dot(sibling) for sibling in fresh}
    return any(at not in new and at[1] > seen_before.get(at[0], 0) for at in register.context.items())


def of_resource(connection: Connection, type_: str, id_: str) -> list[Lineage]:
    """The history of each element of a resource that is here; nothing when it never was."""
    key = reading.key_of(connection, type_, id_)
    query = (
        "SELECT updated, state FROM (SELECT number, updated, state FROM history WHERE key = ?1"
        " UNION ALL SELECT 1 << 62, updated, state FROM resource WHERE key = ?1 AND state IS NOT NULL) ORDER BY number"
    )
    found = connection.execute(query, (key,)).fetchall()
    versions = [(updated, rows.resource_of(type_, id_, state)) for updated, state in found]
    return lineages(versions, frozenset(own_incarnations(connection)))
