"""A world in which nothing happens by chance: hub and edges of one's choice, for tests that say each step."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge_node.store.model import Author, Write
from hub.admitting import admit
from hub.directory import publish
from hub.finding import find
from hub.moving import Moved, move_patient
from hub.referring import carry_out
from hub.store.nodes import NodeRow
from sync_protocol.exchange.finding import Admit, Admitted, Find, Found, Reason, read_admitted, read_found
from sync_protocol.exchange.messages import encode
from sync_protocol.resource import Resource
from tests.simulation.actors import Edge, HubActor
from tests.simulation.checkers import check_edge, check_hub, hub_states
from tests.simulation.memory_shard import finish
from tests.simulation.oracle import Fact
from tests.simulation.records import Records
from tests.simulation.world import Weather, World


class Unrecorded(Records):
    """A script says itself what must be there."""

    def facts(self, hash_: bytes, opened: Callable[[], Resource]) -> frozenset[Fact]:
        """Nothing."""
        return frozenset()


class Script:
    """Edges by name, each of a facility; `presences` hold both facilities, f0 and f1."""

    def __init__(self, folder: Path, facilities: Mapping[str, str], presences: Sequence[str] = ()) -> None:
        self.world = World(0, folder)
        self.records = Unrecorded()
        self.hub = HubActor(self.world, self.records)
        for facility in ("f0", "f1"):
            self.hub.hub.add_facility(facility)
        self.edges: dict[str, Edge] = {}
        for name, facility in facilities.items():
            node = self.hub.hub.add_node(name, facility, facilities=("f0", "f1") if name in presences else ())
            self.edges[name] = Edge(self.world, name, node, self.hub, self.records)
            self.edges[name].begin(self.world.new_folder())
        self._writes = 0

    def close(self) -> None:
        """Ends all processes."""
        for edge in self.edges.values():
            if edge.store is not None:
                edge.store.edge = None
                edge.store.close()

    def add(self, name: str, node: NodeRow) -> Edge:
        """One more machine of a node, without a disk yet."""
        self.edges[name] = Edge(self.world, name, node, self.hub, self.records)
        return self.edges[name]

    def version(self, edge: str, name: str) -> str | None:
        """The version that an edge shows."""
        store = self.edges[edge].store
        assert store is not None
        stored = store.read(*name.split("/"))
        return stored.version if stored is not None else None

    def write(self, edge: str, name: str, /, seen: str | None = None, **members: Any) -> str:
        """Somebody saves a resource at an edge. Returns its new version."""
        type_, _, id_ = name.partition("/")
        self._writes += 1
        write = f"s{self._writes}"
        body = {"resourceType": type_, "id": id_, **members}
        return self._put(edge, write, Write(type_, id_, msgspec.json.encode(body), seen=seen))

    def delete(self, edge: str, name: str, seen: str | None = None) -> str:
        """Somebody deletes a resource at an edge."""
        type_, _, id_ = name.partition("/")
        self._writes += 1
        return self._put(edge, f"s{self._writes}", Write(type_, id_, None, seen=seen))

    def _put(self, edge: str, user: str, write: Write) -> str:
        store = self.edges[edge].store
        assert store is not None
        (done,) = store.write([write], Author(user, "nurse"), self.edges[edge].clock(), validate=False)
        return done.stored.version

    def sync(self, *edges: str, fails: bool = False) -> None:
        """These edges sync, one after the other."""
        for edge in edges:
            done = self.edges[edge].sync()
            assert (done is None) is fails

    def interrupt(self, edge: str, answers: int) -> None:
        """This edge syncs; so many answers reach it, the next does not."""
        receive, left = self.hub.receive, [answers]

        def receive_some(node: NodeRow, body: bytes, intact: bool, answer: Callable[[bytes, bool], None]) -> None:
            left[0] -= 1
            receive(node, body, intact, answer if left[0] >= 0 else lambda raw, refused: None)

        self.hub.receive = receive_some  # type: ignore[method-assign]
        self.sync(edge, fails=True)
        self.hub.receive = receive  # type: ignore[method-assign]

    def listen(self, edge: str) -> list[bytes]:
        """This edge syncs and no answer reaches it; its requests."""
        receive, heard = self.hub.receive, list[bytes]()

        def hear(node: NodeRow, body: bytes, intact: bool, answer: Callable[[bytes, bool], None]) -> None:
            heard.append(body)
            receive(node, body, intact, lambda raw, refused: None)

        self.hub.receive = hear  # type: ignore[method-assign]
        self.sync(edge, fails=True)
        self.hub.receive = receive  # type: ignore[method-assign]
        return heard

    def cut(self) -> None:
        """The link is down."""
        self.world.weather = Weather(lost=1)

    def mend(self) -> None:
        """The link is up."""
        self.world.weather = Weather()

    def move(self, patient: str, facility: str) -> Moved:
        """A patient moves."""
        return finish(move_patient(self.hub.hub, patient, f"facility/{facility}"))

    def find(self, edge: str, user: str = "ama", **asked: Any) -> Found:
        """Somebody at an edge looks for a person at the hub."""
        body = encode(Find(user, "midwife", **asked))
        return read_found(finish(find(self.hub.hub, self.edges[edge].node, body, self.world.now_ms)))

    def admit(self, edge: str, token: bytes, user: str = "ama", reason: Reason = "here") -> Admitted:
        """She admits whom she found."""
        body = encode(Admit(token, user, "midwife", reason))
        return read_admitted(finish(admit(self.hub.hub, self.edges[edge].node, body, self.world.now_ms)))

    def carry_out(self) -> None:
        """The hub carries out the referrals that wait."""
        finish(carry_out(self.hub.hub, self.world.now_ms))

    def publish(self) -> int:
        """The hub tells its regions of their facilities."""
        return finish(publish(self.hub.hub.others, self.world.now_ms))

    def notices(self, edge: str) -> list[tuple[str, str, str]]:
        """What the hub tells an edge of its patients: `(status, category, reason)`, the earliest first."""
        store = self.edges[edge].store
        assert store is not None
        found = [msgspec.json.decode(body) for body in store.export("Communication")]
        return [
            (one["status"], one["category"][0]["coding"][0]["code"], one["reasonCode"][0]["coding"][0]["code"])
            for one in sorted(found, key=lambda one: one["sent"])
        ]

    def body(self, edge: str, name: str) -> dict[str, Any] | None:
        """What an edge shows, without `meta`; None when it has it not, or deleted."""
        store = self.edges[edge].store
        assert store is not None
        stored = store.read(*name.split("/"))
        if stored is None or stored.body is None:
            return None
        body: dict[str, Any] = msgspec.json.decode(stored.body)
        return {key: value for key, value in body.items() if key not in ("resourceType", "id", "meta")}

    def disagreements(self, edge: str, name: str) -> dict[str, list[str]]:
        """Element → the values that people disagree about, as JSON text."""
        store = self.edges[edge].store
        assert store is not None
        return {
            conflict.element: sorted(bytes(v.value).decode() if v.value is not None else "" for v in conflict.values)
            for conflict in store.disagreements(*name.split("/"))
        }

    def check(self) -> None:
        """Every edge holds what the hub holds. Raises Violation."""
        states = hub_states(self.hub)
        check_hub(self.hub, states)
        for edge in self.edges.values():
            check_edge(edge, self.hub, states)
