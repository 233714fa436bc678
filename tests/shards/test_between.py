"""Two clinics of one region on two shards: a patient goes from one to the other and back, and nobody notices that there are two."""

from typing import Any

import pytest

from edge_node.sync import admission
from sync_protocol.exchange.finding import Find
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from tests.processes.programs import call, wait_until
from tests.processes.world import Hub
from tests.shards.conftest import NewNode
from tests.shards.databases import Databases
from tests.sync.nodes import AMA, Node

BORN = "1991-07-23"
SECONDS_MAX = 90.0


@pytest.fixture
def clinics(hub: Hub, new_node: NewNode) -> tuple[Node, Node]:
    """One on the first shard, one on the second; the first knows Adaeze, and has measured her."""
    for facility, shard in (("w1", 1), ("w2", 2)):
        options = ("--name", f"Clinic {facility}", "--region", "west", "--shard", str(shard))
        call("medtech-hub", "facility", "add", facility, *options, data=hub.data)
    one, other = new_node("one", "w1"), new_node("other", "w2")
    one.put("Patient/p", **adaeze())
    one.put("Observation/o", **measured("10.5"))
    one.sync()
    other.sync()
    return one, other


def adaeze() -> dict[str, Any]:
    name = [{"family": "Okafor", "given": ["Adaeze"]}]
    return {"name": name, "gender": "female", "birthDate": BORN, "address": [{"city": "Kétou"}]}


def measured(value: str) -> dict[str, Any]:
    return {
        "status": "final",
        "code": {"text": "Hb"},
        "subject": {"reference": "Patient/p"},
        "valueQuantity": {"value": float(value), "unit": "g/dL"},
    }


def refer(node: Node, number: int, facility: str) -> None:
    category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
    to = [{"reference": f"Organization/{facility}"}]
    said: dict[str, Any] = {"intent": "order", "status": "active", "category": category, "performer": to}
    about: dict[str, Any] = {"subject": {"reference": "Patient/p"}, "authoredOn": "2026-03-01T08:00:00Z"}
    node.put(f"ServiceRequest/r{number}", **said, **about)


def until(node: Node, name: str, *, here: bool) -> None:
    """Syncs until something is here or gone: the hub carries it over after it has answered."""

    def as_wanted() -> bool:
        node.exchange()
        return node.is_gone(name) is not here

    wait_until(as_wanted, SECONDS_MAX, f"{name} {'here' if here else 'gone'}")


def admitted(node: Node) -> int:
    asked = Find(AMA.user, AMA.role, names="Okafor Adaeze", born=BORN)
    (found,) = admission.find(node.store, asked, node.now()).candidates
    return admission.admit(node.store, found.token, AMA, "here", node.now()).resources


def test_the_names_of_the_region_s_clinics_are_at_both(clinics: tuple[Node, Node]) -> None:
    for node in clinics:
        assert node.shown("Organization/w1")["name"] == "Clinic w1"
        assert node.shown("Organization/w2")["name"] == "Clinic w2"


def test_she_is_found_and_admitted_from_the_other_shard(clinics: tuple[Node, Node], databases: Databases) -> None:
    one, other = clinics
    assert admitted(other) == 2
    other.sync()
    assert other.shown("Patient/p") == {**adaeze(), "resourceType": "Patient", "id": "p"}
    assert other.stored("Observation/o") is not None
    one.sync()
    assert one.is_gone("Patient/p")
    assert one.is_gone("Observation/o")
    assert databases.one("postgres", "SELECT count(*) FROM relay") == 0
    assert databases.one("postgres", "SELECT count(*) FROM clue") == 0
    assert databases.one("second", "SELECT count(*) > 0 FROM clue")
    kept = "SELECT coalesce(sum(n), 0)::bigint FROM fact WHERE kind = 'patient'"
    assert (databases.one("postgres", kept), databases.one("second", kept)) == (0, 1)


def test_late_edits_follow_her(clinics: tuple[Node, Node]) -> None:
    one, other = clinics
    one.edit("Patient/p", telecom=[{"system": "phone", "value": "+229 01"}])
    one.edit("Observation/o", status="amended")
    one.put("Observation/late", **measured("11.5"))
    assert admitted(other) == 2
    other.sync()
    other.edit("Patient/p", maritalStatus={"text": "married"})
    other.sync()
    one.exchange()
    until(one, "Patient/p", here=False)
    until(one, "Observation/late", here=False)
    until(other, "Observation/late", here=True)
    other.sync()
    shown = other.shown("Patient/p")
    assert shown["telecom"][0]["value"] == "+229 01"
    assert shown["maritalStatus"] == {"text": "married"}
    assert other.shown("Observation/o")["status"] == "amended"
    one.sync()


def test_a_referral_sends_her_there_and_another_back(clinics: tuple[Node, Node]) -> None:
    one, other = clinics
    refer(one, 1, "w2")
    one.sync()
    until(other, "Patient/p", here=True)
    until(one, "Patient/p", here=False)
    assert other.stored("ServiceRequest/r1") is not None
    other.edit("Patient/p", birthDate="1991-07-24")
    refer(other, 2, "w1")
    other.sync()
    until(one, "Patient/p", here=True)
    until(other, "Patient/p", here=False)
    one.sync()
    other.sync()
    assert one.shown("Patient/p")["birthDate"] == "1991-07-24"
    one.edit("Patient/p", birthDate="1991-07-25")
    one.sync()
    assert one.shown("Patient/p")["birthDate"] == "1991-07-25"
    notices = [one.store.export("Communication"), other.store.export("Communication")]
    assert [len(list(of_one)) for of_one in notices] == [1, 1]


def test_what_a_clinic_says_of_the_region_s_records_comes_round(clinics: tuple[Node, Node]) -> None:
    one, other = clinics
    other.edit("Organization/w1", name="Clinic One")
    other.exchange()

    def named_anew() -> bool:
        one.exchange()
        return bool(one.shown("Organization/w1")["name"] == "Clinic One")

    wait_until(named_anew, SECONDS_MAX, "the name")
    one.sync()
    other.sync()


@pytest.mark.slow
def test_facilities_move_while_she_is_away(hub: Hub, clinics: tuple[Node, Node]) -> None:
    one, other = clinics
    one.edit("Observation/o", status="amended")
    assert admitted(other) == 2
    call("medtech-hub", "facility", "move", "w2", "--shard", "1", data=hub.data)
    until(other, "Patient/p", here=True)
    one.sync()
    other.sync()
    assert other.shown("Observation/o")["status"] == "amended"
    call("medtech-hub", "facility", "move", "w1", "--shard", "2", data=hub.data)
    one.put("Patient/q", name=[{"text": "Kofi"}])
    one.sync()
    other.edit("Patient/p", birthDate="1991-07-26")
    other.sync()
    call("medtech-hub", "facility", "move", "w2", "--shard", "2", data=hub.data)
    other.sync()
    one.sync()
    assert other.shown("Patient/p")["birthDate"] == "1991-07-26"


def test_a_point_of_presence_holds_facilities_of_both_shards(
    clinics: tuple[Node, Node], new_node: NewNode, databases: Databases
) -> None:
    one, other = clinics
    other.put("Patient/k", name=[{"text": "Kofi"}])
    other.sync()
    presence = new_node("presence", "w1", "pop")
    presence.sync()
    assert presence.shown("Patient/k")["name"] == [{"text": "Kofi"}]
    assert presence.shown("Patient/p")["birthDate"] == BORN
    presence.edit("Patient/k", birthDate="1980-01-01")
    presence.put("Observation/k", **{**measured("12"), "subject": {"reference": "Patient/k"}})
    presence.edit("Patient/p", birthDate="1991-07-30")
    presence.sync()
    other.sync()
    one.sync()
    assert other.shown("Patient/k")["birthDate"] == "1980-01-01"
    assert other.stored("Observation/k") is not None
    assert one.shown("Patient/p")["birthDate"] == "1991-07-30"
    other.edit("Observation/k", status="amended")
    other.sync()
    presence.sync()
    assert presence.shown("Observation/k")["status"] == "amended"
    full = "SELECT count(*) FROM resource JOIN scope ON scope.id = scope WHERE name = 'facility/w2' AND hash <> $1"
    assert databases.one("postgres", full, bytes(16)) == 0
    assert databases.one("second", full, bytes(16)) == 2
