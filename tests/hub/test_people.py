"""People who may log in at nodes, as the administrator adds, lists and disables them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub import people
from hub.errors import BadRequest, NotFound
from hub.runtime import Hub
from hub.store import people as rows
from hub.store.nodes import NodeRow
from sync_protocol.exchange.messages import Request
from sync_protocol.exchange.people import Mark, Person, state
from tests.hub.test_api import admin, client, problem

__all__ = ["admin", "client"]

PASSWORD = "correct horse"


async def audited(hub: Hub) -> list[tuple[str, str, str]]:
    async with hub.database.transaction() as connection:
        found = await connection.fetch("SELECT actor, action, object FROM audit WHERE action LIKE 'user.%' ORDER BY id")
    return [tuple(row) for row in found]


async def test_a_name_added_again_gets_the_new_role_and_password_and_is_enabled(hub: Hub) -> None:
    first = await people.add_user(hub, "me", "ama", "midwife", PASSWORD, "f0")
    assert first == {"name": "ama", "role": "midwife", "facility": "f0", "added": True, "nodes": "those of f0"}
    disabled = await people.disable_user(hub, "me", "ama")
    assert disabled["disabled"] is True
    again = await people.add_user(hub, "me", "ama", "clinician", "another horse", "f0")
    assert again["added"] is False
    (listed,) = await people.list_users(hub)
    assert (listed["role"], listed["disabled"]) == ("clinician", False)
    assert "secret" not in listed
    assert await audited(hub) == [
        ("me", "user.add", "ama"),
        ("me", "user.disable", "ama"),
        ("me", "user.change", "ama"),
    ]


async def test_revisions_rise_whatever_the_clock_says(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        found = [await rows.next_revision(connection, now) for now in (1_000, 5, 5, 2_000)]
    assert found == [1_000, 1_001, 1_002, 2_000]


async def test_who_has_no_facility_logs_in_everywhere_or_nowhere_by_her_role(hub: Hub) -> None:
    assert (await people.add_user(hub, "me", "root", "admin", PASSWORD))["nodes"] == "all"
    assert (await people.add_user(hub, "me", "kofi", "clinician", PASSWORD))["nodes"] == "none"
    async with hub.shard() as shard:
        assert [one.name for one in await shard.people_of("f1")] == ["root"]


async def test_the_password_is_kept_as_argon2id_alone(hub: Hub) -> None:
    await people.add_user(hub, "me", "ama", "midwife", PASSWORD, "f0")
    async with hub.database.transaction() as connection:
        secret = await connection.fetchval("SELECT secret FROM account")
    assert secret.startswith("$argon2id$")
    assert PASSWORD not in secret


async def test_what_makes_no_user_is_refused(hub: Hub) -> None:
    for name, role, password in (("", "midwife", PASSWORD), ("ama", "king", PASSWORD), ("ama", "midwife", "short")):
        with pytest.raises(BadRequest):
            await people.add_user(hub, "me", name, role, password, "f0")
    with pytest.raises(BadRequest):
        await people.add_user(hub, "me", "ama", "midwife", PASSWORD, "f0", "p-1")
    with pytest.raises(NotFound):
        await people.add_user(hub, "me", "ama", "midwife", PASSWORD, "nowhere")
    with pytest.raises(NotFound):
        await people.disable_user(hub, "me", "nobody")
    assert await people.list_users(hub) == []


async def test_the_administration_does_the_same_over_http(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    problem(await client.get("/api/v1/users"), 401, "unauthorised")
    body = {"name": "ama", "role": "midwife", "password": PASSWORD, "facility": "f0"}
    assert (await client.post("/api/v1/users", json=body, headers=admin)).status_code == 201
    (listed,) = (await client.get("/api/v1/users", headers=admin)).json()
    assert (listed["name"], listed["facility"], listed["nodes"]) == ("ama", "f0", "those of f0")
    assert PASSWORD not in str(listed)
    disabled = await client.post("/api/v1/users/ama/disable", headers=admin)
    assert disabled.json()["disabled"] is True
    problem(await client.post("/api/v1/users/nobody/disable", headers=admin), 404, "not-found")


def test_the_commands_as_people_run_them(run: Any, tmp_path: Path) -> None:
    run("facility", "add", "f0", "--name", "Clinic", "--region", "west-africa")
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n", encoding="utf-8")
    added = run("user", "add", "ama", "--role", "midwife", "--facility", "f0", "--password-file", str(file))
    assert added.json["nodes"] == "those of f0"
    assert run("user", "disable", "ama").json["disabled"] is True
    assert [(one["name"], one["disabled"]) for one in run("user", "list").json] == [("ama", True)]
    assert run("user", "disable", "nobody").status == 1
    assert run("user", "add", "ama", "--role", "king", "--password-file", str(file)).status == 2


async def test_a_node_of_an_older_program_asks_for_nobody_and_is_told_of_nobody(hub: Hub) -> None:
    await people.add_user(hub, "me", "ama", "midwife", PASSWORD, "f0")
    row = NodeRow("n-0", "f0", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    async with hub.shard() as shard:
        assert await people.tell(shard, hub, row, Request(incarnation=1)) == ([], False)
        told, whole = await people.tell(shard, hub, row, Request(incarnation=1, people=Mark()))
        assert (len(told), whole) == (1, False)


async def test_nobody_but_the_hub_itself_reminds_the_hub(hub: Hub) -> None:
    row = NodeRow("n-0", "f0", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    forged = state(Person("mallory", "f0", "admin", "$argon2id$x", 9), bytes(32))
    recalled = state(Person("ama", "f0", "midwife", "$argon2id$x", 9, disabled=True), hub.keys.receipt_key)
    async with hub.shard() as shard:
        await people.tell(shard, hub, row, Request(incarnation=1, people=Mark(), recalled=[forged, recalled, b"x"]))
    assert [(one["name"], one["disabled"]) for one in await people.list_users(hub)] == [("ama", True)]
