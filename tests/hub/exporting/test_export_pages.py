"""Exports from the console's pages: asked for, looked at, fetched, ended; by who asked for them alone."""

import re

import httpx
import pytest

from hub.exporting.working import work
from hub.runtime import Hub
from tests.hub.conftest import NOW_MS
from tests.hub.entering import PASSWORD, person
from tests.hub.exporting.conftest import observation, patient, store


async def enter(client: httpx.AsyncClient, hub: Hub, name: str) -> None:
    await person(hub, name=name)
    client.headers["Origin"] = str(client.base_url)
    answer = await client.post("/admin/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303


def job_in(text: str) -> str:
    (job,) = set(re.findall(r'href="(/admin/exports/[0-9a-f]{32})"', text))
    return str(job)


async def test_an_export_is_asked_for_looked_at_fetched_and_erased(client: httpx.AsyncClient, hub: Hub) -> None:
    await store(hub, "facility/f0", patient("p1"), observation("o1", "p1"))
    await enter(client, hub, "root")
    assert "You have asked for none" in (await client.get("/admin/exports")).text
    asked = await client.post("/admin/exports", data={"types": "Patient", "since": "2020-01-01", "group": "f0"})
    assert asked.headers["location"] == "/admin/exports?done=export"
    page = (await client.get("/admin/exports")).text
    assert "waiting" in page
    path = job_in(page)
    assert "listed here when it is done" in (await client.get(path)).text
    await work(hub, NOW_MS)
    page = (await client.get(path)).text
    assert "done" in page
    (file,) = re.findall(r'href="(/fhir/\$export-files/[^"]+)"', page)
    fetched = await client.get(file)
    assert "Okafor" in fetched.text
    assert "Observation" not in fetched.text
    assert "erased" in (await client.get(f"{path}/drop")).text
    assert (await client.post(f"{path}/drop")).headers["location"] == "/admin/exports?done=dropped"
    assert (await client.get(path)).status_code == 404
    assert (await client.get(file)).status_code == 404


async def test_nobody_sees_or_ends_the_export_of_another(client: httpx.AsyncClient, hub: Hub) -> None:
    await enter(client, hub, "root")
    await client.post("/admin/exports", data={})
    path = job_in((await client.get("/admin/exports")).text)
    await enter(client, hub, "other")
    assert path not in (await client.get("/admin/exports")).text
    assert (await client.get(path)).status_code == 404
    assert (await client.post(f"{path}/drop")).status_code == 404


@pytest.mark.parametrize("wrong", [{"types": "patient"}, {"since": "yesterday"}, {"group": "nowhere"}])
async def test_what_is_not_understood_is_told(client: httpx.AsyncClient, hub: Hub, wrong: dict[str, str]) -> None:
    await enter(client, hub, "root")
    assert (await client.post("/admin/exports", data=wrong)).status_code in (400, 404)
    assert "You have asked for none" in (await client.get("/admin/exports")).text
