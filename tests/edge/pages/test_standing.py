"""What people are told about the hub is the truth."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_node.pages import agreement, standing
from edge_node.pages.standing import Facts
from edge_node.pages.sync_pages import Report, outcome
from edge_node.programme import Programme
from edge_node.store import leaving
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY

NOW = clinic.START_MS
PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Owusu"}]}
FACTS = Facts(
    node="n",
    hub="https://hub.test",
    facility="Kétou",
    region="north",
    pending=0,
    refused=0,
    conflicts=0,
    quarantine=0,
    since_ms=None,
    last_sync_ms=NOW - 60_000,
    last_error=None,
    agreed_ms=NOW - 60_000,
    clock_offset_ms=0,
)


def told(**changed: Any) -> standing.Standing:
    return standing.standing(msgspec.structs.replace(FACTS, **changed), NOW, UTC)


def test_all_is_safe_only_when_nothing_waits_and_the_digests_were_equal() -> None:
    assert told().mood == "safe"
    assert told().headline == "Everything here is safe at the hub"
    for changed in (
        {"pending": 1},
        {"agreed_ms": None},
        {"refused": 1},
        {"hub": None},
        {"pending": 3, "last_error": "x"},
    ):
        assert told(**changed).mood != "safe"
        assert "Everything here is safe" not in told(**changed).headline


def test_what_waits_is_told_with_since_when_why_and_what_to_do() -> None:
    waits = told(pending=12, since_ms=NOW - 86_400_000, last_error="No answer from https://hub.test (ConnectError)")
    assert waits.headline == "12 changes are not at the hub yet"
    assert waits.details[0].startswith("Waiting since yesterday at")
    assert waits.details[1].startswith("Last sent today at")
    assert waits.reason == "The hub did not answer"
    assert "network" in waits.advice
    assert waits.mood == "waits", "a hub that is away is an everyday thing"
    assert told(pending=1, last_error="The hub has revoked this node").mood == "trouble"
    assert told(pending=1, last_sync_ms=None).details == ("Never sent yet",)


def test_the_words_of_a_failure_nobody_foresaw_are_passed_on() -> None:
    assert standing.explained("The hub refused: a new thing (422).")[0] == "The hub refused: a new thing (422)"
    assert standing.explained(None) == ("", "")


def test_a_doubtful_clock_is_told() -> None:
    assert told(clock_offset_ms=3 * 3_600_000).clock == "3 hours behind"
    assert told(clock_offset_ms=30_000).clock == ""


def test_outcomes() -> None:
    assert outcome(Report(pushed=3, digest_equal=True)) == (
        "good",
        "Done: 3 sent, nothing new came in. Everything here is safe at the hub.",
    )
    assert outcome(Report(pushed=3, pending=1))[0] == "bad"
    assert "safe" not in outcome(Report(pulled=2))[1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        yield store


def enrolled(store: Store, acked: bool) -> None:
    with store.transaction() as connection:
        connection.execute("UPDATE sync SET hub = 'https://hub.test', last_sync = ?", (NOW,))
        if acked:
            connection.execute("UPDATE sync SET acked = (SELECT max(counter) FROM outbox)")


def facts(store: Store) -> Facts:
    with store.snapshot() as connection:
        return standing.facts(connection)


def test_agreement_vouches_for_the_state_that_was_compared_and_for_no_other(store: Store) -> None:
    clinic.write(store, PATIENT)
    enrolled(store, acked=False)
    agreement.note(store, True, NOW)
    assert facts(store).agreed_ms is None, "something waits, so nothing was compared"
    enrolled(store, acked=True)
    agreement.note(store, True, NOW)
    assert facts(store).agreed_ms == NOW
    clinic.write(store, {**PATIENT, "gender": "female"}, NOW + 1)
    assert facts(store).agreed_ms is None
    enrolled(store, acked=True)
    assert facts(store).agreed_ms is None, "acknowledged is not yet compared"
    agreement.note(store, False, NOW + 2)
    assert facts(store).agreed_ms is None


def test_each_record_says_whether_it_is_at_the_hub(store: Store) -> None:
    clinic.write(store, PATIENT)
    clinic.write(store, {**PATIENT, "id": "q"}, NOW + 5)
    first, second = (store.read("Patient", id_) for id_ in ("p", "q"))
    assert first is not None
    assert second is not None
    keys = [first.key, second.key]
    with store.snapshot() as connection:
        assert standing.unsafe(connection, keys) == dict.fromkeys(keys, "alone")
    enrolled(store, acked=False)
    with store.transaction() as connection:
        connection.execute("UPDATE sync SET acked = 1")
        assert standing.unsafe(connection, keys) == {second.key: "waits"}
        assert standing.waiting_kinds(connection) == ["1 patient"]
        connection.execute("INSERT INTO held (key, reason) VALUES (?, 'malformed')", (first.key,))
        assert standing.unsafe(connection, keys) == {second.key: "waits", first.key: "refused"}
    assert facts(store).since_ms == NOW + 5


def test_what_is_about_to_leave_was_not_turned_away(store: Store) -> None:
    clinic.write(store, PATIENT)
    clinic.write(store, {**PATIENT, "id": "q"}, NOW + 5)
    enrolled(store, acked=True)
    first, second = (store.read("Patient", id_) for id_ in ("p", "q"))
    assert first is not None
    assert second is not None
    with store.transaction() as connection:
        reasons = [(first.key, leaving.LEAVING), (second.key, leaving.UNOFFERED)]
        connection.executemany("INSERT INTO held (key, reason) VALUES (?, ?)", reasons)
    assert facts(store).refused == 0
    with store.snapshot() as connection:
        found = standing.unsafe(connection, [first.key, second.key])
    assert found == {second.key: "waits"}, "the hub may lack what it has yet to be offered"


def test_what_waits_of_others_marks_nobody(store: Store) -> None:
    clinic.write(store, PATIENT)
    clinic.write(store, {**PATIENT, "id": "q"}, NOW + 5)
    enrolled(store, acked=False)
    first = store.read("Patient", "p")
    assert first is not None
    with store.transaction() as connection:
        connection.execute("INSERT INTO held (key, reason) VALUES (99, 'malformed')")
        assert standing.unsafe(connection, [first.key]) == {first.key: "waits"}
        assert standing.unsafe(connection, []) == {}
