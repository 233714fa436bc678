"""What must be true in the end, told from what people did and saw. It knows nothing of registers, dots, contexts or feeds.

A *fact* is one write of one element. Whoever wrote it had some earlier facts of that element on her screen; those had been
written by people who had seen others, and so on: all these are *behind* it. Of the facts that have not been lost with a disk,
exactly those must be left that are behind no other. A deletion is a fact of the element `~` that remembers what its author saw
of every element: the resource is gone when everything that is left was seen by somebody whose deletion is left, and nobody keeps it.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

DELETION = "~"


class Fact(msgspec.Struct, frozen=True, order=True):
    """One write of one element."""

    resource: str
    element: str
    write: str


class _Told(msgspec.Struct, frozen=True):
    value: str | None
    """Canonical JSON; None: removed. Of the element `~`: whatever, unless it is a deletion."""
    behind: frozenset[str]
    """The writes of this element that its author knew, on the screen or through what was on it."""
    deletes: Mapping[str, frozenset[str]] | None = None
    """For a deletion: element → all that its author knew of it."""


class Oracle:
    """All that people ever did."""

    def __init__(self) -> None:
        self._told: dict[Fact, _Told] = {}

    def wrote(self, resource: str, element: str, write: str, value: str | None, saw: Collection[str]) -> Fact:
        """Somebody wrote an element, having these writes of it on the screen."""
        fact = Fact(resource, element, write)
        self._told[fact] = _Told(value, self.knew(resource, element, saw))
        return fact

    def deleted(self, resource: str, write: str, saw: Mapping[str, Collection[str]]) -> Fact:
        """Somebody deleted a resource, having all these writes, by element, on the screen."""
        fact = Fact(resource, DELETION, write)
        clock = {element: self.knew(resource, element, seen) for element, seen in saw.items() if element != DELETION}
        self._told[fact] = _Told(None, self.knew(resource, DELETION, saw.get(DELETION, ())), clock)
        return fact

    def knew(self, resource: str, element: str, saw: Iterable[str]) -> frozenset[str]:
        """These writes, and all that is behind them."""
        known: set[str] = set()
        for write in saw:
            known.add(write)
            known |= self._told[Fact(resource, element, write)].behind
        return frozenset(known)

    def closure(self, fact: Fact) -> set[Fact]:
        """A fact, and all that is behind it: whoever has the one has, in a sense, the others too."""
        behind = self._told[fact].behind
        return {fact, *(Fact(fact.resource, fact.element, write) for write in behind)}

    def was_told(self, fact: Fact) -> bool:
        """Whether anybody wrote that."""
        return fact in self._told

    def value(self, fact: Fact) -> str | None:
        """What was written."""
        return self._told[fact].value

    def left(self, known: Iterable[Fact]) -> dict[str, dict[str, frozenset[str]]]:
        """Resource → element → the writes that must be left, when these facts were not lost."""
        groups: dict[tuple[str, str], set[str]] = {}
        for fact in known:
            groups.setdefault((fact.resource, fact.element), set()).add(fact.write)
        found: dict[str, dict[str, frozenset[str]]] = {}
        for (resource, element), writes in groups.items():
            behind: set[str] = set()
            for write in writes:
                behind |= self._told[Fact(resource, element, write)].behind
            found.setdefault(resource, {})[element] = frozenset(writes - behind)
        return found

    def gone(self, resource: str, left: Mapping[str, frozenset[str]]) -> bool:
        """Whether a resource with these writes left is deleted."""
        said = [self._told[Fact(resource, DELETION, write)].deletes for write in left.get(DELETION, ())]
        clocks = [clock for clock in said if clock is not None]
        if not clocks or len(clocks) < len(said):
            return False
        return all(
            any(write in clock.get(element, ()) for clock in clocks)
            for element, writes in left.items()
            if element != DELETION
            for write in writes
        )
