"""Operators see and act on their region only: every list, and every act, in the one region and the other."""

from typing import Any

import httpx
import pytest

from hub import people
from hub.api.context import Context
from hub.errors import BadRequest, Forbidden, NotFound
from hub.postgres.engine import Connection
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store import people as rows
from hub.store.held import Parked, Quarantined, note_conflicts, park, quarantine
from sync_protocol.exchange.people import Person
from tests.hub.login_world import PASSWORD, bearer, client, clock, context, log_in
from tests.hub.test_api import problem

__all__ = ["client", "clock", "context"]

FACILITIES = {"west": ["f0", "f1"], "east": ["e0"]}


class World:
    """What there is in each region."""

    def __init__(self, nodes: dict[str, str], quarantined: dict[str, int]) -> None:
        self.nodes = nodes
        self.quarantined = quarantined


@pytest.fixture
async def world(client: httpx.AsyncClient, hub: Hub) -> World:
    """A node, something parked, something in quarantine and a conflict in each region, and a midwife in the east."""
    local = {"Authorization": f"Bearer {hub._admin_token}"}
    nodes = {}
    for region, (facility, *_) in FACILITIES.items():
        code = await client.post("/api/v1/nodes/invitations", json={"facility": facility}, headers=local)
        nodes[region] = (await client.post("/sync/v1/enroll", json={"code": code.json()["code"]})).json()["node"]
    async with hub.database.transaction() as connection:
        scopes = {row["name"]: row["id"] for row in await connection.fetch("SELECT id, name FROM scope")}
        held = {"west": "facility/f0", "east": "facility/e0"}
        for number, (region, scope) in enumerate(held.items()):
            await park(connection, [Parked(nodes[region], scopes[scope], bytes([number] * 16), b"x", "waits")])
            await quarantine(connection, [Quarantined(nodes[region], scopes[scope], None, "odd", region, b"x")])
            await note_conflicts(connection, [(bytes([number] * 16), scopes[scope], 2)])
        await note_conflicts(connection, [(bytes([9] * 16), scopes["region/east"], 1)])
        await quarantine(connection, [Quarantined(nodes["west"], scopes["global"], None, "odd", "global", b"x")])
        found = await connection.fetch("SELECT id, detail FROM quarantine")
    esi = Visitor("me", "admin", "")
    await people.add_user(hub, esi, "esi", "midwife", PASSWORD, "e0")
    return World(nodes, {row["detail"]: row["id"] for row in found})


async def lists(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    async def get(path: str) -> Any:
        response = await client.get(f"/api/v1/{path}", headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    stats = await get("stats")
    return {
        "facilities": [one["id"] for one in await get("facilities")],
        "nodes": [one["id"] for one in await get("nodes")],
        "users": [one["name"] for one in await get("users")],
        "conflicts": [one["scope"] for one in await get("conflicts")],
        "quarantine": [one["detail"] for one in await get("quarantine")],
        "stats": [stats[name] for name in ("facilities", "nodes", "parked", "quarantine", "conflicts")],
        "whole": stats["database_bytes"] is not None and stats["resources"] is not None,
    }


async def test_each_sees_her_region_and_administrators_all(client: httpx.AsyncClient, world: World) -> None:
    west = await lists(client, await bearer(client, "west"))
    east = await lists(client, await bearer(client, "east"))
    assert west == {
        "facilities": ["f0", "f1"],
        "nodes": [world.nodes["west"]],
        "users": ["ama", "clinic-admin", "west"],
        "conflicts": ["facility/f0"],
        "quarantine": ["west"],
        "stats": [2, 1, 1, 1, 1],
        "whole": False,
    }
    assert east == {
        "facilities": ["e0"],
        "nodes": [world.nodes["east"]],
        "users": ["east", "esi"],
        "conflicts": ["facility/e0", "region/east"],
        "quarantine": ["east"],
        "stats": [1, 1, 1, 1, 2],
        "whole": False,
    }
    for name in ("root", "ops"):
        everything = await lists(client, await bearer(client, name))
        assert everything["facilities"] == ["e0", "f0", "f1"]
        assert set(everything["nodes"]) == set(world.nodes.values())
        assert set(everything["users"]) == {"ama", "clinic-admin", "east", "esi", "ops", "root", "west"}
        assert everything["conflicts"] == ["facility/e0", "facility/f0", "region/east"]
        assert sorted(everything["quarantine"]) == ["east", "global", "west"]
        assert everything["stats"] == [3, 2, 2, 3, 3]
        assert everything["whole"]


async def test_no_act_reaches_into_another_region(client: httpx.AsyncClient, world: World, hub: Hub) -> None:
    mine = await bearer(client, "west")
    east, number = world.nodes["east"], world.quarantined["east"]

    async def call(method: str, path: str, **body: Any) -> httpx.Response:
        return await client.request(method, f"/api/v1{path}", headers=mine, json=body or None)

    problem(await call("POST", "/facilities", id="e1", name="Clinic", region="east"), 403, "forbidden")
    problem(await call("POST", "/facilities", id="e1", name="Clinic", region="north"), 403, "forbidden")
    problem(await call("POST", "/nodes/invitations", facility="e0"), 404, "not-found")
    problem(await call("DELETE", f"/nodes/{east}"), 404, "not-found")
    problem(await call("POST", f"/nodes/{east}/wipe"), 404, "not-found")
    problem(await call("DELETE", f"/quarantine/{number}"), 404, "not-found")
    problem(await call("DELETE", f"/quarantine/{world.quarantined['global']}"), 404, "not-found")
    problem(await call("POST", "/users/esi/disable"), 403, "forbidden")
    new = {"name": "kofi", "role": "midwife", "password": PASSWORD, "facility": "e0"}
    problem(await call("POST", "/users", **new), 404, "not-found")
    problem(await call("POST", "/users", **{**new, "name": "esi", "facility": "f0"}), 403, "forbidden")
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT state FROM node WHERE id = $1", east) == "active"
        assert await connection.fetchval("SELECT count(*) FROM quarantine WHERE resolved IS NOT NULL") == 0
        assert await connection.fetchval("SELECT count(*) FROM invite") == 2
        assert await connection.fetchval("SELECT facility FROM account WHERE name = 'esi' AND NOT disabled") == "e0"


async def test_in_her_own_region_she_does_it_all(client: httpx.AsyncClient, world: World) -> None:
    mine = await bearer(client, "west")

    async def call(method: str, path: str, **body: Any) -> httpx.Response:
        response = await client.request(method, f"/api/v1{path}", headers=mine, json=body or None)
        assert response.status_code < 300, response.text
        return response

    await call("POST", "/facilities", id="f9", name="Clinic", region="west")
    await call("POST", "/nodes/invitations", facility="f9")
    await call("POST", "/users", name="kofi", role="midwife", password=PASSWORD, facility="f9")
    await call("POST", "/users", name="kofi", role="registrar", password=PASSWORD, facility="f0")
    assert (await call("POST", "/users/kofi/disable")).json()["disabled"]
    await call("DELETE", f"/quarantine/{world.quarantined['west']}")
    assert (await call("DELETE", f"/nodes/{world.nodes['west']}")).json()["state"] == "revoked"


@pytest.mark.parametrize("operator", ["west", "ops"])
@pytest.mark.parametrize("victim", ["root", "ops", "east", "west", "clinic-admin"])
async def test_no_operator_changes_her_own_kind_or_an_administrator(
    client: httpx.AsyncClient, operator: str, victim: str
) -> None:
    """Else she would give an administrator's name a password that she knows."""
    mine = await bearer(client, operator)
    body = {"name": victim, "role": "midwife", "password": "a new password", "facility": "f0"}
    problem(await client.post("/api/v1/users", json=body, headers=mine), 403, "forbidden")
    problem(await client.post(f"/api/v1/users/{victim}/disable", headers=mine), 403, "forbidden")
    if victim != "clinic-admin":
        assert (await log_in(client, victim)).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"role": "admin"},
        {"role": "operator"},
        {"role": "operator", "region": "west"},
        {"role": "admin", "facility": "f0"},
        {"role": "operator", "facility": "f0"},
        {"role": "midwife"},
    ],
)
async def test_no_operator_makes_her_own_kind_or_somebody_of_no_facility(
    client: httpx.AsyncClient, wanted: dict[str, str]
) -> None:
    mine = await bearer(client, "west")
    body = {"name": "mallory", "password": PASSWORD, **wanted}
    problem(await client.post("/api/v1/users", json=body, headers=mine), 403, "forbidden")


async def test_a_region_goes_with_an_operator_of_the_hub_and_is_one_that_there_is(hub: Hub) -> None:
    me = Visitor("me", "admin", "")
    for role, facility in (("admin", None), ("midwife", "f0"), ("operator", "f0")):
        with pytest.raises(BadRequest):
            await people.add_user(hub, me, "ama", role, PASSWORD, facility, None, "west")
    with pytest.raises(NotFound):
        await people.add_user(hub, me, "ama", "operator", PASSWORD, None, None, "north")
    added = await people.add_user(hub, me, "ama", "operator", PASSWORD, None, None, "west")
    assert (added["region"], added["nodes"], added["hub"]) == ("west", "none", True)


async def told(connection: Connection, facility: str = "f0") -> list[Person]:
    """What nodes of a facility are told."""
    return (await rows.people_of(connection, [facility]))[facility]


async def test_nodes_are_told_of_operators_of_all_regions_alone(hub: Hub, context: Context) -> None:
    async with hub.database.transaction() as connection:
        assert {one.name for one in await told(connection)} == {"root", "ops", "ama", "clinic-admin"}
        assert {one.name for one in await told(connection, "")} == {"root", "ops"}  # what other shards are told
    me = Visitor("me", "admin", "")
    await people.add_user(hub, me, "ops", "operator", PASSWORD, None, None, "east")  # nodes have to know that she left
    async with hub.database.transaction() as connection:
        gone = {one.name: one.gone for one in await told(connection)}
    assert gone == {"root": False, "ops": True, "ama": False, "clinic-admin": False}
    await people.add_user(hub, me, "ops", "operator", PASSWORD)
    async with hub.database.transaction() as connection:
        assert not {one.name: one.gone for one in await told(connection)}["ops"]


async def test_what_a_node_gives_back_makes_nobody_see_more_than_was_said(hub: Hub, context: Context) -> None:
    """A hub that went back, and a node that remembers that she was one operator for all, before she became one of a region."""
    async with hub.database.transaction() as connection:
        (before,) = [one for one in await told(connection) if one.name == "ops"]
    me = Visitor("me", "admin", "")
    await people.add_user(hub, me, "ops", "operator", PASSWORD, None, None, "east")
    async with hub.database.transaction() as connection:
        assert await rows.recall(connection, [before]) == []
        (row,) = [one for one in await rows.list_accounts(connection) if one.name == "ops"]
    assert row.region == "east"


async def test_by_command_an_administrator_may_all(hub: Hub, context: Context) -> None:
    with pytest.raises(Forbidden):
        await people.disable_user(hub, Visitor("west", "operator", "west"), "root")
    assert (await people.disable_user(hub, Visitor("command:x", "admin", ""), "root"))["disabled"]
