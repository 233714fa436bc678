"""No page offers what it would refuse: every link, picture and form that anybody is shown answers something else than 403."""

import json
from collections import deque
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from msgspec import Struct

from edge_node import same_person
from edge_node.api.app import make_app
from edge_node.api.door import Door
from edge_node.pages import dates
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.roles import ROLES, may
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.running import running
from tests.journeys.place import women

REASON: Final = "She bleeds and the midwife is away."
WOMAN, DEAD, CHILD, OTHER = "woman-6", "woman-4", "child-1", "other-1"
LEAVES: Final = ("/logout", "/lock", "/unlock", "/login", "/language", "/sync")
"""Forms that end the walk, or are everybody's."""
OPENERS: Final = tuple(role for role in ROLES if may(role, "open-with-reason"))


class Form(Struct):
    """A form as it is drawn, with what stands in it."""

    action: str
    fields: dict[str, str]


class Drawn(HTMLParser):
    """What a page leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self.forms.append(Form(given["action"], {}))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1].fields.setdefault(given["name"], given.get("value", ""))
        self.links += [given[name] for name in ("href", "src", "hx-get") if given.get(name, "").startswith("/")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A pregnant woman, one who died, a child, two records of one person, and something to settle."""
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        store.users.add("setup", "clinician", clinic.PASSWORD, clinic.START_MS)
        for resource in people():
            clinic.write(store, resource)
        kept, other = store.read("Patient", CHILD), store.read("Patient", OTHER)
        assert kept is not None
        assert other is not None
        store.write(same_person.merge(kept, other), Author("setup", "clinician"), clinic.START_MS)
        for known in (measured("o-9"), {"resourceType": "Patient", "id": "p-9", "birthDate": "1990-01-01"}):
            name = "valueQuantity" if known["resourceType"] == "Observation" else "birthDate"
            here, there = [{**known, name: value} for value in VALUES[name]]
            clinic.disagree(store, known, here, there, clinic.START_MS)
        yield store


VALUES: Final[dict[str, tuple[Any, Any]]] = {
    "valueQuantity": ({"value": 61, "unit": "kg"}, {"value": 71, "unit": "kg"}),
    "birthDate": ("1991-01-01", "1992-01-01"),
}


def measured(id_: str, patient: str = WOMAN) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-09-01",
        "valueQuantity": {"value": 5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }


def people() -> Iterator[dict[str, Any]]:
    """Their records, one of each kind that a menu offers something about."""
    for one in women(dates.local_day(clinic.START_MS)):
        told = json.loads(json.dumps(one, default=str))
        if not any(f"{name}" in json.dumps(told) for name in (WOMAN, DEAD)):
            continue
        yield {**told, "deceasedDateTime": "2026-01-01"} if told["id"] == DEAD else told
    for id_ in (CHILD, OTHER):
        yield {
            "resourceType": "Patient",
            "id": id_,
            "name": [{"family": "Owusu"}],
            "gender": "female",
            "birthDate": "2026-06-01",
            "photo": [{"contentType": "image/jpeg", "data": "/9j/2Q=="}],
        }
    yield measured("o-1", CHILD)
    her = {"reference": f"Patient/{WOMAN}"}
    yield {"resourceType": "Condition", "id": "c-1", "code": {"text": "Anaemia"}, "subject": her}
    yield {"resourceType": "AllergyIntolerance", "id": "a-1", "code": {"text": "Nuts"}, "patient": her}
    yield {
        "resourceType": "Appointment",
        "id": "ap-1",
        "status": "booked",
        "start": "2026-12-01T08:00:00Z",
        "participant": [{"actor": her, "status": "accepted"}],
    }
    yield {
        "resourceType": "ServiceRequest",
        "id": "r-1",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
        "subject": her,
    }
    yield {
        "resourceType": "DocumentReference",
        "id": "d-1",
        "status": "current",
        "subject": her,
        "content": [{"attachment": {"contentType": "text/plain", "data": "c2NhbiBvZiBhIHRlc3Q="}}],
    }


@pytest.fixture
def app(store: Store) -> Iterator[Door]:
    with running(make_app(store, lambda: clinic.START_MS, pages=make_pages())) as app:
        yield app


@pytest.fixture
async def client(app: Door) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept": "text/html", "origin": "http://clinic.test"}
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers) as client:
        yield client


async def enter(client: httpx.AsyncClient, store: Store, role: str, own: str = WOMAN) -> None:
    store.users.add(role, role, clinic.PASSWORD, clinic.START_MS, own if role == "citizen" else None)
    answer = await client.post("/login", data={"username": role, "password": clinic.PASSWORD})
    assert answer.status_code == 303


async def refused(client: httpx.AsyncClient, *begin: str) -> list[str]:
    """Whatever answers 403 of all that can be reached by links from where one begins; then of the forms on the way."""
    waiting = deque((path, "") for path in begin)
    known, forms, found = set(begin), dict[str, tuple[Form, str]](), []
    while waiting:
        path, linked_on = waiting.popleft()
        async with client.stream("GET", path) as answer:
            if answer.status_code == 403:
                found.append(f"{path} on {linked_on}")
            moved = answer.headers.get("location", "")
            drawn = Drawn(moved and f'<a href="{moved}">')
            if answer.headers.get("content-type", "").startswith("text/html") and not moved:
                drawn = Drawn((await answer.aread()).decode())
        assert len(known) < 1500, "addresses look different each time"
        for link in drawn.links:
            parts = urlsplit(link)
            address = f"{parts.path}?{parts.query}" if "about=" in parts.query else parts.path
            if address not in known and not parts.path.startswith("/assets"):
                known.add(address)
                waiting.append((link.partition("#")[0], path))
        for form in drawn.forms:
            if not form.action.startswith(LEAVES):
                forms.setdefault(f"{form.action} {form.fields.get('type', '')}", (form, path))
    for form, on in forms.values():
        answer = await client.post(form.action, data=form.fields)
        if answer.status_code == 403:
            found.append(f"sent: {form.action} on {on}")
    return found


@pytest.mark.parametrize("role", ROLES)
async def test_nothing_that_is_offered_is_refused(client: httpx.AsyncClient, store: Store, role: str) -> None:
    await enter(client, store, role)
    begin = [f"/patients/{id_}" for id_ in (WOMAN, DEAD, CHILD, "p-9")] if may(role, "see-patients") else []
    assert await refused(client, "/", *begin) == []


@pytest.mark.parametrize("role", OPENERS)
async def test_a_record_that_was_opened_with_a_reason_offers_nothing_that_is_refused(
    client: httpx.AsyncClient, store: Store, role: str
) -> None:
    await enter(client, store, role)
    for patient in (WOMAN, DEAD, CHILD):
        answer = await client.post(f"/patients/{patient}/open", data={"reason": REASON})
        assert answer.headers["location"] == f"/patients/{patient}"
    assert await refused(client, *(f"/patients/{id_}" for id_ in (WOMAN, DEAD, CHILD))) == []


async def test_who_opened_a_record_reads_all_of_it_and_is_offered_nothing_to_write(
    client: httpx.AsyncClient, store: Store
) -> None:
    await enter(client, store, "registrar")
    assert (await client.get(f"/patients/{WOMAN}/pregnancy")).status_code == 403
    await client.post(f"/patients/{WOMAN}/open", data={"reason": REASON})
    for path in ("", "/pregnancy"):
        shown = (await client.get(f"/patients/{WOMAN}{path}")).text
        assert "Expected date of birth" in shown
        for offered in ("Antenatal contact</a>", "It ended early", "End the care", ">Remind<"):
            assert offered not in shown, (path, offered)
    assert (await client.get(f"/patients/{CHILD}/child")).status_code == 403
    await client.post(f"/patients/{CHILD}/open", data={"reason": REASON})
    shown = (await client.get(f"/patients/{CHILD}/child")).text
    assert "Vaccination card" in shown
    assert "Vaccines given" not in shown
    assert "Change</a>" in (await client.get(f"/patients/{WOMAN}")).text  # who she is, a registrar writes


@pytest.mark.parametrize(("deleted", "told"), [(False, "at another clinic now"), (True, "It was deleted")])
async def test_a_citizen_whose_record_went_is_told_so_and_can_log_out(
    client: httpx.AsyncClient, store: Store, deleted: bool, told: str
) -> None:
    hers = {"resourceType": "Patient", "id": "p-7", "name": [{"family": "Owusu"}]}
    if deleted:
        clinic.write(store, hers)
        store.write([Write("Patient", "p-7", None)], Author("setup", "clinician"), clinic.START_MS)
    else:
        clinic.come_and_go(store, hers)
    await enter(client, store, "citizen", "p-7")
    shown = await client.get("/", follow_redirects=True)
    assert (shown.status_code, shown.url.path) == (200, "/patients/p-7")
    assert told in shown.text
    assert "Owusu" not in shown.text
    assert 'action="/logout"' in shown.text
    assert (await client.post("/logout")).headers["location"] == "/login?left"
    assert (await client.get("/patients/p-7")).headers["location"].startswith("/login")


def weighed() -> dict[str, Any]:
    """What stands in the record that was merged into the child's."""
    return {**measured("o-2", OTHER), "valueQuantity": {"value": 7.3, "unit": "kg"}}


async def test_a_citizen_whose_record_was_merged_into_another_sees_the_one_that_goes_on(
    client: httpx.AsyncClient, store: Store
) -> None:
    clinic.write(store, weighed())
    await enter(client, store, "citizen", OTHER)  # it was merged into the child's
    shown = await client.get("/", follow_redirects=True)
    assert (shown.status_code, shown.url.path) == (200, f"/patients/{CHILD}")
    whole = (await client.get(f"/patients/{CHILD}/all")).text
    assert ("5 kg" in whole, "7.3 kg" in whole) == (True, True)
    assert (await client.get(f"/patients/{WOMAN}")).status_code == 404
    reads = {(one.type, one.id) for one in store.audit() if one.user == "citizen" and one.action == "read"}
    assert reads == {("Patient", CHILD)}
    assert await refused(client, "/") == []


async def test_a_citizen_whose_record_was_parted_again_sees_her_own_alone(
    client: httpx.AsyncClient, store: Store
) -> None:
    clinic.write(store, weighed())
    await enter(client, store, "citizen", OTHER)
    kept, other = store.read("Patient", CHILD), store.read("Patient", OTHER)
    assert kept is not None
    assert other is not None
    store.write(same_person.part(kept, other), Author("setup", "midwife"), clinic.START_MS)
    shown = await client.get("/", follow_redirects=True)
    assert (shown.status_code, shown.url.path) == (200, f"/patients/{OTHER}")
    assert (await client.get(f"/patients/{CHILD}")).status_code == 404
    whole = (await client.get(f"/patients/{OTHER}/all")).text
    assert ("5 kg" in whole, "7.3 kg" in whole) == (False, True)


async def test_a_citizen_sees_what_was_merged_into_her_record(client: httpx.AsyncClient, store: Store) -> None:
    clinic.write(store, weighed())
    await enter(client, store, "citizen", CHILD)
    whole = (await client.get(f"/patients/{CHILD}/all")).text
    assert ("5 kg" in whole, "7.3 kg" in whole) == (True, True)


async def test_a_citizen_whose_record_went_into_two_others_sees_her_own_alone(
    client: httpx.AsyncClient, store: Store
) -> None:
    """Two people said two things, at two clinics: whose she may see beside her own, nobody knows."""
    clinic.write(store, weighed())
    other = store.read("Patient", OTHER)
    assert other is not None
    assert other.body is not None
    told = json.loads(other.body)
    told["link"].append({"other": {"reference": f"Patient/{WOMAN}"}, "type": "replaced-by"})
    clinic.write(store, told)
    await enter(client, store, "citizen", OTHER)
    shown = await client.get("/", follow_redirects=True)
    assert (shown.status_code, shown.url.path) == (200, f"/patients/{OTHER}")
    for kept in (CHILD, WOMAN):
        assert (await client.get(f"/patients/{kept}")).status_code == 404
    await client.post("/logout")
    store.users.add("child", "citizen", clinic.PASSWORD, clinic.START_MS, CHILD)
    await client.post("/login", data={"username": "child", "password": clinic.PASSWORD})
    assert "7.3 kg" not in (await client.get(f"/patients/{CHILD}/all")).text


@pytest.mark.parametrize(("role", "open_"), [("registrar", 1), ("midwife", 52)])
async def test_only_the_conflicts_that_are_hers_to_settle_are_counted_and_crowd_the_inbox(
    client: httpx.AsyncClient, store: Store, role: str, open_: int
) -> None:
    for number in range(50):
        known = measured(f"o-old-{number}")
        here, there = [{**known, "valueQuantity": value} for value in VALUES["valueQuantity"]]
        clinic.disagree(store, known, here, there, clinic.START_MS - 90_000_000)
    await enter(client, store, role)
    shown = (await client.get("/conflicts")).text
    assert f"{open_} open</span>" in shown
    assert ("p-9" in shown, "The oldest" in shown) == (role == "registrar", role == "midwife")
    node = (await client.get("/sync")).text
    assert f'<a href="/conflicts">{open_}</a>' in node


@pytest.mark.parametrize(
    ("role", "refused_at", "begins"),
    [
        ("midwife", "/people", '"/">To the patients'),
        ("admin", "/today", '"/people">People'),
        ("operator", "/today", '"/sync">Hub'),
        ("citizen", "/today", f'"/patients/{WOMAN}">Your record'),
    ],
)
async def test_who_is_refused_is_offered_where_she_begins(
    client: httpx.AsyncClient, store: Store, role: str, refused_at: str, begins: str
) -> None:
    await enter(client, store, role)
    for path, status in ((refused_at, 403), ("/no/such/page", 404)):
        answer = await client.get(path)
        assert answer.status_code == status
        assert f'<a class="button" href={begins}</a>' in answer.text
        assert ("To the patients" in answer.text) == (role == "midwife")
    assert ("Look for the patient by name" in answer.text) == (role == "midwife")


async def test_a_citizen_of_no_record_is_offered_her_pin(client: httpx.AsyncClient, store: Store) -> None:
    store.users.add("esi", "citizen", clinic.PASSWORD, clinic.START_MS)
    await client.post("/login", data={"username": "esi", "password": clinic.PASSWORD})
    assert '<a class="button" href="/pin">Your PIN</a>' in (await client.get("/today")).text
