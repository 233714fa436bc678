"""What goes wrong, and when. Each seed takes some kinds of faults and leaves others, so that rare meetings of two come about."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hub.moving import move_patient
from tests.simulation.actors import Edge, HubActor
from tests.simulation.carrying import pack
from tests.simulation.memory_shard import finish
from tests.simulation.oracle import Fact
from tests.simulation.people import People
from tests.simulation.records import Copy
from tests.simulation.world import HOUR, SECOND, YEAR, Crash, World

KINDS = (
    *("loss", "repetition", "truncation", "corruption"),
    *(
        "edge-crash",
        "hub-crash",
        "power",
        "clock",
        "restore",
        "copy",
        "clone",
        "twin",
        "hub-back",
        "move",
        "newer",
        "stick",
    ),
)

APART = {
    "twin": ("stick", "hub-back", "restore"),
    "stick": ("copy", "clone"),
}
"""Known limits: kinds of faults that one world does not have together (docs/ARCHITECTURE.md).

A machine that was copied while it ran goes on in the same life in both copies, until they meet the hub. What one of them handed out
before keeps that name; a backup of one brought back, and a hub that forgot which of them it knew, speak for both. What two copies of a
disk had both not sent is renamed in one of them; what that one had handed out of it stands twice.
"""


class Place(msgspec.Struct):
    """Where faults happen: all that there is in a world."""

    world: World
    hub: HubActor
    edges: list[Edge]
    people: People
    facilities: list[str]
    schedule: Callable[[Edge], None]
    """Lets people work and syncs run at an edge that was added."""


class Faults:
    """The faults of one seed."""

    def __init__(self, place: Place, kinds: Sequence[str] | None = None) -> None:
        self.place = place
        chance = place.world.chance
        self.kinds = set(kinds) if kinds is not None else {kind for kind in KINDS if chance.random() < 0.3}
        if kinds is None:
            self.kinds -= {other for kind, others in APART.items() if kind in self.kinds for other in others}
        self._copies: dict[str, Copy] = {}
        self._snapshot: tuple[Any, set[Fact]] | None = None

    def begin(self, lasting_ms: int) -> None:
        """Chooses the moments."""
        world = self.place.world
        self._weather()
        if "newer" in self.kinds:
            self.place.people.has_newer_program(self.place.edges[0])
        deeds = {
            "edge-crash": (4, self._edge_crash),
            "hub-crash": (4, self._hub_crash),
            "power": (2, self._power),
            "clock": (4, self._clock),
            "restore": (1, self._restore),
            "copy": (1, self._copy_back),
            "clone": (1, self._clone),
            "twin": (1, self._twin),
            "hub-back": (1, self._hub_back),
            "move": (3, self._move),
            "stick": (12, self._stick),
        }
        for kind, (times, deed) in deeds.items():
            if kind in self.kinds:
                for _ in range(world.chance.randrange(1, times + 1)):
                    world.after(world.chance.randrange(lasting_ms), deed)
        for _ in range(4):  # what backups are made of
            world.after(world.chance.randrange(lasting_ms), self._back_up)

    def _weather(self) -> None:
        weather, chance = self.place.world.weather, self.place.world.chance
        for kind, name in (("loss", "lost"), ("repetition", "repeated"), ("truncation", "truncated")):
            if kind in self.kinds:
                setattr(weather, name, chance.choice((0.02, 0.1, 0.3)))
        if "corruption" in self.kinds:
            weather.corrupted = chance.choice((0.05, 0.3))
        weather.delay_ms = chance.choice((10, 600, 20 * SECOND, 80 * SECOND))

    def _some_edge(self) -> Edge:
        return self.place.world.chance.choice(self.place.edges)

    def _edge_crash(self) -> None:
        edge, chance = self._some_edge(), self.place.world.chance
        edge.boundary.arm(chance.randrange(1, 8), after=chance.random() < 0.5)

    def _hub_crash(self) -> None:
        chance = self.place.world.chance
        self.place.hub.boundary.arm(chance.randrange(1, 4), after=chance.random() < 0.5)

    def _power(self) -> None:
        edge = self._some_edge()
        if edge.store is not None:
            self.place.world.note("power", edge.name)
            edge.die(self.place.world.chance.randrange(2 * HOUR))

    def _clock(self) -> None:
        chance = self.place.world.chance
        clock = chance.choice([self._some_edge().clock, self._some_edge().clock, self.place.hub.clock])
        clock.wrong_by_ms = chance.choice((0, chance.randrange(-30 * YEAR, 30 * YEAR), chance.randrange(-HOUR, HOUR)))
        self.place.world.note("clock", str(clock.wrong_by_ms))

    def _back_up(self) -> None:
        edge = self._some_edge()
        if edge.store is not None:
            self._copies[edge.name] = edge.copy()
        self._snapshot = (self.place.hub.hub.tables.snapshot(), set(self.place.hub.known))

    def _restore(self) -> None:
        self._bring_back(told=True)

    def _copy_back(self) -> None:
        self._bring_back(told=False)

    def _bring_back(self, *, told: bool) -> None:
        edges = [edge for edge in self.place.edges if edge.name in self._copies]
        if edges:
            edge = self.place.world.chance.choice(edges)
            edge.become(self._copies[edge.name], told=told)
            self.place.people.look_again(edge)
            self.place.world.note("restore" if told else "copy", edge.name)

    def _clone(self) -> None:
        """The disk is copied into a second machine, and both go on."""
        self._double(awake=False)

    def _twin(self) -> None:
        """A virtual machine is copied while it runs, memory and all."""
        self._double(awake=True)

    def _double(self, *, awake: bool) -> None:
        edge = self._some_edge()
        if edge.store is None or len(self.place.edges) > 5:
            return
        other = Edge(self.place.world, f"{edge.name}+{len(self.place.edges)}", edge.node, self.place.hub, edge.records)
        other.become(edge.copy(), told=False, awake=awake and edge.store._living)
        edge.copied += 1
        self.place.edges.append(other)
        self.place.schedule(other)
        self.place.world.note("twin" if awake else "clone", edge.name)

    def _hub_back(self) -> None:
        if self._snapshot is not None:
            self.place.hub.go_back(*self._snapshot)
            self.place.world.note("hub-back")

    def _stick(self) -> None:
        """Somebody carries one node's changes to another of the same clinic; some time the carrier is at the hub's door."""
        world = self.place.world
        author, carrier = self._some_edge(), self._some_edge()
        if author is carrier or author.node.facility != carrier.node.facility or author.store is None:
            return
        stick = pack(author, carrier, everything=world.maybe(0.2))
        if stick is None:
            return
        self.place.hub.foreign_changes = True
        world.note("stick", f"{author.name} {carrier.name}")
        for _ in range(world.chance.choice((1, 1, 2))):
            world.after(world.chance.randrange(6 * HOUR), lambda: carrier.receive_stick(stick))
        world.after(world.chance.randrange(6 * HOUR), carrier.relay_sticks)

    def _move(self) -> None:
        world, hub = self.place.world, self.place.hub
        patients = sorted({name for edge in self.place.edges for name in edge.present if name.startswith("Patient/")})
        if not patients:
            return
        name, facility = world.chance.choice(patients), world.chance.choice(self.place.facilities)
        if hub.hub.keys.resource_key(name) not in hub.hub.tables.keys:
            return
        try:
            moved = finish(move_patient(hub.hub, name.partition("/")[2], f"facility/{facility}"))
        except Crash:
            hub.restart()
        else:
            world.note("move", f"{name} {moved.source} {moved.target} {moved.resources}")
