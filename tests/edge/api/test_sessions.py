"""A browser's login: locked by idleness or by hand, unlocked by PIN or password, ended by wrong PINs; and records opened with a reason."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from edge_node.api import known_names
from edge_node.api.access import COOKIE
from edge_node.api.app import Options, Parts, make_app
from edge_node.api.door import Door
from edge_node.api.known_names import KnownNames
from edge_node.api.unlocking import WrongPin
from edge_node.errors import Forbidden, SessionLocked, Unauthorised
from edge_node.store.model import Author, Write
from edge_node.store.passwords import PIN_TRIES_MAX
from edge_node.store.store import Store
from tests.edge.api.conftest import FHIR, PASSWORD, START_MS, Clock, patient
from tests.edge.api.test_door import login, problem_of
from tests.edge.api.test_interactions import outcome_of

IDLE = Options().idle_seconds
PIN = "7294"
REASON = "She bleeds, and no midwife is here."


@pytest.fixture
def parts(app: Door) -> Parts:
    found: Parts = app.app.state.parts
    return found


@pytest.fixture
async def ama(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser that is logged in."""
    await login(anyone)
    return anyone


def cookie(client: httpx.AsyncClient) -> str:
    return f"{COOKIE}={client.cookies[COOKIE]}"


async def test_an_idle_browser_is_locked_by_the_server_and_a_program_is_not(
    ama: httpx.AsyncClient, client: httpx.AsyncClient, clock: Clock
) -> None:
    assert (await ama.get("/fhir/Patient")).status_code == 200
    for _ in range(3):
        clock.forward(IDLE - 5)
        assert (await ama.get("/fhir/Patient")).status_code == 200
    clock.forward(IDLE + 1)
    outcome_of(await ama.get("/fhir/Patient"), 423)
    problem_of(await ama.get("/api/v1/status"), 423)
    assert (await client.get("/fhir/Patient")).status_code == 200
    clock.forward(1)
    outcome_of(await ama.get("/fhir/Patient"), 423)  # asking again does not wake it


async def test_a_clock_that_is_put_back_keeps_no_login_awake(
    ama: httpx.AsyncClient, store: Store, parts: Parts, clock: Clock
) -> None:
    await ama.get("/fhir/Patient")
    clock.forward(IDLE - 60)
    clock.put_back(7_200)
    assert (await ama.get("/fhir/Patient")).status_code == 200  # whoever works on is not disturbed
    clock.forward(IDLE + 1)
    outcome_of(await ama.get("/fhir/Patient"), 423)
    parts.threads._writing.submit(lambda: None).result()
    # After a restart nobody knows for how long it lay there: what was last used in the future is locked.
    restarted = make_app(store, clock, steady_ms=clock.steady)
    with pytest.raises(SessionLocked):
        restarted.app.state.parts.access.caller(None, cookie(ama))
    restarted.app.state.parts.threads.close()
    await parts.unlocking.with_password(parts.access.locked_caller(cookie(ama)), PASSWORD, "here")
    assert (await ama.get("/fhir/Patient")).status_code == 200


async def test_a_clock_that_is_put_back_keeps_nobody_from_logging_in(anyone: httpx.AsyncClient, clock: Clock) -> None:
    assert (await login(anyone)).status_code == 200
    clock.put_back(7_200)
    assert (await login(anyone)).status_code == 200


async def test_listening_keeps_no_login_awake(ama: httpx.AsyncClient, parts: Parts, clock: Clock) -> None:
    await ama.get("/fhir/Patient")
    clock.forward(IDLE - 5)
    parts.access.caller(None, cookie(ama), active=False)
    clock.forward(10)
    with pytest.raises(SessionLocked):
        parts.access.caller(None, cookie(ama), active=False)


async def test_a_pin_unlocks_what_a_full_login_opened_and_a_restart_does_not(
    ama: httpx.AsyncClient, parts: Parts, store: Store, clock: Clock
) -> None:
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.set_pin(caller, PASSWORD, PIN, "here")
    await parts.unlocking.lock(caller)
    outcome_of(await ama.get("/fhir/Patient"), 423)
    restarted = make_app(store, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(restarted),  # type: ignore[arg-type]
        base_url="http://clinic.test",
        headers={"Cookie": cookie(ama)},
    ) as again:
        outcome_of(await again.get("/fhir/Patient"), 423)
    restarted.app.state.parts.threads.close()
    await parts.unlocking.with_pin(parts.access.locked_caller(cookie(ama)), PIN)
    assert (await ama.get("/fhir/Patient")).status_code == 200
    actions = [entry.action for entry in store.audit(count=3)]
    assert actions == ["unlock-pin", "lock", "pin-set"]


async def test_five_wrong_pins_end_the_login_and_the_right_one_is_too_late(
    ama: httpx.AsyncClient, parts: Parts, store: Store, clock: Clock
) -> None:
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.set_pin(caller, PASSWORD, PIN, "here")
    await ama.get("/fhir/Patient")
    clock.forward(IDLE + 1)
    caller = parts.access.locked_caller(cookie(ama))
    for left in range(PIN_TRIES_MAX - 1, 0, -1):
        with pytest.raises(WrongPin) as caught:
            await parts.unlocking.with_pin(caller, "8305")
        assert caught.value.left == left
    with pytest.raises(Unauthorised):
        await parts.unlocking.with_pin(caller, "8305")
    with pytest.raises(Unauthorised):
        await parts.unlocking.with_pin(caller, PIN)
    outcome_of(await ama.get("/fhir/Patient"), 401)
    assert store.audit(count=1)[0].action == "pin-ended-login"
    assert (await login(ama)).status_code == 200
    assert (await ama.get("/fhir/Patient")).status_code == 200


async def test_the_last_pin_may_still_be_right_and_forgives_the_wrong_ones(
    ama: httpx.AsyncClient, parts: Parts
) -> None:
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.set_pin(caller, PASSWORD, PIN, "here")
    caller = parts.access.locked_caller(cookie(ama))
    for _ in range(2):
        await parts.unlocking.lock(caller)
        for _ in range(PIN_TRIES_MAX - 1):
            with pytest.raises(WrongPin):
                await parts.unlocking.with_pin(caller, "8305")
        await parts.unlocking.with_pin(caller, PIN)
        assert (await ama.get("/fhir/Patient")).status_code == 200


async def test_a_node_that_stopped_at_the_last_wrong_pin_asks_for_the_password(
    ama: httpx.AsyncClient, parts: Parts, store: Store
) -> None:
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.set_pin(caller, PASSWORD, PIN, "here")
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.lock(caller)
    for _ in range(PIN_TRIES_MAX):
        store.sessions.count_pin(caller.session)
    with pytest.raises(Unauthorised):
        await parts.unlocking.with_pin(caller, PIN)
    outcome_of(await ama.get("/fhir/Patient"), 423)
    await parts.unlocking.with_password(caller, PASSWORD, "here")
    assert (await ama.get("/fhir/Patient")).status_code == 200


async def test_the_password_unlocks_and_wrong_ones_count_as_wrong_logins(
    ama: httpx.AsyncClient, parts: Parts, store: Store
) -> None:
    caller = parts.access.locked_caller(cookie(ama))
    await parts.unlocking.lock(caller)
    with pytest.raises(Unauthorised):
        await parts.unlocking.with_password(caller, "a wrong password", "here")
    user = store.users.get("ama")
    assert user is not None
    assert user.wrong == 1
    await parts.unlocking.with_password(caller, PASSWORD, "here")
    assert (await ama.get("/fhir/Patient")).status_code == 200


def test_the_cookie_of_names_is_this_nodes_and_bounded() -> None:
    names = KnownNames(bytes(32))
    value = None
    for number in range(known_names.NAMES_MAX + 3):
        value = names.with_name(value, f"n{number}")
    assert names.read(value) == [f"n{number}" for number in range(known_names.NAMES_MAX + 2, 2, -1)]
    assert names.read(names.with_name(value, "n5"))[0] == "n5"
    assert KnownNames(b"1" * 32).read(value) == []
    for damaged in ("", "x", "é", "A" * 5_000, value[:-3] if value else ""):
        assert names.read(damaged) == []
    long = names.write(["ǂ" * 128 for _ in range(8)])
    assert len(long) < 4_000
    assert names.read(long)


# --- records opened with a reason ---


@pytest.fixture
async def desk(store: Store, parts: Parts, app: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A registrar's program, at a node with two patients and their observations."""
    author = Author("ama", "clinician")
    for id_ in ("p-1", "p-2"):
        observed = {
            "resourceType": "Observation",
            "id": f"o-{id_}",
            "status": "final",
            "code": {"text": "Hb"},
            "subject": {"reference": f"Patient/{id_}"},
        }
        bodies = [patient(id_), observed]
        store.write(
            [Write(one["resourceType"], one["id"], json.dumps(one).encode()) for one in bodies], author, START_MS
        )
    store.users.add("efua", "registrar", PASSWORD, START_MS)
    headers = {"Authorization": f"Bearer {parts.logins._tokens.issue('efua', 'registrar')}", **FHIR}
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers) as client:
        yield client


async def opens(client: httpx.AsyncClient, patient_id: str, reason: str = REASON) -> httpx.Response:
    body = json.dumps({"patient": patient_id, "reason": reason})
    return await client.post("/api/v1/break-glass", content=body, headers={"Content-Type": "application/json"})


async def test_a_reason_opens_one_record_for_a_while_to_be_seen(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, store: Store, clock: Clock
) -> None:
    outcome_of(await desk.get("/fhir/Observation/o-p-1"), 403)
    answer = await opens(desk, "p-1")
    assert answer.status_code == 201
    assert answer.json()["patient"] == "p-1"
    assert (await desk.get("/fhir/Observation/o-p-1")).status_code == 200
    outcome_of(await desk.get("/fhir/Observation/o-p-2"), 404)
    found = (await desk.get("/fhir/Observation")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["o-p-1"]
    everything = (await desk.get("/fhir/Patient/p-1/$everything")).text
    assert "o-p-1" in everything
    outcome_of(await desk.delete("/fhir/Observation/o-p-1"), 403)
    clock.forward(Options().break_glass_seconds + 1)
    outcome_of(await desk.get("/fhir/Observation/o-p-1"), 403)


async def test_a_clock_that_is_put_back_keeps_no_record_open(desk: httpx.AsyncClient, clock: Clock) -> None:
    await opens(desk, "p-1")
    assert (await desk.get("/fhir/Observation/o-p-1")).status_code == 200
    for _ in range(2):
        clock.forward(Options().break_glass_seconds / 2 + 1)
        clock.put_back(Options().break_glass_seconds / 2)
    outcome_of(await desk.get("/fhir/Observation/o-p-1"), 403)
    await opens(desk, "p-1")
    assert (await desk.get("/fhir/Observation/o-p-1")).status_code == 200


async def test_it_is_audited_with_the_reason_and_shown_to_a_supervisor(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, store: Store
) -> None:
    await opens(desk, "p-1")
    listed = (await client.get("/api/v1/break-glass")).json()["opened"]
    assert [(one["user"], one["role"], one["patient"], one["reason"]) for one in listed] == [
        ("efua", "registrar", "p-1", REASON)
    ]
    assert store.audit(count=1)[0].action == "break-glass"
    events = (await client.get("/fhir/AuditEvent?entity=Patient/p-1")).json()["entry"]
    told = next(entry["resource"] for entry in events if "purposeOfEvent" in entry["resource"])
    assert told["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"
    assert told["purposeOfEvent"][0]["text"] == REASON
    problem_of(await desk.get("/api/v1/break-glass"), 403)


async def test_only_a_supervisor_says_that_she_has_looked_at_it(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, parts: Parts
) -> None:
    await opens(desk, "p-1")
    (one,) = parts.glass.latest()
    with pytest.raises(Forbidden):
        parts.glass.review(parts.access.caller(desk.headers["authorization"], None), one.number)
    assert parts.glass.unseen() == 1
    parts.glass.review(parts.access.caller(client.headers["authorization"], None), one.number)
    assert parts.glass.unseen() == 0


async def test_what_opens_nothing_is_refused(desk: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for reason in ("", "because", "a a a a a a a a a a a", "x" * 501):
        problem_of(await opens(desk, "p-1", reason), 400)
    problem_of(await opens(desk, "nobody"), 404)
    problem_of(await opens(client, "p-1"), 403)
    outcome_of(await desk.get("/fhir/Observation/o-p-1"), 403)
