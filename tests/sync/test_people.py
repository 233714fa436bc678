"""People who may log in: added at a real hub, they log in at a clinic that is offline from then on; the password never travels."""

from typing import Any

import pytest

from edge_node.errors import Unauthorised
from edge_node.store.model import User
from sync_protocol.exchange.messages import Answer
from tests.processes.world import Hub
from tests.sync.nodes import Node, now_ms

PASSWORD = "correct horse battery"


def add(hub: Hub, facility: str, name: str, role: str = "midwife", /, **more: Any) -> str:
    """A person of the test's own facility; her name is this test's alone."""
    named = f"{name}-{facility}"
    body = {"name": named, "role": role, "password": PASSWORD, "facility": facility, **more}
    hub.administer("POST", "/api/v1/users", body)
    return named


def user(node: Node, name: str) -> User | None:
    return node.store.users.get(name)


def test_who_is_added_at_the_hub_logs_in_at_her_clinic_after_the_next_exchange(
    hub: Hub, facility: str, a: Node
) -> None:
    name = add(hub, facility, "ama")
    assert user(a, name) is None
    a.sync()
    found = a.store.users.verify(name, PASSWORD, now_ms())
    assert (found.role, found.origin) == ("midwife", "hub")
    add(hub, facility, "ama", "clinician", password="another battery")
    a.sync()
    assert a.store.users.verify(name, "another battery", now_ms()).role == "clinician"
    with pytest.raises(Unauthorised):
        a.store.users.verify(name, PASSWORD, now_ms())


def test_who_is_disabled_at_the_hub_is_out_after_the_next_exchange(hub: Hub, facility: str, a: Node) -> None:
    name = add(hub, facility, "kofi")
    a.sync()
    hub.administer("POST", f"/api/v1/users/{name}/disable")
    a.sync()
    with pytest.raises(Unauthorised):
        a.store.users.verify(name, PASSWORD, now_ms())


def test_people_of_one_clinic_are_not_told_to_another(hub: Hub, facility: str, a: Node) -> None:
    elsewhere = f"{facility}x"
    hub.invite(elsewhere)
    name = add(hub, elsewhere, "efua")
    root = add(hub, facility, "root", "admin", facility=None)
    a.sync()
    assert user(a, name) is None
    assert user(a, root) is not None
    hub.administer("POST", f"/api/v1/users/{root}/disable")


def test_an_exchange_with_nothing_new_tells_of_nobody_and_the_password_is_in_none(
    hub: Hub, facility: str, a: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(hub, facility, "ama")
    told: list[Answer] = []
    once = a.syncing._once

    def noting(*arguments: Any) -> Any:
        progress, taken, answer = once(*arguments)
        told.append(answer)
        return progress, taken, answer

    monkeypatch.setattr(a.syncing, "_once", noting)
    first = a.sync()
    count = sum(len(answer.people) for answer in told)
    assert count >= 1
    assert all(PASSWORD.encode() not in statement for answer in told for statement in answer.people)
    told.clear()
    again = a.sync()
    assert sum(len(answer.people) for answer in told) == 0
    assert again.bytes_received < first.bytes_received
