"""Two nodes of a facility and their hub: everything arrives, nobody's value is lost, and little is sent."""

import json
from typing import Any

from structlog.testing import capture_logs

from sync_protocol.resource import ALIVE
from tests.processes.relay import Relay
from tests.processes.world import Hub
from tests.sync.conftest import NewNode
from tests.sync.nodes import Node, agree, given_name, person


def observation(value: str = "10.50") -> dict[str, Any]:
    return {"status": "final", "code": {"text": "Hb"}, "valueQuantity": {"value": float(value), "unit": "g/dL"}}


def test_first_sync_brings_both_what_the_other_has(a: Node, b: Node) -> None:
    a.sync()
    b.sync()
    facilities = a.store.status().resources  # the names of the region's
    for number in range(300):
        a.put(f"Patient/a-{number}", **person(f"Ama{number}"))
        b.put(f"Observation/b-{number}", **observation(f"{number}.5"))
    assert a.sync().pushed == 300
    progress = b.sync()
    assert (progress.pushed, progress.pulled) == (300, 300)
    assert a.sync().pulled == 300
    assert a.digest == b.digest
    for name in ("Patient/a-7", "Observation/b-7"):
        assert a.shown(name) == b.shown(name)
    assert a.store.status().resources == 600 + facilities


def test_an_edit_arrives_as_it_was_written(a: Node, b: Node) -> None:
    a.put("Patient/p", **person("Ama", birthDate="1990-02-01"))
    agree(a, b)
    b.edit("Patient/p", birthDate="1990-02-10", multipleBirthInteger=2)
    agree(a, b)
    assert a.shown("Patient/p") == b.shown("Patient/p")
    assert a.shown("Patient/p")["birthDate"] == "1990-02-10"
    assert not a.conflicts()


def test_edits_of_different_elements_made_apart_are_both_there(a: Node, b: Node) -> None:
    a.put("Patient/p", **person("Ama", birthDate="1990-02-01"))
    agree(a, b)
    a.edit("Patient/p", birthDate="1990-02-10")
    b.edit("Patient/p", telecom=[{"system": "phone", "value": "+233 20 000 0001"}])
    agree(a, b)
    for node in (a, b):
        assert node.shown("Patient/p")["birthDate"] == "1990-02-10"
        assert node.shown("Patient/p")["telecom"][0]["value"] == "+233 20 000 0001"
        assert not node.conflicts()


def test_two_values_made_apart_wait_at_both_until_one_is_chosen(a: Node, b: Node) -> None:
    a.put("Patient/p", **person("Ama", birthDate="1990-02-01"))
    agree(a, b)
    a.edit("Patient/p", birthDate="1991-01-01")
    b.edit("Patient/p", birthDate="1992-02-02")
    agree(a, b)
    for node in (a, b):
        (conflict,) = node.conflicts()
        values = {json.loads(bytes(value.value or b""))["birthDate"] for value in conflict.values}
        assert values == {"1991-01-01", "1992-02-02"}
    assert a.shown("Patient/p") == b.shown("Patient/p")
    (conflict,) = b.conflicts()
    chosen = next(v.value for v in conflict.values if b"1991" in bytes(v.value or b""))
    b.resolve("Patient/p", conflict.element, bytes(chosen or b""))
    agree(a, b)
    for node in (a, b):
        assert not node.conflicts()
        assert node.shown("Patient/p")["birthDate"] == "1991-01-01"


def test_a_deletion_and_an_edit_made_apart_show_the_edit_until_a_person_decides(a: Node, b: Node) -> None:
    for name in ("Patient/kept", "Patient/gone"):
        a.put(name, **person("Ama", birthDate="1990-02-01"))
    agree(a, b)
    for name in ("Patient/kept", "Patient/gone"):
        a.delete(name)
        b.edit(name, birthDate="1990-02-10")
    agree(a, b)
    for node in (a, b):
        assert [conflict.element for conflict in node.conflicts()] == ["~", "~"]
        assert node.shown("Patient/kept")["birthDate"] == "1990-02-10"
    a.resolve("Patient/kept", "~", ALIVE)
    b.resolve("Patient/gone", "~", None)
    agree(a, b)
    for node in (a, b):
        assert not node.conflicts()
        assert not node.is_gone("Patient/kept")
        assert node.is_gone("Patient/gone")


def test_a_deletion_arrives(a: Node, b: Node) -> None:
    a.put("Patient/p", **person("Ama"))
    agree(a, b)
    b.delete("Patient/p")
    agree(a, b)
    assert a.is_gone("Patient/p")
    assert not a.conflicts()


def test_twenty_edits_are_one_round_trip_and_two_kilobytes(a: Node, b: Node) -> None:
    for number in range(20):
        a.put(f"Patient/p-{number}", **person(f"Ama{number}", birthDate="1990-02-01"))
    agree(a, b)
    for number in range(20):
        a.edit(f"Patient/p-{number}", birthDate=f"1991-03-{number + 1:02}")
    progress = a.sync()
    assert (progress.pushed, progress.round_trips) == (20, 1)
    assert progress.bytes_sent <= 2_000
    progress = b.sync()
    assert (progress.pulled, progress.round_trips) == (20, 1)
    assert progress.bytes_received <= 2_000


def test_an_idle_exchange_is_one_round_trip_and_a_kilobyte_with_all_headers(hub: Hub, new_node: NewNode) -> None:
    with Relay(hub.server.port) as link:
        node = new_node("a")
        with node.store.transaction() as connection:
            connection.execute("UPDATE sync SET hub = ?", (link.url,))
        node.put("Patient/p", **person("Ama"))
        node.sync()
        before = link.bytes_to_target + link.bytes_from_target
        progress = node.sync()
        after = link.bytes_to_target + link.bytes_from_target
        node.syncing.close()
    assert progress.round_trips == 1
    assert progress.bytes_sent + progress.bytes_received <= 1_000
    assert after - before <= 1_500


def test_a_change_that_depends_on_an_unknown_one_waits_until_that_arrives(a: Node, b: Node, new_node: NewNode) -> None:
    """B has A's change by another way than the hub (a stick, the clinic's own network) and goes on from there."""
    reader = new_node("reader")
    a.put("Patient/p", **person("Ama", birthDate="1990-02-01"))
    hand_over(a, b, "Patient/p")
    b.edit("Patient/p", birthDate="1990-02-10")
    b.put("Patient/other", **person("Esi"))
    progress = b.exchange()
    assert progress.pending == 0
    assert not progress.digest_equal  # what is parked is not compared
    reader.sync()
    assert reader.stored("Patient/p") is None
    assert given_name(reader, "Patient/other") == "Esi"
    with capture_logs() as log:
        a.sync()
        agree(a, b, reader)
    assert "digests differ" not in {line["event"] for line in log}
    assert reader.shown("Patient/p")["birthDate"] == "1990-02-10"
    assert not reader.conflicts()


def hand_over(giver: Node, taker: Node, name: str) -> None:
    """A resource goes from one node to another without the hub."""
    from edge_node.store import rows
    from edge_node.store.schema import HOME_SCOPE

    type_, id_ = giver.split(name)
    with giver.store.snapshot() as connection:
        number = rows.find_type(connection, type_)
        (state,) = connection.execute("SELECT state FROM resource WHERE type = ? AND id = ?", (number, id_)).fetchone()
    with taker.store.transaction() as connection:
        taker.store.merge(connection, [rows.resource_of(type_, id_, state)], HOME_SCOPE, taker.now())
