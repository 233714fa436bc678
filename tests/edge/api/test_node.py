"""Status, conflicts, quarantine, events, health and numbers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from edge_node.api.access import COOKIE
from edge_node.api.app import Options, Parts, make_app
from edge_node.api.door import Door
from edge_node.api.events import FOREIGN, UNAUTHORISED
from edge_node.api.feed import Change, Many
from edge_node.errors import HubUnreachable
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.api.conftest import PASSWORD, START_MS, Clock, patient, put
from tests.edge.api.test_door import problem_of
from tests.edge.running import running
from tests.processes.programs import wait_until

JSON = {"Content-Type": "application/json"}


async def disagree(client: httpx.AsyncClient) -> dict[str, Any]:
    """Makes two values of a birth date; the open conflict."""
    seen = (await put(client, patient(birthDate="1990-01-01"))).json()
    await put(client, {**seen, "birthDate": "1991-01-01"})
    await put(client, {**seen, "birthDate": "1992-01-01"})
    (conflict,) = (await client.get("/api/v1/conflicts")).json()["conflicts"]
    assert isinstance(conflict, dict)
    return conflict


async def test_of_conflicts_those_are_listed_that_are_for_ones_role(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient, app: Door, store: Store
) -> None:
    await disagree(client)
    allergy = {"resourceType": "AllergyIntolerance", "id": "a-1", "patient": {"reference": "Patient/p-1"}}
    seen = (await put(client, {**allergy, "code": {"text": "Latex"}})).json()
    for said in ("Ampicillin", "Amoxicillin"):
        await put(client, {**seen, "code": {"text": said}})
    store.users.add("efua", "registrar", PASSWORD, START_MS)
    parts: Parts = app.app.state.parts
    hers = {"Authorization": f"Bearer {parts.logins._tokens.issue('efua', 'registrar')}"}
    for asking, types in ((client, {"Patient", "AllergyIntolerance"}), (anyone, {"Patient"})):
        answer = await asking.get("/api/v1/conflicts", headers=hers if asking is anyone else {})
        assert {one["type"] for one in answer.json()["conflicts"]} == types


async def settle(client: httpx.AsyncClient, conflict: dict[str, Any], **choice: Any) -> httpx.Response:
    body = {"element": conflict["element"], "version": conflict["version"], **choice}
    return await client.post(
        f"/api/v1/conflicts/{conflict['type']}/{conflict['id']}", content=json.dumps(body), headers=JSON
    )


async def test_status_is_as_the_contract_names_it(client: httpx.AsyncClient) -> None:
    await put(client, patient())
    status = (await client.get("/api/v1/status")).json()
    names = "node incarnation hub last_sync pending acked scopes conflicts quarantine clock_offset_ms".split()
    assert set(names) <= set(status)
    assert status["pending"] == 1
    assert set(status["scopes"][0]) == {"scope", "seq", "digest"}


async def test_a_conflict_lists_both_values_and_a_choice_settles_it(client: httpx.AsyncClient) -> None:
    conflict = await disagree(client)
    assert conflict["name"] == "birthDate"
    assert [value["value"]["birthDate"] for value in conflict["values"]] == ["1992-01-01", "1991-01-01"]
    assert [value["shown"] for value in conflict["values"]] == [True, False]
    assert conflict["values"][0]["user"] == "ama"
    settled = await settle(client, conflict, choose=1)
    assert settled.status_code == 200, settled.text
    assert settled.json()["conflict"] is False
    assert (await client.get("/fhir/Patient/p-1")).json()["birthDate"] == "1991-01-01"
    assert (await client.get("/api/v1/conflicts")).json()["conflicts"] == []
    problem_of(await settle(client, conflict, choose=1), 404)


async def test_a_third_value_or_none_may_be_written(client: httpx.AsyncClient) -> None:
    conflict = await disagree(client)
    assert (await settle(client, conflict, value={"birthDate": "1989-12-31"})).status_code == 200
    assert (await client.get("/fhir/Patient/p-1")).json()["birthDate"] == "1989-12-31"
    await client.delete("/fhir/Patient/p-1")


async def test_a_choice_about_what_was_not_looked_at_is_refused(client: httpx.AsyncClient) -> None:
    conflict = await disagree(client)
    problem_of(await settle(client, {**conflict, "version": "old"}, choose=0), 412)
    problem_of(await settle(client, conflict, choose=7), 400)
    problem_of(await settle(client, conflict), 400)
    problem_of(await settle(client, conflict, choose=0, remove=True), 400)
    problem_of(await settle(client, conflict, keep=True), 400)
    problem_of(await settle(client, conflict, value="x"), 422)
    problem_of(await settle(client, {**conflict, "element": "gender"}, choose=0), 404)
    assert len((await client.get("/api/v1/conflicts/Patient/p-1")).json()["conflicts"]) == 1
    assert (await settle(client, conflict, remove=True)).status_code == 200
    assert "birthDate" not in (await client.get("/fhir/Patient/p-1")).json()


async def test_a_disputed_deletion_is_kept_or_done_again(client: httpx.AsyncClient, store: Store, clock: Clock) -> None:
    seen = (await put(client, patient())).json()
    await put(client, {**seen, "gender": "female"})
    store.write([Write("Patient", "p-1", None, seen=seen["meta"]["versionId"])], Author("kofi", "clinician"), clock())
    (conflict,) = (await client.get("/api/v1/conflicts")).json()["conflicts"]
    assert conflict["name"] == "deletion"
    problem_of(await settle(client, conflict, choose=0), 400)
    assert (await settle(client, conflict, keep=True)).status_code == 200
    assert (await client.get("/fhir/Patient/p-1")).json()["gender"] == "female"


async def test_quarantine_is_for_administrators(anyone: httpx.AsyncClient, store: Store) -> None:
    store.users.add("root", "admin", PASSWORD, START_MS)
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO quarantine (since, source, reason, detail, payload) VALUES (1, 'file', 'malformed', NULL, x'00ff')"
        )
    token = (await anyone.post("/auth/login", json={"username": "root", "password": PASSWORD})).json()["access_token"]
    anyone.cookies.clear()
    found = (await anyone.get("/api/v1/quarantine", headers={"Authorization": f"Bearer {token}"})).json()["quarantine"]
    assert [(one["reason"], one["bytes"]) for one in found] == [("malformed", 2)]


# --- sync ---


@pytest.fixture
def synced(store: Store, clock: Clock) -> Iterator[tuple[Door, list[Exception]]]:
    failures: list[Exception] = []

    async def sync() -> dict[str, int]:
        if failures:
            raise failures[0]
        return {"pushed": 3}

    app = make_app(store, clock, Options(), sync=sync)
    yield app, failures
    app.app.state.parts.threads.close()


async def test_sync_does_what_was_given_and_tells_how_it_went(synced: tuple[Door, list[Exception]]) -> None:
    app, failures = synced
    parts: Parts = app.app.state.parts
    token = parts.logins._tokens.issue("ama", "clinician")
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers) as client:
        assert (await client.post("/api/v1/sync")).json() == {"pushed": 3}
        failures.append(HubUnreachable())
        assert "Nothing is lost" in str(problem_of(await client.post("/api/v1/sync"), 502)["hint"])


async def test_without_a_hub_sync_says_how_to_get_one(client: httpx.AsyncClient) -> None:
    assert "enroll" in str(problem_of(await client.post("/api/v1/sync"), 409)["hint"])


# --- events ---


async def some(listening: AsyncIterator[object], count: int) -> list[object]:
    found = []
    async for event in listening:
        if event is not None:
            found.append(event)
        if len(found) == count:
            return found
    return found


async def test_listeners_are_told_what_changed_after_the_commit(
    client: httpx.AsyncClient, app: Door, store: Store, clock: Clock
) -> None:
    parts: Parts = app.app.state.parts
    listening = parts.feed.listen(None, 5)
    waiting = asyncio.create_task(some(listening, 2))
    while parts.feed._task is None:
        await asyncio.sleep(0.01)
    written = [await put(client, patient(f"p-{number}")) for number in range(2)]
    found = await asyncio.wait_for(waiting, 10)
    told = [(event.id, f'W/"{event.version}"') for event in found if isinstance(event, Change)]
    assert told == [(f"p-{number}", answer.headers["etag"]) for number, answer in enumerate(written)]
    await listening.aclose()


async def test_a_listener_goes_on_where_she_was(client: httpx.AsyncClient, app: Door) -> None:
    parts: Parts = app.app.state.parts
    await put(client, patient("before"))
    written = (await put(client, patient("after"))).json()
    stored = parts.service.store.read("Patient", "after")
    assert stored is not None
    listening = parts.feed.listen(stored.updated_ms, 5)
    (event,) = await asyncio.wait_for(some(listening, 1), 10)
    assert isinstance(event, Change)
    assert (event.id, event.version) == ("after", written["meta"]["versionId"])
    await listening.aclose()


async def test_many_changes_are_told_as_one(app: Door, store: Store, clock: Clock) -> None:
    parts: Parts = app.app.state.parts
    listening = parts.feed.listen(0, 5)
    body = b'{"resourceType":"Basic","code":{"text":"x"}}'
    store.write([Write("Basic", None, body) for _ in range(1_100)], Author("ama", "clinician"), clock())
    (event,) = await asyncio.wait_for(some(listening, 1), 10)
    assert isinstance(event, Many)
    await listening.aclose()


async def test_events_over_http_end_with_the_server(client: httpx.AsyncClient, app: Door) -> None:
    parts: Parts = app.app.state.parts
    written = await put(client, patient())
    asyncio.get_running_loop().call_later(0.3, parts.feed.close)
    answer = await client.get("/events", headers={"Last-Event-ID": "1"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: change\n" in answer.text
    assert f'data: {{"type":"Patient","id":"p-1","version":"{written.headers["etag"][3:-1]}"}}\n\n' in answer.text
    assert ": still here" in answer.text
    assert "Owusu" not in answer.text


# --- for machines ---


async def test_health_needs_no_login(anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get("/healthz")).json() == {"status": "ok"}
    assert (await anyone.get("/readyz")).json() == {"status": "ready"}


async def test_numbers_name_no_patient(client: httpx.AsyncClient) -> None:
    await put(client, patient("secret-id"))
    await client.get("/fhir/Patient/secret-id")
    await client.get("/fhir/Patient", params={"family": "owusu"})
    await client.get("/made-up/path")
    text = (await client.get("/metrics")).text
    assert 'medtech_request_seconds_count{method="GET",route="/fhir/{type}/{id}",status="2xx"} 1.0' in text
    assert "medtech_pending 1.0" in text
    assert "medtech_conflicts 0.0" in text
    for word in ("secret", "owusu", "made-up"):
        assert word not in text.lower()


async def test_the_schema_names_the_paths(anyone: httpx.AsyncClient) -> None:
    schema = (await anyone.get("/schema")).json()
    assert {"/auth/login", "/api/v1/status", "/api/v1/sync", "/api/v1/conflicts", "/healthz"} <= set(schema["paths"])


async def test_readiness_says_when_the_database_does_not_answer(anyone: httpx.AsyncClient, store: Store) -> None:
    with store.transaction() as connection:
        connection.execute("ALTER TABLE sync RENAME TO elsewhere")
    problem_of(await anyone.get("/readyz"), 503)
    assert (await anyone.get("/healthz")).status_code == 200


# --- WebSocket ---


def test_a_socket_tells_the_same(app: Door, store: Store, clock: Clock) -> None:
    parts: Parts = app.app.state.parts
    headers = {"Authorization": f"Bearer {parts.logins._tokens.issue('ama', 'clinician')}"}
    with TestClient(app.app) as client, client.websocket_connect("/ws", headers=headers) as socket:
        assert json.loads(socket.receive_text(timeout=5)) == {"event": "still-here"}
        (written,) = store.write(
            [Write("Patient", "p-1", json.dumps(patient()).encode())], Author("ama", "clinician"), clock()
        )
        parts.feed.changed()
        heard = {"event": "still-here"}
        while heard["event"] == "still-here":
            heard = json.loads(socket.receive_text(timeout=5))
        change = {"type": "Patient", "id": "p-1", "version": written.stored.version}
        assert heard == {"event": "change", "at": written.stored.updated_ms, "change": change}


@pytest.fixture
def quiet(store: Store, clock: Clock) -> Iterator[Door]:
    """A server whose heartbeats do not come within a test, as where something is written all the time."""
    with running(make_app(store, clock, Options(heartbeat_seconds=60))) as app:
        yield app


def test_who_was_disabled_hears_nothing_more_where_no_heartbeat_comes_between(
    quiet: Door, store: Store, clock: Clock
) -> None:
    parts: Parts = quiet.app.state.parts
    headers = {"Authorization": f"Bearer {parts.logins._tokens.issue('ama', 'clinician')}"}
    with TestClient(quiet.app) as client, client.websocket_connect("/ws", headers=headers) as socket:
        wait_until(lambda: bool(parts.feed._listeners), 10, "a listener")
        store.users.disable("ama")
        store.write([Write("Patient", "p-1", json.dumps(patient()).encode())], Author("efua", "midwife"), clock())
        parts.feed.changed()
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text(timeout=10)
        assert caught.value.code == UNAUTHORISED


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, UNAUTHORISED),
        ({"Authorization": "Bearer no"}, UNAUTHORISED),
        ({"Cookie": "TOKEN"}, FOREIGN),
        ({"Cookie": "TOKEN", "Origin": "http://evil.test"}, FOREIGN),
    ],
)
def test_a_socket_is_closed_on_strangers_and_other_sites(app: Door, headers: dict[str, str], code: int) -> None:
    parts: Parts = app.app.state.parts
    cookie = f"{COOKIE}={parts.logins._tokens.issue('ama', 'clinician')}"
    sent = {name: cookie if value == "TOKEN" else value for name, value in headers.items()}
    with TestClient(app.app) as client, client.websocket_connect("/ws", headers=sent) as socket:
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text(timeout=5)
        assert caught.value.code == code
