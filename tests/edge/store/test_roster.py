"""People as the hub tells of them: of two statements the later counts, whatever order they come in, and nobody is enabled by a hub
that went back."""

from collections.abc import Iterable

import pytest

from edge_node.errors import AlreadyExists, Unauthorised
from edge_node.store import roster
from edge_node.store.store import Store
from sync_protocol import bounds
from sync_protocol.exchange import people
from sync_protocol.exchange.messages import Answer
from sync_protocol.exchange.people import Mark, Person
from sync_protocol.passwords import SALT_BYTES, sealed
from tests.edge.store.nodes import NOW

KEY = bytes(32)
PASSWORD = "correct horse"
SECRET = sealed(PASSWORD, bytes(SALT_BYTES))


def person(
    revision: int,
    name: str = "ama",
    disabled: bool = False,
    role: str = "midwife",
    gone: bool = False,
    patient: str = "",
    secret: str = SECRET,
) -> Person:
    return Person(name, "f0", role, secret, revision, disabled=disabled, patient=patient, gone=gone)


def tell(store: Store, *told: Person, whole: bool = False) -> int:
    with store.transaction() as connection:
        statements = [people.state(one, KEY) for one in told]
        return roster.take(connection, Answer(people=statements, people_whole=whole), NOW)


def recalled(store: Store) -> list[Person]:
    with store.reading() as connection:
        return [people.read(statement) for statement in roster.recalled(connection)]


def mark(store: Store) -> Mark:
    with store.reading() as connection:
        return roster.held(connection)


def roles(store: Store) -> dict[str, tuple[str, bool, str]]:
    return {user.name: (user.role, user.disabled, user.origin) for user in store.users.list()}


def test_whom_the_hub_tells_of_logs_in_with_the_hubs_password(store: Store) -> None:
    assert tell(store, person(1)) == 1
    assert store.users.verify("ama", PASSWORD, NOW).role == "midwife"
    assert roles(store) == {"ama": ("midwife", False, "hub")}
    assert mark(store) == people.mark([("ama", 1)])
    assert tell(store, person(1)) == 0


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_later_statement_counts_in_whatever_order_they_come(store: Store, order: Iterable[int]) -> None:
    for revision in order:
        tell(store, person(revision, disabled=revision == 2))
    assert roles(store) == {"ama": ("midwife", True, "hub")}
    with pytest.raises(Unauthorised):
        store.users.verify("ama", PASSWORD, NOW)


def test_a_hub_that_went_back_enables_nobody_and_is_reminded(store: Store) -> None:
    tell(store, person(1), person(2, "efua"), person(5, disabled=True), person(6, "esi"))
    assert recalled(store) == []
    tell(store, person(1), person(2, "efua"), whole=True)
    assert roles(store)["ama"] == ("midwife", True, "hub")
    assert roles(store)["esi"] == ("midwife", False, "hub")
    assert [(one.name, one.revision) for one in recalled(store)] == [("ama", 5), ("esi", 6)]
    tell(store)
    assert recalled(store) == []


def test_a_later_word_of_the_hub_enables_again(store: Store) -> None:
    tell(store, person(5, disabled=True))
    tell(store, person(9), whole=True)
    assert roles(store)["ama"] == ("midwife", False, "hub")
    assert recalled(store) == []


def test_the_hubs_user_takes_the_place_of_a_local_one_of_the_same_name(store: Store) -> None:
    store.users.add("ama", "admin", "a local password", NOW)
    store.users.set_pin("ama", "7294")
    before = store.users.get("ama")
    tell(store, person(1))
    after = store.users.get("ama")
    assert before is not None
    assert after is not None
    assert (after.role, after.origin, after.has_pin) == ("midwife", "hub", False)
    assert after.generation > before.generation
    with pytest.raises(Unauthorised):
        store.users.verify("ama", "a local password", NOW)
    assert store.audit(count=1)[0].action == "user-taken-over"


def test_nobody_here_changes_a_user_of_the_hub_but_may_keep_her_out(store: Store) -> None:
    tell(store, person(1))
    with pytest.raises(AlreadyExists):
        store.users.add("ama", "admin", "a local password", NOW)
    with pytest.raises(AlreadyExists):
        store.users.set_password("ama", "a local password", NOW)
    store.users.disable("ama")
    assert tell(store, person(2, role="clinician")) == 1
    assert roles(store)["ama"] == ("clinician", True, "hub")
    store.users.enable("ama")
    assert roles(store)["ama"] == ("clinician", False, "hub")


def test_what_the_hub_says_ends_logins_only_where_it_differs(store: Store) -> None:
    tell(store, person(1))
    store.users.set_pin("ama", "7294")
    first = store.users.get("ama")
    tell(store, person(2))
    second = store.users.get("ama")
    tell(store, person(3, role="clinician"))
    third = store.users.get("ama")
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.generation == second.generation < third.generation
    assert second.has_pin
    assert third.has_pin


def test_a_citizen_of_whom_the_hub_says_that_she_is_another_patient_logs_in_anew(store: Store) -> None:
    tell(store, person(1, role="citizen", patient="p-1"))
    first = store.users.get("ama")
    tell(store, person(2, role="citizen", patient="p-2"))
    second = store.users.get("ama")
    assert first is not None
    assert second is not None
    assert (first.patient, second.patient) == ("p-1", "p-2")
    assert first.generation < second.generation


def test_another_password_of_the_hub_forgets_the_pin_and_the_wrong_tries(store: Store) -> None:
    tell(store, person(1))
    store.users.set_pin("ama", "7294")
    with pytest.raises(Unauthorised):
        store.users.verify("ama", "wrong horse", NOW)
    tell(store, person(2, secret=sealed("another horse", bytes(SALT_BYTES))))
    user = store.users.get("ama")
    assert user is not None
    assert (user.has_pin, user.wrong) == (False, 0)


def test_who_is_not_among_the_first_of_many_is_not_taken_for_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(store, person(1), person(2, "efua"), person(3, "esi"))
    monkeypatch.setattr(bounds, "PEOPLE_MAX", 2)
    tell(store, person(1), person(2, "efua"), whole=True)
    assert recalled(store) == []


def test_who_works_elsewhere_now_is_let_in_no_more(store: Store) -> None:
    tell(store, person(1))
    tell(store, person(2, disabled=True, gone=True))
    assert roles(store)["ama"][1]
