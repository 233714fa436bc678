"""The pages as answers: their headers, who may see them, where they lead, and what goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_node import same_person
from edge_node.api.app import make_app
from edge_node.api.door import Door
from edge_node.errors import HubUnreachable
from edge_node.pages import forms
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.running import running

PATIENT = {"resourceType": "Patient", "id": "p-1", "name": [{"family": "<b>Owusu</b>", "given": ["Ama"]}]}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        clinic.write(store, PATIENT)
        store.users.add("ama", "clinician", clinic.PASSWORD, clinic.START_MS)
        store.users.add("citizen", "citizen", clinic.PASSWORD, clinic.START_MS)
        yield store


async def unreachable() -> Any:
    raise HubUnreachable("No answer from https://hub.test (ConnectError)")


@pytest.fixture
def app(store: Store) -> Iterator[Door]:
    with running(make_app(store, lambda: clinic.START_MS, sync=unreachable, pages=make_pages(unreachable))) as app:
        yield app


@pytest.fixture
async def anyone(app: Door) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=accept) as client:
        yield client


@pytest.fixture
async def ama(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    await log_in(anyone, "ama")
    anyone.headers["origin"] = "http://clinic.test"
    return anyone


def measured(code: str, unit: str, value: str, day: int) -> bytes:
    about = {
        "resourceType": "Observation",
        "id": f"o-{code}-{day}-{len(value)}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p-1"},
        "effectiveDateTime": f"2026-09-0{day}",
        "valueQuantity": {"value": 0, "code": unit},
    }
    return json.dumps(about).replace('"value": 0', f'"value": {value}').encode()


@pytest.mark.parametrize("value", ["1e300", "1e-300", "-1e300", "1e-999"])
async def test_numbers_beyond_all_measure_break_no_page(ama: httpx.AsyncClient, store: Store, value: str) -> None:
    child = {**PATIENT, "gender": "female", "birthDate": "2026-01-01"}
    clinic.write(store, child)
    kinds = (
        ("29463-7", "kg"),
        ("8480-6", "mm[Hg]"),
        ("8462-4", "mm[Hg]"),
        ("8302-2", "cm"),
        ("9843-4", "cm"),
        ("56072-2", "cm"),
    )
    bodies = [
        measured(code, unit, each, day) for code, unit in kinds for day, each in enumerate(["61", "62", "63", value], 1)
    ]
    store.write(
        [Write("Observation", json.loads(body)["id"], body) for body in bodies],
        Author("ama", "clinician"),
        clinic.START_MS,
    )
    for path in ("", "/child", "/part/results"):
        answer = await ama.get(f"/patients/p-1{path}")
        assert answer.status_code == 200, path
    assert "<svg" in (await ama.get("/patients/p-1")).text


async def log_in(client: httpx.AsyncClient, name: str, following: str = "/") -> httpx.Response:
    sent = {"username": name, "password": clinic.PASSWORD, "next": following}
    return await client.post("/login", data=sent)


@pytest.mark.parametrize("path", ["/", "/patients/p-1", "/conflicts", "/sync"])
async def test_nothing_is_shown_without_a_login(anyone: httpx.AsyncClient, path: str) -> None:
    answer = await anyone.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == ("/login" if path == "/" else f"/login?next={path}")
    assert "Owusu" not in answer.text


@pytest.mark.parametrize("path", ["/", "/patients/p-1", "/conflicts", "/sync", "/sync/state", "/login", "/nothing"])
async def test_pages_hold_a_strict_policy(ama: httpx.AsyncClient, path: str) -> None:
    answer = await ama.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert "onclick" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_data_are_escaped(ama: httpx.AsyncClient) -> None:
    answer = await ama.get("/patients/p-1")
    assert "&lt;b&gt;Owusu" in answer.text
    assert "<b>Owusu" not in answer.text


async def test_the_find_box_puts_nothing_of_a_patient_into_an_address(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/", data={"find": "owusu"})
    assert answer.status_code == 303
    assert "owusu" not in answer.headers["location"].lower()
    found = await ama.get(answer.headers["location"])
    assert "/patients/p-1" in found.text
    broken = await ama.get("/?at=made-up")
    assert broken.status_code == 400
    assert "could not be understood" in broken.text


async def test_a_merged_record_is_shown_as_the_one_that_goes_on(ama: httpx.AsyncClient, store: Store) -> None:
    clinic.write(store, {**PATIENT, "id": "p-2", "name": [{"family": "Mensah", "given": ["Amma"]}]})
    kept, other = store.read("Patient", "p-1"), store.read("Patient", "p-2")
    assert kept is not None
    assert other is not None
    assert "Same person as" not in (await ama.get("/")).text
    store.write(same_person.merge(kept, other), Author("ama", "clinician"), clinic.START_MS)
    assert "Same person as Ama &lt;b&gt;Owusu&lt;/b&gt;" in (await ama.get("/")).text
    found = (await ama.post("/", data={"find": "mensah"}, headers=FORM, follow_redirects=True)).text
    assert 'href="/patients/p-1"' in found
    assert "Same person as Amma Mensah" in found
    assert 'href="/patients/p-2"' not in found
    moved = await ama.get("/patients/p-2")
    assert (moved.status_code, moved.headers["location"]) == (303, "/patients/p-1")
    assert "Mensah" in (await ama.get("/patients/p-1")).text


async def test_a_citizen_may_not_see_records(anyone: httpx.AsyncClient) -> None:
    await log_in(anyone, "citizen")
    answer = await anyone.get("/patients/p-1")
    assert answer.status_code == 403
    assert "You may not see this" in answer.text
    assert "Owusu" not in answer.text


async def test_what_is_not_there_has_a_page_and_machines_get_a_problem(ama: httpx.AsyncClient) -> None:
    between = ("/patients", "/lists", "/conflicts/Patient", "/records", "/records/Patient")
    sent_only = ("/elsewhere/admit", "/logout", "/lists/overdue/call")
    for path in ("/patients/nobody", "/no/such/page", "/assets/none.css", *between, *sent_only):
        answer = await ama.get(path)
        assert (answer.status_code, "There is nothing here" in answer.text) == (404, True), path
        for accept in ("application/json", "*/*"):
            answer = await ama.get(path, headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (
                404,
                "application/problem+json; charset=utf-8",
            )
    assert (await ama.put("/patients/nobody", headers={"accept": "*/*"})).status_code == 405
    assert (await ama.get("/api/v1/none")).headers["content-type"].startswith("application/problem+json")


async def test_a_failure_of_ours_says_nothing_of_itself(
    ama: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(store, "everything", fail)
    answer = await ama.get("/patients/p-1")
    assert answer.status_code == 500
    assert "Something failed here" in answer.text
    assert "secret" not in answer.text


async def test_a_form_from_another_site_is_refused(ama: httpx.AsyncClient) -> None:
    for path in ("/", "/conflicts", "/sync", "/logout", "/login"):
        answer = await ama.post(path, content=b"next=/", headers={**FORM, "origin": "http://elsewhere.test"})
        assert answer.status_code == 403, path


async def test_sending_says_what_came_of_it_once(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/sync", data={"next": "/conflicts"})
    assert answer.headers["location"] == "/conflicts"
    assert "Not sent. The hub did not answer." in (await ama.get("/conflicts")).text
    assert "Not sent." not in (await ama.get("/conflicts")).text


async def test_a_choice_that_is_none_and_one_that_is_settled(ama: httpx.AsyncClient) -> None:
    assert (await ama.post("/conflicts", data={"type": "Patient", "id": "p-1"})).status_code == 400
    sent = {"type": "Patient", "id": "p-1", "element": "birthDate", "version": "x", "choose": "0"}
    assert (await ama.post("/conflicts", data=sent)).status_code == 303
    assert "settled this already" in (await ama.get("/conflicts")).text
    assert (await ama.post("/conflicts", json={})).status_code == 415


async def test_too_many_wrong_passwords_are_told_to_wait(anyone: httpx.AsyncClient) -> None:
    for _ in range(5):
        answer = await anyone.post("/login", data={"username": "ama", "password": "wrong"})
        assert answer.status_code == 401
    answer = await anyone.post("/login", data={"username": "ama", "password": "wrong"})
    assert answer.status_code == 429
    assert "Wait a minute" in answer.text
    assert (await anyone.post("/login", data={"username": "ama"})).status_code == 400


async def test_files_of_the_look_may_be_kept(anyone: httpx.AsyncClient) -> None:
    page = (await anyone.get("/login")).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await anyone.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        ("/patients/p-1", "/patients/p-1"),
        ("/?at=AbC-_", "/?at=AbC-_"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("/logout", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_a_login_leads_to_this_node_only(asked: str | None, leads: str) -> None:
    assert forms.safe_next(asked) == leads


# --- what browsers keep -----------------------------------------------------------------------------------------------


async def test_the_key_of_what_a_browser_keeps_is_given_to_who_is_logged_in_alone(
    anyone: httpx.AsyncClient, store: Store
) -> None:
    assert (await anyone.get("/offline/key")).status_code == 401
    await log_in(anyone, "citizen")
    assert (await anyone.get("/offline/key")).status_code == 403
    store.users.add("zuri", "midwife", clinic.PASSWORD, clinic.START_MS)
    anyone.headers["origin"] = "http://clinic.test"
    told: dict[str, dict[str, Any]] = {}
    for name in ("ama", "zuri", "ama"):
        await log_in(anyone, name)
        answer = await anyone.get("/offline/key")
        assert answer.headers["cache-control"] == "no-store"
        before = told.setdefault(name, answer.json())
        assert answer.json() == before, "each of her logins has the same key"
    assert told["ama"]["key"] != told["zuri"]["key"]
    assert told["ama"]["owner"] != told["zuri"]["owner"]
    assert "ama" not in told["ama"]["owner"]


async def test_what_a_script_asks_for_by_itself_takes_no_news_from_the_next_page(ama: httpx.AsyncClient) -> None:
    await ama.post("/sync", data={"next": "/"})
    assert 'class="news ' not in (await ama.get("/", headers={"x-part": "live"})).text
    assert 'class="news ' in (await ama.get("/")).text


@pytest.mark.parametrize("path", ["/worker.js", "/manifest.webmanifest"])
async def test_the_worker_and_the_manifest_are_asked_for_anew(anyone: httpx.AsyncClient, path: str) -> None:
    answer = await anyone.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert "connect-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/offline", "/offline/kept"])
async def test_the_pages_for_when_there_is_no_answer_hold_nothing_of_anybody(ama: httpx.AsyncClient, path: str) -> None:
    answer = await ama.get(path)
    assert answer.status_code == 200
    assert "ama" not in answer.text.split("<main")[1]
    assert "Owusu" not in answer.text


# --- forms and languages ----------------------------------------------------------------------------------------------

REGISTRATION = {"given": "Efua", "family": "Boateng", "sex": "female", "birth.year": "2001", "form.alike": ""}


async def test_of_two_sendings_at_the_same_moment_one_registers_and_both_lead_there(
    ama: httpx.AsyncClient, store: Store
) -> None:
    form = {**REGISTRATION, "form.token": "0190-token"}
    answers = await asyncio.gather(*(ama.post("/patients/new", data=form) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [303] * 4
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(store.find_patients("Efua Boateng")) == 1


async def test_a_form_that_is_sent_again_with_a_correction_is_not_taken_for_saved(
    ama: httpx.AsyncClient, store: Store
) -> None:
    form = {**REGISTRATION, "form.token": "t-2"}
    first = await ama.post("/patients/new", data=form)
    assert first.status_code == 303
    again = await ama.post("/patients/new", data={**form, "form.alike": "p-1"})
    assert again.headers["location"] == first.headers["location"]
    corrected = await ama.post("/patients/new", data={**form, "birth.year": "1991"})
    assert corrected.status_code == 409
    assert "What you sent now is not saved" in corrected.text
    assert len(store.find_patients("Efua Boateng")) == 1


async def test_somebody_elses_form_does_not_tell_where_it_led(
    ama: httpx.AsyncClient, anyone: httpx.AsyncClient, store: Store
) -> None:
    form = {**REGISTRATION, "form.token": "t-3"}
    await ama.post("/patients/new", data=form)
    store.users.add("zuri", "registrar", clinic.PASSWORD, clinic.START_MS)
    anyone.headers["origin"] = "http://clinic.test"
    await anyone.post("/logout")
    await log_in(anyone, "zuri")
    answer = await anyone.post("/patients/new", data=form)
    assert (answer.status_code, "location" in answer.headers) == (409, False)


async def test_a_form_without_its_token_or_with_a_strange_one_is_refused(ama: httpx.AsyncClient) -> None:
    for token in ("", "../x", "x" * 65):
        assert (await ama.post("/patients/new", data={**REGISTRATION, "form.token": token})).status_code == 400


async def test_what_is_asked_back_comes_with_the_same_token_and_nothing_is_written(
    ama: httpx.AsyncClient, store: Store
) -> None:
    before = store.status().resources
    answer = await ama.post("/patients/new", data={**REGISTRATION, "sex": "", "form.token": "t-1"})
    assert answer.status_code == 422
    assert 'name="form.token" value="t-1"' in answer.text
    assert 'value="Boateng"' in answer.text
    assert store.status().resources == before
    assert store.submitted("t-1") is None


async def test_whoever_opens_a_form_or_a_card_of_a_patient_is_in_the_audit(
    ama: httpx.AsyncClient, store: Store
) -> None:
    for path in ("/patients/p-1/edit", "/patients/p-1/card"):
        assert (await ama.get(path)).status_code == 200
    read = [entry for entry in store.audit("Patient", "p-1") if entry.action == "read"]
    assert [(entry.user, entry.type) for entry in read] == [("ama", "Patient")] * 2


async def test_a_part_of_a_page_is_not_replaced_by_the_login(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.post("/patients/similar", data=REGISTRATION, headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert "text/html" not in answer.headers["content-type"]


async def test_names_in_parts_of_pages_are_escaped(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/patients/similar", data={"given": "Ama", "family": "Owusu"})
    assert "&lt;b&gt;Owusu" in answer.text
    assert "<b>Owusu" not in answer.text


async def test_a_language_is_chosen_before_the_login_and_stays(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.post("/language", data={"language": "sw", "next": "/login"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "httponly" in answer.headers["set-cookie"].lower()
    page = await anyone.get("/login", headers={"accept-language": "fr"})
    assert '<html lang="sw" dir="ltr">' in page.text
    assert "Nywila" in page.text
    for wrong in ({"language": "xx"}, {"language": "../../etc"}, {}):
        assert (await anyone.post("/language", data=wrong or {"a": "b"})).status_code == 400
    elsewhere = await anyone.post("/language", data={"language": "fr", "next": "https://elsewhere.test/"})
    assert elsewhere.headers["location"] == "/"


async def test_errors_are_told_in_the_language_of_who_reads(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get("/assets/none.css", headers={"accept-language": "ar"})
    assert 'dir="rtl"' in answer.text
    assert "لا شيء هنا" in answer.text
