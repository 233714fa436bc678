"""Clinics that write and exchange without end, each in a thread, whatever becomes of the hub; and what each was told that the hub has."""

import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge_node.errors import SyncFault
from tests.cluster.shape import Cluster
from tests.processes.programs import wait_until
from tests.processes.relay import Relay
from tests.sync.nodes import Node, given_name, person

WRITES_MAX: Final = 4
"""Between two exchanges."""
PAUSE_SECONDS: Final = 0.05
MORE_SECONDS_MAX: Final = 60.0
END_SECONDS_MAX: Final = 120.0
SETTLING_ROUNDS_MAX: Final = 6


class Clinic(threading.Thread):
    """A node at work. It asks the hub processes through one address, as behind a balancer: when one does not do, the next is tried."""

    def __init__(self, cluster: Cluster, folder: Path, facility: str, code: str, seed: int) -> None:
        super().__init__(name=f"clinic {folder.name}", daemon=True)
        self.facility = facility
        self.acknowledged: dict[str, int] = {}
        """Its own patients that the hub has taken: name → the number that was written last, as the given name."""
        self.tags: dict[str, set[str]] = {}
        """Patient that the whole facility writes → systems of the identifiers that this clinic gave it and the hub has taken."""
        self.exchanges, self.refused = 0, 0
        self.failure: BaseException | None = None
        self._ports = [urlsplit(url).port or 0 for url in cluster.urls]
        self._random = random.Random(seed)
        self._turn = self._random.randrange(len(self._ports))
        self._relay = Relay(self._ports[self._turn]).__enter__()
        self._ended = threading.Event()
        self._number = 0
        self.node = Node(folder).join(self._relay.url, code)

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                self._once()
                self._ended.wait(PAUSE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised again by `rest`, in the test's own thread
            self.failure = error

    def _once(self) -> None:
        written: dict[str, int] = {}
        tags: dict[str, set[str]] = {}
        for _ in range(self._random.randint(1, WRITES_MAX)):
            self._number += 1
            if self._random.random() < 0.3:
                self._tag(tags)
            else:
                self._write(written)
        while not self._ended.is_set():
            try:
                progress = self.node.exchange()
            except SyncFault:
                self.refused += 1
                self._turn += 1
                self._relay.target = self._ports[self._turn % len(self._ports)]
                self._ended.wait(PAUSE_SECONDS)
                continue
            assert progress.pending == 0
            self.acknowledged |= written
            for name, systems in tags.items():
                self.tags.setdefault(name, set()).update(systems)
            self.exchanges += 1
            return

    def _write(self, written: dict[str, int]) -> None:
        """A patient of its own: a new one, or one that the hub has, written anew."""
        new = f"Patient/{self.node.folder.name}-{self._number}"
        name = self._random.choice([new, *self.acknowledged])
        self.node.put(name, **person(str(self._number)))
        written[name] = self._number

    def _tag(self, tags: dict[str, set[str]]) -> None:
        """An identifier beside those that others give the same patient at the same time."""
        name = f"Patient/{self.facility}-all"
        system = f"urn:{self.node.folder.name}:{self._number}"
        if self.node.stored(name) is None:
            self.node.put(name, **person("Kofi"))
        identifiers = self.node.shown(name).get("identifier", [])
        self.node.edit(name, identifier=[*identifiers, {"system": system, "value": "1"}])
        tags.setdefault(name, set()).add(system)

    def wait_for_more(self, exchanges: int = 2) -> None:
        """Until so many more exchanges have ended well."""
        wanted = self.exchanges + exchanges
        wait_until(
            lambda: self.exchanges >= wanted or self.failure is not None, MORE_SECONDS_MAX, f"exchanges of {self.name}"
        )
        assert self.failure is None, self.failure

    def rest(self) -> None:
        """It writes no more. Raises what went wrong."""
        self._ended.set()
        self.join(END_SECONDS_MAX)
        assert not self.is_alive(), self.name
        if self.failure is not None:
            raise self.failure

    def leave(self) -> None:
        """It is never heard of again."""
        if self.ident is not None:
            self.rest()
        self.node.close()
        self._relay.__exit__(None, None, None)


def missing(book: Clinic, node: Node) -> list[str]:
    """What a clinic was told that the hub has, and another node of its facility does not."""
    # What it wrote and was not answered for may be there, too: later than what was acknowledged.
    lost = [
        f"{name} {number}"
        for name, number in book.acknowledged.items()
        if node.is_gone(name) or int(given_name(node, name)) < number
    ]
    for name, systems in book.tags.items():
        there = set() if node.is_gone(name) else {one["system"] for one in node.shown(name)["identifier"]}
        lost += [f"{name} {system}" for system in sorted(systems - there)]
    return lost


def settle(nodes: Sequence[Node]) -> None:
    """Exchanges until nobody has anything new, and each has the same as the hub."""
    for _ in range(SETTLING_ROUNDS_MAX):
        if not any(told.pushed or told.pulled for told in [node.exchange() for node in nodes]):
            break
    for node in nodes:
        assert node.sync().pulled == 0
