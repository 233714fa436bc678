"""A facility moves to another shard of its region: nothing is lost or served twice, and nothing of it stays behind."""

from tests.processes.programs import call
from tests.processes.world import Hub
from tests.shards.conftest import NewNode
from tests.shards.databases import Databases
from tests.sync.nodes import agree, person

CLINICS = (("w1", "west", 1), ("w2", "west", 1), ("e1", "east", 2))


def add_clinics(hub: Hub) -> None:
    for facility, region, shard in CLINICS:
        options = ("--name", f"Clinic {facility}", "--region", region, "--shard", str(shard))
        call("medtech-hub", "facility", "add", facility, *options, data=hub.data)


def records(databases: Databases, database: str, facility: str) -> int:
    query = "SELECT count(*) FROM resource JOIN scope ON scope.id = resource.scope WHERE name = $1"
    return int(databases.one(database, query, f"facility/{facility}"))


def test_each_region_s_records_are_on_its_own_shards(hub: Hub, databases: Databases, new_node: NewNode) -> None:
    add_clinics(hub)
    west, east = new_node("west", "w1"), new_node("east", "e1")
    west.put("Patient/w", **person("Ama"))
    east.put("Patient/e", **person("Wanjiru"))
    citizen = ("--role", "citizen", "--facility", "e1", "--patient", "e", "--password-file", "-")
    call("medtech-hub", "user", "add", "wanjiru.kamau", *citizen, data=hub.data, given="a long password")
    west.sync()
    east.sync()
    call("medtech-hub", "user", "disable", "wanjiru.kamau", data=hub.data)
    assert (records(databases, "postgres", "w1"), records(databases, "second", "w1")) == (1, 0)
    assert records(databases, "second", "e1") == 1
    assert databases.one("postgres", "SELECT count(*) FROM resource") == 1 + organizations(databases, "west")
    assert databases.mentions("second", "wanjiru")
    assert not databases.mentions("postgres", "wanjiru")
    assert set(databases.mentions("postgres", "e1")) == {"facility_place"}, "where it is, and nothing of it"


def organizations(databases: Databases, region: str) -> int:
    query = "SELECT count(*) FROM resource JOIN scope ON scope.id = resource.scope WHERE name = $1"
    return int(databases.one("postgres", query, f"region/{region}"))


def test_a_facility_moves_and_its_nodes_notice_nothing(hub: Hub, databases: Databases, new_node: NewNode) -> None:
    add_clinics(hub)
    a, b, other = new_node("a", "w1"), new_node("b", "w1"), new_node("other", "w2")
    for number in range(30):
        a.put(f"Patient/p{number}", **person(f"Ama{number}"))
    other.put("Patient/o", **person("Esi"))
    for node in (a, b, other):
        node.sync()
    a.edit("Patient/p1", birthDate="1990-01-01")
    a.sync()
    moved = call("medtech-hub", "facility", "move", "w1", "--shard", "2", data=hub.data)
    assert moved == {"facility": "w1", "shard": 2, "moved": True}
    assert (records(databases, "postgres", "w1"), records(databases, "second", "w1")) == (0, 30)
    assert records(databases, "postgres", "w2") == 1
    assert b.sync().pulled == 1
    assert b.sync().pulled == 0
    assert a.sync().pulled == 0
    b.edit("Patient/p1", birthDate="1990-01-02")
    b.put("Patient/new", **person("Kofi"))
    agree(a, b)
    assert a.shown("Patient/p1")["birthDate"] == "1990-01-02"
    assert other.sync().pulled == 0
    back = call("medtech-hub", "facility", "move", "w1", "--shard", "1", data=hub.data)
    assert back["moved"]
    assert (records(databases, "postgres", "w1"), records(databases, "second", "w1")) == (31, 0)
    a.edit("Patient/p2", birthDate="1990-01-03")
    agree(a, b)
    assert b.shown("Patient/p2")["birthDate"] == "1990-01-03"
