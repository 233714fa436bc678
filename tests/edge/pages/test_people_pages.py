"""People on the pages: picking a name, PIN and lock, who may see what, records opened with a reason, users of this computer."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_node.api.app import Options, make_app
from edge_node.api.door import Door
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.roles import ROLES, Act, rights_of
from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.edge.pages import clinic
from tests.edge.pages.cards import cards
from tests.edge.pages.server import KEY
from tests.edge.running import running

PIN = "7294"
REASON = "She bleeds and the midwife is away."
PATIENT = {
    "resourceType": "Patient",
    "id": "p-1",
    "name": [{"family": "Owusu"}],
    "identifier": [{"system": "urn:example:card", "value": "KT-10074"}],
}
CONDITION = {
    "resourceType": "Condition",
    "id": "c-1",
    "code": {"text": "Anaemia"},
    "subject": {"reference": "Patient/p-1"},
}


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.ms = clinic.START_MS

    def __call__(self) -> int:
        return self.ms

    def forward(self, seconds: int) -> None:
        self.ms += 1000 * seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        clinic.write(store, PATIENT)
        clinic.write(store, {"resourceType": "Patient", "id": "p-2", "name": PATIENT["name"]})
        clinic.write(store, CONDITION)
        yield store


@pytest.fixture
def app(store: Store, clock: Clock) -> Iterator[Door]:
    with running(make_app(store, clock, pages=make_pages())) as app:
        yield app


Browser = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def browser(app: Door) -> AsyncIterator[Browser]:
    """Browsers with cookies of their own."""
    opened: list[httpx.AsyncClient] = []

    def one() -> httpx.AsyncClient:
        headers = {"accept": "text/html", "origin": "http://clinic.test"}
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers))
        return opened[-1]

    yield one
    for client in opened:
        await client.aclose()


async def log_in(client: httpx.AsyncClient, store: Store, name: str, role: str, patient: str | None = None) -> None:
    if store.users.get(name) is None:
        store.users.add(name, role, clinic.PASSWORD, clinic.START_MS, patient)
    answer = await client.post("/login", data={"username": name, "password": clinic.PASSWORD})
    assert answer.status_code == 303, answer.text


@pytest.fixture
async def ama(browser: Browser, store: Store) -> httpx.AsyncClient:
    client = browser()
    await log_in(client, store, "ama", "clinician")
    return client


# --- login ---


async def test_the_name_is_picked_from_those_who_use_this_device(
    ama: httpx.AsyncClient, browser: Browser, store: Store
) -> None:
    await ama.post("/logout")
    await log_in(ama, store, "efua", "midwife")
    await ama.post("/logout")
    listed = (await ama.get("/login")).text
    assert re.findall(r'name="who" value="(\w+)">([\w ]+)<', listed) == [
        ("0", "efua"),
        ("1", "ama"),
        ("other", "Somebody else"),
    ]
    assert 'name="password"' not in listed
    picked = (await ama.get("/login?who=1")).text
    assert "Log in as ama" in picked
    assert 'name="username" value="ama"' in picked
    assert '<input id="username"' in (await ama.get("/login?who=other")).text
    store.users.disable("efua")
    assert "efua" not in (await ama.get("/login")).text
    assert "ama" not in (await browser().get("/login")).text


async def test_the_cookie_of_names_is_not_for_scripts_nor_other_sites(browser: Browser, store: Store) -> None:
    store.users.add("ama", "clinician", clinic.PASSWORD, clinic.START_MS)
    answer = await browser().post("/login", data={"username": "ama", "password": clinic.PASSWORD})
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("medtech_names=")]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "ama" not in cookie


# --- lock and PIN ---


async def test_an_idle_screen_is_locked_and_a_pin_leads_back(ama: httpx.AsyncClient, clock: Clock) -> None:
    form = {"password": clinic.PASSWORD, "pin": PIN, "again": PIN}
    assert (await ama.post("/pin", data=form)).status_code == 303
    assert "Your PIN is set" in (await ama.get("/")).text
    clock.forward(Options().idle_seconds + 1)
    answer = await ama.get("/patients/p-1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/lock?next=/patients/p-1")
    locked = await ama.get("/lock?next=/patients/p-1")
    assert "Owusu" not in locked.text
    assert "ama" in locked.text
    assert (await ama.get("/sync/state")).status_code == 423
    sent = await ama.post("/", data={"find": "owusu"})
    assert sent.status_code == 423
    assert "was not saved" in sent.text
    wrong = await ama.post("/unlock", data={"pin": "8305", "next": "/patients/p-1"})
    assert wrong.status_code == 401
    assert "4 tries are left" in wrong.text
    right = await ama.post("/unlock", data={"pin": PIN, "next": "/patients/p-1"})
    assert right.headers["location"] == "/patients/p-1"
    assert (await ama.get("/patients/p-1")).status_code == 200


async def test_wrong_pins_lead_to_the_login(ama: httpx.AsyncClient) -> None:
    await ama.post("/pin", data={"password": clinic.PASSWORD, "pin": PIN, "again": PIN})
    assert (await ama.post("/lock", data={"next": "/conflicts"})).headers["location"] == "/lock?next=/conflicts"
    answers = [await ama.post("/unlock", data={"pin": "8305"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 303]
    assert answers[-1].headers["location"] == "/login?ended"
    assert "Log in with your password" in (await ama.get("/login?ended&who=0")).text
    assert (await ama.get("/")).headers["location"] == "/login"


async def test_typing_keeps_a_screen_open_and_watching_does_not(ama: httpx.AsyncClient, clock: Clock) -> None:
    half = Options().idle_seconds // 2 + 1
    await ama.get("/")
    for _ in range(3):
        clock.forward(half)
        assert (await ama.post("/awake")).status_code == 204
    clock.forward(half)
    assert (await ama.get("/sync/state")).status_code == 200
    clock.forward(half)
    assert (await ama.post("/awake")).status_code == 423


async def test_what_a_page_asks_for_by_itself_keeps_no_login_awake(ama: httpx.AsyncClient, clock: Clock) -> None:
    half = Options().idle_seconds // 2 + 1
    await ama.get("/patients/p-1")
    answers = []
    for _ in range(3):
        clock.forward(half)
        answers.append((await ama.get("/patients/p-1", headers={"x-part": "live"})).status_code)
    assert answers == [200, 303, 303]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"pin": "1234", "again": "1234"}, "too easy to guess"),
        ({"pin": PIN, "again": "7295"}, "not the same"),
        ({"pin": PIN, "again": PIN, "password": "wrong"}, "password is wrong"),
        ({"pin": "72", "again": "72"}, "4 to 6 digits"),
    ],
)
async def test_a_pin_that_will_not_do_is_explained(ama: httpx.AsyncClient, form: dict[str, str], said: str) -> None:
    answer = await ama.post("/pin", data={"password": clinic.PASSWORD, **form})
    assert answer.status_code == 400
    assert said in answer.text


async def test_a_lock_from_another_site_or_without_a_login_opens_nothing(
    ama: httpx.AsyncClient, browser: Browser
) -> None:
    evil = {"origin": "http://evil.test"}
    assert (await ama.post("/unlock", data={"password": clinic.PASSWORD}, headers=evil)).status_code == 403
    assert (await browser().get("/lock")).headers["location"].startswith("/login")
    assert (await browser().post("/unlock", data={"pin": PIN})).headers["location"].startswith("/login")


# --- roles ---

PAGES: dict[str, Act] = {
    "/conflicts": "settle",
    "/sync": "see-node",
    "/people": "manage-people",
    "/opened": "see-opened",
    "/open": "open-with-reason",
}


@pytest.mark.parametrize("role", ROLES)
async def test_pages_and_their_menu_are_for_those_whom_the_table_names(
    browser: Browser, store: Store, role: str
) -> None:
    client, acts = browser(), rights_of(role).acts
    await log_in(client, store, role, role, "p-1" if role == "citizen" else None)
    pin = (await client.get("/pin")).text
    for path, act in PAGES.items():
        assert ((await client.get(path)).status_code == 200) == (act in acts), path
        if path != "/open":
            assert (f'href="{path}"' in pin) == (act in acts), path
    assert ((await client.get("/")).status_code == 200) == ("see-patients" in acts)


async def test_a_registrar_sees_who_somebody_is_and_is_told_that_this_is_not_all(
    browser: Browser, store: Store
) -> None:
    client = browser()
    await log_in(client, store, "efua", "registrar")
    shown = (await client.get("/patients/p-1")).text
    assert "Owusu" in shown
    assert "Anaemia" not in shown
    assert "This is not the whole record" in shown
    for absence in ("No problem is recorded", "No allergy is recorded", "No medicine"):
        assert absence not in shown


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ({}, 200),
        ({"securityContext": {"reference": "Patient/p-2"}}, 404),
        ({"securityContext": None}, 404),
        ({"contentType": "application/pdf"}, 404),
    ],
)
async def test_only_a_picture_of_her_own_record_is_shown_for_a_photo(
    browser: Browser, store: Store, file: dict[str, Any], status: int
) -> None:
    picture = {"resourceType": "Binary", "id": "b-1", "contentType": "image/jpeg", "data": "c2NhbiBvZiBhIHRlc3Q="}
    kept = picture | {"securityContext": {"reference": "Patient/p-1"}} | file
    clinic.write(store, {name: value for name, value in kept.items() if value is not None})
    clinic.write(store, {**PATIENT, "photo": [{"contentType": "image/jpeg", "url": "Binary/b-1"}]})
    client = browser()
    await log_in(client, store, "efua", "registrar")
    answer = await client.get("/patients/p-1/photo")
    assert answer.status_code == status
    assert (b"scan of a test" in answer.content) == (status == 200)


async def test_a_citizen_is_led_to_her_own_record_and_to_no_other(browser: Browser, store: Store) -> None:
    client = browser()
    await log_in(client, store, "mercy", "citizen", "p-1")
    assert (await client.get("/")).headers["location"] == "/patients/p-1"
    assert "Anaemia" in (await client.get("/patients/p-1")).text
    assert (await client.get("/patients/p-2")).status_code == 404
    assert (await client.get("/patients/nobody")).status_code == 404


async def test_an_administrator_sees_no_record_without_a_reason(
    browser: Browser, store: Store, ama: httpx.AsyncClient, clock: Clock
) -> None:
    client = browser()
    await log_in(client, store, "kofi", "admin")
    answer = await client.get("/patients/p-1")
    assert answer.headers["location"] == "/patients/p-1/open"
    for number, reason in (("KT-10074", "because"), ("KT-1", REASON), ("", REASON)):
        refused = await client.post("/open", data={"number": number, "reason": reason})
        assert refused.status_code == 400, number
    opened = await client.post("/open", data={"number": "KT-10074", "reason": REASON})
    assert opened.headers["location"] == "/patients/p-1"
    assert "Anaemia" in (await client.get("/patients/p-1")).text
    assert (await client.get("/patients/p-2")).headers["location"] == "/patients/p-2/open"
    listed = (await ama.get("/opened")).text
    assert REASON in listed
    assert "Owusu" in listed
    assert REASON in (await ama.get("/patients/p-1")).text
    assert (await client.post("/opened", data={"number": "1"})).status_code == 404  # not her own
    await ama.post("/opened", data={"number": "1"})
    assert "Looked at by ama" in (await ama.get("/opened")).text
    clock.forward(Options().break_glass_seconds + 1)
    await log_in(client, store, "kofi", "admin")
    assert (await client.get("/patients/p-1")).headers["location"] == "/patients/p-1/open"


@pytest.mark.parametrize(
    "asked", ["before=99999999999999999999", "before=-1", "day=9999-12-31", "day=0001-01-01", "day=no", "patient=p-1"]
)
async def test_the_audit_answers_whatever_day_or_place_is_asked_for(ama: httpx.AsyncClient, asked: str) -> None:
    assert (await ama.get(f"/audit?{asked}")).status_code == 200


@pytest.mark.parametrize("do", ["again", "discard"])
async def test_nothing_was_put_aside_under_a_number_that_no_entry_can_have(ama: httpx.AsyncClient, do: str) -> None:
    assert (await ama.post(f"/held/{1 << 63}/{do}", data={"reason": "none"})).status_code == 404


async def test_a_picture_of_several_cards_finds_nobody_and_of_one_card_many_times_finds_her(
    ama: httpx.AsyncClient, store: Store
) -> None:
    first, second = (numbers.make(12345, serial).digits for serial in (1, 2))
    has = {"identifier": [{"system": numbers.SYSTEM, "value": first}]}
    clinic.write(store, {"resourceType": "Patient", "id": "p-3", "name": PATIENT["name"], **has})
    for shown, status, told in (([first] * 200, 303, ""), ([first, second] * 100, 200, "several cards")):
        answer = await ama.post("/scan", files={"photo": ("a.png", cards(shown), "image/png")})
        assert answer.status_code == status
        assert told in answer.text
        assert answer.headers.get("location") == ("/patients/p-3" if status == 303 else None)


async def test_a_chunk_of_a_number_that_no_file_has_is_refused(ama: httpx.AsyncClient) -> None:
    assert (await ama.put(f"/uploads/{'a' * 16}/{1 << 63}", content=b"x")).status_code == 413


# --- people of this computer ---


async def test_an_administrator_adds_and_keeps_out_and_resets(
    browser: Browser, store: Store, ama: httpx.AsyncClient
) -> None:
    client = browser()
    await log_in(client, store, "kofi", "admin")

    async def do(name: str, **form: str) -> str:
        answer = await client.post("/people", data={"name": name, **form})
        return (await client.get("/people")).text if answer.status_code == 303 else answer.text

    new = {"do": "add", "role": "midwife", "password": clinic.PASSWORD}
    assert "esi may log in" in await do("esi", **new)
    assert "there is somebody of this name already" in await do("ama", **new)
    assert "at least 8 characters" in await do("yaw", do="add", role="midwife", password="short")
    assert "may not log in" in await do("ama", do="disable")
    assert (await ama.get("/")).headers["location"] == "/login"
    assert "not kept out" in await do("ama", do="enable")
    assert "has a new password" in await do("ama", do="password", password="another battery")
    assert store.users.verify("ama", "another battery", clinic.START_MS).role == "clinician"
    assert "Nothing was changed" in await do("kofi", do="disable")
    kofi = store.users.get("kofi")
    assert kofi is not None
    assert not kofi.disabled
    entries = [entry for entry in store.audit(count=20) if entry.action.startswith("user-")]
    assert [(entry.action, json.loads(entry.detail or "{}")["name"]) for entry in entries] == [
        ("user-password", "ama"),
        ("user-enable", "ama"),
        ("user-disable", "ama"),
        ("user-add", "esi"),
    ]


# --- whom a form names ---


@pytest.mark.parametrize("who", ["nobody-we-know", "o-1", "../p-1", ""])
async def test_whoever_is_chosen_is_a_patient_here_or_is_asked_for_again(
    ama: httpx.AsyncClient, store: Store, who: str
) -> None:
    clinic.write(store, {"resourceType": "Observation", "id": "o-1", "status": "final", "code": {"text": "x"}})
    child = {"given": "Kwame", "family": "Boateng", "sex": "male", "birth.year": "2024", "village": "Tamale"}
    form = {"form.token": "t-1", **child, "mother": "Owusu", "mother.who": who}
    answer = await ama.post("/patients/new", data=form)
    assert answer.status_code == 422
    assert 'name="mother.who" value="p-1"' in answer.text
    assert list(store.export("RelatedPerson")) == []
    answer = await ama.post("/patients/new", data={**form, "mother.who": "p-1"})
    assert answer.status_code == 303
    (line,) = store.export("RelatedPerson")
    assert '"value":"p-1"' in str(line).replace(" ", "")
