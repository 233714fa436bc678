"""Logging in at the hub: who gets in, with what, for how long, and what ends it at once."""

import json
from typing import Any, cast

import httpx
import pytest
import structlog

from hub import people
from hub.api.context import Context
from hub.errors import LoginRefused
from hub.runtime import Hub
from hub.sessions import login, passwords
from hub.sessions.login import Credentials
from hub.sessions.visitor import LOCAL
from tests.hub.login_world import PASSWORD, Clock, acts, bearer, client, clock, context, limits_of, log_in, status
from tests.hub.test_api import problem

__all__ = ["client", "clock", "context"]


async def test_who_logs_in_gets_tokens_for_programs_and_a_cookie_for_browsers(client: httpx.AsyncClient) -> None:
    response = await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    body = response.json()
    assert response.status_code == 200
    assert body.keys() == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (body["expires_in"], body["token_type"]) == (600, "Bearer")
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("medtech-hub=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert (await client.get("/api/v1/stats")).status_code == 200  # the client sends the cookie
    client.cookies.clear()
    assert await status(client, {"Authorization": f"Bearer {body['access_token']}"}) == 200
    problem(await client.get("/api/v1/stats"), 401, "unauthorised")


async def test_by_https_the_cookie_is_one_that_no_other_host_can_set(context: Context) -> None:
    from hub.app import create_app

    transport = httpx.ASGITransport(cast(Any, create_app(context)))
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as browser:
        response = await browser.post("/auth/login", json={"username": "root", "password": PASSWORD})
        assert response.headers["set-cookie"].startswith("__Host-medtech-hub=")
        assert "Secure" in response.headers["set-cookie"]
        assert (await browser.get("/api/v1/stats")).status_code == 200
        planted = {"Cookie": f"medtech-hub={browser.cookies['__Host-medtech-hub']}"}
        browser.cookies.clear()
        assert (await browser.get("/api/v1/stats", headers=planted)).status_code == 401


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "root", "password": "wrong horse"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "", "password": PASSWORD},
        {"username": "root\x00", "password": PASSWORD},
        {"username": "root", "password": ""},
        {"username": "ROOT", "password": PASSWORD},
        {"username": "root", "password": PASSWORD + " "},
        {"username": "root", "password": "x" * 4_000},
        {"username": "r" * 4_000, "password": PASSWORD},
    ],
)
async def test_whatever_is_wrong_the_refusal_is_the_same(
    client: httpx.AsyncClient, credentials: dict[str, str]
) -> None:
    document = problem(await client.post("/auth/login", json=credentials), 401, "login-refused")
    assert document == problem(await log_in(client, "root", "another"), 401, "login-refused")


async def test_a_disabled_person_is_refused_like_one_that_there_is_not(client: httpx.AsyncClient, hub: Hub) -> None:
    await people.disable_user(hub, LOCAL, "root")
    problem(await log_in(client), 401, "login-refused")


@pytest.mark.parametrize("name", ["ama", "clinic-admin"])
async def test_people_of_a_clinic_are_told_to_log_in_there_when_their_password_is_right(
    client: httpx.AsyncClient, name: str
) -> None:
    problem(await log_in(client, name), 403, "log-in-at-clinic")
    problem(await log_in(client, name, "wrong horse"), 401, "login-refused")


async def test_names_that_there_are_not_cost_the_same_work(
    hub: Hub, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not timed, which would be as noisy as the machine: both are checked once, against stored passwords of equal cost."""
    checked: list[str] = []
    opens = passwords.opens

    def noting(pepper: bytes, password: str, hub_secret: str, secret: str) -> bool:
        checked.append(hub_secret.rsplit("$", 2)[0])
        return opens(pepper, password, hub_secret, secret)

    monkeypatch.setattr(passwords, "opens", noting)
    for name in ("root", "ama", "nobody"):
        with pytest.raises(LoginRefused):
            await login.log_in(hub.desk, Credentials(name, "wrong horse"), "192.0.2.1", context.clock())
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1"] * 3


async def test_the_hub_s_own_password_opens_nothing_without_the_pepper(hub: Hub, context: Context) -> None:
    async with hub.database.transaction() as connection:
        kept = await connection.fetchval("SELECT hub_secret FROM account WHERE name = 'root'")
    assert passwords.opens(hub.desk.pepper, PASSWORD, kept, "")
    assert not passwords.opens(bytes(32), PASSWORD, kept, "")


async def test_an_account_that_has_only_what_nodes_check_gets_the_hub_s_own_at_the_first_login(
    client: httpx.AsyncClient, hub: Hub
) -> None:
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE account SET hub_secret = ''")
    problem(await log_in(client, "root", "wrong horse"), 401, "login-refused")
    assert (await log_in(client)).status_code == 200
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT name FROM account WHERE hub_secret <> ''")
    assert [row["name"] for row in rows] == ["root"]
    assert (await log_in(client)).status_code == 200


async def test_logout_ends_the_session_for_token_cookie_and_refresh_token(client: httpx.AsyncClient) -> None:
    response = await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    granted, cookie = response.json(), dict(client.cookies)
    client.cookies.clear()
    token = {"Authorization": f"Bearer {granted['access_token']}"}
    other = await bearer(client)
    done = await client.post("/auth/logout", headers=token)
    assert done.status_code == 204
    assert "Max-Age=0" in done.headers["set-cookie"]
    problem(await client.get("/api/v1/stats", headers=token), 401, "session-over")
    refresh = {"refresh_token": granted["refresh_token"]}
    problem(await client.post("/auth/refresh", json=refresh), 401, "session-over")
    client.cookies.update(cookie)
    problem(await client.get("/api/v1/stats"), 401, "session-over")
    client.cookies.clear()
    assert await status(client, other) == 200  # another login of hers goes on
    assert (await client.post("/auth/logout", headers=token)).status_code == 204
    assert (await client.post("/auth/logout")).status_code == 204


@pytest.mark.parametrize("kind", ["cookie", "refresh_token"])
async def test_logging_out_by_cookie_or_refresh_token(client: httpx.AsyncClient, kind: str) -> None:
    granted = (await client.post("/auth/login", json={"username": "root", "password": PASSWORD})).json()
    token = {"Authorization": f"Bearer {granted['access_token']}"}
    if kind == "cookie":
        headers = {"Sec-Fetch-Site": "same-origin"}
    else:
        headers = {"Authorization": f"Bearer {granted['refresh_token']}"}
    assert (await client.post("/auth/logout", headers=headers)).status_code == 204
    client.cookies.clear()
    assert await status(client, token) == 401


async def test_an_access_token_whose_time_is_over_still_logs_out(client: httpx.AsyncClient, clock: Clock) -> None:
    """Its session may go on: by its refresh token it would be let in again."""
    granted = (await log_in(client)).json()
    clock.forward(minutes=11)
    token = {"Authorization": f"Bearer {granted['access_token']}"}
    problem(await client.get("/api/v1/stats", headers=token), 401, "session-over")
    assert (await client.post("/auth/logout", headers=token)).status_code == 204
    refresh = {"refresh_token": granted["refresh_token"]}
    problem(await client.post("/auth/refresh", json=refresh), 401, "session-over")


async def test_a_token_that_nobody_made_logs_nobody_out(client: httpx.AsyncClient) -> None:
    token = (await bearer(client))["Authorization"]
    for wrong in (token[:-8] + "A" * 8, "Bearer x", "Bearer ..", "Bearer a.b.c"):
        assert (await client.post("/auth/logout", headers={"Authorization": wrong})).status_code == 204
    assert await status(client, {"Authorization": token}) == 200


async def test_whoever_is_over_her_limit_has_no_session_looked_up(
    client: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By token and by cookie alike: what is refused costs no database. One person's are counted together."""
    few = limits_of(context.hub.keys, requests_per_user_per_minute=4)
    monkeypatch.setattr(context.hub, "limits", few)
    token = await bearer(client)
    await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    assert [(await client.get("/api/v1/stats")).status_code for _ in range(2)] == [200] * 2
    assert [await status(client, token) for _ in range(2)] == [200] * 2
    looked_up: list[str] = []

    async def look_up(session: str, _now_ms: int) -> None:
        looked_up.append(session)

    monkeypatch.setattr(context.hub.desk.sessions, "_live", look_up)
    problem(await client.get("/api/v1/stats"), 429, "too-many-requests")
    client.cookies.clear()
    problem(await client.get("/api/v1/stats", headers=token), 429, "too-many-requests")
    assert looked_up == []


async def test_what_needs_no_login_is_counted_by_address(
    client: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = limits_of(context.hub.keys, requests_per_address_per_minute=3)
    monkeypatch.setattr(context.hub, "limits", few)
    problem(await client.get("/api/v1/stats"), 401, "unauthorised")
    problem(await client.get("/api/v1/stats", headers={"Authorization": "Bearer x"}), 401, "unauthorised")
    assert (await client.post("/auth/logout")).status_code == 204
    for refused in (
        await client.post("/auth/logout"),
        await client.post("/auth/refresh", json={"refresh_token": "x"}),
        await client.get("/api/v1/stats", headers={"Authorization": "Bearer x"}),
        await client.get("/api/v1/stats", headers={"Cookie": "medtech-hub=x"}),
    ):
        problem(refused, 429, "too-many-requests")


async def test_the_database_holds_nothing_to_log_in_with(client: httpx.AsyncClient, hub: Hub) -> None:
    response = await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    granted = response.json()
    enrolled = await client.post("/auth/totp", headers={"Sec-Fetch-Site": "same-origin"})
    async with hub.database.transaction() as connection:
        rows = [
            str(row)
            for table in ("session", "account", "account_code", "login_key", "audit")
            for row in await connection.fetch(f"SELECT * FROM {table}")
        ]
    secrets = [
        PASSWORD,
        enrolled.json()["secret"],
        granted["access_token"],
        granted["refresh_token"].rpartition(".")[2],
    ]
    secrets.append(client.cookies["medtech-hub"].rpartition(".")[2])
    assert not [secret for secret in secrets if any(secret in row for row in rows)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "HERE"}, 201),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "HERE"}, 403),
    ],
)
async def test_what_another_site_makes_a_browser_send_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], expected: int
) -> None:
    sent = {name: value.replace("HERE", str(client.base_url).rstrip("/")) for name, value in headers.items()}
    await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    body = {"id": "f9", "name": "Clinic", "region": "west"}
    assert (await client.post("/api/v1/facilities", json=body, headers=sent)).status_code == expected
    assert (await client.get("/api/v1/stats", headers=sent)).status_code == 200  # reading harms nobody


async def test_another_site_does_not_log_a_browser_in_or_out(client: httpx.AsyncClient) -> None:
    body = {"username": "root", "password": PASSWORD}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    problem(await client.post("/auth/login", json=body, headers=elsewhere), 403, "from-another-site")
    await client.post("/auth/login", json=body)
    problem(await client.post("/auth/logout", headers=elsewhere), 403, "from-another-site")
    assert (await client.get("/api/v1/stats")).status_code == 200


async def test_a_login_during_which_the_account_changes_is_refused(
    hub: Hub, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = login.checked

    async def disabled_meanwhile(*arguments: Any) -> str | None:
        found = await checked(*arguments)
        await people.disable_user(hub, LOCAL, "root")
        return found

    monkeypatch.setattr(login, "checked", disabled_meanwhile)
    with pytest.raises(LoginRefused):
        await login.log_in(hub.desk, Credentials("root", PASSWORD), "192.0.2.1", context.clock())
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM session") == 0


async def test_logins_are_noted_without_what_was_typed_or_from_where(client: httpx.AsyncClient, hub: Hub) -> None:
    await log_in(client, "root", "wrong horse")
    await log_in(client, "correct horse", "root")  # the password in the wrong field
    await log_in(client, "ama")
    token = await bearer(client)
    await client.post("/auth/logout", headers=token)
    assert await acts(hub) == [
        ("root", "login.refused"),
        ("?", "login.refused"),
        ("ama", "login.at-clinic"),
        ("hub", "login-key.rotate"),
        ("root", "login"),
        ("root", "logout"),
    ]
    async with hub.database.transaction() as connection:
        told = json.dumps([str(row) for row in await connection.fetch("SELECT * FROM audit")])
        session = await connection.fetchval("SELECT id FROM session")
    assert "horse" not in told
    assert "127.0.0.1" not in told
    assert session not in told


async def test_neither_logs_nor_metrics_name_who_logs_in(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await log_in(client, "root", "wrong horse")
        await bearer(client)
    told = json.dumps(logs) + (await client.get("/metrics")).text
    assert "horse" not in told
    assert "root" not in told


async def test_the_local_administrator_s_token_goes_on_working(client: httpx.AsyncClient, hub: Hub) -> None:
    local = {"Authorization": f"Bearer {hub._admin_token}"}
    assert await status(client, local) == 200
    assert await status(client, {"Authorization": f"Bearer {hub._admin_token[:-1]}"}) == 401
    # It stands for nobody who could have an authenticator.
    problem(await client.post("/auth/totp", headers=local), 404, "not-found")
