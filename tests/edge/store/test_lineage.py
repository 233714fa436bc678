"""Every element tells who wrote what, what that replaced, and what it stands beside."""

import json

from edge_node.store import lineage
from edge_node.store.lineage import Lineage
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.edge.store import nodes

ESI = Author("esi", "clinician")


def told(store: Store, type_: str, id_: str) -> dict[str, Lineage]:
    """Element → its history."""
    with store.snapshot() as connection:
        return {one.element: one for one in lineage.of_resource(connection, type_, id_)}


def merge(store: Store, resource: Resource, at: int) -> None:
    """What another node wrote arrives."""
    with store.transaction() as connection:
        store.merge(connection, [resource], 1, at)


def test_a_value_that_replaced_another_says_so(store: Store) -> None:
    nodes.put(store, "Patient", "p", nodes.patient(birthDate="1990-01-01", gender="female"), at=1_000)
    nodes.put(store, "Patient", "p", nodes.patient(birthDate="1991-01-01", gender="female"), by=ESI, at=2_000)
    histories = told(store, "Patient", "p")
    first, second = histories["birthDate"].entries
    assert (json.loads(first.value or b""), first.stamp.user, first.fate, first.by) == (
        {"birthDate": "1990-01-01"},
        "ama",
        "replaced",
        (1,),
    )
    assert (second.stamp.user, second.fate, second.replaced, second.here) == ("esi", "shown", (0,), True)
    assert [entry.fate for entry in histories["gender"].entries] == ["shown"]
    assert next(iter(histories)) == "birthDate", "what changed last stands first"


def test_values_written_apart_stand_beside_each_other_until_one_replaces_both(store: Store) -> None:
    nodes.put(store, "Patient", "p", nodes.patient(birthDate="1990-01-01"), at=1_000)
    merge(store, nodes.foreign("Patient", "p", 7, birthDate=b'{"birthDate":"1980-01-01"}'), 2_000)
    mine, theirs = told(store, "Patient", "p")["birthDate"].entries
    assert {mine.fate, theirs.fate} == {"shown", "beside"}
    assert (mine.here, theirs.here) == (True, False)
    assert not theirs.gap
    store.resolve("Patient", "p", "birthDate", b'{"birthDate":"1985-01-01"}', ESI, 3_000)
    mine, theirs, third = told(store, "Patient", "p")["birthDate"].entries
    assert (mine.by, theirs.by, third.replaced) == ((2,), (2,), (0, 1))
    assert third.fate == "shown"


def test_a_write_that_never_came_here_is_told_as_a_gap(store: Store) -> None:
    merge(store, nodes.foreign("Patient", "p", 3, birthDate=b'{"birthDate":"1980-01-01"}'), 1_000)
    later = nodes.foreign("Patient", "p", 9, birthDate=b'{"birthDate":"1981-01-01"}')
    merge(store, later, 2_000)
    first, second = told(store, "Patient", "p")["birthDate"].entries
    assert (first.gap, second.gap) == (False, False), "one author's own writes: the later one knows the earlier"
    assert (first.by, second.replaced) == ((1,), (0,))
    sibling = Sibling(Stamp(50, 4, 3_000, 3_000, "kofi", "midwife"), b'{"birthDate":"1982-01-01"}')
    context = {99: 9, 77: 2, 50: 4}
    merge(store, Resource("Patient", "p", {"birthDate": Register((sibling,), context)}), 3_000)
    third = told(store, "Patient", "p")["birthDate"].entries[2]
    assert third.gap, "it had seen a write of node 77 that never was here"


def test_what_was_removed_and_deleted_is_told(store: Store) -> None:
    nodes.put(store, "Patient", "p", nodes.patient(birthDate="1990-01-01", gender="female"), at=1_000)
    nodes.put(store, "Patient", "p", nodes.patient(birthDate="1990-01-01"), at=2_000)
    assert [entry.value is None for entry in told(store, "Patient", "p")["gender"].entries] == [False, True]
    store.write([Write("Patient", "p", None)], ESI, 3_000)
    (deleted,) = told(store, "Patient", "p")["~"].entries
    assert (deleted.stamp.user, deleted.fate) == ("esi", "shown")


def test_what_never_was_here_has_no_history(store: Store) -> None:
    assert told(store, "Patient", "nobody") == {}
