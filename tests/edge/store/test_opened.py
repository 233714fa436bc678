"""Records opened with a reason: to one person in one role for one time, looked at by somebody else."""

import pytest

from edge_node.errors import NotFound
from edge_node.store import opened
from edge_node.store.model import Author
from edge_node.store.store import Store
from tests.edge.store.nodes import AMA, NOW, patient, put

EFUA = Author("efua", "registrar")
UNTIL = NOW + 1_000


@pytest.fixture
def store(store: Store) -> Store:
    """A node at which Efua has one record open."""
    put(store, "Patient", "p-1", patient())
    with store.transaction() as connection:
        opened.open_record(connection, EFUA, "p-1", "She bleeds.", NOW, UNTIL)
    return store


@pytest.mark.parametrize(
    ("user", "role", "now_ms", "is_open"),
    [
        ("efua", "registrar", NOW, True),
        ("efua", "registrar", UNTIL - 1, True),
        ("efua", "registrar", UNTIL, False),
        ("efua", "registrar", NOW - 1, False),
        ("efua", "operator", NOW, False),
        ("kofi", "registrar", NOW, False),
    ],
)
def test_a_record_is_open_to_one_person_in_one_role_for_a_time(
    store: Store, user: str, role: str, now_ms: int, is_open: bool
) -> None:
    with store.reading() as connection:
        found = [one.patient for one in opened.open_now(connection, user, role, now_ms)]
        assert found == (["p-1"] if is_open else [])


def test_it_is_looked_at_once_and_not_by_her_who_opened_it(store: Store) -> None:
    with store.transaction() as connection:
        (one,) = opened.latest(connection)
        with pytest.raises(NotFound):
            opened.review(connection, one.number, Author("efua", "admin"), NOW)
        assert opened.count_unseen(connection) == 1
        opened.review(connection, one.number, AMA, NOW)
        assert opened.count_unseen(connection) == 0
        with pytest.raises(NotFound):
            opened.review(connection, one.number, Author("kofi", "admin"), NOW)
        assert [seen.reviewed_by for seen in opened.latest(connection)] == [AMA.user]
