"""Nodes and hubs that come back from a copy: nothing is lost, nothing is said twice, and nobody is taken for another."""

import shutil
from pathlib import Path

from tests.processes.programs import call
from tests.processes.world import Hub
from tests.sync.conftest import NewNode
from tests.sync.nodes import Node, agree, given_name, person


def test_a_restored_node_begins_anew_and_keeps_what_it_wrote(a: Node, b: Node, tmp_path: Path) -> None:
    """Written before the backup and after it, exchanged and not: all is there at the end."""
    a.put("Patient/before", **person("Ama"))
    agree(a, b)
    a.put("Patient/unsent", **person("Esi"))
    a.close()
    call("medtech-edge", "backup", "--out", tmp_path / "copy", data=a.folder)
    a.open()
    a.edit("Patient/before", birthDate="1990-02-01")
    a.put("Patient/after", **person("Efua"))
    agree(a, b)
    first_life = a.incarnation
    a.close()
    call("medtech-edge", "restore", tmp_path / "copy", data=a.folder)
    a.open()
    assert a.incarnation != first_life
    assert a.stored("Patient/after") is None
    a.edit("Patient/before", gender="female")
    a.put("Patient/later", **person("Adwoa"))
    agree(a, b)
    for node in (a, b):
        names = {given_name(node, f"Patient/{id_}") for id_ in ("before", "unsent", "after", "later")}
        assert names == {"Ama", "Esi", "Efua", "Adwoa"}
        assert node.shown("Patient/before")["birthDate"] == "1990-02-01"
        assert node.shown("Patient/before")["gender"] == "female"
        assert not node.conflicts()


def test_a_restored_node_that_writes_before_it_hears_of_its_first_life(a: Node, b: Node, tmp_path: Path) -> None:
    """The same element, written in the life that was lost and in the new one: two values, not one dot used twice."""
    a.put("Patient/p", **person("Ama", birthDate="1990-01-01"))
    agree(a, b)
    a.close()
    call("medtech-edge", "backup", "--out", tmp_path / "copy", data=a.folder)
    a.open()
    a.edit("Patient/p", birthDate="1991-01-01")
    a.sync()
    a.close()
    call("medtech-edge", "restore", tmp_path / "copy", data=a.folder)
    a.open()
    a.edit("Patient/p", birthDate="1992-01-01")
    agree(a, b)
    for node in (a, b):
        (conflict,) = node.conflicts()
        assert len(conflict.values) == 2


def test_a_copied_folder_becomes_a_node_of_its_own(a: Node, b: Node, tmp_path: Path) -> None:
    """Both go on with the same identity and the same next counters; the second to call finds that it is a copy."""
    a.put("Patient/shared", **person("Ama"))
    a.sync()
    a.put("Patient/unsent", **person("Esi"))
    a.close()
    shutil.copytree(a.folder, tmp_path / "clone")
    a.open()
    clone = Node(tmp_path / "clone", a.prefix)
    try:
        assert clone.incarnation == a.incarnation
        a.put("Patient/at-a", **person("Efua"))
        clone.put("Patient/at-clone", **person("Adwoa"))
        a.edit("Patient/unsent", birthDate="1991-01-01")
        clone.edit("Patient/unsent", birthDate="1992-01-01")
        agree(a, clone, b)
        assert clone.incarnation != a.incarnation
        for node in (a, clone, b):
            ids = ("shared", "unsent", "at-a", "at-clone")
            assert [given_name(node, f"Patient/{id_}") for id_ in ids] == ["Ama", "Esi", "Efua", "Adwoa"]
            # What both lives had written before they parted is one change that two names claim; both values are kept.
            dates = {bytes(value.value or b"") for conflict in node.conflicts() for value in conflict.values}
            assert {b'{"birthDate":"1991-01-01"}', b'{"birthDate":"1992-01-01"}'} <= dates
        clone.put("Patient/again", **person("Abena"))
        a.put("Patient/too", **person("Akua"))
        lives = {a.incarnation, clone.incarnation}
        agree(a, clone, b)
        assert {a.incarnation, clone.incarnation} == lives
    finally:
        clone.close()


def test_a_hub_restored_to_an_earlier_time_gets_everything_back(own_hub: Hub, new_node: NewNode) -> None:
    a, b = new_node("a", own_hub), new_node("b", own_hub)
    for number in range(50):
        a.put(f"Patient/early-{number}", **person(f"Ama{number}"))
    agree(a, b)
    own_hub.server.stop()
    copy = own_hub.data.with_name("hub-copy")
    copy_with_owners(own_hub.data, copy)
    own_hub.start()
    for number in range(50):
        a.put(f"Patient/late-{number}", **person(f"Esi{number}"))
        b.put(f"Patient/other-{number}", **person(f"Efua{number}"))
    a.edit("Patient/early-7", birthDate="1991-01-01")
    agree(a, b)
    before = a.digest
    own_hub.server.stop()
    shutil.rmtree(own_hub.data)
    copy.rename(own_hub.data)
    own_hub.start()
    b.put("Patient/since", **person("Akua"))
    agree(a, b)
    assert a.digest != before
    newcomer = new_node("newcomer", own_hub)
    agree(newcomer, a, b)
    assert newcomer.store.status().resources == 151 + 1  # and the name of the facility
    assert newcomer.shown("Patient/early-7")["birthDate"] == "1991-01-01"


def copy_with_owners(source: Path, target: Path) -> None:
    """A folder with the owners and modes of its files: Postgres's are not ours when root runs it."""
    import subprocess

    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
