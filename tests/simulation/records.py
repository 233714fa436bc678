"""What all replicas of a world are compared by."""

from collections.abc import Callable
from pathlib import Path

from sync_protocol.resource import Resource
from tests.simulation.oracle import Fact, Oracle
from tests.simulation.screens import Names


class Violation(AssertionError):
    """Something that must hold does not."""


class Records:
    """What all replicas are compared by: the oracle, the names of elements, and which facts a state holds."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.names = Names()
        self.doubled: set[Fact] = set()
        """Facts that two lives of a node have under different names: made before a copy was taken, and not acknowledged by then."""
        self._facts: dict[bytes, frozenset[Fact]] = {}

    def facts(self, hash_: bytes, opened: Callable[[], Resource]) -> frozenset[Fact]:
        """The facts in a state, and all behind them. Looked into once for each state."""
        found = self._facts.get(hash_)
        if found is None:
            resource = opened()
            told = [
                Fact(resource.name, e, write) for e, writes in self.names.told(resource).items() for write in writes
            ]
            for fact in told:
                if not self.oracle.was_told(fact):
                    raise Violation(f"{fact.resource} {fact.element}: {fact.write} did not write that")
            found = self._facts[hash_] = frozenset(one for fact in told for one in self.oracle.closure(fact))
        return found


class Copy:
    """What a disk held once."""

    def __init__(self, disk: Path, known: set[Fact], present: set[str], unacknowledged: set[Fact]) -> None:
        self.disk, self.known, self.present, self.unacknowledged = disk, known, present, unacknowledged
