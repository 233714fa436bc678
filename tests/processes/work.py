"""People who write at a clinic over HTTP, and remember every answer they got: what they were told is stored has to be there."""

import random
import threading
from collections.abc import Mapping
from typing import Any, Final

from tests.processes.web import NoReply, Web

MARK: Final = "Quarshigah"
"""Begins every family name here: what is looked for in files that have to be unreadable."""
SHARED: Final = 6
"""Patients that all of a facility edit."""
PRIVATE: Final = 5
"""Observations that one person alone edits."""
PAUSE_SECONDS: Final = 0.02
"""Between two writes: what is killed shall have time to exchange, too."""


class Book:
    """What one person was told is stored. Keys are `Type/id`."""

    def __init__(self) -> None:
        self.created: dict[str, str] = {}
        """Resource → the family name, or the value, that it was created with."""
        self.identifiers: dict[str, set[str]] = {}
        """Shared patient → identifier systems that were added."""
        self.counts: dict[str, int] = {}
        """Own observation → the last number that was acknowledged."""
        self.tried: dict[str, int] = {}
        """Own observation → the last number that was sent, whatever became of it."""
        self.written = 0
        self.unanswered = 0


class Writer(threading.Thread):
    """Writes at a clinic until told to stop, whether its server lives or not."""

    def __init__(self, name: str, web: Web, facility: str, seed: int) -> None:
        super().__init__(name=f"writer {name}", daemon=True)
        self.book = Book()
        self.facility = facility
        self._name, self._web = name, web
        self._random = random.Random(seed)
        self._number = 0
        self._stop_asked = threading.Event()
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Ends it, and raises what went wrong."""
        self._stop_asked.set()
        self.join(120)
        assert not self.is_alive()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                try:
                    self._one()
                    self._stop_asked.wait(PAUSE_SECONDS)
                except NoReply:
                    self.book.unanswered += 1
                    self._stop_asked.wait(0.05)  # its server is being started again
        except BaseException as error:  # noqa: BLE001 - raised again by `stop`, in the test's own thread
            self.failure = error

    def _one(self) -> None:
        act = self._random.choices([self._create, self._add, self._count, self._exchange], [4, 4, 4, 1])[0]
        act()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _create(self) -> None:
        name = f"Patient/{self._name}-{self._next()}"
        family = f"{MARK}{self._name}{self._number}"
        reply = self._web.put(_patient(name, family))
        if self._stored(reply.status, {200, 201}):
            self.book.created[name] = family

    def _add(self) -> None:
        """An identifier beside those that are there: nobody's disappears, whoever adds at the same time."""
        name = f"Patient/{self.facility}-shared-{self._random.randrange(SHARED)}"
        reply = self._web.ask("GET", f"/fhir/{name}")
        if reply.status == 404:
            found, etag = _patient(name, f"{MARK}Shared"), None
        else:
            assert reply.status == 200, (reply.status, reply.body)
            found, etag = reply.json, reply.headers["etag"]
        system = f"urn:{self._name}:{self._next()}"
        identifiers = [*found.get("identifier", []), {"system": system, "value": f"{MARK}{self._number}"}]
        # What an exchange brings between the reading and the writing is not to be written over unseen.
        reply = self._web.put({**found, "identifier": identifiers}, etag, new=etag is None)
        if self._stored(reply.status, {200, 201}):
            self.book.identifiers.setdefault(name, set()).add(system)

    def _count(self) -> None:
        """A number that only this person raises."""
        name = f"Observation/{self._name}-count-{self._random.randrange(PRIVATE)}"
        number = self._next()
        self.book.tried[name] = number
        if self._stored(self._web.put(_observation(name, number)).status, {200, 201}):
            self.book.counts[name] = number

    def _exchange(self) -> None:
        reply = self._web.ask("POST", "/api/v1/sync")
        assert reply.status in (200, 502, 503), (reply.status, reply.body)

    def _stored(self, status: int, good: set[int]) -> bool:
        """Whether a write was acknowledged; someone else's in between is no failure."""
        assert status in good | {412, 503}, status
        if status in good:
            self.book.written += 1
        return status in good


def _patient(name: str, family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name.partition("/")[2], "name": [{"family": family, "given": ["Ama"]}]}


def _observation(name: str, number: int) -> dict[str, Any]:
    quantity = {"value": number, "unit": "1"}
    id_ = name.partition("/")[2]
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "count"},
        "valueQuantity": quantity,
    }


def missing(book: Book, held: Mapping[str, Any]) -> list[str]:
    """What a book says was stored and a node does not have: empty when nothing was lost."""
    lost = [
        name
        for name, family in book.created.items()
        if name not in held or held[name]["name"][0].get("family") != family
    ]
    for name, systems in book.identifiers.items():
        here = {one.get("system") for one in held.get(name, {}).get("identifier", [])}
        lost += [f"{name} {system}" for system in sorted(systems - here)]
    for name, number in book.counts.items():
        found = held[name]["valueQuantity"]["value"] if name in held else 0
        if not number <= found <= book.tried[name]:
            lost.append(f"{name} {number}: {found}")
    return lost
