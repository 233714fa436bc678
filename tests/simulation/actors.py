"""Those who act: edges with their real stores and exchange, and the hub with its own. Processes may end between any two commits."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_node.errors import EdgeError, HubUnreachable
from edge_node.programme import Programme
from edge_node.store import forking, rows
from edge_node.store.connection import Connection
from edge_node.store.reconciling import Question
from edge_node.store.standing import own_incarnations, standing
from edge_node.store.store import Store, new_incarnation
from edge_node.sync.enrolment import keep
from edge_node.sync.exchanging import Progress, Syncing
from edge_node.sync.link import Asked
from hub.errors import HubError
from hub.exchange import exchange
from hub.keys import KEY_BYTES, SECRETS_COUNT, Keys, LocalMaster, Masters
from hub.states import States
from hub.store.nodes import NodeRow
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange.messages import read_answer
from sync_protocol.resource import Resource
from tests.simulation.boundary import Boundary
from tests.simulation.carrying import Stick, relay, take
from tests.simulation.memory_shard import MemoryHub, finish
from tests.simulation.oracle import Fact
from tests.simulation.records import Copy, Records, Violation
from tests.simulation.world import SECOND, Clock, Crash, World, image

KEY = bytes(range(32))
PATIENCE_MS = 90 * SECOND
EXCHANGES_A_SYNC_MAX = 300
CHECKPOINT_PAGES = 100


class SimulatedStore(Store):
    """A store whose process may end just before or just after a commit."""

    edge: "Edge | None" = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            if self.edge is not None:
                self.edge.boundary.before_commit()
        if self.edge is not None:
            self.edge.committed()


class SimulatedLink:
    """The network between one edge and the hub, in place of `edge_node.sync.link.Link`."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self.intact = True

    def exchange(self, body: bytes) -> Asked:
        """Sends a request and lets the world go on until an answer comes or patience ends. Raises HubUnreachable, Crash."""
        edge, world, life = self._edge, self._edge.world, self._edge.life
        answers: list[bytes] = []
        edge.exchanges += 1
        edge.exchanges_in_sync += 1
        if edge.exchanges_in_sync > EXCHANGES_A_SYNC_MAX:
            raise Violation(f"{edge.name}: a sync that does not end")

        def come_back(answer: bytes, refused: bool) -> None:
            world.send(answer, lambda raw: answers.append(b"" if refused else raw))
            self.intact = True
            if not refused:
                sent.append(answer)

        sent: list[bytes] = []
        world.send(body, lambda raw: edge.hub.receive(edge.node, raw, raw == body, come_back))
        until = world.now_ms + PATIENCE_MS
        while not answers and world.step(until):
            if edge.life != life:
                raise Crash
        if edge.life != life:
            raise Crash
        if not answers or not answers[0]:
            raise HubUnreachable("No answer")
        answer = answers[0]
        self.intact = answer in sent
        if not self.intact:
            self._must_not_be_read(answer)
        return Asked(answer, len(body), len(answer))

    @staticmethod
    def _must_not_be_read(damaged: bytes) -> None:
        try:
            read_answer(damaged)
        except ProtocolError:
            return
        raise Violation("a damaged answer was understood")


class SimulatedSyncing(Syncing):
    """The real loop of exchanges, over a simulated link."""

    def __init__(self, edge: "Edge", store: Store) -> None:
        super().__init__(store, edge.clock, edge.world.chance.randbytes, "simulated")
        self.edge = edge
        self.simulated_link = SimulatedLink(edge)

    def _linked(self) -> Any:
        return self.simulated_link

    def _once(self, link: Any, done: Progress, question: Question | None = None) -> Any:
        if question is not None and not (self.edge.hub.went_back or self.edge.hub.foreign_changes):
            raise Violation(f"{self.edge.name}: digests differ though the hub lost nothing")
        made = super()._once(link, done, question)
        if made[1].forked and not self.edge.copied:
            raise Violation(f"{self.edge.name} forked though nobody copied it")
        return made


class Edge:
    """One clinic's node. `known`: the facts that it must not lose."""

    def __init__(self, world: World, name: str, node: NodeRow, hub: "HubActor", records: Records) -> None:
        self.world, self.name, self.node, self.hub, self.records = world, name, node, hub, records
        self.clock = Clock(world)
        self.boundary = Boundary()
        self.known: set[Fact] = set()
        self.present: set[str] = set()
        """Names of the resources that it holds."""
        self.left: set[str] = set()
        """Of those that were here and went, also of what came back since: whose screens nobody has closed yet."""
        self.life = 0
        """How often its process ended."""
        self.copied = 0
        """How often somebody made it a copy of what it was: only then may it fork."""
        self.exchanges = self.exchanges_in_sync = 0
        self.busy = False
        self.sealing = X25519PrivateKey.from_private_bytes(world.chance.randbytes(32))
        self.signing = Ed25519PrivateKey.from_private_bytes(world.chance.randbytes(32))
        self.store: SimulatedStore | None = None
        self.sticks: list[Stick] = []
        """What others gave it to carry: kept until the hub has it."""
        self.waiting: list[Stick] = []

    # --- the process ---

    def begin(self, disk: Path) -> None:
        """The program starts on a disk."""
        self.disk = disk
        store = SimulatedStore.open(disk, KEY, Programme(), create=True, random_bytes=self.world.chance.randbytes)
        assert isinstance(store, SimulatedStore)
        with store.reading() as connection:
            enrolled = connection.execute("SELECT hub IS NOT NULL FROM sync").fetchone()[0]
        if not enrolled:
            keep(store, "https://hub.example", self.hub.enrolled(self.node))
        store.edge, self.store = self, store
        self.look()

    def end(self) -> Path:
        """The process ends without a word. Returns what is on the disk: everything committed, since each commit is synced."""
        self.life += 1
        self.boundary.arm(0, after=False)
        found = image(self.disk, self.world.new_folder())
        if self.store is not None:
            self.store.edge = None
            self.store.close()
            self.store = None
        return found

    def die(self, down_ms: int) -> None:
        """The process ends, or the power, and it starts again some time later."""
        disk, life = self.end(), self.life
        self.world.after(down_ms, lambda: self.begin(disk) if self.store is None and self.life == life else None)

    @contextmanager
    def mortal(self) -> Iterator[None]:
        """Whatever the process does may be its last: it then starts again a while later."""
        life = self.life
        try:
            yield
        except Crash:
            if self.life == life:
                self.world.note("crash", self.name)
                self.die(self.world.chance.randrange(10 * SECOND))

    # --- what it holds ---

    def committed(self) -> None:
        """Looks at what the disk holds now; then the process may end."""
        self.look()
        self.boundary.after_commit()

    def look(self) -> None:
        """Looks at what the disk holds now."""
        if self.store is not None:
            with self.store.reading() as connection:
                self._look(connection)

    def _look(self, connection: Connection) -> None:
        held: set[str] = set()
        query = "SELECT type, id, hash, state FROM resource WHERE state IS NOT NULL"
        for number, id_, hash_, state in connection.execute(query).fetchall():
            type_ = rows.type_name(connection, number)
            held.add(f"{type_}/{id_}")
            self.known |= self.records.facts(hash_, lambda t=type_, i=id_, s=state: rows.resource_of(t, i, s))  # type: ignore[misc]
        gone = self.present - held
        self.left |= gone
        if gone:  # what has left this node is the hub's to keep
            self.known = {fact for fact in self.known if fact.resource not in gone or fact not in self.hub.known}
        self.present = held

    def promised(self, facts: Collection[Fact]) -> None:
        """It answered somebody that these are written: from now on they are its to keep."""
        self.known |= {one for fact in facts for one in self.records.oracle.closure(fact)}

    def _unacknowledged(self) -> set[Fact]:
        """What was written here and is not acknowledged: a fork would give it other names."""
        assert self.store is not None
        query = "SELECT type, id, {0}.state FROM resource {1} WHERE {0}.state IS NOT NULL"
        found: set[Fact] = set()
        with self.store.reading() as connection:
            (acked,) = connection.execute("SELECT acked FROM sync").fetchone()
            own = own_incarnations(connection)
            states = connection.execute(query.format("resource", "")).fetchall()
            states += connection.execute(query.format("history", "JOIN history USING (key)")).fetchall()
            for number, id_, state in states:
                resource = rows.resource_of(rows.type_name(connection, number), id_, state)
                for key, register in resource.elements.items():
                    element = self.records.names.of(resource, key)
                    mine = [s.stamp for s in register.siblings if s.stamp.node in own and s.stamp.counter > acked]
                    if element is not None:
                        found |= {Fact(resource.name, element, stamp.user) for stamp in mine}
        return found

    def registers(self, type_: str, id_: str) -> Resource | None:
        """The present registers of a resource."""
        assert self.store is not None
        with self.store.reading() as connection:
            number = rows.find_type(connection, type_)
            query = "SELECT state FROM resource WHERE type = ? AND id = ? AND state IS NOT NULL"
            row = connection.execute(query, (number, id_)).fetchone()
        return rows.resource_of(type_, id_, row[0]) if row is not None else None

    # --- the exchange ---

    def sync(self) -> Progress | None:
        """What the schedule does: exchanges until nothing waits. None when it failed, or ended with the process."""
        if self.store is None or self.busy:
            return None
        self.busy, self.exchanges_in_sync = True, 0
        syncing = SimulatedSyncing(self, self.store)
        done = None
        with self.mortal():
            try:
                done = syncing.run()
            except EdgeError as error:
                if not isinstance(error, HubUnreachable) and syncing.simulated_link.intact:
                    raise Violation(f"{self.name}: {type(error).__name__}: {error}") from error
                self.world.note("sync", f"{self.name} failed: {type(error).__name__}")
        self.busy = False
        if done is not None:
            text = (
                f"{self.name} {done.round_trips} exchanges, {done.pushed} up, {done.pulled} down, {done.digest_equal}"
            )
            self.world.note("sync", text)
        return done

    # --- sticks ---

    def receive_stick(self, stick: Stick) -> None:
        """Takes in what can be taken in, and what waited before."""
        if self.store is None:
            return
        with self.mortal():
            self.sticks.append(stick)
            self.waiting = [one for one in [*self.waiting, stick] if take(self, one)]

    def relay_sticks(self) -> None:
        """Sends everything it carries to the hub, which may get it or not."""
        for stick in self.sticks:
            self.world.send(stick.for_hub, lambda raw, s=stick: self.hub.receive_stick(raw, s))  # type: ignore[misc]

    # --- copies ---

    def copy(self) -> Copy:
        """A copy of the disk as it is, with what is on it."""
        disk = image(self.disk, self.world.new_folder())
        return Copy(disk, set(self.known), set(self.present), self._unacknowledged())

    def become(self, copy: Copy, *, told: bool, awake: bool = False) -> None:
        """Its files are those of a copy now: `told` by way of the restore command, else silently; with the memory of the program that
        ran on them, if `awake`."""
        if self.store is not None:
            self.end()
        self.life += 1
        self.known, self.present = set(copy.known), set(copy.present)
        disk = image(copy.disk, self.world.new_folder())
        self.copied += not told
        if self.copied:  # it forks, or had forked since: then what it sends now has another name already
            self.records.doubled |= copy.unacknowledged
        if told:
            self._restore(disk)
        self.begin(disk)
        if awake and self.store is not None:
            self.store._living = True

    def _restore(self, disk: Path) -> None:
        """What `edge_node.store.backup.restore` does to the database that it unpacked."""
        store = Store.open(disk, KEY, Programme(), random_bytes=self.world.chance.randbytes)
        with store.transaction() as connection:
            forking.restore(connection, standing(connection), new_incarnation(self.world.chance.randbytes))
        store.close()


class HubActor:
    """The hub. Every process of it writes under an epoch of its own."""

    def __init__(self, world: World, records: Records) -> None:
        self.world, self.records = world, records
        self.clock = Clock(world)
        self.boundary = Boundary()
        self.known: set[Fact] = set()
        self.went_back = False
        self.foreign_changes = False
        """Whether edges may hold others' changes that the hub has not: then digests differ, and are repaired."""
        master = LocalMaster(world.chance.randbytes(KEY_BYTES))
        self._keys = Keys(Masters(lambda: [master]), world.chance.randbytes(KEY_BYTES * SECRETS_COUNT))
        self.hub = self._process()

    def _process(self) -> MemoryHub:
        hub = MemoryHub(self._keys, self.world.chance.getrandbits(62) | 1)
        hub.committing, hub.committed = self.boundary.before_commit, self.committed
        return hub

    def restart(self) -> None:
        """The process ends, and another begins on what was committed."""
        tables = self.hub.tables
        self.boundary.arm(0, after=False)
        self.hub = self._process()
        self.hub.tables = tables

    def go_back(self, tables: Any, known: set[Fact]) -> None:
        """The database is an earlier one; the keys are not."""
        self.restart()
        self.went_back = True
        self.hub.tables = tables.snapshot()
        self.known = set(known)

    def committed(self) -> None:
        """Looks at what was stored; then the process may end."""
        tables, states = self.hub.tables, States(self.hub)
        for row in tables.resources.values():
            self.known |= self.records.facts(
                row.hash,
                lambda r=row: states.open(tables.scopes[r.scope], r.rkey, r.state),  # type: ignore[misc]
            )
        self.boundary.after_commit()

    def enrolled(self, node: NodeRow) -> dict[str, Any]:
        """What enrolment answers to a node."""
        held = [self.hub.tables.scopes[scope] for scope in self.hub.tables.node_scopes[node.id]]
        return {
            "node": node.id,
            "facility": node.facility,
            "region": node.region,
            "secret": "secret",
            "hub": {"x25519": ""},
            "scopes": [{"scope": scope.name, "kind": scope.kind} for scope in held],
        }

    def receive_stick(self, raw: bytes, stick: Stick) -> None:
        """What another node carried here."""
        try:
            relay(self, raw, stick.author)
        except Crash:
            self.restart()
        except ProtocolError as error:
            if raw == stick.for_hub:
                raise Violation(f"the hub refused a stick: {type(error).__name__}: {error}") from error

    def receive(self, node: NodeRow, body: bytes, intact: bool, answer: Callable[[bytes, bool], None]) -> None:
        """A request arrives. An honest one must never be refused; a damaged one always."""
        try:
            made = finish(exchange(self.hub, node, body, self.clock()))
        except Crash:
            self.world.note("crash", "hub")
            self.restart()
        except (ProtocolError, HubError) as error:
            if intact:
                raise Violation(f"the hub refused {node.id}: {type(error).__name__}: {error}") from error
            answer(b"refused", True)
        else:
            if not intact:
                raise Violation("a damaged request was understood")
            answer(made, False)
