"""Registering, changing and finding people by card, in a real browser: with script, without it, and when things happen meanwhile."""

import io
import json
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import esprima
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response, expect

from edge_node.pages import rendering
from edge_node.store.model import Author, Write
from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.test_browser import AXE

FIRST_PAGE_BYTES_MAX = 150_000
KWAME = Author("kwame", "midwife")


def fill(page: Page, given: str = "Ama Abena", family: str = "Mensah") -> None:
    page.goto("/patients/new")
    page.get_by_label("Given names").fill(given)
    page.get_by_label("Family name").fill(family)
    page.get_by_label("Female").check()
    page.get_by_label("Year", exact=True).fill("٢٠٠١")
    page.get_by_label("Village or town").fill("Ṣàkì")


def register(page: Page) -> None:
    page.get_by_role("button", name="Register", exact=True).click()
    page.wait_for_url(re.compile("/card"))


def patient(served: Served, page: Page) -> dict[str, object]:
    id_ = urlsplit(page.url).path.split("/")[2]
    with served.store() as store:
        stored = store.read("Patient", id_)
    assert stored is not None
    assert stored.body is not None
    found: dict[str, object] = json.loads(stored.body)
    return found


def photograph() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(file, "PNG")
    return file.getvalue()


def test_somebody_is_registered_with_the_keyboard_alone(page: Page, served: Served) -> None:
    page.goto("/patients/new")
    page.get_by_label("Given names").focus()
    for keys in ("Ama Abena", "Tab", "Mensah", "Tab", "Space", "Tab", "Tab", "Tab", "Tab", "24"):
        page.keyboard.press(keys) if keys in ("Tab", "Space") else page.keyboard.type(keys)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/card"))
    written = patient(served, page)
    assert written["name"] == [{"use": "official", "family": "Mensah", "given": ["Ama", "Abena"]}]
    assert written["gender"] == "female"
    year = time.gmtime().tm_year - 24
    assert written["birthDate"] == str(year)
    marked = written["_birthDate"]
    assert isinstance(marked, dict)
    assert marked["extension"][0]["valueCoding"]["code"] == "UUE", "the year is estimated, month and day are not known"


def test_all_that_was_said_is_kept_and_the_card_finds_her(page: Page, served: Served) -> None:
    fill(page)
    page.get_by_label("Telephone", exact=True).fill("0803 555-0101")
    expect(page.get_by_text("May the clinic send reminders")).to_be_visible()
    page.get_by_role("group", name="May the clinic").get_by_label("Yes").check()
    page.get_by_text("Next of kin", exact=True).click()
    page.get_by_label("Name of the next of kin").fill("Kofi Mensah")
    page.get_by_label("Husband").check()
    page.get_by_text("Number, mother, photo").click()
    page.get_by_label("Photo").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": photograph()})
    register(page)
    written = patient(served, page)
    assert written["birthDate"] == "2001"
    assert written["telecom"] == [{"system": "phone", "value": "08035550101", "use": "mobile"}]
    assert written["address"] == [{"use": "home", "city": "Ṣàkì"}]
    contact = written["contact"]
    assert isinstance(contact, list)
    assert contact[0]["relationship"][0]["text"] == "Husband"
    with served.store() as store:
        types = sorted(one.type for one in store.everything(str(written["id"])))
    assert types == ["Consent", "Patient"]
    number = page.locator(".id-card-number").inner_text()
    card = page.locator(".id-card").screenshot()
    page.goto("/scan")
    page.get_by_label("Photo of the card").set_input_files({"name": "c.png", "mimeType": "image/png", "buffer": card})
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ama Abena Mensah")
    assert page.request.get(page.url + "/photo").headers["content-type"] == "image/jpeg"
    expect(page.locator("img.portrait")).to_be_visible()
    digits = number.replace(" ", "")
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    for typed, told in ((wrong, "A digit of this number is wrong"), ("", "Take a photo of the card")):
        page.goto("/scan")
        page.get_by_label("or its number").fill(typed)
        page.get_by_role("button", name="Find", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text(told)
    page.get_by_label("or its number").fill(number)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ama Abena Mensah")


def test_what_is_wrong_is_said_at_the_top_and_beside_the_field_and_nothing_typed_is_lost(page: Page) -> None:
    fill(page)
    page.get_by_label("Year", exact=True).fill("1915")
    page.get_by_label("Telephone", exact=True).fill("12")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Telephone: Type a telephone number: 6 to 15 digits.")
    expect(page.get_by_role("alert")).to_be_focused()
    phone = page.get_by_label("Telephone", exact=True)
    assert "e-phone" in (phone.get_attribute("aria-describedby") or "")
    expect(page.get_by_label("Given names")).to_have_value("Ama Abena")
    phone.fill("0803 555 0101")
    page.get_by_label("Is this date right?").check()
    register(page)


def test_a_form_that_is_sent_twice_registers_one_person(page: Page, served: Served) -> None:
    fill(page)
    token = page.locator("input[name='form.token']").get_attribute("value") or ""
    form: dict[str, str | float | bool] = {
        "form.token": token,
        "given": "Ama",
        "family": "Mensah",
        "sex": "female",
        "birth.year": "2001",
    }
    headers = {"accept": "text/html", "origin": served.url}
    answers = [page.request.post("/patients/new", form=form, headers=headers, max_redirects=0) for _ in range(3)]
    assert [answer.status for answer in answers] == [303, 303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    with served.store() as store:
        assert len(store.find_patients("Mensah Ama")) == 1


def test_who_may_be_the_same_person_is_shown_before_and_asked_about(page: Page, served: Served) -> None:
    fill(page)
    register(page)
    fill(page)
    page.get_by_label("Village or town").blur()
    expect(page.locator("#beside").get_by_role("link", name="Ama Abena Mensah")).to_be_visible()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Is it somebody who is registered already?")
    page.get_by_label("None of these: it is somebody else").check()
    register(page)
    with served.store() as store:
        assert len(store.find_patients("Mensah Ama")) == 2


def test_a_child_is_linked_to_its_mother(page: Page, served: Served) -> None:
    fill(page)
    register(page)
    mother = patient(served, page)["id"]
    fill(page, given="Yaw")
    page.get_by_label("Male", exact=True).check()
    page.get_by_label("Year", exact=True).fill("2024")
    page.get_by_label("Village or town").fill("Kétou")
    page.get_by_text("Number, mother, photo").click()
    page.get_by_label("Mother, of a child").press_sequentially("Ama Men", delay=20)
    page.get_by_label("Ama Abena Mensah").check()
    register(page)
    child = str(patient(served, page)["id"])
    with served.store() as store:
        related = next(one for one in store.everything(child) if one.type == "RelatedPerson")
    assert related.body is not None
    body = json.loads(related.body)
    assert body["identifier"] == [{"system": "urn:medtech-edge:patient", "value": mother}]
    assert body["relationship"][0]["coding"][0]["code"] == "MTH"


def test_a_form_saved_after_a_colleagues_change_keeps_both_and_says_so(page: Page, served: Served) -> None:
    fill(page)
    page.get_by_label("Telephone", exact=True).fill("0803 555 0101")
    register(page)
    before = patient(served, page)
    page.goto(f"/patients/{before['id']}/edit")
    with served.store() as store:
        changed = {**before, "gender": "other", "address": [{"use": "home", "city": "Kétou"}]}
        write = Write("Patient", str(before["id"]), json.dumps(changed).encode())
        store.write([write], KWAME, time.time_ns() // 1_000_000)
    page.get_by_label("Male", exact=True).check()
    page.get_by_role("button", name="Save the changes").click()
    said = page.locator(".news")
    expect(said).to_contain_text("a colleague changed the same meanwhile")
    expect(said).to_contain_text("Male")
    expect(said).to_contain_text("Other")
    expect(page.locator(".dispute .side")).to_have_count(2)
    expect(page.locator(".facts").first).to_contain_text("Kétou")


def test_everything_works_without_script_on_the_smallest_screen(browser: Browser, served: Served) -> None:
    width, height = SIZES["phone"]
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=served.url, java_script_enabled=False
    )
    page = context.new_page()
    log_in(page)
    fill(page)
    page.get_by_label("Telephone", exact=True).fill("0803 555 0101")
    register(page)
    id_ = str(patient(served, page)["id"])
    page.goto(f"/patients/{id_}/edit")
    expect(page.get_by_label("Year", exact=True)).to_have_value("2001")
    page.get_by_label("Year", exact=True).fill("2000")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.locator(".news")).to_contain_text("The changes are saved.")
    page.get_by_label("Language").select_option("ar")
    page.get_by_role("button", name="Change language").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    context.close()


@pytest.mark.parametrize("language", ["en", "fr", "sw", "ha", "ar"])
def test_each_language_renders_without_breaking_out_of_the_screen(
    browser: Browser, served: Served, language: str, tmp_path: Path
) -> None:
    with served.store() as store:
        known = store.find_patients("ad")[0].id
    width, height = SIZES["phone"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url, locale=language)
    watched = Watched(context, served.url)
    page = context.new_page()
    page.goto("/login")
    page.locator("#username").fill("ama")
    page.locator("#password").fill(clinic.PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(lambda url: "/login" not in url)
    for path in ("/", "/patients/new", f"/patients/{known}", f"/patients/{known}/edit", "/scan", "/sync", "/conflicts"):
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == language
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"
        page.screenshot(path=tmp_path / f"{language}{path.replace('/', '_')}.png", full_page=True)
        page.evaluate(AXE)
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        )
        assert found == [], path
    context.close()
    assert watched.findings == []


def test_the_first_page_is_small_enough_for_a_slow_link(browser: Browser, served: Served) -> None:
    context = browser.new_context(base_url=served.url)
    credentials: dict[str, str | float | bool] = {"username": "ama", "password": clinic.PASSWORD}
    context.request.post("/login", form=credentials, headers={"origin": served.url})
    page = context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto("/")
    # What is heard of changes goes on for as long as the page is open, and is not part of it.
    sizes = {urlsplit(answer.url).path: len(answer.body()) for answer in answers if "/events" not in answer.url}
    total = sum(sizes.values())
    assert {"/", "/assets/clinic.css", "/assets/clinic.js", "/assets/htmx.js"} <= sizes.keys()
    assert total <= FIRST_PAGE_BYTES_MAX, sizes
    context.close()


@pytest.mark.parametrize("name", [name for name in rendering.ASSETS if name.endswith(".js")])
def test_scripts_are_read_by_browsers_from_2017_on(name: str) -> None:
    """esprima knows ES2017 and nothing later."""
    assert esprima.parseScript(rendering.asset(name).decode()).type == "Program"
