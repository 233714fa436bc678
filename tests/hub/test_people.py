"""People who may log in at nodes, as the administrator adds, lists and disables them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub import facilities, people
from hub.errors import BadRequest, Forbidden, NotFound, PostgresFault
from hub.places import Place
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store import people as rows
from hub.store.nodes import NodeRow
from sync_protocol.exchange.messages import Request
from sync_protocol.exchange.people import Mark, Person, state
from tests.hub.conftest import NOW_MS
from tests.hub.test_api import admin, client, problem

__all__ = ["admin", "client"]

PASSWORD = "correct horse"
ME = Visitor("me", "admin", "")


async def audited(hub: Hub) -> list[tuple[str, str, str]]:
    async with hub.database.transaction() as connection:
        found = await connection.fetch("SELECT actor, action, object FROM audit WHERE action LIKE 'user.%' ORDER BY id")
    return [tuple(row) for row in found]


async def test_a_name_added_again_gets_the_new_role_and_password_and_is_enabled(hub: Hub) -> None:
    first = await people.add_user(hub, ME, "ama", "midwife", PASSWORD, "f0")
    assert first == {
        "name": "ama",
        "role": "midwife",
        "facility": "f0",
        "region": None,
        "added": True,
        "nodes": "those of f0",
        "hub": False,
    }
    disabled = await people.disable_user(hub, ME, "ama")
    assert disabled["disabled"] is True
    again = await people.add_user(hub, ME, "ama", "clinician", "another horse", "f0")
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
    assert (await people.add_user(hub, ME, "root", "admin", PASSWORD))["nodes"] == "all"
    assert (await people.add_user(hub, ME, "kofi", "clinician", PASSWORD))["nodes"] == "none"
    async with hub.shards.first.shard() as shard:
        assert [one.name for one in (await shard.people_of(["f1"]))["f1"]] == ["root"]


async def test_the_password_is_kept_as_argon2id_alone(hub: Hub) -> None:
    await people.add_user(hub, ME, "ama", "midwife", PASSWORD, "f0")
    async with hub.database.transaction() as connection:
        secret = await connection.fetchval("SELECT secret FROM account")
    assert secret.startswith("$argon2id$")
    assert PASSWORD not in secret


async def test_what_makes_no_user_is_refused(hub: Hub) -> None:
    for name, role, password in (("", "midwife", PASSWORD), ("ama", "king", PASSWORD), ("ama", "midwife", "short")):
        with pytest.raises(BadRequest):
            await people.add_user(hub, ME, name, role, password, "f0")
    with pytest.raises(BadRequest):
        await people.add_user(hub, ME, "ama", "midwife", PASSWORD, "f0", "p-1")
    with pytest.raises(NotFound):
        await people.add_user(hub, ME, "ama", "midwife", PASSWORD, "nowhere")
    with pytest.raises(NotFound):
        await people.disable_user(hub, ME, "nobody")
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
    await people.add_user(hub, ME, "ama", "midwife", PASSWORD, "f0")
    row = NodeRow("n-0", "f0", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    async with hub.shards.first.shard() as shard:
        assert await people.tell(shard, hub.shards.first, [(row, Request(incarnation=1))]) == [([], False)]
        ((told, whole),) = await people.tell(shard, hub.shards.first, [(row, Request(incarnation=1, people=Mark()))])
        assert (len(told), whole) == (1, False)


async def test_nobody_but_the_hub_itself_reminds_the_hub(hub: Hub) -> None:
    row = NodeRow("n-0", "f0", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    forged = state(Person("mallory", "f0", "admin", "$argon2id$x", 9), bytes(32))
    recalled = state(Person("ama", "f0", "midwife", "$argon2id$x", 9, disabled=True), hub.keys.receipt_key)
    async with hub.shards.first.shard() as shard:
        request = Request(incarnation=1, people=Mark(), recalled=[forged, recalled, b"x"])
        await people.tell(shard, hub.shards.first, [(row, request)])
    assert [(one["name"], one["disabled"]) for one in await people.list_users(hub)] == [("ama", True)]


# --- on several shards ---


def take_away(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two shards stands a third, whose server is not there."""
    first, second = hub.shards.at(1), hub.shards.at(2)
    database = hub.shards.database_at("postgresql://nobody@127.0.0.1:1/nothing")
    dead = Place(3, hub.identity.id, database, hub.keys, hub.settings)
    monkeypatch.setattr(hub.shards, "_open", {1: first, 3: dead, 2: second})


async def known_at(hub: Hub, shard: int) -> dict[str, bool]:
    """Name → whether she is disabled there."""
    async with hub.shards.at(shard).transaction() as connection:
        return {row.name: row.disabled for row in await rows.list_accounts(connection)}


async def test_people_of_no_facility_are_told_to_every_shard(two: Hub) -> None:
    await people.add_user(two, ME, "root", "admin", PASSWORD)
    await people.add_user(two, ME, "ama", "midwife", PASSWORD, "w1")
    assert [await known_at(two, shard) for shard in (1, 2)] == [{"root": False, "ama": False}, {"root": False}]
    await people.disable_user(two, ME, "root")
    assert [(await known_at(two, shard))["root"] for shard in (1, 2)] == [True, True]


async def test_a_shard_that_is_away_keeps_nobody_in_the_others(two: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed primary is its own facilities' trouble: who has to be kept out is kept out of all that answer, at once."""
    await people.add_user(two, ME, "root", "admin", PASSWORD)
    await people.add_user(two, ME, "ama", "midwife", PASSWORD, "w1")
    take_away(two, monkeypatch)
    await people.disable_user(two, ME, "root")
    await people.disable_user(two, Visitor("wend", "operator", "west"), "ama")
    with pytest.raises(Forbidden):
        await people.disable_user(two, Visitor("wend", "operator", "west"), "root")
    with pytest.raises(PostgresFault):  # she may be of that shard
        await people.disable_user(two, ME, "esi")
    assert [await known_at(two, shard) for shard in (1, 2)] == [{"root": True, "ama": True}, {"root": True}]


async def test_a_shard_that_was_away_learns_who_was_disabled_and_holds_up_no_other(
    two: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.add_user(two, ME, "root", "admin", PASSWORD)
    with monkeypatch.context() as patched:
        patched.setattr(two.shards, "_open", {1: two.shards.first})  # as if the second had not answered
        await people.disable_user(two, ME, "root")
    assert await known_at(two, 2) == {"root": False}
    take_away(two, monkeypatch)
    with pytest.raises(PostgresFault):
        await people.spread(two)
    assert await known_at(two, 2) == {"root": True}


async def test_somebody_of_no_facility_is_made_while_a_shard_is_away(two: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(two, monkeypatch)
    await people.add_user(two, ME, "root", "admin", PASSWORD)
    await people.add_user(two, ME, "wend", "operator", PASSWORD, region="west")
    assert [await known_at(two, shard) for shard in (1, 2)] == [{"root": False, "wend": False}, {"root": False}]
    with pytest.raises(PostgresFault):  # she may be of a facility of that shard
        await people.add_user(two, ME, "ama", "midwife", PASSWORD, "w1")
    assert sorted(await known_at(two, 1)) == ["root", "wend"]


@pytest.mark.parametrize(
    ("role", "region", "there", "told"),
    [
        ("admin", None, ["ama"], ("admin", "", False)),
        ("clinician", None, ["ama"], ("", "w3", True)),
        ("operator", "west", [], ("", "w3", True)),
    ],
)
async def test_who_was_of_a_facility_of_a_shard_that_was_away_is_so_no_more_when_it_is_back(
    two: Hub,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    region: str | None,
    there: list[str],
    told: tuple[str, str, bool],
) -> None:
    await facilities.add_facility(two, "tests", "w3", "Clinic w3", "west", NOW_MS, 2)
    await people.add_user(two, ME, "ama", "midwife", PASSWORD, "w3")
    await people.add_user(two, ME, "esi", "midwife", PASSWORD, "w3")
    with monkeypatch.context() as patched:
        patched.setattr(two.shards, "_open", {1: two.shards.first})  # as if the second had not answered
        await people.add_user(two, ME, "ama", role, PASSWORD, region=region)
    await people.spread(two)
    assert sorted(await known_at(two, 2)) == [*there, "esi"]
    async with two.shards.at(2).transaction() as connection:
        held = (await rows.people_of(connection, ["w3"]))["w3"]
    said = {one.name: (one.role, one.facility, one.gone) for one in held}
    assert said == {"ama": told, "esi": ("midwife", "w3", False)}


async def test_who_came_to_a_shard_since_she_was_said_to_be_elsewhere_stays_there(hub: Hub) -> None:
    """The list of those who are nobody's there may be older than what was made there meanwhile."""
    async with hub.database.transaction() as connection:
        await rows.put_account(connection, Person("esi", "f0", "midwife", "$argon2id$x", 9))
        assert await rows.remove_accounts(connection, {"esi": 8}) == []
        assert await rows.remove_accounts(connection, {"esi": 9}) == []
        assert await rows.remove_accounts(connection, {"esi": 10}) == ["esi"]
