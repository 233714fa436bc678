"""What the simulator found, each as the shortest story that shows it."""

from tests.simulation.conftest import MakeScript


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
