"""What people do at a clinic, in a real browser against a real server process."""

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
"""axe-core, which looks for breaches of WCAG; it comes with a package whose own code is not needed."""
PENICILLIN = {
    "resourceType": "AllergyIntolerance",
    "id": "penicillin",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
    },
    "criticality": "high",
    "code": {"text": "Penicillin"},
    "reaction": [{"manifestation": [{"text": "Swelling of the face"}], "severity": "severe"}],
}
OLAWALE = {
    "resourceType": "Patient",
    "id": "olawale",
    "name": [{"family": "Adébáyọ̀", "given": ["Ọláwálé"]}],
    "gender": "male",
    "birthDate": "1990",
    "telecom": [{"system": "phone", "value": "+234 803 777 1234"}],
    "address": [{"city": "Ṣàkì"}],
}


def disagree(served: Served) -> None:
    """Ọláwálé's birth date and his allergy are written differently at two places."""
    now = time.time_ns() // 1_000_000
    allergy = {**PENICILLIN, "patient": {"reference": "Patient/olawale"}}
    with served.store() as store:
        clinic.disagree(
            store, OLAWALE, {**OLAWALE, "birthDate": "1990-05-01"}, {**OLAWALE, "birthDate": "1991-05-01"}, now
        )
        other = {**allergy, "code": {"text": "Penicillin, doubtful"}}
        clinic.disagree(store, allergy, {**allergy, "code": {"text": "Amoxicillin"}}, other, now)


def find(page: Page, text: str) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Find").click()
    page.wait_for_load_state()


def test_who_is_not_logged_in_is_led_to_the_login_and_back(browser: Browser, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE)
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    page.goto("/patients/olawale")
    expect(page).to_have_url(f"{served.url}/login?next=/patients/olawale")
    page.get_by_label("Name").fill("ama")
    page.get_by_label("Password").fill("not her password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
    expect(page.get_by_label("Name")).to_have_value("ama")
    page.get_by_label("Password").fill(clinic.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ọláwálé Adébáyọ̀")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_have_text("You are logged out.")
    page.goto("/")
    expect(page).to_have_url(f"{served.url}/login")
    context.close()


@pytest.mark.parametrize(
    "text",
    ["olawale adebayo", "ADEBAYO ola", "Adébáyọ̀", "Ade\u0301ba\u0301yo\u0323\u0300", "0803 777 1234", "saki olaw"],
)
def test_a_patient_is_found_whatever_the_case_accents_and_order(page: Page, served: Served, text: str) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE)
    find(page, text)
    first = page.locator(".person").first
    expect(first).to_contain_text("Ọláwálé Adébáyọ̀")
    expect(first).to_contain_text("Male")
    expect(first).to_contain_text("about ")
    expect(first).to_contain_text("Ṣàkì")
    assert "dele" not in page.url
    assert "adebayo" not in page.url.lower()
    page.get_by_role("link", name="Ọláwálé Adébáyọ̀").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ọláwálé Adébáyọ̀")
    page.go_back()
    expect(page.get_by_role("searchbox")).not_to_have_value("")


def test_people_are_found_while_a_name_is_typed(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/")
    people = page.locator(".person-name")
    before = people.all_inner_texts()
    box = page.get_by_label("Find by name")
    box.press_sequentially("olawal")
    expect(people.first).to_contain_text("Ọláwálé")
    expect(page.get_by_role("status")).to_have_text("Found for “olawal”")
    expect(box).to_be_focused()
    expect(box).to_have_value("olawal")
    box.fill("")
    expect(people).to_have_count(len(before))
    box.press_sequentially("qqqqxxxx 99999")
    expect(page.get_by_text("Look for her at the hub")).to_be_visible()


def test_a_list_has_pages_and_an_empty_one_helps(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".person")).to_have_count(25)
    first = page.locator(".person-name").first.inner_text()
    page.get_by_role("link", name="More patients").click()
    expect(page.locator(".person")).to_have_count(15)
    assert first not in page.locator(".people").inner_text()
    find(page, "Kétou Tamale")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Nobody found for")


def test_a_patient_with_hundreds_of_records_is_readable_and_quick(page: Page, served: Served) -> None:
    most = clinic.bundles(40)[-1]["entry"][0]["resource"]["id"]
    page.goto(f"/patients/{most}")
    expect(page.get_by_role("heading", name="Problems")).to_be_visible()
    text = page.locator("main").inner_text()
    for jargon in ("CodeableConcept", "urn:uuid", "http://", '{"', "[object", "undefined", "None"):
        assert jargon not in text
    taken = min(_taken(page, f"/patients/{most}") for _ in range(5))
    assert taken < 1.5, f"{taken} s, on a machine that does other things too"


def _taken(page: Page, path: str) -> float:
    begun = time.perf_counter()
    assert page.request.get(path).ok
    return time.perf_counter() - begun


def test_a_conflict_is_seen_first_and_settled(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/conflicts")
    expect(page.get_by_role("article")).to_have_count(2)
    page.goto("/patients/olawale")
    expect(page.locator(".dangers")).to_contain_text("people disagree about this")
    birth = page.get_by_role("article", name="Date of birth")
    expect(birth).to_contain_text("1 May 1990")
    expect(birth).to_contain_text("1 May 1991")
    expect(birth).to_contain_text("kwame (midwife)")
    expect(birth).to_contain_text("at another place")
    expect(birth).to_contain_text("at this clinic")
    expect(birth).to_contain_text("clock was 2 hours ahead")
    birth.get_by_role("button", name="This is right (1 May 1990)").click()
    expect(page.get_by_role("status").first).to_contain_text("Settled.")
    expect(page.get_by_role("article", name="Date of birth")).to_have_count(0)
    expect(page.locator(".who-line")).to_contain_text("born 1 May 1990")
    with served.store() as store:
        assert [one.element for one in store.conflicts()] == ["code"]


def test_a_conflict_that_changed_while_it_was_looked_at_is_not_settled(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/conflicts")
    with served.store() as store:
        clinic.write(store, {**OLAWALE, "birthDate": "1991-05-01", "active": True}, time.time_ns() // 1_000_000)
    page.get_by_role("button", name="This is right (1 May 1990)").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing was changed")
    with served.store() as store:
        assert len(store.conflicts()) == 2


def test_reading_a_patient_is_audited(page: Page, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE)
        page.goto("/patients/olawale")
        newest = store.audit("Patient", "olawale")[0]
    assert (newest.action, newest.user, newest.role) == ("read", "ama", "clinician")


def enrol(served: Served, **columns: Any) -> None:
    """Makes the node one of a hub that nobody answers at."""
    known = {"hub": "http://127.0.0.1:9", "credential": "n.s", "facility": "Kétou clinic", "region": "north", **columns}
    with served.store() as store, store.transaction() as connection:
        connection.execute(f"UPDATE sync SET {', '.join(f'{name} = ?' for name in known)}", tuple(known.values()))


def test_send_now_says_why_it_did_not_go(page: Page, served: Served) -> None:
    enrol(served)
    page.goto("/")
    expect(page.locator(".standing-headline")).to_contain_text("not at the hub yet")
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("status").first).to_contain_text("Not sent. The hub did not answer.")
    expect(page.locator("#standing")).to_have_attribute("data-mood", "waits")
    expect(page.locator(".standing-details").first).to_contain_text("Look whether this computer has a network")


def test_the_bar_about_the_hub_follows_changes_without_a_reload(page: Page, served: Served) -> None:
    enrol(served)
    with served.store() as store, store.transaction() as connection:
        connection.execute("UPDATE sync SET acked = (SELECT max(counter) FROM outbox)")
    page.goto("/")
    expect(page.locator(".standing-headline")).to_contain_text("Nothing waits here")
    with served.store() as store:
        clinic.write(store, OLAWALE, time.time_ns() // 1_000_000)
    expect(page.locator(".standing-headline")).to_contain_text("1 change is not at the hub yet", timeout=15_000)


def test_the_bar_tells_soon_that_another_process_has_sent_what_waited(page: Page, served: Served) -> None:
    enrol(served)
    page.goto("/")
    expect(page.locator("#standing")).to_have_attribute("data-mood", "waits")
    with served.store() as store, store.transaction() as connection:
        connection.execute("UPDATE sync SET acked = (SELECT max(counter) FROM outbox)")
    expect(page.locator(".standing-headline")).to_contain_text("Nothing waits here", timeout=10_000)


def test_everything_works_without_scripts(browser: Browser, served: Served) -> None:
    disagree(served)
    context = browser.new_context(base_url=served.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    find(page, "olawale")
    page.get_by_role("link", name="Ọláwálé Adébáyọ̀").click()
    page.get_by_role("button", name="This is right (1 May 1991)").click()
    expect(page.get_by_role("status").first).to_contain_text("Settled.")
    context.close()


def test_forms_work_over_a_clinic_s_network_without_tls(browser: Browser, served: Served) -> None:
    """Browsers say less about where a request comes from when its address is not a safe one."""
    url = f"http://clinic.test:{served.port}"
    context = browser.new_context(base_url=url)
    watched = Watched(context, url)
    page = context.new_page()
    log_in(page)
    find(page, "tamale")
    expect(page.locator(".person").first).to_be_visible()
    context.close()
    assert [one for one in watched.findings if "Cross-Origin-Opener-Policy" not in one] == []


def test_it_is_operated_by_keyboard(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("tamale")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.get_by_role("heading", level=2)).to_contain_text("Found for “tamale”")


PAGES = ("/", "/patients/olawale", "/patients/most", "/conflicts", "/sync", "/nothing/here")


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
def test_every_page_fits_and_is_accessible(
    browser: Browser, served: Served, size: str, scheme: Any, tmp_path: Path
) -> None:
    """No sideways scrolling, WCAG 2.2 AA by axe-core, touch targets of 44 px, and a picture to look at."""
    disagree(served)
    enrol(served, clock_offset_ms=7_200_000, last_error="No answer from http://127.0.0.1:9 (ConnectError)")
    most = clinic.bundles(40)[-1]["entry"][0]["resource"]["id"]
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url, color_scheme=scheme)
    watched = Watched(context, served.url)
    page = context.new_page()
    page.goto("/login")
    check(page, "/login")
    log_in(page)
    for path in PAGES:
        page.goto(path.replace("most", most))
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-') or 'patients'}.png", full_page=True)
        check(page, path)
    context.close()
    assert watched.findings == []


def check(page: Page, path: str) -> None:
    """What holds for every page. After a click, expect something of the next page first: until then this may be the last one."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"
    assert page.title()
    small = page.evaluate(
        """[...document.querySelectorAll("button, summary, input:not([type=hidden]), .menu a, .jump a, a.button")]
           .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.9).map((one) => one.outerHTML)"""
    )
    assert small == [], f"{path}: too small to touch"
    page.evaluate(AXE)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate(
        "rules => axe.run(document, { runOnly: rules, resultTypes: ['violations', 'passes'] })", rules
    )
    assert found["passes"], "axe ran"
    breaches = [(one["id"], one["help"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]]
    assert breaches == [], path


def test_what_is_folded_is_printed(page: Page, served: Served, tmp_path: Path) -> None:
    disagree(served)
    page.goto("/patients/olawale")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert len(page.pdf()) > 1_000


def test_paper_says_nothing_of_the_hub_or_of_what_was_just_done(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/patients/olawale/notes/new")
    page.locator("main textarea").fill("Fever for a week")
    page.get_by_role("button", name="Save", exact=True).click()
    told = page.get_by_text("The note is saved.")
    expect(told).to_be_visible()
    expect(page.locator("#standing")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#standing")).to_be_hidden()
    expect(told).to_be_hidden()
