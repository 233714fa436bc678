"""One seed from its first event to the last check."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog.testing

from tests.simulation.actors import Edge, HubActor
from tests.simulation.checkers import check_all
from tests.simulation.faults import Faults, Place
from tests.simulation.people import People
from tests.simulation.records import Records, Violation
from tests.simulation.world import HOUR, MINUTE, SECOND, Weather, World

ROUNDS_MAX = 12
"""All edges once, in turn: so often at most, until nothing changes any more."""

LOG_LINES = 40


class Report(msgspec.Struct, frozen=True):
    """What a world did."""

    seed: int
    trace: str
    counts: dict[str, int]
    exchanges: int
    rounds: int


class Simulation:
    """A world with its hub, edges, people and faults. `report.trace` is the same whenever the same seed runs."""

    def __init__(self, seed: int, folder: Path, kinds: Sequence[str] | None = None) -> None:
        self.world = World(seed, folder)
        chance = self.world.chance
        self.records = Records()
        self.hub = HubActor(self.world, self.records)
        self.facilities = ["f0", "f1"][: chance.choice((1, 2, 2))]
        for facility in self.facilities:
            self.hub.hub.add_scope(f"facility/{facility}")
        self.people = People(self.world, self.records)
        self.edges: list[Edge] = []
        self.lasting_ms = chance.choice((4, 24, 72)) * HOUR
        for number in range(chance.choice((2, 2, 3, 4))):
            self._add_edge(number)
        place = Place(self.world, self.hub, self.edges, self.people, self.facilities, self._schedule)
        self.faults = Faults(place, kinds)
        self.rounds = 0

    def _add_edge(self, number: int) -> None:
        chance = self.world.chance
        facility = chance.choice(self.facilities)
        presence = self.facilities if len(self.facilities) > 1 and chance.random() < 0.2 else ()
        node = self.hub.hub.add_node(f"n{number}", facility, facilities=presence)
        edge = Edge(self.world, node.id, node, self.hub, self.records)
        edge.begin(self.world.new_folder())
        self.edges.append(edge)

    def _schedule(self, edge: Edge) -> None:
        """What people will do here, and when exchanges run."""
        chance, left = self.world.chance, max(1, self.lasting_ms - self.world.now_ms % self.lasting_ms)
        for _ in range(chance.randrange(5, 18)):
            self.world.after(chance.randrange(left), lambda: self.people.act(edge))
        for _ in range(chance.randrange(2, 9)):
            self.world.after(chance.randrange(left), lambda: self._sync(edge))

    def _sync(self, edge: Edge) -> None:
        edge.sync()

    def run(self) -> Report:
        """Everything. Raises Violation."""
        for edge in self.edges:
            self._schedule(edge)
        self.faults.begin(self.lasting_ms)
        self.world.run()
        self.quiesce()
        check_all(self.edges, self.hub, self.records)
        return self.report

    @property
    def report(self) -> Report:
        """What happened so far."""
        exchanges = sum(edge.exchanges for edge in self.edges)
        return Report(self.world.seed, self.world.trace, self.world.counts, exchanges, self.rounds)

    def quiesce(self) -> None:
        """All links are up, nobody writes, no process ends any more: syncs until nothing changes."""
        self.world.weather = Weather(delay_ms=2 * SECOND)
        for edge in self.edges:
            edge.boundary.arm(0, after=False)
        self.hub.boundary.arm(0, after=False)
        self.world.run()
        for self.rounds in range(1, ROUNDS_MAX + 1):
            before = self._standing()
            for edge in self.edges:
                edge.relay_sticks()
            self.world.run(self.world.now_ms + MINUTE)
            equal = [self._last_sync(edge) for edge in self.edges]
            if self._standing() == before and all(equal):
                return
            self.world.run(self.world.now_ms + MINUTE)
        raise Violation(f"not at rest after {ROUNDS_MAX} rounds: {equal}")

    def _last_sync(self, edge: Edge) -> bool:
        done = edge.sync()
        if done is None:
            raise Violation(f"{edge.name}: a sync failed though nothing was in its way")
        return done.digest_equal

    def _standing(self) -> list[object]:
        return [
            [(row.seq, row.digest) for row in self.hub.hub.tables.scopes.values()],
            *(edge.store.digests() for edge in self.edges if edge.store is not None),
        ]

    def log_end(self) -> str:
        """The last that happened."""
        return "\n".join(["", *self.world.log[-LOG_LINES:]])

    def close(self) -> None:
        """Ends all processes."""
        for edge in self.edges:
            if edge.store is not None:
                edge.store.edge = None
                edge.store.close()


def simulate(seed: int, kinds: Sequence[str] | None = None) -> Report:
    """Runs one seed in a folder of its own, in memory where there is such a place. Raises Violation."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="medtech-sim-") as name:
        simulation = Simulation(seed, Path(name), kinds)
        try:
            with structlog.testing.capture_logs():  # a reconciliation warns, as it should
                return simulation.run()
        except Exception:
            print(f"seed {seed} failed; faults: {' '.join(sorted(simulation.faults.kinds))}; {simulation.log_end()}")
            raise
        finally:
            simulation.close()
