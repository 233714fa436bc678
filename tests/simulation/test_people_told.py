"""Who may log in, at a hub that goes back: as stories, on the real exchange."""

from sync_protocol.exchange.people import Person
from tests.simulation.conftest import MakeScript
from tests.simulation.memory_shard import MemoryShard
from tests.simulation.scripted import Script


def say(world: Script, name: str, revision: int, *, disabled: bool = False, facility: str = "f0") -> None:
    """The hub's administrator says who somebody is from now on."""
    person = Person(name, facility, "midwife", "$argon2id$x", revision, disabled=disabled)
    MemoryShard(world.hub.hub.tables).put_person(person)


def may_log_in(world: Script, edge: str) -> set[str]:
    store = world.edges[edge].store
    assert store is not None
    return {user.name for user in store.users.list() if not user.disabled}


def test_a_hub_that_forgot_whom_it_disabled_learns_it_from_a_node_and_tells_the_others(script: MakeScript) -> None:
    world = script({"a": "f0", "b": "f0", "c": "f1"})
    say(world, "ama", 10)
    say(world, "kofi", 11)
    world.sync("a", "b", "c")
    assert may_log_in(world, "a") == may_log_in(world, "b") == {"ama", "kofi"}
    assert may_log_in(world, "c") == set()
    tables = world.hub.hub.tables.snapshot()
    say(world, "kofi", 20, disabled=True)
    say(world, "esi", 21)
    world.sync("a")
    assert may_log_in(world, "a") == {"ama", "esi"}
    world.hub.go_back(tables, set())
    assert not world.hub.hub.tables.people["kofi"].disabled
    world.sync("a")
    assert may_log_in(world, "a") == {"ama", "esi"}
    world.sync("a", "b")
    assert world.hub.hub.tables.people["kofi"].disabled
    assert may_log_in(world, "b") == {"ama", "esi"}


def test_what_a_restored_hub_says_after_its_restore_counts(script: MakeScript) -> None:
    world = script({"a": "f0"})
    say(world, "kofi", 11)
    tables = world.hub.hub.tables.snapshot()
    say(world, "kofi", 20, disabled=True)
    world.sync("a")
    world.hub.go_back(tables, set())
    say(world, "kofi", 30)
    for _ in range(2):
        world.sync("a")
    assert may_log_in(world, "a") == {"kofi"}


def test_who_moves_to_another_clinic_is_let_in_there_and_not_here(script: MakeScript) -> None:
    world = script({"a": "f0", "c": "f1"})
    say(world, "ama", 10)
    world.sync("a", "c")
    say(world, "ama", 12, facility="f1")
    world.sync("a", "c")
    assert may_log_in(world, "a") == set()
    assert may_log_in(world, "c") == {"ama"}
