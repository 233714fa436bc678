"""Two records of one person: merged by FHIR `Patient.link`, and parted again (https://hl7.org/fhir/R4/patient-definitions.html#Patient.link).

The record that goes on says `replaces` the other, the other says `replaced-by` it and is no longer `active`. Nothing is moved and
nothing is lost: what was written under either stays there, and is shown together. Parting takes both links out again.

Nodes merge without knowing of each other, so links may come together in any shape. What holds then:

* **Chain** (C into B, B into A): all are shown as A.
* **Cycle** (A into B here, B into A there): one person, without anybody's word on which record goes on: the one with the least id does, at
  every node the same.
* **Two** (B into A here, B into C there): both go on, and each shows B's records, since two people said two things. That A and C
  were one is said by nobody, so they are not shown as one. Parting one of them settles it.
* **Half** (one of the two links has not come yet): `replaced-by` alone is enough for both records to be shown as one.
* A link to a record that is not here, or was deleted, leads nowhere: the record itself is shown.
* **Too many** (links lead to more than `MERGED_MAX` records): a mistake, of which nobody can say who is meant. Each of them goes on by
  itself, so that none is led in a circle and none is missing from the lists.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, Literal

import msgspec

from edge_node.errors import InvalidResource
from edge_node.fhir.validation import Issue
from edge_node.store.model import Stored, Write

REPLACES: Final = "replaces"
REPLACED_BY: Final = "replaced-by"
MERGED_MAX: Final = 200
"""Records of one person that are followed: more is a mistake, and the walk ends."""

Read = Callable[[str], Stored | None]
"""A Patient by id; None when there is none."""
LinkType = Literal["replaces", "replaced-by"]


class _Other(msgspec.Struct, frozen=True, rename="camel"):
    reference: str = ""


class _Link(msgspec.Struct, frozen=True, rename="camel"):
    other: _Other = _Other()
    type: str = ""


class _Linked(msgspec.Struct, frozen=True, rename="camel"):
    link: list[_Link] = []


def linked(stored: Stored, kind: LinkType) -> list[str]:
    """Ids of the patients that a record says it replaces, or is replaced by; sorted, without itself."""
    if stored.body is None or b'"link"' not in stored.body:
        return []
    try:
        links = msgspec.json.decode(stored.body, type=_Linked).link
    except msgspec.ValidationError:  # of another shape than FHIR's: it links nobody
        return []
    ids = {link.other.reference.removeprefix("Patient/") for link in links if link.type == kind}
    return sorted(id_ for id_ in ids if id_ and "/" not in id_ and id_ != stored.id)


def survivors(stored: Stored, read: Read) -> list[Stored]:
    """The records that go on for a person, in order of id: the record itself when it was merged into none, else where its links lead."""
    if not linked(stored, REPLACED_BY):
        return [stored]
    read = cache(read)
    graph = _walk(stored, lambda one: _present(linked(one, REPLACED_BY)[: MERGED_MAX + 1], read))
    return [graph[id_][0] for id_ in _last(stored.id, graph)] if len(graph) <= MERGED_MAX else [stored]


def _last(first: str, graph: "Graph") -> list[str]:
    """Ids of those whom nothing follows but what leads back (a cycle): of each cycle the least. Sorted.

    Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972): each link is looked at once.
    """
    numbers, lowest = dict[str, int](), dict[str, int]()
    path, last = list[str](), list[str]()
    settled: set[str] = set()

    def visit(id_: str) -> None:
        numbers[id_] = lowest[id_] = len(numbers)
        path.append(id_)
        for other in graph[id_][1]:
            if other not in numbers:
                visit(other)
            if other not in settled:
                lowest[id_] = min(lowest[id_], lowest[other])
        if lowest[id_] == numbers[id_]:
            circle = path[path.index(id_) :]
            del path[-len(circle) :]
            settled.update(circle)
            if set().union(*(graph[one][1] for one in circle)) <= set(circle):
                last.append(min(circle))

    visit(first)
    return sorted(last)


def merged_into(stored: Stored, read: Read, referring: Callable[[Stored], list[Stored]]) -> list[Stored]:
    """The records whose contents are shown with this one's, apart from itself: all that were merged into it, and those merged into
    them; none for a record that was itself merged into another. In order of id. `referring`: patients whose links name one."""
    read = cache(read)
    if stored.key not in {one.key for one in survivors(stored, read)}:
        return []
    named = dict[str, set[str]]()

    def merged(one: Stored) -> list[Stored]:
        there = [other for other in referring(one) if not other.gone]
        named.update((other.id, set(linked(other, REPLACED_BY))) for other in there if other.id not in named)
        return [*(other for other in there if one.id in named[other.id]), *_present(linked(one, REPLACES), read)]

    graph = _walk(stored, merged)
    return sorted((one for one, _ in graph.values() if one.id != stored.id), key=lambda one: one.id)


Graph = dict[str, tuple[Stored, set[str]]]
"""Records by id, and the ids that each leads to."""


def _walk(stored: Stored, following: Callable[[Stored], list[Stored]]) -> Graph:
    """The record and all that follow it, each once."""
    graph: Graph = {}
    waiting = {stored.id: stored}
    while waiting:
        _, one = waiting.popitem()
        others = {other.id: other for other in following(one)} if len(graph) < MERGED_MAX else {}
        graph[one.id] = (one, set(others))
        waiting |= {id_: other for id_, other in others.items() if id_ not in graph}
    return graph


def _present(ids: Iterable[str], read: Read) -> list[Stored]:
    found = (read(id_) for id_ in ids)
    return [one for one in found if one is not None and not one.gone]


# --- the writes -------------------------------------------------------------------------------------------------------


def merge(kept: Stored, other: Stored) -> list[Write]:
    """The writes that merge `other` into `kept`, each against the version that was looked at.

    Raises InvalidResource when they are one record, or when either was merged into another already: the one that goes on is meant then.
    """
    if kept.id == other.id:
        raise _refused("A record cannot be merged into itself")
    if linked(kept, REPLACED_BY) or linked(other, REPLACED_BY):
        raise _refused("One of the two was merged into another record already; open that one")
    return [
        _write(kept, lambda links: [*links, _link(other.id, REPLACES)]),
        _write(other, lambda links: [*links, _link(kept.id, REPLACED_BY)], active=False),
    ]


def part(kept: Stored, other: Stored) -> list[Write]:
    """The writes that undo a merge of `other` into `kept`; what was written since stays where it was written.

    `other` is active again unless it was merged into a third one too. Raises InvalidResource when they are not merged.
    """
    if other.id not in linked(kept, REPLACES) and kept.id not in linked(other, REPLACED_BY):
        raise _refused("These records are not merged")
    elsewhere = [id_ for id_ in linked(other, REPLACED_BY) if id_ != kept.id]
    return [
        _write(kept, lambda links: _without(links, other.id, REPLACES)),
        _write(other, lambda links: _without(links, kept.id, REPLACED_BY), active=None if elsewhere else True),
    ]


def _write(stored: Stored, change: Callable[[list[Any]], list[Any]], active: bool | None = None) -> Write:
    """The record with other links, and all else digit for digit."""
    members = msgspec.json.decode(stored.body or b"{}", type=dict[str, msgspec.Raw])
    links = change(msgspec.json.decode(members.pop("link", msgspec.Raw(b"[]"))))
    if links:
        members["link"] = msgspec.Raw(msgspec.json.encode(links))
    if active is not None:
        members["active"] = msgspec.Raw(b"true" if active else b"false")
    return Write("Patient", stored.id, msgspec.json.encode(members), seen=stored.version)


def _link(id_: str, kind: LinkType) -> dict[str, Any]:
    return {"other": {"reference": f"Patient/{id_}"}, "type": kind}


def _without(links: list[Any], id_: str, kind: LinkType) -> list[Any]:
    return [link for link in links if not _is(link, id_, kind)]


def _is(link: Any, id_: str, kind: LinkType) -> bool:
    if not isinstance(link, dict) or not isinstance(link.get("other"), dict):
        return False
    return link.get("type") == kind and link["other"].get("reference") == f"Patient/{id_}"


def _refused(text: str) -> InvalidResource:
    return InvalidResource([Issue("error", "business-rule", "Patient.link", text)])
