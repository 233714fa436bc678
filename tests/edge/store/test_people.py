"""Users of a node: passwords are checked in time, and an unknown name looks like a wrong password."""

import pytest

from edge_node.errors import NotFound, SettingsWrong, Unauthorised
from edge_node.store.store import Store
from tests.edge.store.nodes import NOW

PASSWORD = "correct horse"


def test_a_user_logs_in_with_the_password_and_no_other(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    assert store.users.verify("ama", PASSWORD).role == "clinician"
    for name, password in (("ama", "wrong horse"), ("kofi", PASSWORD)):
        with pytest.raises(Unauthorised):
            store.users.verify(name, password)


def test_a_user_added_again_has_the_new_role_and_password(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    store.users.add("ama", "admin", "another horse", NOW)
    assert store.users.verify("ama", "another horse").role == "admin"
    assert [user.name for user in store.users.list()] == ["ama"]


def test_a_disabled_user_does_not_log_in(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    store.users.disable("ama")
    with pytest.raises(Unauthorised):
        store.users.verify("ama", PASSWORD)
    with pytest.raises(NotFound):
        store.users.disable("kofi")


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [("", "admin", PASSWORD), ("a\nb", "admin", PASSWORD), ("ama", "king", PASSWORD), ("ama", "admin", "short")],
)
def test_what_makes_no_user_is_refused(store: Store, name: str, role: str, password: str) -> None:
    with pytest.raises(SettingsWrong):
        store.users.add(name, role, password, NOW)
