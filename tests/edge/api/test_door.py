"""Logins, and what is turned away at the door: too large, too deep, from elsewhere, without a login."""

import httpx
import pytest

from edge_node.api.access import COOKIE
from edge_node.api.app import Parts, make_app
from edge_node.api.door import Door
from edge_node.store.store import Store
from tests.edge.api.conftest import FHIR, PASSWORD, START_MS, Clock, patient, put
from tests.edge.api.test_interactions import outcome_of


def problem_of(response: httpx.Response, status: int) -> dict[str, object]:
    """That an answer is a problem as RFC 9457 asks."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, object] = response.json()
    assert problem["status"] == status
    assert problem["detail"]
    return problem


async def login(
    client: httpx.AsyncClient, user: str = "ama", password: str = PASSWORD, **headers: str
) -> httpx.Response:
    return await client.post("/auth/login", json={"username": user, "password": password}, headers=headers)


async def test_a_login_gives_a_token_and_a_cookie(anyone: httpx.AsyncClient) -> None:
    answer = await login(anyone)
    assert answer.status_code == 200
    body = answer.json()
    assert body["expires_in"] == 12 * 60 * 60
    cookie = answer.headers["set-cookie"]
    assert COOKIE in cookie
    for word in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert word.lower() in cookie.lower()
    anyone.cookies.clear()
    outcome_of(await anyone.get("/fhir/Patient"), 401)
    assert (
        await anyone.get("/fhir/Patient", headers={"Authorization": f"Bearer {body['access_token']}"})
    ).status_code == 200
    assert (
        await anyone.get("/fhir/Patient", headers={"Cookie": f"{COOKIE}={body['access_token']}"})
    ).status_code == 200


async def test_fhir_without_a_login_is_401_with_an_outcome(anyone: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/fhir/Patient/x"),
        ("POST", "/fhir"),
        ("PUT", "/fhir/Patient/x"),
        ("GET", "/fhir/AuditEvent"),
    ):
        answer = await anyone.request(method, path)
        assert outcome_of(answer, 401) == "login"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for token in ("", "Bearer", "Bearer x.y.z", "Basic YTpi"):
        outcome_of(await anyone.get("/fhir/Patient", headers={"Authorization": token}), 401)
    for path in ("/api/v1/status", "/api/v1/conflicts", "/api/v1/quarantine", "/events"):
        problem_of(await anyone.get(path), 401)
    problem_of(await anyone.post("/api/v1/sync", headers={"Origin": "http://clinic.test"}), 401)


async def test_wrong_passwords_are_audited_and_throttled(anyone: httpx.AsyncClient, store: Store, clock: Clock) -> None:
    for _ in range(5):
        assert problem_of(await login(anyone, password="wrong"), 401)["hint"]
    held = await login(anyone)
    problem_of(held, 429)
    assert int(held.headers["retry-after"]) > 0
    clock.forward(60)
    assert (await login(anyone)).status_code == 200
    problem_of(await login(anyone, "my password by mistake", "x"), 401)
    entries = store.audit(count=20)
    assert [entry.action for entry in entries] == [
        *("login-failed", "login", "login-locked"),
        *["login-failed"] * 5,
    ]
    assert entries[0].user == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"username":"ama"}',
        b'{"username":1,"password":2}',
        b"\xff",
        b'{"username":"ama","password":"","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"username":"' + b"a" * 5000 + b'","password":""}',
    ],
)
async def test_malformed_logins_are_400(anyone: httpx.AsyncClient, body: bytes) -> None:
    problem_of(await anyone.post("/auth/login", content=body, headers={"Content-Type": "application/json"}), 400)
    problem_of(
        await anyone.post(
            "/auth/login", content=b"username=ama", headers={"Content-Type": "application/x-www-form-urlencoded"}
        ),
        415,
    )


async def test_a_logout_outlives_a_restart(anyone: httpx.AsyncClient, store: Store, clock: Clock) -> None:
    token = (await login(anyone)).json()["access_token"]
    anyone.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await anyone.post("/auth/logout", headers=bearer)).status_code == 204
    outcome_of(await anyone.get("/fhir/Patient", headers=bearer), 401)
    restarted = make_app(store, clock)
    transport = httpx.ASGITransport(restarted)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test") as again:
        outcome_of(await again.get("/fhir/Patient", headers=bearer), 401)
    restarted.app.state.parts.threads.close()


async def test_a_login_ends_by_itself(client: httpx.AsyncClient, clock: Clock) -> None:
    assert (await client.get("/fhir/Patient")).status_code == 200
    clock.forward(13 * 60 * 60)
    outcome_of(await client.get("/fhir/Patient"), 401)


@pytest.mark.parametrize("role", ["clinician", "midwife"])
async def test_a_new_password_or_role_or_a_disabled_user_ends_older_logins_at_once(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient, store: Store, role: str
) -> None:
    assert (await client.get("/fhir/Patient")).status_code == 200
    store.users.add("ama", role, PASSWORD, START_MS)
    outcome_of(await client.get("/fhir/Patient"), 401)
    assert (await login(anyone)).status_code == 200
    assert (await anyone.get("/fhir/Patient")).status_code == 200
    store.users.disable("ama")
    outcome_of(await anyone.get("/fhir/Patient"), 401)
    store.users.enable("ama")
    outcome_of(await anyone.get("/fhir/Patient"), 401)


@pytest.mark.parametrize(
    ("role", "records", "admin"),
    [
        ("midwife", 200, 403),
        ("registrar", 200, 403),
        ("operator", 403, 200),
        ("admin", 403, 200),
        ("citizen", 403, 403),
    ],
)
async def test_roles(anyone: httpx.AsyncClient, store: Store, role: str, records: int, admin: int) -> None:
    store.users.add("esi", role, PASSWORD, START_MS)
    token = (await login(anyone, "esi")).json()["access_token"]
    anyone.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await anyone.get("/fhir/Patient", headers=bearer)).status_code == records
    assert (await anyone.get("/api/v1/quarantine", headers=bearer)).status_code == admin


# --- browsers ---


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://clinic.test"}, 403),
        ({"Origin": "http://clinic.test"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
async def test_a_cookie_writes_only_for_our_own_pages(
    anyone: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await login(anyone)
    assert (await put(anyone, patient(), **headers)).status_code == status
    assert (await anyone.get("/fhir/Patient")).status_code == 200


async def test_no_other_site_logs_a_browser_in(anyone: httpx.AsyncClient) -> None:
    problem_of(await login(anyone, Origin="http://evil.test"), 403)
    assert (await login(anyone, Origin="http://clinic.test")).status_code == 200


# --- bounds ---


async def test_bodies_that_are_too_large_are_413(client: httpx.AsyncClient) -> None:
    large = b'{"resourceType":"Patient","id":"p-1","x":"' + b"a" * 2_000_001 + b'"}'
    outcome_of(await client.put("/fhir/Patient/p-1", content=large, headers=FHIR), 413)

    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(300):
            yield b" " * 10_000

    outcome_of(await client.put("/fhir/Patient/p-1", content=pieces(), headers=FHIR), 413)  # type: ignore[no-untyped-call]
    problem_of(await client.post("/auth/login", content=large, headers={"Content-Type": "application/json"}), 413)
    problem_of(await client.post("/auth/login", content=pieces(), headers={"Content-Type": "application/json"}), 413)  # type: ignore[no-untyped-call]


async def test_addresses_and_headers_have_bounds(client: httpx.AsyncClient) -> None:
    outcome_of(await client.get("/fhir/Patient?family=" + "a" * 64_100), 414)
    outcome_of(await client.get("/fhir/Patient", headers={f"x-{number}": "1" for number in range(120)}), 431)
    outcome_of(await client.get("/fhir/Patient", headers={"x-long": "1" * 40_000}), 431)
    outcome_of(await client.get("/fhir/Patient", headers={"Host": "evil.test/<script>"}), 400)


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/Patient", "/nothing", "/healthz", "/schema", "/auth/login"])
async def test_every_answer_protects_its_reader(anyone: httpx.AsyncClient, path: str) -> None:
    headers = (await anyone.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


async def test_over_tls_the_cookie_and_the_address_stay_there(app: Door) -> None:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://clinic.test") as client:
        answer = await login(client)
        assert "secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"]


async def test_paths_that_are_not_there_are_problems(anyone: httpx.AsyncClient) -> None:
    problem_of(await anyone.get("/nothing"), 404)
    problem_of(await anyone.get("/auth/login"), 405)


async def test_a_failure_of_ours_is_500_and_tells_nothing(
    client: httpx.AsyncClient, app: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: Parts = app.app.state.parts

    def broken(type_: str, id_: str) -> None:
        raise RuntimeError("Ama Owusu")

    monkeypatch.setattr(parts.service.store, "read", broken)
    monkeypatch.setattr(parts.service.store, "status", lambda: broken("", ""))
    answer = await client.get("/fhir/Patient/p-1")
    outcome_of(answer, 500)
    assert "Owusu" not in answer.text
    assert "Owusu" not in str(problem_of(await client.get("/api/v1/status"), 500))
