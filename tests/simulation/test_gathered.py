"""Worlds whose hub carries out the requests that wait together, in one transaction, end as all others do."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.errors import Forbidden, HubError, SealBroken
from hub.exchange import Asked, carry_out, read
from hub.store.nodes import NodeRow
from hub.store.resources import NewRow
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange.messages import read_answer
from tests.simulation.actors import Edge, HubActor
from tests.simulation.carrying import pack
from tests.simulation.conftest import MakeScript
from tests.simulation.memory_shard import MemoryShard, finish
from tests.simulation.records import Violation
from tests.simulation.scripted import Script
from tests.simulation.simulation import simulate
from tests.simulation.test_referring import referral
from tests.simulation.world import SECOND, Crash

Answer = Callable[[bytes, bool], None]
GATHERED_MS = 20 * SECOND
"""So long requests wait for others: these worlds have few nodes, and each waits for its answer."""


def _call(edge: Edge) -> None:
    edge.sync()


class Gathering:
    """What waits at a hub, in the place of `HubActor.receive`."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.waiting: list[tuple[Asked, Answer]] = []
        self.together: list[int] = []

    def receive(self, hub: HubActor, node: NodeRow, body: bytes, intact: bool, answer: Answer) -> None:
        try:
            asked = read(node, body, hub.clock())
        except ProtocolError as error:
            if intact:
                raise Violation(f"the hub refused {node.id}") from error
            answer(b"refused", True)
            return
        if not intact:
            raise Violation("a damaged request was understood")
        if asked.alone:
            self.carry_out(hub, [(asked, answer)])
            return
        self.waiting.append((asked, answer))
        if len(self.waiting) == 1:
            hub.world.after(hub.world.chance.randrange(GATHERED_MS), lambda: self.all(hub))
            for edge in self.edges:  # whoever has nothing else to do calls too
                hub.world.after(hub.world.chance.randrange(GATHERED_MS), partial(_call, edge))

    def all(self, hub: HubActor) -> None:
        waiting, self.waiting = self.waiting, []
        self.carry_out(hub, waiting)

    def carry_out(self, hub: HubActor, waiting: list[tuple[Asked, Answer]]) -> None:
        self.together.append(len(waiting))
        try:
            made = finish(carry_out(hub.hub, [asked for asked, _ in waiting]))
        except Crash:
            hub.world.note("crash", "hub")
            hub.restart()
            return
        for (asked, answer), one in zip(waiting, [answered.answer for answered in made], strict=True):
            if isinstance(one, Exception):
                assert isinstance(one, (HubError, ProtocolError)), one
                raise Violation(f"the hub refused {asked.node.id}: {type(one).__name__}: {one}") from one
            answer(one, False)


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> dict[HubActor, Gathering]:
    """What was gathered at the hub of each world."""
    made: dict[HubActor, Gathering] = {}
    begin = Edge.begin

    def begun(edge: Edge, disk: Path) -> None:
        at_hub = made.setdefault(edge.hub, Gathering())
        at_hub.edges += [edge] if edge not in at_hub.edges else []
        begin(edge, disk)

    def receive(hub: HubActor, node: NodeRow, body: bytes, intact: bool, answer: Answer) -> None:
        made[hub].receive(hub, node, body, intact, answer)

    monkeypatch.setattr(Edge, "begin", begun)
    monkeypatch.setattr(HubActor, "receive", receive)
    return made


def test_worlds_whose_requests_are_carried_out_together_end_well(gathering: dict[HubActor, Gathering]) -> None:
    for seed in range(60_000, 60_100):
        simulate(seed)
    sizes = [size for one in gathering.values() for size in one.together]
    assert sum(size > 1 for size in sizes) > 500
    assert max(sizes) > 3


def asked_by(world: Script, edge: str) -> Asked:
    """What an edge asks; it gets no answer."""
    heard: list[bytes] = []
    world.hub.receive = lambda node, body, intact, answer: heard.append(body)  # type: ignore[method-assign]
    world.sync(edge, fails=True)
    del world.hub.receive
    return read(world.edges[edge].node, heard[-1], world.hub.clock())


def together(world: Script, *edges: str) -> list[bytes | Exception]:
    """These edges ask, and are answered in one transaction, which nobody hears."""
    return answers(world, [asked_by(world, edge) for edge in edges])


def answers(world: Script, asked: Sequence[Asked]) -> list[bytes | Exception]:
    return [answered.answer for answered in finish(carry_out(world.hub.hub, asked))]


def test_what_two_clinics_bring_under_one_new_name_is_told_apart(script: MakeScript) -> None:
    """Two clinics number their patients from 1: who is first has the name, the other's stands beside it, and each has her own."""
    world = script({"a": "f0", "b": "f1"})
    born = {"a": "1990-01-01", "b": "1991-01-01"}
    for node, day in born.items():
        world.write(node, "Patient/1", birthDate=day)
    for _ in range(2):
        assert all(isinstance(answer, bytes) for answer in together(world, "a", "b"))
        tables = world.hub.hub.tables
        scopes = sorted(tables.scopes[row.scope].name for row in tables.resources.values())
        assert scopes == ["facility/f0", "facility/f1"]
        world.sync("a", "b")
        for node in born:
            world.write(node, "Patient/1", birthDate=born[node], gender="female")
    world.sync("a", "b")
    for node, day in born.items():
        assert world.body(node, "Patient/1") == {"birthDate": day, "gender": "female"}


def test_what_two_nodes_of_a_clinic_say_together_reaches_both(script: MakeScript) -> None:
    """Each has its own pointer in the feed, so that each is told what the other said and not what itself did."""
    world = script({"a": "f0", "b": "f0", "c": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01", gender="female")
    world.sync("a", "b", "c")
    world.write("a", "Patient/p", birthDate="1990-01-02", gender="female")
    world.write("b", "Patient/p", birthDate="1990-01-03", gender="female")
    world.write("b", "Patient/q", gender="male")
    together(world, "a", "b")
    world.sync("a", "b", "c", "a")
    for node in ("a", "b", "c"):
        assert world.disagreements(node, "Patient/p") == {
            "birthDate": ['{"birthDate":"1990-01-02"}', '{"birthDate":"1990-01-03"}']
        }
        assert world.body(node, "Patient/q") == {"gender": "male"}
    assert sum(world.hub.hub.tables.conflicts[rkey][1] for rkey in world.hub.hub.tables.conflicts) == 1
    world.check()


def test_a_repeated_request_beside_itself_is_answered_twice_and_done_once(script: MakeScript) -> None:
    world = script({"a": "f0"})
    world.write("a", "Patient/p", gender="female")
    asked = asked_by(world, "a")
    first, second = [read_answer(answer) for answer in answers(world, [asked, asked]) if isinstance(answer, bytes)]
    assert (first.verdict, second.verdict, first.acked) == ("merged", "merged", second.acked)
    assert [pull.digest for pull in first.pulls] == [pull.digest for pull in second.pulls]
    (pointers,) = world.hub.hub.tables.feed.values()
    assert len(pointers) == 1
    world.sync("a")
    world.check()


def test_a_running_copy_beside_its_original_is_found_out_within_one_transaction(script: MakeScript) -> None:
    """Two machines go on in one life: who is first goes on, the other is told to fork, though both are of one transaction."""
    world = script({"a": "f0"})
    world.write("a", "Patient/p", gender="female")
    world.sync("a")
    copy = world.edges["a"].copy()
    twin = world.add("twin", world.edges["a"].node)
    twin.become(copy, told=False, awake=True)
    world.write("a", "Patient/p", gender="male")
    world.write("twin", "Patient/p", gender="other")
    said = [read_answer(answer) for answer in together(world, "a", "twin") if isinstance(answer, bytes)]
    assert [answer.verdict for answer in said] == ["merged", "fork"]
    world.sync("a", "twin", "a")
    assert len(world.disagreements("a", "Patient/p")["gender"]) == 2
    world.check()


def test_who_speaks_in_anothers_life_is_refused_and_nobody_else(script: MakeScript) -> None:
    world = script({"a": "f0", "b": "f0"})
    world.sync("a", "b")
    for node in ("a", "b"):
        world.write(node, f"Patient/{node}", gender="female")
    right, wrong = asked_by(world, "a"), asked_by(world, "b")
    thief = Asked(wrong.node, right.request, right.parts, right.now_ms)
    assert [type(answer) for answer in answers(world, [right, thief, wrong])] == [bytes, Forbidden, bytes]
    world.sync("a", "b", "a")
    assert world.body("b", "Patient/a") == world.body("a", "Patient/b") == {"gender": "female"}
    world.check()


def test_who_cannot_be_served_harms_nobody_who_waits_beside(script: MakeScript) -> None:
    """A stored record is damaged: who writes it is refused, whatever else she says; the others are served as if she had not been there."""
    world = script({"a": "f0", "b": "f0", "c": "f1"})
    world.write("a", "Patient/p", gender="female")
    world.sync("a", "b", "c")
    tables = world.hub.hub.tables
    (row,) = tables.resources.values()
    world.write("a", "Patient/p", gender="male")
    world.write("b", "Patient/q", gender="female")
    world.write("c", "Patient/r", gender="female")
    tables.resources[row.key] = replace(row, state=row.state[:-1] + bytes([row.state[-1] ^ 1]))
    assert [type(answer) for answer in together(world, "b", "a", "c")] == [bytes, SealBroken, bytes]
    assert len(world.hub.hub.tables.resources) == 3
    world.hub.hub.tables.resources[row.key] = row
    world.sync("a", "b", "c", "a")
    assert world.body("b", "Patient/p") == {"gender": "male"}
    world.check()


def test_what_waits_for_another_is_merged_when_both_come_together(script: MakeScript) -> None:
    """One wrote over what the other wrote, having it from a stick; her own request comes first, and what it waits for right behind."""
    world = script({"a": "f0", "b": "f0"})
    world.write("a", "Patient/p", gender="female")
    stick = pack(world.edges["a"], world.edges["b"], everything=False)
    assert stick is not None
    world.edges["b"].receive_stick(stick)
    world.write("b", "Patient/p", gender="male", seen=world.version("b", "Patient/p"))
    first, second = [read_answer(answer) for answer in together(world, "b", "a") if isinstance(answer, bytes)]
    assert [note.kind for note in first.notes] == ["parked"]
    assert (first.parked, second.parked, world.hub.hub.tables.parked) == (0, 0, {})
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == {"gender": "male"}
    world.check()


def test_another_process_that_stores_first_is_merged_with(script: MakeScript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and our insert somebody else stored the same name: all is done again, on what is there then."""
    world = script({"a": "f0", "b": "f0"})
    for node, gender in (("a", "female"), ("b", "male")):
        world.write(node, "Patient/p", gender=gender)
    asked = {node: asked_by(world, node) for node in ("a", "b")}
    insert, tables = MemoryShard.insert_fresh, world.hub.hub

    async def overtaken(self: MemoryShard, rows: Sequence[NewRow]) -> dict[bytes, int]:
        monkeypatch.setattr(MemoryShard, "insert_fresh", insert)
        (other,) = await carry_out(tables, [asked["b"]])
        assert isinstance(other.answer, bytes)
        self.tables = tables.tables
        return {}

    monkeypatch.setattr(MemoryShard, "insert_fresh", overtaken)
    (answer,) = answers(world, [asked["a"]])
    assert isinstance(answer, bytes)
    world.sync("a", "b", "a")
    assert len(world.disagreements("a", "Patient/p")["gender"]) == 2
    world.check()


def test_two_referrals_of_one_patient_in_one_transaction_keep_their_order(script: MakeScript) -> None:
    """Who pushed first is first, whoever wrote first: as if one had been answered before the other came."""
    world = script({"a": "f0", "b": "f0"})
    world.write("a", "Patient/p", gender="female")
    world.sync("a", "b")
    for node, number in (("a", 1), ("b", 2)):
        world.write(node, f"ServiceRequest/s{number}", **referral("f1"))
    together(world, "b", "a")
    names = {row.key: row.rkey for row in world.hub.hub.tables.resources.values()}
    keys = world.hub.hub.keys
    assert [names[key] for key in world.hub.hub.tables.referrals] == [
        keys.resource_key("ServiceRequest/s2"),
        keys.resource_key("ServiceRequest/s1"),
    ]


def test_a_patient_of_another_clinic_who_is_new_beside_it_does_not_take_a_record_along(script: MakeScript) -> None:
    """Whoever has no part in a patient keeps what it says of her, in one transaction as in two."""
    world = script({"a": "f0", "b": "f1"})
    world.write("a", "Patient/p", gender="female")
    world.write("b", "Observation/o", subject={"reference": "Patient/p"}, valueString="1")
    assert all(isinstance(answer, bytes) for answer in together(world, "a", "b"))
    tables = world.hub.hub.tables
    where = {row.rkey: tables.scopes[row.scope].name for row in tables.resources.values()}
    keys = world.hub.hub.keys
    assert where == {keys.resource_key("Patient/p"): "facility/f0", keys.resource_key("Observation/o"): "facility/f1"}


def test_a_record_goes_where_its_patient_went_a_moment_before(script: MakeScript) -> None:
    """A point of presence that holds both clinics writes about somebody whom the other clinic has just registered: her clinic's it is."""
    world = script({"a": "f1", "pop": "f0"}, presences=["pop"])
    world.write("a", "Patient/p", gender="female")
    world.write("pop", "Observation/o", subject={"reference": "Patient/p"}, valueString="1")
    assert all(isinstance(answer, bytes) for answer in together(world, "a", "pop"))
    tables = world.hub.hub.tables
    assert {tables.scopes[row.scope].name for row in tables.resources.values()} == {"facility/f1"}
    world.sync("pop", "a", "pop")
    assert world.body("a", "Observation/o") is not None
    world.check()
