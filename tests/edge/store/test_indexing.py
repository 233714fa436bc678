"""What is derived of a changed resource: told only where it differs, the difference is the same."""

from hypothesis import given

from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.parameters import slots_of
from edge_node.store import indexing, rows
from edge_node.store.model import Write
from edge_node.store.store import Store
from sync_protocol import policy
from sync_protocol.resource import Resource
from tests.edge.store.nodes import AMA, NOW, observation, put
from tests.laws.strategies import resources


def test_every_slot_is_read_from_one_unit() -> None:
    for type_ in CONTRACT_TYPES:
        for slot in slots_of(type_):
            assert len({policy.unit_of(type_, leaf.hops[0].key) for leaf in slot.leaves}) == 1


@given(resources(2))
def test_a_change_gives_the_difference_of_the_wholes(states: list[Resource]) -> None:
    old, new = states
    before, after = (set(indexing.search_rows(rows.shown_of(state))) for state in states)
    was, derived = indexing.derive_change(old, new)
    assert set(derived.rows) - set(was.rows) == after - before
    assert set(was.rows) - set(derived.rows) == before - after


def test_a_resource_changed_twice_in_one_transaction(store: Store) -> None:
    put(store, "Patient", "p1", b'{"resourceType":"Patient"}')
    put(store, "Observation", "o1", observation("Patient/p1", "10"))
    bodies = [observation("Patient/p1", "11"), observation("Patient/p2", "11"), observation("Patient/p1", "12")]
    store.write([Write("Observation", "o1", body) for body in bodies], AMA, NOW)


def test_a_resource_changed_and_deleted_in_one_transaction(store: Store) -> None:
    put(store, "Observation", "o1", observation("Patient/p1", "10"))
    store.write(
        [Write("Observation", "o1", observation("Patient/p2", "11")), Write("Observation", "o1", None)], AMA, NOW
    )
