"""An enrolled node that does what no program of ours does: it neither reads, moves nor changes what is another clinic's."""

from typing import Any

import msgspec
import pytest

from hub.exchange import exchange
from sync_protocol import frame
from sync_protocol.exchange.messages import Answer, Push, Request, encode, read_answer
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.simulation.conftest import MakeScript
from tests.simulation.memory_shard import finish
from tests.simulation.scripted import Script

LIFE = 4_711
SUBJECT: dict[str, Any] = {"subject": {"reference": "Patient/p"}}


def say(world: Script, node: str, **members: Any) -> Answer:
    """A node sends a request of its own making."""
    request = Request(incarnation=LIFE, token=bytes(12), clock_ms=1, **members)
    edge = world.edges[node]
    return read_answer(finish(exchange(world.hub.hub, edge.node, encode(request), world.hub.clock())))


def receipt_of(world: Script, node: str) -> bytes:
    store = world.edges[node].store
    assert store is not None
    with store.reading() as connection:
        return bytes(connection.execute("SELECT receipt FROM sync").fetchone()[0])


def own(value: bytes) -> Register:
    return Register((Sibling(Stamp(LIFE, 1, 1, 1, "x", "x"), value),), {LIFE: 1})


def test_who_knows_one_record_of_a_patient_does_not_get_another_patients(script: MakeScript) -> None:
    """The hub had forgotten that the first had moved to her, and took from her whom the record was about."""
    world = script({"a": "f0", "b": "f1"})
    for patient in ("p", "q"):
        world.write("a", f"Patient/{patient}", birthDate="1990-01-01")
    world.write("a", "Observation/o", **SUBJECT, valueString="1")
    world.sync("a", "b")
    tables = world.hub.hub.tables.snapshot()
    world.move("p", "f1")
    world.sync("a", "b")
    known = world.edges["b"].registers("Observation", "o")
    assert known is not None
    world.hub.go_back(tables, set())
    told = Resource("Observation", "o", {**known.elements, "subject": own(b'{"subject":{"reference":"Patient/q"}}')})
    receipt = receipt_of(world, "b")
    for _ in range(2):
        receipt = say(world, "b", receipt=receipt, compare="facility/f1", offer=frame.encode([told])).receipt
    world.sync("b", "a")
    assert world.body("b", "Patient/q") is None
    assert world.body("a", "Patient/q") == {"birthDate": "1990-01-01"}


@pytest.mark.parametrize("base", [0, 99])
def test_who_guesses_the_stamp_of_a_record_does_not_get_it(script: MakeScript, base: int) -> None:
    """What was written together has stamps one after the other, and a frame has room for thousands of guesses. Only who has proved that
    the hub went back may tell it of a move: that a node says so (`base`) is no proof."""
    world = script({"a": "f0", "b": "f1"})
    for patient in ("p", "q"):
        world.write("a", f"Patient/{patient}", gender="female")
    world.sync("a", "b")
    world.move("p", "f1")
    world.sync("a", "b")
    q = world.edges["a"].registers("Patient", "q")
    assert q is not None
    guess = Resource("Patient", "q", {**q.elements, "birthDate": own(b'{"birthDate":"1990-01-01"}')})
    say(world, "b", base=base, compare="facility/f1", offer=frame.encode([guess]))
    world.sync("b", "a")
    assert world.body("a", "Patient/q") == {"gender": "female"}


def test_no_clinic_writes_what_all_hold(script: MakeScript) -> None:
    """Region's and global reference data went to every node from whoever named these scopes."""
    world = script({"a": "f0", "b": "f1"})
    world.sync("a", "b")
    for number, scope in enumerate(("global", "region/west")):
        new = Resource("Medication", f"m{number}", {"code": own(b'{"code":{"text":"x"}}')})
        packed = frame.encode([new])
        say(world, "b", compare=scope, offer=packed)
        other = frame.encode([msgspec.structs.replace(new, id=f"n{number}")])
        say(world, "b", push=[Push(0, 1, other)], elsewhere=[("Medication", f"n{number}", scope)])
    world.sync("a", "b")
    for name in ("m0", "m1", "n0", "n1"):
        assert world.body("a", f"Medication/{name}") is None
