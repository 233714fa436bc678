"""A clinic's programme at the screen: lists, a child's page and its form, a pregnancy's page, and where it is said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from edge_node.api.app import make_app
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.pages.test_lists import TODAY, browser, log_in, people, whole, woman
from tests.edge.running import running


@asynccontextmanager
async def served(folder: Path, programme: Programme) -> AsyncIterator[httpx.AsyncClient]:
    """A midwife at a clinic with a woman at 31 weeks, one at 41, and a newborn; the same folder again where it is there."""
    made = not folder.exists()
    with Store.open(folder, KEY, programme, create=True) as store:
        if made:
            newborn = {"resourceType": "Patient", "id": "kofi", "birthDate": (TODAY - timedelta(3)).isoformat()}
            for resource in (*woman("amina", 31), *woman("binta", 41), newborn):
                clinic.write(store, resource)
        with running(make_app(store, lambda: clinic.START_MS, pages=make_pages())) as app:
            async with browser(app) as client:
                if made:
                    await log_in(client, store, "ama", "midwife")
                else:
                    await client.post("/login", data={"username": "ama", "password": clinic.PASSWORD})
                yield client


async def test_a_kenyan_clinic_has_kenyas_vaccines_on_page_list_and_form(tmp_path: Path) -> None:
    at_birth = "Hepatitis B at birth"
    for name, there in (("who-child", True), ("kenya-child", False)):
        async with served(tmp_path / name, Programme(vaccines=name)) as ama:
            assert (at_birth in await whole(ama, "/patients/kofi/child")) is there
            form = await whole(ama, "/patients/kofi/vaccinations/new")
            assert ('value="hepb"' in form.partition("Other vaccines")[0]) is there
            listed = await whole(ama, "/lists/immunisation")
            assert people(listed) == ["kofi"]
            assert (at_birth in listed) is there


async def test_a_child_who_missed_all_is_told_every_vaccine_once_as_the_form_has_it(tmp_path: Path) -> None:
    kenyan = Programme(vaccines="kenya-child")
    async with served(tmp_path / "kenya", kenyan) as ama:
        with Store.open(tmp_path / "kenya", KEY, kenyan) as store:
            born = (TODAY - timedelta(600)).isoformat()
            clinic.write(store, {"resourceType": "Patient", "id": "akinyi", "birthDate": born})
        page = await whole(ama, "/patients/akinyi")
    told = page.partition("Vaccines that can be given today:")[2].partition("</ul>")[0]
    assert told.count("<li>") == told.count("overdue") == 7
    for one in (
        "BCG",
        "Five-in-one (DTP, hepatitis B, Hib)",
        "OPV",
        "IPV",
        "PCV",
        "Rotavirus",
        "Measles and rubella (MR)",
    ):
        assert told.count(one) == 1, one


async def test_the_list_says_vaccines_in_the_readers_language(tmp_path: Path) -> None:
    async with served(tmp_path / "node", Programme(vaccines="kenya-child")) as ama:
        ama.headers["accept-language"] = "fr"
        listed = await whole(ama, "/lists/immunisation")
    assert "Gouttes contre la polio à la naissance" in listed
    assert "Polio drops at birth" not in listed


async def test_with_the_rebased_plan_week_41_is_listed_and_on_her_page(tmp_path: Path) -> None:
    for contacts, there in (("who-2016", False), ("rebased", True)):
        async with served(tmp_path / contacts, Programme(contacts=contacts)) as ama:
            assert ("Antenatal contact of week 41" in await whole(ama, "/lists/due")) is there
            assert ("week 41" in await whole(ama, "/patients/binta/pregnancy")) is there


async def test_without_malaria_nothing_says_sp(tmp_path: Path) -> None:
    for malaria in (True, False):
        async with served(tmp_path / str(malaria), Programme(malaria=malaria)) as ama:
            for path in ("/lists/overdue", "/patients/amina/pregnancy", "/patients/amina/pregnancy/contact"):
                assert ("SP against malaria" in await whole(ama, path)) is malaria, path


async def test_a_programme_that_changed_works_the_lists_out_anew(tmp_path: Path) -> None:
    async with served(tmp_path / "node", Programme()) as ama:
        assert "SP against malaria" in await whole(ama, "/lists/overdue")
    async with served(tmp_path / "node", Programme(malaria=False)) as ama:
        overdue = await whole(ama, "/lists/overdue")
        assert "amina" in people(overdue)
        assert "SP against malaria" not in overdue


async def test_the_page_on_the_hub_says_which_programme_is_in_force(tmp_path: Path) -> None:
    async with served(tmp_path / "who", Programme()) as ama:
        text = await whole(ama, "/sync")
        assert "Eight contacts, as WHO recommends" in text
        assert "<dt>SP against malaria</dt><dd>Yes</dd>" in text
    ours = Programme(contacts="rebased", vaccines="kenya-child", malaria=False, anaemia_common=False, altitude_m=1700)
    async with served(tmp_path / "kenya", ours) as ama:
        text = await whole(ama, "/sync")
        for said in ("Counted from the first contact", "Childhood immunisation, Kenya", "30\u00a0mg", "1700\u00a0m"):
            assert said in text, said
        assert "<dt>SP against malaria</dt><dd>No</dd>" in text
