"""What the simulator found, each as the shortest story that shows it."""

import pytest

from sync_protocol.exchange import hub as rules
from tests.simulation.carrying import pack
from tests.simulation.conftest import MakeScript
from tests.simulation.scripted import Script
from tests.simulation.simulation import simulate


@pytest.mark.parametrize("seed", [1002064, 1014167, 1017458, 2001124, 3008811, 3009426, 9001238])
def test_worlds_in_which_something_was_found(seed: int) -> None:
    simulate(seed)


def test_a_request_whose_changes_were_all_written_again_since_is_taken(script: MakeScript) -> None:
    """Its frame is empty: a retry carries nothing above what the lost request carried, and all of that is replaced."""
    world = script({"a": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.cut()
    world.sync("a", fails=True)
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.mend()
    world.sync("a")
    world.check()


def test_what_a_node_wrote_before_it_ever_met_the_hub_survives_a_restore(script: MakeScript) -> None:
    """The old life's name is unknown to the hub, and must not be taken for somebody else's."""
    world = script({"a": "f0", "b": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.edges["a"].become(world.edges["a"].copy(), told=True)
    world.sync("a", "b", "a")
    assert world.body("b", "Patient/p") == {"birthDate": "1990-01-01"}
    world.check()


def two_copies(world: Script) -> str:
    """A node a, and b, a copy of it with its memory. Both write the same element; b finds out that it is the copy. Returns what b had
    shown before."""
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    copy = world.edges["a"].copy()
    world.add("b", world.edges["a"].node).become(copy, told=False, awake=True)
    seen = world.write("b", "Patient/p", birthDate="1990-01-02")
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.sync("a", "b", "a", "b")
    assert seen != world.version("b", "Patient/p")
    return seen


def test_a_form_that_was_open_during_a_fork_is_saved_against_what_it_showed(script: MakeScript) -> None:
    """The fork renames dots, and with them versions; what came with it was not on the screen."""
    world = script({"a": "f0"})
    seen = two_copies(world)
    world.write("b", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.sync("b", "a")
    assert world.disagreements("a", "Patient/p") == {
        "birthDate": ['{"birthDate":"1991-01-01"}', '{"birthDate":"1992-01-01"}']
    }
    world.check()


def test_one_copy_of_a_node_writes_beside_what_the_other_wrote(script: MakeScript) -> None:
    """The lives that the hub knows of a node are not all its pusher's: the other copy's value comes without its text."""
    world = script({"a": "f0"})
    seen = two_copies(world)
    world.write("a", "Patient/p", birthDate="1993-01-01", gender="female")
    world.sync("a")
    world.write("b", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.sync("b", "a", "b")
    world.check()


def test_a_patient_comes_into_one_of_a_nodes_scopes_while_she_was_leaving_another(script: MakeScript) -> None:
    """What had to wait in the outbox before it could go is let go of only if it did not come back meanwhile."""
    world = script({"a": "f0", "both": "f0"}, presences=("both",))
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a", "both")
    world.write("both", "Patient/p", birthDate="1990-01-01", gender="female")
    world.cut()
    world.sync("both", fails=True)
    world.write("both", "Patient/p", birthDate="1990-01-01", gender="other")
    world.move("p", "f1")
    world.mend()
    world.sync("both", "a", "both")
    assert world.body("both", "Patient/p") == {"birthDate": "1990-01-01", "gender": "other"}
    world.check()


def test_what_stands_beside_a_later_write_of_an_earlier_life_is_pushed(script: MakeScript) -> None:
    """The earlier life goes on in the copy, with higher counters; they say nothing about what this life may send."""
    world = script({"a": "f0"})
    seen = world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    copy = world.edges["a"].copy()
    world.sync("a")
    world.add("b", world.edges["a"].node).become(copy, told=False, awake=True)
    world.sync("b")
    for gender in ("male", "female", "other", "unknown"):
        world.write("a", "Patient/p", birthDate="1990-01-01", gender=gender)
    world.sync("a", "b")
    world.write("b", "Patient/p", birthDate="1990-01-01", gender="x", seen=seen)
    world.sync("b", "a")
    assert world.disagreements("a", "Patient/p") == {"gender": ['{"gender":"unknown"}', '{"gender":"x"}']}
    world.check()


def test_a_patient_who_moved_away_and_came_back_on_a_stick_is_let_go_again(script: MakeScript) -> None:
    """The order to let go had been given before, and was not repeated."""
    world = script({"a": "f0", "b": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a", "b")
    stick = pack(world.edges["a"], world.edges["b"], everything=True)
    assert stick is not None
    world.move("p", "f1")
    world.sync("a", "b")
    world.hub.foreign_changes = True
    world.edges["b"].receive_stick(stick)
    assert world.body("b", "Patient/p") == {"birthDate": "1990-01-01"}
    world.sync("b", "b")
    assert world.body("b", "Patient/p") is None
    world.check()


def test_a_form_of_a_patient_who_moved_between_ones_own_scopes_is_saved_against_what_it_showed(
    script: MakeScript,
) -> None:
    """She left one scope and came into the other in one answer, and her history went in between."""
    world = script({"a": "f0", "both": "f0"}, presences=("both",))
    seen = world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a", "both")
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.sync("a")
    world.move("p", "f1")
    world.sync("both")
    world.write("both", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.sync("both", "a")
    assert len(world.disagreements("both", "Patient/p")["birthDate"]) == 2
    world.check()


def test_what_two_copies_of_a_disk_write_never_has_one_name(script: MakeScript) -> None:
    """The hub forgot one of them, so nobody told the other that it was a copy: its write was taken for the first one's."""
    world = script({"a": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    tables = world.hub.hub.tables.snapshot()
    world.add("b", world.edges["a"].node).become(world.edges["a"].copy(), told=False)
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.write("b", "Patient/p", birthDate="1992-01-01")
    world.sync("a")
    world.hub.go_back(tables, set())
    for _ in range(3):
        world.sync("b", "a")
    assert len(world.disagreements("a", "Patient/p")["birthDate"]) == 2
    world.check()


def test_a_copy_of_a_disk_goes_on_beside_the_restored_original(script: MakeScript) -> None:
    """Both spoke in the name of the life before, with different content, and the copy's write was refused."""
    world = script({"a": "f0"})
    seen = world.write("a", "Patient/p", birthDate="1990-01-01")
    copy = world.edges["a"].copy()
    world.write("a", "Patient/p", birthDate="1991-01-01")
    backup = world.edges["a"].copy()
    world.add("b", world.edges["a"].node).become(copy, told=False)
    world.write("b", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.edges["a"].become(backup, told=True)
    for _ in range(2):
        world.sync("a", "b")
    shown = world.disagreements("a", "Patient/p")["birthDate"]
    assert shown == ['{"birthDate":"1991-01-01"}', '{"birthDate":"1992-01-01"}']
    world.check()


def test_what_left_a_node_and_is_entered_there_again_has_not_seen_what_it_wrote_before(script: MakeScript) -> None:
    """Its dots were those of the same life, and seemed to have seen all of it: what the other clinic had was silently replaced."""
    world = script({"a": "f0", "b": "f1"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    world.move("p", "f1")
    world.sync("a", "b")
    assert world.body("a", "Patient/p") is None
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.sync("a", "b", "a")
    assert len(world.disagreements("b", "Patient/p")["birthDate"]) == 2
    world.check()


def test_who_wrote_against_a_version_that_is_not_here_replaces_nothing(script: MakeScript) -> None:
    """It counted as the latest: what she had not seen was silently replaced."""
    world = script({"a": "f0", "b": "f1"})
    world.write("a", "Patient/p", birthDate="1990-01-01", gender="female")
    elsewhere = world.write("b", "Patient/q", birthDate="1990-01-01")
    world.write("a", "Patient/p", seen=elsewhere, birthDate="1991-01-01")
    assert set(world.disagreements("a", "Patient/p")) == {"birthDate"}
    assert world.body("a", "Patient/p") == {"birthDate": "1991-01-01", "gender": "female"}


def test_a_file_imported_at_a_point_of_presence_too_is_no_other_record_when_its_patient_moved(
    script: MakeScript,
) -> None:
    """She came with no author in common, in another scope, and was put aside as another patient of the same id."""
    world = script({"a": "f0", "both": "f0"}, presences=("both",))
    world.write("both", "Patient/q", birthDate="1990-01-01")
    world.cut()
    world.sync("both", fails=True)
    world.write("both", "Patient/p", birthDate="1990-01-01", gender="female")
    world.mend()
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    world.move("p", "f1")
    world.sync("both", "both", "a")
    assert world.body("both", "Patient/p") == {"birthDate": "1990-01-01", "gender": "female"}
    world.check()


def test_what_waits_at_the_hub_for_the_other_copy_waits_for_its_value(script: MakeScript) -> None:
    """It was taken as if it spoke for all copies of its node: what it had read of the other one seemed said, and was dropped."""
    world = script({"a": "f0"})
    world.sync("a")
    world.add("b", world.edges["a"].node).become(world.edges["a"].copy(), told=False)
    world.write("a", "Patient/q", birthDate="1990-01-01")
    world.sync("a")
    world.write("a", "Patient/p", birthDate="1991-01-01")
    world.write("b", "Patient/p", birthDate="1992-01-01")
    stick = pack(world.edges["a"], world.edges["b"], everything=False)
    assert stick is not None
    world.hub.foreign_changes = True
    world.edges["b"].receive_stick(stick)
    world.sync("b", "a", "b")
    assert len(world.disagreements("a", "Patient/p")["birthDate"]) == 2
    world.check()


def test_what_waits_of_one_copy_does_not_speak_for_the_other(script: MakeScript) -> None:
    """It was tried again in the name of all the node's lives, also of the other copy's whose value it held by its dot alone: what that copy
    then brought was taken for seen, and silently dropped."""
    world = script({"a": "f0", "c": "f0"})
    seen = world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a", "c")
    world.add("b", world.edges["a"].node).become(world.edges["a"].copy(), told=False)
    world.write("b", "Patient/q", birthDate="1990-01-01")
    world.sync("b")
    world.write("b", "Patient/p", birthDate="1991-01-01")
    stick = pack(world.edges["b"], world.edges["a"], everything=True)
    assert stick is not None
    world.hub.foreign_changes = True
    world.edges["a"].receive_stick(stick)
    world.write("a", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.sync("a")
    world.write("c", "Patient/p", birthDate="1990-01-01", gender="female")
    world.sync("c", "b", "a", "c")
    values = world.disagreements("c", "Patient/p")["birthDate"]
    assert values == ['{"birthDate":"1991-01-01"}', '{"birthDate":"1992-01-01"}']
    world.check()


def test_what_was_put_aside_and_has_left_is_held_no_more(script: MakeScript, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node compared no digest any more, waiting for what was not there."""
    world = script({"a": "f0", "b": "f1"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a", "b")
    world.move("p", "f1")
    world.write("a", "Patient/p", birthDate="1990-01-01", gender="female")
    with monkeypatch.context() as refusing:
        refusing.setattr(rules, "merge", lambda here, part, own: rules.Merge(here, frozenset(), None, part, "refused"))
        world.sync("a")
    assert world.body("a", "Patient/p") is None
    done = world.edges["a"].sync()
    assert done is not None
    assert done.digest_equal


def test_a_copy_that_named_its_originals_life_first_makes_it_no_stranger(script: MakeScript) -> None:
    """Both had the same token outstanding. The original was taken for one that had called before, and
    told that the hub had lost its writes."""
    world = script({"a": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    world.cut()
    world.sync("a", fails=True)
    world.write("a", "Patient/q", birthDate="1990-01-01")
    world.add("b", world.edges["a"].node).become(world.edges["a"].copy(), told=False)
    world.mend()
    world.interrupt("b", 0)
    world.sync("a", "b", "a")
    world.check()


def test_a_life_is_named_until_all_that_it_wrote_is_at_the_hub_in_full(script: MakeScript) -> None:
    """An element that was written again by the next process waited for that write's row, with the value of the process before, whose
    life was taken for finished by then: the value went by its dot alone, and the hub waited for it for ever."""
    world = script({"a": "f0", "b": "f0"})
    seen = world.write("a", "Patient/p", birthDate="1990-01-01")
    world.sync("a")
    world.write("a", "Patient/p", birthDate="1991-01-01", seen=seen)
    world.cut()
    world.sync("a", fails=True)
    world.edges["a"].begin(world.edges["a"].end())
    world.write("a", "Patient/p", birthDate="1992-01-01", seen=seen)
    world.mend()
    world.sync("a", "b")
    assert len(world.disagreements("b", "Patient/p")["birthDate"]) == 2
    world.check()


def test_what_a_copy_handed_out_before_it_forked_is_not_refused_afterwards(script: MakeScript) -> None:
    """It had written over what both copies had, and says after the fork that it had seen that under another name. The stick, saying
    the old one, seemed to erase and write nothing."""
    world = script({"a": "f0", "b": "f0"})
    world.write("a", "Patient/p", birthDate="1990-01-01")
    copy = world.edges["a"].copy()
    world.sync("a")
    world.edges["a"].become(copy, told=False)
    world.write("a", "Patient/p", birthDate="1991-01-01")
    stick = pack(world.edges["a"], world.edges["b"], everything=False)
    assert stick is not None
    world.hub.foreign_changes = True
    world.edges["b"].receive_stick(stick)
    world.sync("a")
    world.edges["b"].relay_sticks()
    world.world.run()
    world.sync("b", "a", "b")
    assert world.body("b", "Patient/p") == {"birthDate": "1991-01-01"}
    world.check()
