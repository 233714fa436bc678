"""A patient moves to another clinic: everything about her goes along, and what her old clinic still says arrives."""

from typing import Any

import pytest

from hub.errors import NotFound
from tests.simulation.conftest import MakeScript
from tests.simulation.scripted import Script

SUBJECT: dict[str, Any] = {"subject": {"reference": "Patient/p"}}


@pytest.fixture
def world(script: MakeScript) -> Script:
    """Two clinics; a patient of the first with one observation, known to the hub."""
    world = script({"a": "f0", "b": "f1"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.write("a", "Patient/q", birthDate="1980-01-01")
    world.write("a", "Observation/o", **SUBJECT, valueString="1")
    world.sync("a", "b")
    return world


def test_the_whole_compartment_goes_and_the_old_clinic_lets_go(world: Script) -> None:
    assert world.move("p", "f1").resources == 2
    assert world.move("p", "f1").resources == 0
    world.sync("a", "b")
    assert world.body("a", "Patient/p") is None
    assert world.body("a", "Observation/o") is None
    assert world.body("a", "Patient/q") == {"birthDate": "1980-01-01"}
    assert world.body("b", "Observation/o") == {**SUBJECT, "valueString": "1"}
    world.check()


def test_a_late_edit_of_the_old_clinic_is_merged_and_then_let_go(world: Script) -> None:
    world.write("a", "Observation/o", **SUBJECT, valueString="late")
    world.move("p", "f1")
    world.sync("a", "b")
    assert world.body("a", "Observation/o") is None
    assert world.body("b", "Observation/o") == {**SUBJECT, "valueString": "late"}
    world.check()


def test_something_new_that_the_old_clinic_says_about_her_goes_where_she_is(world: Script) -> None:
    world.move("p", "f1")
    world.write("a", "Observation/new", **SUBJECT, valueString="late")
    world.sync("a", "b", "a")
    assert world.body("a", "Observation/new") is None
    assert world.body("b", "Observation/new") == {**SUBJECT, "valueString": "late"}
    world.check()


def test_the_same_late_news_from_another_machine_of_the_old_clinic_is_the_same_resource(world: Script) -> None:
    """The observation never was in the old clinic's scope, and yet it is that clinic's to speak of."""
    copy = world.edges["a"].copy()
    world.add("a2", world.edges["a"].node).become(copy, told=True)
    world.move("p", "f1")
    for edge in ("a", "a2"):
        world.write(edge, "Observation/new", **SUBJECT, valueString=edge)
    world.sync("a", "a2", "b", "a")
    assert world.body("a2", "Observation/new") is None
    assert set(world.disagreements("b", "Observation/new")) == {"value[x]"}
    world.check()


def test_she_may_come_back(world: Script) -> None:
    world.move("p", "f1")
    world.sync("a", "b")
    world.write("b", "Observation/o2", **SUBJECT, valueString="2")
    world.sync("b")
    assert world.move("p", "f0").resources == 3
    world.sync("a", "b")
    assert world.body("b", "Patient/p") is None
    assert world.body("a", "Observation/o2") == {**SUBJECT, "valueString": "2"}
    world.check()


def test_who_comes_back_while_a_late_edit_still_waits_stays(world: Script) -> None:
    """Told to let go of her when everything is sent, the clinic is sent her again before that (seed 1002064)."""
    world.write("a", "Observation/o", **SUBJECT, valueString="late 1")
    world.interrupt("a", 0)
    world.write("a", "Observation/o", **SUBJECT, valueString="late 2")
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.move("p", "f1")
    world.interrupt("a", 1)
    world.move("p", "f0")
    world.sync("a", "b")
    assert world.body("a", "Patient/p") == {"birthDate": "1991-01-01"}
    assert world.body("a", "Observation/o") == {**SUBJECT, "valueString": "late 2"}
    world.check()


def test_a_deleted_resource_and_an_open_conflict_go_along(world: Script) -> None:
    world.delete("a", "Observation/o")
    world.sync("a")
    world.move("p", "f1")
    world.sync("a", "b")
    assert world.body("b", "Observation/o") is None
    world.check()


def test_a_node_of_both_clinics_keeps_her(script: MakeScript) -> None:
    world = script({"a": "f0", "b": "f1", "both": "f0"}, presences=("both",))
    world.write("both", "Patient/p", birthDate="1990-01-01")
    world.sync("both", "a", "b")
    world.move("p", "f1")
    world.write("both", "Observation/o", **SUBJECT, valueString="1")
    world.sync("both", "a", "b", "both")
    assert world.body("both", "Patient/p") == {"birthDate": "1990-01-01"}
    assert world.body("b", "Observation/o") == world.body("both", "Observation/o") == {**SUBJECT, "valueString": "1"}
    world.check()


def test_nobody_and_nowhere_are_named(world: Script) -> None:
    for patient, facility in (("nobody", "f1"), ("p", "nowhere")):
        with pytest.raises(NotFound):
            world.move(patient, facility)
