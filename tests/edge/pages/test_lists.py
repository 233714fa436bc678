"""Work lists over HTTP: who stands on them and why, to whom they are shown, calls and reminders, and what a reminder never says."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_node.api.app import Parts, make_app
from edge_node.api.door import Door
from edge_node.concepts import codeable
from edge_node.forms.consents import agrees
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.pages import dates, lists, reminding
from edge_node.pages import people as people_of
from edge_node.pages.list_pages import _cell
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.roles import REMINDER_CONSENT
from edge_node.store.due import Due
from edge_node.store.store import Store
from edge_node.worklists import watching
from tests.edge.maternal.making import Record, dated, statement
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.running import running

TODAY = dates.local_day(clinic.START_MS)
CONSENT = {
    "resourceType": "Consent",
    "id": "consent",
    "scope": {"text": "Privacy"},
    "status": "active",
    "category": [{"coding": [{"system": REMINDER_CONSENT[0], "code": REMINDER_CONSENT[1]}]}],
    "patient": {"reference": "Patient/amina"},
    "dateTime": "2026-01-01T08:00:00Z",
    "provision": {"type": "permit"},
}


def woman(id_: str, weeks: int, **members: Any) -> list[dict[str, Any]]:
    """A woman whose pregnancy is so many weeks old today, booked at ten weeks."""
    record, episode = dated(TODAY - timedelta(weeks=weeks))
    record.contact(TODAY - timedelta(weeks=weeks - 10), episode)
    return named(record, id_, **members)


def named(record: Record, id_: str, **members: Any) -> list[dict[str, Any]]:
    text = json.dumps(record.resources, default=str).replace("Patient/mother", f"Patient/{id_}")
    found: list[dict[str, Any]] = json.loads(re.sub(r"\br(\d{3})\b", rf"{id_}-\1", text))
    for each in found:
        if each["resourceType"] == "Encounter":
            each["class"] = {"code": "AMB"}
    found[0] |= {"id": id_, "name": [{"given": [id_.title()], "family": "Owusu"}], **members}
    return found


def home(village: str, phone: str = "") -> dict[str, Any]:
    telecom = {"telecom": [{"system": "phone", "value": phone}]} if phone else {}
    return {"address": [{"use": "home", "city": village}], **telecom}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        for resources in (
            woman("amina", 31, **home("Tamale", "+233 20 123")),
            woman("binta", 26, **home("Kakuma")),
            woman("chidi", 38, **home("Tamale")),
        ):
            for resource in resources:
                clinic.write(store, resource)
        clinic.write(store, {"resourceType": "Patient", "id": "kofi", "birthDate": TODAY.isoformat()})
        yield store


@pytest.fixture
def app(store: Store) -> Iterator[Door]:
    with running(make_app(store, lambda: clinic.START_MS, pages=make_pages())) as app:
        yield app


@pytest.fixture
async def ama(app: Door, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A midwife."""
    async with browser(app) as client:
        await log_in(client, store, "ama", "midwife")
        yield client


def browser(app: Door) -> httpx.AsyncClient:
    headers = {"accept": "text/html", "origin": "http://clinic.test"}
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers)


async def log_in(client: httpx.AsyncClient, store: Store, name: str, role: str) -> None:
    store.users.add(name, role, clinic.PASSWORD, clinic.START_MS)
    assert (await client.post("/login", data={"username": name, "password": clinic.PASSWORD})).status_code == 303


async def whole(client: httpx.AsyncClient, path: str) -> str:
    """A page once everything is worked out."""
    for _ in range(50):
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        if "working-out" not in answer.text:
            return answer.text
    raise AssertionError("it is never worked out")


def people(text: str) -> list[str]:
    return re.findall(r'<h2 class="person-name"><a href="/patients/(\w+)">', text)


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', text)
    assert found is not None
    return found[1]


async def test_today_counts_each_list_and_each_list_has_its_people(ama: httpx.AsyncClient) -> None:
    text = await whole(ama, "/today")
    numbers = {
        name: int(number)
        for name, number in re.findall(r'href="/lists/([\w-]+)">[^<]+</a> <span class="count">(\d+)<', text)
    }
    assert numbers["births"] == 1
    assert "contradictions" not in numbers, "what is usually empty is spoken of when it is not"
    for name, number in numbers.items():
        assert len(people(await whole(ama, f"/lists/{name}"))) == number, name
    assert people(await whole(ama, "/lists/births")) == ["chidi"]
    assert people(await whole(ama, "/lists/immunisation")) == ["kofi"]
    overdue = await whole(ama, "/lists/overdue")
    assert "Antenatal contact of week" in overdue
    assert "+233 20 123" in overdue


async def test_a_list_of_one_village(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/lists/overdue", data={"village": "Kakuma"})
    assert "Kakuma" not in answer.headers["location"]
    assert people(await whole(ama, answer.headers["location"])) == ["binta"]


async def test_a_loss_takes_her_from_the_list_at_once(ama: httpx.AsyncClient, store: Store) -> None:
    assert "amina" in people(await whole(ama, "/lists/overdue"))
    loss = {
        "resourceType": "Observation",
        "id": "loss",
        "status": "final",
        "code": codeable(statement("outcome")),
        "subject": {"reference": "Patient/amina"},
        "effectiveDateTime": (TODAY - timedelta(1)).isoformat(),
        "valueCodeableConcept": codeable(OUTCOMES["miscarriage"]),
    }
    clinic.write(store, loss)
    assert "amina" not in people(await whole(ama, "/lists/overdue"))


async def test_reading_and_downloading_a_list_are_audited_once_each(ama: httpx.AsyncClient, store: Store) -> None:
    shown = people(await whole(ama, "/lists/overdue"))
    table = await ama.get("/lists/overdue/download")
    assert table.text.count("\r\n") == len(shown) + 1
    latest = store.audit(count=2)
    assert [(one.action, one.detail) for one in latest] == [
        (action, json.dumps({"list": "overdue", "rows": len(shown)}, separators=(",", ":")))
        for action in ("list-download", "list")
    ]


async def test_a_registrar_sees_appointments_and_no_clinical_list(app: Door, store: Store) -> None:
    at = {"start": f"{TODAY.isoformat()}T12:00:00+00:00", "end": f"{TODAY.isoformat()}T12:10:00+00:00"}
    who = [{"actor": {"reference": "Patient/binta"}, "status": "accepted"}]
    clinic.write(store, {"resourceType": "Appointment", "id": "a", "status": "booked", "participant": who, **at})
    async with browser(app) as client:
        await log_in(client, store, "esi", "registrar")
        assert re.findall(r'href="/lists/([\w-]+)"', await whole(client, "/today")) == ["appointments"]
        assert people(await whole(client, "/lists/appointments")) == ["binta"]
        assert (await client.get("/lists/overdue")).status_code == 403
        assert (await client.get("/lists/overdue/download")).status_code == 403


async def test_who_was_not_reached_is_noted_once_however_often_the_button_is_pressed(
    ama: httpx.AsyncClient, store: Store
) -> None:
    text = await whole(ama, "/lists/overdue")
    form = {"token": hidden(text, "token"), "at": hidden(text, "at"), "patient": "amina", "how": "not-reached"}
    for _ in range(2):
        answer = await ama.post("/lists/overdue/call", data=form)
        assert answer.status_code == 303, answer.text
    assert "Not reached today" in await whole(ama, answer.headers["location"])
    calls = [json.loads(body) for body in store.export("Communication")]
    assert [one["status"] for one in calls] == ["not-done"]
    assert "pregnan" not in json.dumps(calls).lower()


async def test_reminders_are_made_once_for_who_agreed_and_never_say_why(ama: httpx.AsyncClient, store: Store) -> None:
    clinic.write(store, CONSENT)
    for said in ("1 reminder is made. 2 have no telephone.", "1 was made before. 2 have no telephone."):
        text = await whole(ama, "/lists/overdue")
        form = {"token": hidden(text, "token"), "at": hidden(text, "at")}
        answer = await ama.post("/lists/overdue/remind", data=form)
        assert answer.status_code == 303, answer.text
        assert said in await whole(ama, answer.headers["location"])
    (message,) = [json.loads(body) for body in store.export("CommunicationRequest")]
    (task,) = [json.loads(body) for body in store.export("Task")]
    assert message["payload"][0]["contentString"].startswith("Please come to the clinic on ")
    told = json.dumps({name: value for name, value in message.items() if name != "id"}).lower()
    assert not re.search(r"pregnan|antenatal|birth|hiv|iron|syphilis|episode", told)
    assert task["executionPeriod"]["start"] == (TODAY + timedelta(1)).isoformat()


async def test_nobody_is_reminded_without_consent(ama: httpx.AsyncClient, store: Store) -> None:
    text = await whole(ama, "/lists/overdue")
    form = {"token": hidden(text, "token"), "at": hidden(text, "at")}
    answer = await ama.post("/lists/overdue/remind", data=form)
    assert "1 has not agreed to reminders." in await whole(ama, answer.headers["location"])
    assert list(store.export("CommunicationRequest")) == []


def test_the_last_word_on_reminders_counts_and_no_stands_above_yes() -> None:
    yes, no = dict(CONSENT), {**CONSENT, "provision": {"type": "deny"}}
    later = {"dateTime": "2026-02-01T08:00:00Z"}
    assert agrees([yes])
    assert not agrees([])
    assert not agrees([yes, no])
    assert not agrees([yes, {**no, **later}])
    assert agrees([no, {**yes, **later}])
    assert not agrees(
        [{**yes, "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}], "text": "Research"}]}]
    )


async def test_a_page_says_what_is_still_being_worked_out(
    ama: httpx.AsyncClient, app: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: Parts = app.app.state.parts
    little = parts.lists.a_little

    async def none() -> int:
        return await little(seconds=-1)

    monkeypatch.setattr(type(parts.lists), "a_little", lambda self: none())
    text = (await ama.get("/lists/overdue")).text
    assert "Not complete yet: 4 records are still being worked out." in text
    assert "Nothing is overdue" not in text


async def test_a_list_without_a_link_to_anybody_is_a_page_that_is_not_there(ama: httpx.AsyncClient) -> None:
    assert (await ama.get("/lists/nothing")).status_code == 404
    assert (await ama.post("/lists/births/remind", data={"token": "x", "at": ""})).status_code == 404


@pytest.mark.parametrize(("text", "cell"), [("=1+1", "'=1+1"), ("-x", "'-x"), ("+233 20", "+233 20"), ("Ama", "Ama")])
def test_no_cell_of_a_table_is_a_formula(text: str, cell: str) -> None:
    assert _cell(text) == cell


DAYS = [TODAY + timedelta(days=days) for days in range(-2, 9)]


def asked_on(name: str, day: date, **row: Any) -> bool:
    """Whether an item puts her on a list on a day."""
    kept = watching.VACCINES if name == watching.IMMUNISATION else watching.CARE
    return bool(lists._asked(name, [Due(kept, "item", **row)], day))


@pytest.mark.parametrize(
    ("name", "days"),
    [
        (watching.DUE, range(6)),
        (watching.OVERDUE, range(6, 8)),
        (watching.LOST, range(6, 8)),
        (watching.IMMUNISATION, range(8)),
    ],
)
def test_an_item_puts_her_on_a_list_from_its_first_to_its_last_day(name: str, days: range) -> None:
    """Due in six days at the first of them, overdue from the seventh day on, of use until the eighth."""
    first = TODAY
    item: dict[str, Any] = {
        "since": first + timedelta(6),
        "overdue": first + timedelta(6),
        "until": first + timedelta(7),
    }
    found = [day for day in DAYS if asked_on(name, day, **item)]
    assert found == [first + timedelta(days=day) for day in days]
    assert not lists._asked(name, [Due("another list", "item", **item)], first + timedelta(6))


def appointment(id_: str, at: datetime, **members: Any) -> dict[str, Any]:
    who = [{"actor": {"reference": "Patient/amina"}, "status": "accepted"}]
    times = {"start": at.isoformat(), "end": (at + timedelta(minutes=10)).isoformat()}
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": "booked",
        "description": id_,
        "participant": who,
        **times,
        **members,
    }


def test_appointments_are_those_of_this_day_that_still_stand_and_of_who_is_here(store: Store) -> None:
    midnight = datetime.combine(TODAY, time()).astimezone()
    noon = midnight + timedelta(hours=12)
    stranger = [{"actor": {"reference": "Patient/nobody"}, "status": "accepted"}]
    doctor = [{"actor": {"reference": "Practitioner/amina"}, "status": "accepted"}]
    for one in (
        appointment("at noon", noon) | {"id": "noon"},
        appointment("first", midnight),
        appointment("yesterday", midnight - timedelta(minutes=30)),
        appointment("tomorrow", midnight + timedelta(days=1)),
        appointment("cancelled", noon, status="cancelled"),
        appointment("missed", noon, status="noshow"),
        appointment("mistaken", noon, status="entered-in-error"),
        appointment("stranger", noon, participant=stranger),
        appointment("doctor", noon, participant=doctor),
    ):
        clinic.write(store, one)
    found = lists.read(store, lists.LISTS[lists.APPOINTMENTS], "", 0, clinic.START_MS)
    assert [line.what for line in found.lines] == [("first",), ("at noon",)]
    assert lists.numbers(store, [lists.APPOINTMENTS], clinic.START_MS, "") == {lists.APPOINTMENTS: 2}


def test_who_was_referred_to_another_clinic_is_not_expected_here(store: Store) -> None:
    def referral(id_: str, patient: str, to: str, status: str = "active") -> dict[str, Any]:
        return {
            "resourceType": "ServiceRequest",
            "id": id_,
            "status": status,
            "intent": "order",
            "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
            "subject": {"reference": f"Patient/{patient}"},
            "performer": [{"reference": f"Organization/{to}"}],
            "reasonCode": [{"text": "Fits"}],
            "authoredOn": TODAY.isoformat(),
        }

    clinic.write(store, referral("one", "amina", "here"))
    clinic.write(store, referral("two", "amina", "here"))
    clinic.write(store, referral("three", "binta", "elsewhere"))
    clinic.write(store, referral("four", "chidi", "here", "completed"))
    clinic.write(store, referral("five", "nobody", "here"))
    of_here = lists.LISTS[lists.REFERRED]
    found = lists.read(store, of_here, "", 0, clinic.START_MS, facility="here")
    assert [(line.person.id, line.what) for line in found.lines] == [("amina", ("Fits",))]
    assert lists.read(store, of_here, "", 0, clinic.START_MS).lines == ()


async def test_the_table_of_one_village_has_that_village_alone(ama: httpx.AsyncClient) -> None:
    answer = await ama.post("/lists/overdue", data={"village": "Kakuma"})
    text = await whole(ama, answer.headers["location"])
    assert people(text) == ["binta"]
    table = await ama.get(f"/lists/overdue/download?at={hidden(text, 'at')}")
    assert "Kakuma" in table.text
    assert "Tamale" not in table.text


async def test_who_was_reached_is_told_so(ama: httpx.AsyncClient) -> None:
    text = await whole(ama, "/lists/overdue")
    form = {"token": hidden(text, "token"), "at": hidden(text, "at"), "patient": "amina", "how": "reached"}
    answer = await ama.post("/lists/overdue/call", data=form)
    text = await whole(ama, answer.headers["location"])
    assert ">Reached today" in text
    assert "Not reached today" not in text


def test_a_reminder_is_for_the_day_on_which_it_is_due_and_never_for_today(store: Store) -> None:
    stored = store.read("Patient", "amina")
    assert stored is not None
    person = people_of.person(stored, TODAY)
    about = {"kind": "contact", "of": "EpisodeOfCare/e", "number": 2, "params": []}
    for since, come in ((TODAY + timedelta(4), TODAY + timedelta(4)), (TODAY, TODAY + timedelta(1))):
        row = Due(watching.CARE, "item", since, since + timedelta(7), about=about)
        made = reminding.reminder(lists.Line(1, person, "", (), rows=(row,)), stored, TODAY)
        assert made is not None
        assert made.task["executionPeriod"] == {"start": come.isoformat()}
        assert made.message["occurrenceDateTime"] == (come - timedelta(1)).isoformat()
        assert str(come.day) in made.message["payload"][0]["contentString"]
    assert reminding.reminder(lists.Line(1, person, "", ()), stored, TODAY) is None
