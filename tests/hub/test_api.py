"""The hub over HTTP: who gets in, what errors look like, and that nothing secret or personal comes out."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import structlog
import uvicorn

from hub.api.context import Context
from hub.app import create_app
from hub.enrolment import invite
from hub.gathering import Gathering
from hub.runtime import Hub
from hub.store.nodes import NodeRow, set_node_state
from sync_protocol.exchange.finding import Find, read_found
from sync_protocol.exchange.messages import MEDIA_TYPE, Request, encode
from tests.hub.conftest import NOW_MS

EXCHANGE = "/sync/v1/exchange"
BINARY = {"Content-Type": MEDIA_TYPE}


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the hub behind a real server, on a socket."""
    async with serving(context) as url, httpx.AsyncClient(base_url=url, timeout=30) as one:
        yield one


@asynccontextmanager
async def serving(context: Context) -> AsyncIterator[str]:
    config = uvicorn.Config(create_app(context), port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    started = asyncio.Event()
    startup = server.startup

    async def noting(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = noting  # type: ignore[method-assign]
    task = asyncio.create_task(server._serve())
    await started.wait()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
def admin(hub: Hub) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub._admin_token}"}


@pytest.fixture
async def credentials(client: httpx.AsyncClient, hub: Hub) -> dict[str, str]:
    """An enrolled node's."""
    code = (await invite(hub, "f0", "clinic", None, "test")).code
    enrolled = (await client.post("/sync/v1/enroll", json={"code": code})).json()
    return {"Authorization": f"Bearer {enrolled['node']}.{enrolled['secret']}"}


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document of a response, checked against what RFC 9457 and we ourselves ask of it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["type"] == (f"urn:medtech:problem:{name}" if name else "about:blank")
    assert document["title"]
    assert document["detail"]
    assert document["hint"]
    assert "Traceback" not in response.text
    return document


async def test_enrolling_over_http(client: httpx.AsyncClient, hub: Hub) -> None:
    code = (await invite(hub, "f0", "clinic", None, "test")).code
    response = await client.post("/sync/v1/enroll", json={"code": code, "name": "desk"})
    body = response.json()
    assert response.status_code == 201
    assert body["time_ms"] == NOW_MS
    assert body["scopes"][0] == {"scope": "facility/f0", "kind": "facility"}
    assert body["hub"]["id"] == hub.identity.id
    problem(await client.post("/sync/v1/enroll", json={"code": code}), 403, "code-refused")


async def test_guessing_codes_is_told_to_wait(client: httpx.AsyncClient, hub: Hub) -> None:
    for _ in range(hub.settings.enroll_failures_per_minute):
        problem(await client.post("/sync/v1/enroll", json={"code": "AAAAA-AAAAA"}), 403, "code-refused")
    response = await client.post("/sync/v1/enroll", json={"code": "AAAAA-AAAAA"})
    problem(response, 429, "too-many-tries")
    assert 0 < int(response.headers["retry-after"]) <= 61


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"kode": 1}', b'{"code": 7}', b"\xff\xfe", b'{"code": "' + b"A" * 99 + b'"}']
)
async def test_a_malformed_enrolment_is_a_problem_document(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/sync/v1/enroll", content=body, headers={"Content-Type": "application/json"})
    problem(response, 400, "")


async def test_an_exchange_reaches_the_hub_with_its_node(
    client: httpx.AsyncClient, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def echo(_gathering: Gathering, node: NodeRow, body: bytes) -> bytes:
        return f"{node.facility} ".encode() + body

    monkeypatch.setattr(Gathering, "exchange", echo)
    response = await client.post(EXCHANGE, content=b"\x00body", headers=credentials | BINARY)
    assert response.status_code == 200
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.content == b"f0 " + b"\x00body"


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80\x80", b"not msgpack", b"\x81\xa1v\x63"])
async def test_a_malformed_exchange_is_a_problem_document(
    client: httpx.AsyncClient, credentials: dict[str, str], body: bytes
) -> None:
    response = await client.post(EXCHANGE, content=body, headers=credentials | BINARY)
    assert response.status_code in (400, 426)
    problem(
        response, response.status_code, "malformed-message" if response.status_code == 400 else "unsupported-protocol"
    )


@pytest.mark.parametrize("program", ["a\0b", "x" * 1_000])
async def test_a_program_s_name_that_no_database_takes_is_malformed(
    client: httpx.AsyncClient, credentials: dict[str, str], program: str
) -> None:
    body = encode(Request(incarnation=7, token=bytes(12), program=program))
    problem(await client.post(EXCHANGE, content=body, headers=credentials | BINARY), 400, "malformed-message")


async def test_only_the_exchange_s_own_type_is_taken(client: httpx.AsyncClient, credentials: dict[str, str]) -> None:
    problem(await client.post(EXCHANGE, json={}, headers=credentials), 415, "wrong-type")
    compressed = credentials | BINARY | {"Content-Encoding": "gzip"}
    problem(await client.post(EXCHANGE, content=b"x", headers=compressed), 415, "wrong-type")


@pytest.mark.parametrize("header", [None, "Bearer n-x.y", "Basic YTpi"])
async def test_strangers_do_not_exchange(client: httpx.AsyncClient, header: str | None) -> None:
    response = await client.post(EXCHANGE, content=b"x", headers=BINARY | ({"Authorization": header} if header else {}))
    problem(response, 401, "unauthorised")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("state", "name"), [("revoked", "node-revoked"), ("wipe", "node-to-wipe"), ("wiped", "node-revoked")]
)
async def test_a_node_that_is_not_active_is_told_so(
    client: httpx.AsyncClient, hub: Hub, credentials: dict[str, str], state: str, name: str
) -> None:
    node = credentials["Authorization"].split()[1].split(".")[0]
    async with hub.database.transaction() as connection:
        await set_node_state(connection, node, state)
    problem(await client.post(EXCHANGE, content=b"x", headers=credentials | BINARY), 403, name)


@pytest.mark.parametrize("path", ["/sync/v1/find", "/sync/v1/admit"])
async def test_neither_strangers_nor_a_stolen_node_look_for_people(
    client: httpx.AsyncClient, hub: Hub, credentials: dict[str, str], path: str
) -> None:
    body = encode(Find("ama", "midwife", names="Adaeze Okafor", born="1991-03-14"))
    problem(await client.post(path, content=body, headers=BINARY), 401, "unauthorised")
    problem(await client.post(path, json={}, headers=credentials), 415, "wrong-type")
    problem(await client.post(path, content=b"x", headers=credentials | BINARY), 400, "malformed-message")
    problem(await client.post(path, content=bytes(70_000), headers=credentials | BINARY), 413, "too-large")
    node = credentials["Authorization"].split()[1].split(".")[0]
    async with hub.database.transaction() as connection:
        await set_node_state(connection, node, "revoked")
    problem(await client.post(path, content=body, headers=credentials | BINARY), 403, "node-revoked")


async def test_a_question_is_answered_over_http_and_too_little_is_none(
    client: httpx.AsyncClient, credentials: dict[str, str]
) -> None:
    body = encode(Find("ama", "midwife", names="Adaeze Okafor", born="1991-03-14"))
    response = await client.post("/sync/v1/find", content=body, headers=credentials | BINARY)
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert read_found(response.content).candidates == []
    little = encode(Find("ama", "midwife", names="Adaeze"))
    refused = await client.post("/sync/v1/find", content=little, headers=credentials | BINARY)
    assert "Adaeze" not in str(problem(refused, 400, "too-little-known"))


async def test_a_node_says_that_it_erased_itself(
    client: httpx.AsyncClient, admin: dict[str, str], credentials: dict[str, str]
) -> None:
    node = credentials["Authorization"].split()[1].split(".")[0]
    problem(await client.post("/sync/v1/wiped", headers=credentials), 400, "bad-request")
    assert (await client.post(f"/api/v1/nodes/{node}/wipe", headers=admin)).json()["state"] == "wipe"
    assert (await client.post("/sync/v1/wiped", headers=credentials)).json() == {"state": "wiped"}


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    client: httpx.AsyncClient, hub: Hub, credentials: dict[str, str]
) -> None:
    large = hub.settings.request_bytes_max + 1
    with suppress(httpx.TransportError):
        response = await client.post(EXCHANGE, content=bytes(large), headers=credentials | BINARY)
        problem(response, 413, "too-large")
    status = await half_sent(client, credentials, f"Content-Length: {large}")
    assert status == 413


async def test_a_body_of_unknown_length_is_bounded(
    client: httpx.AsyncClient, hub: Hub, credentials: dict[str, str]
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent <= hub.settings.request_bytes_max + (1 << 20):
            sent += 1 << 20
            yield bytes(1 << 20)

    with suppress(httpx.TransportError):
        response = await client.post(EXCHANGE, content=endless(), headers=credentials | BINARY)
        problem(response, 413, "too-large")
    assert (await client.get("/healthz")).status_code == 200


async def half_sent(client: httpx.AsyncClient, credentials: dict[str, str], length: str) -> int:
    """Sends a request's head and nothing of its body. Returns the status that comes all the same."""
    url = client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = [f"POST {EXCHANGE} HTTP/1.1", "Host: hub", f"Content-Type: {MEDIA_TYPE}", length]
    lines += [f"{name}: {value}" for name, value in credentials.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = int((await asyncio.wait_for(reader.readline(), 30)).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def test_when_all_places_are_taken_the_answer_comes_before_the_body(
    client: httpx.AsyncClient, hub: Hub, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def slow(*_: Any) -> bytes:
        inside.release()
        await go.wait()
        return b"done"

    monkeypatch.setattr(Gathering, "exchange", slow)
    places = hub.settings.exchanges_max
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as crowd:
        tasks = [
            asyncio.create_task(crowd.post(EXCHANGE, content=b"x", headers=credentials | BINARY)) for _ in range(places)
        ]
        for _ in tasks:
            await inside.acquire()
        assert await half_sent(client, credentials, "Content-Length: 1000000") == 503
        response = await client.post(EXCHANGE, content=b"x", headers=credentials | BINARY)
        problem(response, 503, "busy")
        soonest = hub.settings.retry_after_seconds
        assert soonest <= int(response.headers["retry-after"]) <= 2 * soonest + 1
        assert (await client.get("/readyz")).status_code == 200
        go.set()
        assert {(await task).status_code for task in tasks} == {200}
    assert (await client.post(EXCHANGE, content=b"x", headers=credentials | BINARY)).status_code == 200


async def test_a_failure_of_the_hub_tells_nothing_but_where_to_look(
    client: httpx.AsyncClient, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> bytes:
        raise RuntimeError("Ama Owusu, born 1990-01-01")

    monkeypatch.setattr(Gathering, "exchange", broken)
    with structlog.testing.capture_logs() as logs:
        response = await client.post(EXCHANGE + "?name=Owusu", content=b"Owusu", headers=credentials | BINARY)
    document = problem(response, 500, "")
    (failed,) = [entry for entry in logs if entry["event"] == "failed"]
    assert failed["instance"] == document["instance"]
    assert failed["error"] == "RuntimeError"
    assert "Owusu" not in response.text + json.dumps(logs)


async def test_logs_hold_no_paths_that_are_not_ours(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        problem(await client.get("/Patient/Ama-Owusu?name=Owusu"), 404, "")
        problem(await client.delete("/healthz"), 405, "")
    assert "Owusu" not in json.dumps(logs)
    metrics = (await client.get("/metrics")).text
    assert "Owusu" not in metrics
    assert 'route="none",status="404"' in metrics


def test_libraries_log_without_the_text_of_their_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import logs

    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("json")
        try:
            raise ValueError("Ama Owusu")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    line = json.loads(written.getvalue())
    assert (line["level"], line["error"]) == ("error", "ValueError")
    assert "Owusu" not in written.getvalue()


async def test_the_administration_is_for_the_administrator(
    client: httpx.AsyncClient, credentials: dict[str, str]
) -> None:
    places = ["facilities", "nodes", "conflicts", "quarantine", "stats"]
    for place in places:
        for headers in ({}, credentials, {"Authorization": "Bearer x y"}, {"Authorization": "Bearer wrong"}):
            problem(await client.get(f"/api/v1/{place}", headers=headers), 401, "unauthorised")
    problem(await client.post("/api/v1/facilities", json={}), 401, "unauthorised")


async def test_the_administrator_can_do_all_that_the_commands_can(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    async def call(method: str, path: str, **body: Any) -> Any:
        response = await client.request(method, f"/api/v1{path}", headers=admin, json=body or None)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    added = await call("POST", "/facilities", id="f7", name="Clinic 7", region="west")
    assert added == (await call("GET", "/facilities"))[-1]
    code = (await call("POST", "/nodes/invitations", facility="f7"))["code"]
    node = (await client.post("/sync/v1/enroll", json={"code": code})).json()["node"]
    (listed,) = await call("GET", "/nodes")
    assert (listed["id"], listed["state"]) == (node, "active")
    assert "secret" not in json.dumps(listed)
    assert (await call("DELETE", f"/nodes/{node}"))["state"] == "revoked"
    assert await call("GET", "/conflicts") == []
    assert await call("GET", "/quarantine") == []
    assert (await call("GET", "/stats"))["facilities"] == 3
    missing = await client.delete("/api/v1/nodes/n-none", headers=admin)
    problem(missing, 404, "not-found")
    other = {"id": "f7", "name": "Another", "region": "west"}
    problem(await client.post("/api/v1/facilities", headers=admin, json=other), 409, "exists")
    problem(await client.post("/api/v1/facilities", headers=admin, json={**other, "id": "a b"}), 400, "")


async def test_what_anybody_may_ask(client: httpx.AsyncClient, hub: Hub) -> None:
    page = await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert hub.identity.id in page.text
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json()["status"] == "ready"
    assert "medtech_hub_requests_total" in (await client.get("/metrics")).text
    schema = (await client.get("/schema")).json()
    assert {"/sync/v1/enroll", EXCHANGE, "/api/v1/facilities", "/readyz"} <= schema["paths"].keys()


async def test_readiness_tells_that_the_database_is_not_as_it_should_be(client: httpx.AsyncClient, hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    problem(await client.get("/readyz"), 500, "")
