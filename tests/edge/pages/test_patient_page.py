"""Her page: short, complete when it is asked, and what two records of one person become."""

import re
import time
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.test_browser import OLAWALE, PENICILLIN, check

TWIN = {
    **OLAWALE,
    "id": "olawale-2",
    "name": [{"family": "Adebayo", "given": ["Olawale"]}],
    "birthDate": "1990-05-01",
    "identifier": [{"system": "urn:example:card", "value": "SK-77"}],
}
SCREENS_MAX = 6.0


def put(served: Served, *resources: dict[str, Any], at_ms: int | None = None, user: str = "ama") -> None:
    with served.store() as store:
        for resource in resources:
            clinic.write(store, resource, at_ms or time.time_ns() // 1_000_000, user)


def most() -> str:
    return str(clinic.bundles(40)[-1]["entry"][0]["resource"]["id"])


def test_hundreds_of_records_are_a_few_screens_on_a_phone_and_open_where_they_are_touched(
    browser: Browser, served: Served
) -> None:
    width, height = SIZES["phone"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    watched = Watched(context, served.url)
    page = context.new_page()
    log_in(page)
    page.goto(f"/patients/{most()}")
    assert page.evaluate("document.documentElement.scrollHeight / innerHeight") < SCREENS_MAX
    expect(page.locator("#results .chart").first).to_be_visible()
    folded = page.locator("#fold-results")
    folded.locator("summary").first.click()
    expect(folded.get_by_role("heading", name="Laboratory")).to_be_visible()
    assert folded.locator(".record").count() > 100
    context.close()
    assert watched.findings == []


def test_without_scripts_a_folded_section_is_a_page_of_its_own(browser: Browser, served: Served) -> None:
    context = browser.new_context(base_url=served.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    page.goto(f"/patients/{most()}")
    page.locator("#fold-medicines > summary").click()
    page.get_by_role("link", name=re.compile("Show.*All of it")).and_(page.locator("[href$=medicines]")).click()
    expect(page.get_by_role("heading", name="Medicines")).to_be_visible()
    expect(page.locator(".record").first).to_be_visible()
    page.goto(f"/patients/{most()}/all")
    expect(page.get_by_role("heading", name="Reports")).to_be_visible()
    context.close()


def test_who_comes_back_reads_first_what_is_new_since_then(page: Page, served: Served) -> None:
    put(served, OLAWALE)
    with served.store() as store:
        key = store.read("Patient", "olawale")
        assert key is not None
        day = 24 * 60 * 60 * 1000
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO audit (at, user, role, action, key) VALUES (?, 'ama', 'clinician', 'read', ?)",
                (time.time_ns() // 1_000_000 - day, key.key),
            )
            connection.execute("UPDATE resource SET updated = updated - ? WHERE key = ?", (2 * day, key.key))
    put(served, {**PENICILLIN, "patient": {"reference": "Patient/olawale"}}, user="efua")
    page.goto("/patients/olawale")
    since = page.locator("#since")
    expect(since).to_contain_text("yesterday at")
    expect(since.get_by_role("listitem")).to_have_count(1)
    expect(since).to_contain_text("new Allergy: Penicillin")
    expect(since).to_contain_text("efua (clinician)")
    page.reload()
    expect(since.get_by_role("listitem")).to_have_count(1)
    since.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Penicillin")


def test_a_record_opens_to_its_history(page: Page, served: Served) -> None:
    put(served, OLAWALE, {**PENICILLIN, "patient": {"reference": "Patient/olawale"}})
    page.goto("/patients/olawale")
    row = page.locator("#dangers .row")
    expect(row).to_contain_text("Penicillin")
    row.locator("summary").click()
    expect(row).to_contain_text("Swelling of the face")
    row.get_by_role("link", name=re.compile("History.*Penicillin")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Allergy: Penicillin")


def test_two_records_of_one_person_are_put_together_and_taken_apart(page: Page, served: Served) -> None:
    put(served, OLAWALE, TWIN, {**PENICILLIN, "patient": {"reference": "Patient/olawale-2"}})
    page.goto("/patients/olawale")
    expect(page.locator("#dangers")).to_contain_text("No allergy is recorded")
    page.locator("#more-about > summary").click()
    page.get_by_role("link", name="The same person as…").click()
    other = page.get_by_role("link", name=re.compile("Look at both.*Olawale Adebayo"))
    expect(other).to_be_visible()
    check(page, "same")
    other.click()
    table = page.get_by_role("table")
    expect(table.get_by_role("row", name="Numbers")).to_contain_text("SK-77")
    check(page, "compared")
    expect(page.locator("tr.differs")).to_contain_text(["Name", "Born"])
    page.get_by_role("button", name="Put together: this one goes on (Ọláwálé Adébáyọ̀").click()
    expect(page.get_by_role("status").first).to_contain_text("shown as one")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ọláwálé Adébáyọ̀")
    expect(page.locator("#dangers")).to_contain_text("Penicillin")
    page.goto("/patients/olawale-2")
    expect(page).to_have_url(f"{served.url}/patients/olawale")
    page.get_by_role("button", name="They are two people: take apart").click()
    expect(page.get_by_role("status").first).to_contain_text("two people again")
    expect(page.locator("#dangers")).to_contain_text("No allergy is recorded")


def test_records_that_changed_while_they_were_compared_are_not_put_together(page: Page, served: Served) -> None:
    put(served, OLAWALE, TWIN)
    page.goto("/patients/olawale/same/olawale-2")
    put(served, {**TWIN, "gender": "female"})
    page.get_by_role("button", name="Put together").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Not put together")
    with served.store() as store:
        assert [one.id for one in store.survivors("olawale-2")] == ["olawale-2"]


def test_a_facility_is_called_by_the_name_that_the_hub_told(page: Page, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, {"resourceType": "Organization", "id": "ketou", "name": "Kétou health centre"})
        with store.transaction() as connection:
            connection.execute("UPDATE sync SET hub = 'http://127.0.0.1:9', facility = 'ketou', region = 'north'")
    page.goto("/")
    expect(page.locator(".brand-place")).to_have_text("Kétou health centre")
    page.goto("/sync")
    expect(page.locator("main")).to_contain_text("Kétou health centre")
