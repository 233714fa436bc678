"""A month over HTTP: its numbers are those of the rules, open to the people behind them, and go out as MeasureReport and to DHIS2."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from edge_node import dhis2
from edge_node.api.app import make_app
from edge_node.api.door import Door
from edge_node.api.keeping_up import KeepingUp
from edge_node.dhis2 import District
from edge_node.errors import SettingsWrong
from edge_node.fhir.validation import validate
from edge_node.maternal.indicators import Month
from edge_node.pages import month_pages
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.maternal.making import Record
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.pages.test_lists import TODAY, browser, log_in, named, whole
from tests.edge.running import running

MONTH = month_pages.before(TODAY)
AT = f"/month/{month_pages.written(MONTH)}"
DISTRICT = District("DiszpKrYNg8", "BfMAe6Itzgt", {"first-contacts": "fbfJHSPpUQD"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        for place, id_ in enumerate(("amina", "binta", "chidi")):
            record = Record()
            day = MONTH.first + timedelta(days=place)
            episode = record.episode(day)
            record.lmp(day - timedelta(weeks=10 if place else 20), day, episode)
            record.contact(day, episode)
            record.contact(day + timedelta(days=10), episode)
            for resource in named(record, id_):
                clinic.write(store, resource)
        yield store


def served(store: Store, district: District | None = None) -> Door:
    return make_app(store, lambda: clinic.START_MS, pages=make_pages(district=district))


@pytest.fixture
def app(store: Store) -> Iterator[Door]:
    with running(served(store)) as app:
        yield app


@pytest.fixture
async def ama(app: Door, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        await log_in(client, store, "ama", "midwife")
        yield client


def number(text: str, code: str) -> int:
    found = re.search(rf'/{code}">(\d+)<', text)
    return int(found[1]) if found is not None else 0


async def test_a_month_shows_what_was_counted_and_each_number_its_people(ama: httpx.AsyncClient, store: Store) -> None:
    assert (await ama.get("/month")).headers["location"] == AT, "the last month that is over"
    text = await whole(ama, AT)
    assert [number(text, code) for code in ("first-contacts", "first-contacts-early", "contacts", "births")] == [
        3,
        2,
        6,
        0,
    ]
    assert "67 %" in text
    behind = await whole(ama, f"{AT}/first-contacts-early")
    assert re.findall(r'"person-name"><a href="/patients/(\w+)"', behind) == ["binta", "chidi"]
    assert store.audit(count=1)[0].detail == '{"list":"month first-contacts-early","rows":2}'
    assert "Counted 2 times" in await whole(ama, f"{AT}/contacts")


async def test_a_month_is_chosen_and_what_is_none_is_not_there(ama: httpx.AsyncClient) -> None:
    assert (await ama.post("/month", data={"month": "2025-11"})).headers["location"] == "/month/2025-11"
    for path in ("/month/2025-13", "/month/x", f"{AT}/nothing"):
        assert (await ama.get(path)).status_code == 404


async def test_the_report_is_valid_kept_once_and_answered_over_fhir(ama: httpx.AsyncClient, store: Store) -> None:
    await whole(ama, AT)
    body = (await ama.get(f"{AT}/files/report")).json()
    assert [issue for issue in validate({**body, "id": "x"}) if issue.severity == "error"] == []
    first = next(group for group in body["group"] if group["code"]["coding"][0]["code"] == "first-contacts-early")
    assert {one["code"]["coding"][0]["code"]: one["count"] for one in first["population"]} == {
        "numerator": 2,
        "denominator": 3,
    }
    for _ in range(2):
        assert (await ama.post(f"{AT}/keep")).status_code == 303
    assert "was kept" in await whole(ama, AT)
    found = (await ama.get("/fhir/MeasureReport", headers={"accept": "application/fhir+json"})).json()
    assert [entry["resource"]["status"] for entry in found["entry"]] == ["complete"]


async def test_a_month_that_is_not_over_is_never_kept_nor_sent_as_complete(
    ama: httpx.AsyncClient, store: Store
) -> None:
    now = f"/month/{TODAY.year:04}-{TODAY.month:02}"
    assert "Keep this report" not in await whole(ama, now)
    await ama.post(f"{now}/keep")
    assert list(store.export("MeasureReport")) == []
    assert (await ama.get(f"{now}/files/report")).json()["status"] == "pending"
    assert "completeDate" not in (await ama.get(f"{now}/files/dhis2")).json()


async def test_without_the_districts_ids_the_file_has_our_codes_and_the_page_says_so(ama: httpx.AsyncClient) -> None:
    assert "The district has not supplied" in await whole(ama, AT)
    values = (await ama.get(f"{AT}/files/dhis2")).json()
    assert values["period"] == f"{MONTH.year:04}{MONTH.month:02}"
    assert {one["dataElement"]: one["value"] for one in values["dataValues"]}["first-contacts"] == "3"


async def test_with_the_districts_ids_they_are_used(store: Store) -> None:
    with running(served(store, DISTRICT)) as app:
        async with browser(app) as client:
            await log_in(client, store, "efua", "midwife")
            text = await whole(client, AT)
            values = (await client.get(f"{AT}/files/dhis2")).json()
    assert "no place for these" in text
    assert (values["orgUnit"], values["dataSet"]) == (DISTRICT.org_unit, DISTRICT.data_set)
    assert "fbfJHSPpUQD" in {one["dataElement"] for one in values["dataValues"]}


async def test_a_registrar_sees_no_numbers(app: Door, store: Store) -> None:
    async with browser(app) as client:
        await log_in(client, store, "esi", "registrar")
        assert (await client.get(AT)).status_code == 403


def test_the_mapping_is_read_and_what_is_wrong_in_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "dhis2.toml"
    file.write_text('org_unit = "DiszpKrYNg8"\ndata_set = "BfMAe6Itzgt"\n[elements]\nfirst-contacts = "fbfJHSPpUQD"\n')
    assert dhis2.read_mapping(file) == DISTRICT
    for text, told in (
        ('org_unit = "clinic"', "clinic is no DHIS2 id"),
        ('org_unit = "DiszpKrYNg8"\n[elements]\nsmiles = "fbfJHSPpUQD"', "no indicator smiles"),
        ("[elements]", "not what it should be"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsWrong, match=told):
            dhis2.read_mapping(file)
    with pytest.raises(SettingsWrong, match="cannot be read"):
        dhis2.read_mapping(tmp_path / "none.toml")


def test_the_month_before_january_is_december() -> None:
    assert month_pages.before(Month(2026, 1).first) == Month(2025, 12)
    assert len(set(month_pages.chosen_from(TODAY, MONTH))) == month_pages.MONTHS + 1
    asked = Month(TODAY.year - 5, 7)
    chosen = month_pages.chosen_from(TODAY, asked)
    assert (chosen == sorted(set(chosen), reverse=True), asked in chosen) == (True, True)
    assert len(chosen) == month_pages.MONTHS + 1 + 12


def test_counts_are_json(store: Store) -> None:
    counts = month_pages.count(store, MONTH)
    assert json.loads(json.dumps(counts)) == counts


async def test_a_month_can_be_kept_from_the_day_after_its_last(store: Store) -> None:
    last_ms = int(datetime.combine(MONTH.last, time(12)).astimezone().timestamp() * 1000)
    kept = []
    for days in (0, 1):
        with running(make_app(store, partial(int, last_ms + days * 86_400_000), pages=make_pages())) as app:
            async with browser(app) as client:
                await log_in(client, store, f"ama-{days}", "midwife")
                shown = await whole(client, AT)
                await client.post(f"{AT}/keep")
                kept.append(("Keep this report" in shown, len(list(store.export("MeasureReport")))))
    assert kept == [(False, 0), (True, 1)]


async def test_nothing_is_kept_while_numbers_are_worked_out(
    ama: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def behind(keeping: KeepingUp) -> int:
        return 3

    monkeypatch.setattr(KeepingUp, "a_little", behind)
    await ama.post(f"{AT}/keep")
    assert list(store.export("MeasureReport")) == []
    assert (await ama.get(f"{AT}/files/report")).json()["status"] == "pending"


@pytest.fixture
def long_ago(store: Store) -> None:
    """A pregnancy of seven years ago, and a grown woman: that she was one year old once is no record of that year."""
    record = Record()
    day = Month(TODAY.year - 7, 3).first
    episode = record.episode(day)
    record.lmp(day - timedelta(weeks=10), day, episode)
    record.contact(day, episode)
    for resource in named(record, "dede"):
        clinic.write(store, resource)
    clinic.write(store, {"resourceType": "Patient", "id": "old", "birthDate": "1950-01-01"})


@pytest.mark.usefixtures("long_ago")
async def test_months_go_back_as_far_as_there_are_records(ama: httpx.AsyncClient) -> None:
    year = TODAY.year - 7
    text = await whole(ama, AT)
    years = [int(found) for found in re.findall(r'href="/month/(\d{4})-12"', text)]
    assert (years[-1], len(set(years))) == (year, len(years))
    assert set(range(year, TODAY.year - 2)) <= set(years)
    then = await whole(ama, f"/month/{year}-12")
    assert f'<option value="{year}-03"' in then
    assert f'<option value="{year}-12" selected' in then
    old = f"/month/{year}-03"
    assert number(await whole(ama, old), "first-contacts") == 1
    assert "/patients/dede" in await whole(ama, f"{old}/first-contacts")


async def test_without_older_records_no_earlier_year_is_offered(ama: httpx.AsyncClient) -> None:
    assert "Earlier years" not in await whole(ama, AT)
