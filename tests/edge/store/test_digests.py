"""A scope's digest: kept by every write without a page of its own, and right whatever goes from the outbox when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_node.store import digests
from edge_node.store.schema import HOME_SCOPE
from edge_node.store.standing import standing, store_standing
from edge_node.store.store import Store
from sync_protocol import digest
from tests.edge.store import nodes
from tests.edge.store.nodes import NOW, foreign, patient, put


def in_scope(store: Store) -> bytes:
    with store.snapshot() as connection:
        kept: bytes = connection.execute("SELECT digest FROM scope WHERE id = ?", (HOME_SCOPE,)).fetchone()[0]
    return kept


def cut(store: Store, safe: int) -> None:
    """What the hub has in its backups goes from the outbox."""
    with store.transaction() as connection:
        present = standing(connection)
        store_standing(connection, replace(present, acked=max(present.acked, safe), safe=safe))


def test_a_write_moves_the_digest_and_leaves_the_page_of_scopes_alone(store: Store) -> None:
    before, told = in_scope(store), store.digests()
    put(store, "Patient", "p", patient())
    put(store, "Patient", "p", patient(gender="female"))
    assert in_scope(store) == before == digest.to_bytes(digest.EMPTY)
    assert store.digests() != told
    nodes.digests_are_those_of_the_rows(store)


def test_the_scope_takes_over_when_the_last_row_goes_and_not_before(store: Store) -> None:
    for id_ in ("a", "b", "c"):
        put(store, "Patient", id_, patient())
    whole, empty = store.digests(), in_scope(store)
    cut(store, 2)
    assert (store.digests(), in_scope(store)) == (whole, empty)
    cut(store, 3)
    assert store.digests() == whole
    assert in_scope(store).hex() in whole.values()
    cut(store, 3)
    assert store.digests() == whole


def test_what_arrives_moves_the_scope_itself(store: Store) -> None:
    put(store, "Patient", "a", patient())
    with store.transaction() as connection:
        store.merge(connection, [foreign("Patient", "f", 1, gender=b'"female"')], HOME_SCOPE, NOW)
    assert in_scope(store) != digest.to_bytes(digest.EMPTY)
    nodes.digests_are_those_of_the_rows(store)


def test_other_scopes_know_nothing_of_the_outbox(store: Store) -> None:
    put(store, "Patient", "a", patient())
    with store.transaction() as connection:
        connection.execute("INSERT INTO scope SELECT 2, 'facility/f9', kind, 0, 0, digest FROM scope")
        store.merge(connection, [foreign("Patient", "f", 1, gender=b'"female"')], 2, NOW)
        kept = digests.kept(connection)
    assert len(set(kept.values())) == 2
    nodes.digests_are_those_of_the_rows(store)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 3)),
        st.tuples(st.just("merge"), st.integers(0, 3)),
        st.tuples(st.just("cut"), st.integers(0, 8)),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_in_any_order_it_is_that_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with nodes.opened(tmp_path_factory.mktemp("node") / "node") as store:
        for number, (what, which) in enumerate(steps, start=1):
            if what == "put":
                put(store, "Patient", f"p{which}", patient(birthDate=f"19{10 + number}-01-01"))
            elif what == "merge":
                with store.transaction() as connection:
                    value = f'"19{10 + number}-01-01"'.encode()
                    store.merge(connection, [foreign("Patient", f"p{which}", number, birthDate=value)], HOME_SCOPE, NOW)
            else:
                with store.snapshot() as connection:
                    known = standing(connection)
                cut(store, max(known.safe, min(which, known.counter)))
            nodes.digests_are_those_of_the_rows(store)
