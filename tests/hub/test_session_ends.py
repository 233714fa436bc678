"""How long a session lasts: what is said of a person, disuse, and refresh tokens."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import structlog

from hub import people
from hub.runtime import Hub
from hub.sessions.visitor import LOCAL
from tests.hub.login_world import PASSWORD, Clock, acts, bearer, client, clock, context, log_in, status
from tests.hub.test_api import problem

__all__ = ["client", "clock", "context"]


async def disable(hub: Hub) -> None:
    await people.disable_user(hub, LOCAL, "root")


async def make_midwife(hub: Hub) -> None:
    await people.add_user(hub, LOCAL, "root", "midwife", PASSWORD, "f0")


async def new_password(hub: Hub) -> None:
    await people.add_user(hub, LOCAL, "root", "admin", "another horse")


@pytest.mark.parametrize("change", [disable, make_midwife, new_password])
async def test_what_is_said_of_a_person_holds_for_her_next_request(
    client: httpx.AsyncClient, hub: Hub, change: Any
) -> None:
    granted = (await log_in(client)).json()
    token = {"Authorization": f"Bearer {granted['access_token']}"}
    assert await status(client, token) == 200
    await change(hub)
    problem(await client.get("/api/v1/stats", headers=token), 401, "session-over")
    refresh = {"refresh_token": granted["refresh_token"]}
    problem(await client.post("/auth/refresh", json=refresh), 401, "session-over")


async def test_a_role_that_was_changed_beside_us_holds_for_the_next_request(
    client: httpx.AsyncClient, hub: Hub
) -> None:
    """As when a node tells a hub that went back what it had forgotten."""
    token = await bearer(client, "root")
    assert await status(client, token, "/api/v1/users") == 200
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE account SET role = 'operator', region = 'east' WHERE name = 'root'")
    facilities = (await client.get("/api/v1/facilities", headers=token)).json()
    assert [one["region"] for one in facilities] == ["east"]
    problem(await client.delete("/api/v1/users/ops/totp", headers=token), 403, "forbidden")


async def test_a_session_ends_when_nobody_uses_it_and_in_any_case(
    client: httpx.AsyncClient, clock: Clock, hub: Hub
) -> None:
    await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    for _ in range(3):
        clock.forward(minutes=59)
        assert (await client.get("/api/v1/stats")).status_code == 200
    clock.forward(minutes=60)
    problem(await client.get("/api/v1/stats"), 401, "session-over")
    await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    for _ in range(hub.settings.session_hours_max * 2 - 1):
        clock.forward(minutes=30)
        assert (await client.get("/api/v1/stats")).status_code == 200
    clock.forward(minutes=30)
    problem(await client.get("/api/v1/stats"), 401, "session-over")


async def test_a_session_that_is_used_is_written_down_once_a_minute(
    client: httpx.AsyncClient, clock: Clock, hub: Hub
) -> None:
    token = await bearer(client)

    async def used() -> datetime:
        async with hub.database.transaction() as connection:
            found: datetime = await connection.fetchval("SELECT used FROM session")
        return found

    begun = await used()
    clock.forward(seconds=59)
    assert await status(client, token) == 200
    assert await used() == begun
    clock.forward(seconds=2)
    assert await status(client, token) == 200
    assert await used() == datetime.fromtimestamp(clock.ms / 1000, UTC)


async def test_a_refresh_token_gives_the_next_pair_once(client: httpx.AsyncClient, clock: Clock) -> None:
    first = (await log_in(client)).json()
    clock.forward(minutes=9)
    second = (await client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert second["refresh_token"] != first["refresh_token"]
    clock.forward(minutes=2)
    assert await status(client, {"Authorization": f"Bearer {first['access_token']}"}) == 401  # its ten minutes are over
    assert await status(client, {"Authorization": f"Bearer {second['access_token']}"}) == 200


async def test_the_same_request_again_in_time_gets_the_same_refresh_token(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    first = {"refresh_token": (await log_in(client)).json()["refresh_token"]}
    second = (await client.post("/auth/refresh", json=first)).json()
    clock.forward(seconds=10)
    again = (await client.post("/auth/refresh", json=first)).json()
    assert again["refresh_token"] == second["refresh_token"]
    assert await status(client, {"Authorization": f"Bearer {again['access_token']}"}) == 200
    third = await client.post("/auth/refresh", json={"refresh_token": again["refresh_token"]})
    assert third.status_code == 200


async def test_a_refresh_token_that_was_used_before_ends_the_session_for_whoever_has_it(
    client: httpx.AsyncClient, clock: Clock, hub: Hub
) -> None:
    first = {"refresh_token": (await log_in(client)).json()["refresh_token"]}
    second = (await client.post("/auth/refresh", json=first)).json()
    clock.forward(seconds=11)
    with structlog.testing.capture_logs() as logs:
        problem(await client.post("/auth/refresh", json=first), 401, "session-over")
    assert [entry["log_level"] for entry in logs if "refresh token" in entry["event"]] == ["warning"]
    assert await status(client, {"Authorization": f"Bearer {second['access_token']}"}) == 401
    problem(await client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}), 401, "session-over")
    assert ("root", "session.stolen") in await acts(hub)


async def test_two_generations_back_is_never_the_same_request_again(client: httpx.AsyncClient) -> None:
    first = {"refresh_token": (await log_in(client)).json()["refresh_token"]}
    second = {"refresh_token": (await client.post("/auth/refresh", json=first)).json()["refresh_token"]}
    await client.post("/auth/refresh", json=second)
    problem(await client.post("/auth/refresh", json=first), 401, "session-over")


async def test_a_refresh_token_that_nobody_made_ends_nothing(client: httpx.AsyncClient) -> None:
    granted = (await log_in(client)).json()
    session, generation, mac = granted["refresh_token"].split(".")
    forged = [f"{session}.{generation}.{'A' * len(mac)}", f"{session}.7.{mac}", f"{session}..{mac}", "", "...", session]
    forged += [granted["access_token"], "é.0." + mac, "x" * 3_000]
    for token in forged:
        problem(await client.post("/auth/refresh", json={"refresh_token": token}), 401, "session-over")
    assert await status(client, {"Authorization": f"Bearer {granted['access_token']}"}) == 200
