"""Looking up one resource: what is committed is seen, whoever is writing, and nothing else."""

import threading

import pytest

from edge_node.errors import StorageFault
from edge_node.store.store import Store
from tests.edge.store.nodes import NOW, patient, put, shown


def test_a_look_up_sees_what_is_committed_at_once(store: Store) -> None:
    for name in ("Ama", "Esi", "Efua"):
        put(store, "Patient", "p1", patient(name=[{"text": name}]))
        assert shown(store.read("Patient", "p1"))["name"] == [{"text": name}]


def test_a_look_up_within_a_transaction_does_not_see_what_it_has_not_committed(store: Store) -> None:
    put(store, "Patient", "p1", patient())
    with store.transaction() as connection:
        connection.execute("UPDATE resource SET updated = 5")
        assert updated(store) == NOW
    assert updated(store) == 5


def test_a_look_up_does_not_wait_for_a_writer(store: Store) -> None:
    put(store, "Patient", "p1", patient())
    found: list[int] = []
    with store.transaction() as connection:
        connection.execute("UPDATE resource SET updated = 5")
        other = threading.Thread(target=lambda: found.append(updated(store)))
        other.start()
        other.join(10)
        assert found == [NOW]


def updated(store: Store) -> int:
    stored = store.read("Patient", "p1")
    assert stored is not None
    return stored.updated_ms


def test_a_look_up_leaves_the_store_to_writers(store: Store) -> None:
    put(store, "Patient", "p1", patient())
    store.read("Patient", "p1")
    found: list[str] = []
    other = threading.Thread(target=lambda: found.append(put(store, "Patient", "p2", patient()).stored.id))
    other.start()
    other.join(10)
    assert found == ["p2"]


def test_a_look_up_that_fails_says_so_and_leaves_the_store_to_writers(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute("ALTER TABLE resource RENAME TO away")
    with pytest.raises(StorageFault):
        store.read("Patient", "p1")
    with store.transaction() as connection:
        connection.execute("ALTER TABLE away RENAME TO resource")
    put(store, "Patient", "p1", patient())
    assert store.read("Patient", "p1") is not None
