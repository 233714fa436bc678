"""A pregnancy as a midwife lives it at the screen: first contact, a follow-up with a danger sign, a birth, the weeks after, a loss."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.test_browser import AXE

AMINA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "amina",
    "name": [{"use": "official", "family": "Bello", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1998-03-02",
    "telecom": [{"system": "phone", "value": "+234 803 777 1234"}],
    "address": [{"city": "Kétou"}],
}
TODAY = date.today()  # noqa: DTZ011 -- the server under test goes by this machine's day too.


@pytest.fixture
def amina(served: Served) -> None:
    with served.store() as store:
        clinic.write(store, AMINA)


def choose(page: Page, group: str, *labels: str) -> None:
    """Ticks choices of a group."""
    box = page.get_by_role("group", name=group)
    for label in labels:
        box.get_by_label(label, exact=True).check()


def save(page: Page, button: str = "Save") -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state()


def confirm_all(page: Page, button: str = "Save") -> None:
    """Says yes to everything that is asked once more."""
    for box in page.locator(".confirm input").all():
        box.check()
    save(page, button)


def enrol(page: Page, lmp: date) -> None:
    """Registers the pregnancy, with the date that follows accepted."""
    page.set_default_timeout(8_000)
    page.goto("/patients/amina")
    page.get_by_role("link", name="Register a pregnancy").click()
    for part, value in (("Day", lmp.day), ("Month", lmp.month), ("Year", lmp.year)):
        page.get_by_role("group", name="First day of her last period").get_by_label(part, exact=True).fill(str(value))
    choose(page, "Is she sure of that day?", "Sure")
    choose(page, "Use the expected date of birth that follows from this?", "Yes, show it to me")
    page.get_by_label("Which pregnancy is it?").fill("2")
    page.get_by_label("How many births did she have").fill("1")
    page.get_by_label("How many caesarean sections").fill("1")
    choose(page, "Allergies", "No known allergy")
    save(page, "Register")
    expect(page.get_by_role("alert")).to_contain_text("By the last period the baby is expected on")
    confirm_all(page, "Register")
    expect(page.get_by_role("heading", level=1)).to_have_text("Antenatal contact")


def looked_at(page: Page, name: str, folder: Path) -> None:
    """No overlap, nothing beyond the edge, nothing for programs only, nothing that axe objects to; pictures for people to look at."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, size)
        page.screenshot(path=folder / f"{name}-{size}.png", full_page=True)
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(found => found.violations.map(one => one.id + ' ' + one.nodes[0].html))")
    assert found == []
    text = page.locator("main").inner_text()
    for jargon in ("CodeableConcept", "urn:", "http://", '{"', "{", "%(", "[object", "Observation/"):
        assert jargon not in text, (name, jargon)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pregnancy")


def test_a_first_contact_ends_with_what_is_due_and_when(page: Page, amina: None, pictures: Path) -> None:
    enrol(page, TODAY - timedelta(days=7 * 21 + 2))
    expect(page.locator("form.form")).to_contain_text("She is 21 weeks and 2 days pregnant.")
    looked_at(page, "contact", pictures)
    first = page.locator(".form-section").first
    expect(first).to_contain_text("Quick check")
    choose(page, "Danger signs", "No danger sign")
    page.get_by_label("Upper blood pressure", exact=True).fill("118")
    page.get_by_label("Lower blood pressure", exact=True).fill("76")
    expect(page.get_by_label("Upper blood pressure after rest")).to_be_hidden()
    page.get_by_label("Weight", exact=True).fill("61.5")
    page.get_by_label("Height of the womb").fill("21")
    page.get_by_label("Haemoglobin").fill("10.1")
    choose(page, "Protein in the urine", "None")
    choose(page, "HIV test", "Negative")
    choose(page, "SP against malaria, swallowed here", "Yes")
    page.get_by_label("Iron and folic acid handed out").fill("30")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pregnancy")
    main = page.locator("main")
    expect(main).to_contain_text("21 weeks and 2 days")
    expect(main).to_contain_text("Anaemia: haemoglobin 10.1 g/dL.")
    expect(main).to_contain_text("High risk, because:")
    expect(main).to_contain_text("Caesarean sections before: 1")
    expect(main).to_contain_text("118/76\u00a0mmHg")
    expect(main).to_contain_text("Contact 3, week 26")
    expect(main.locator(".dangers-some")).to_have_count(0)
    looked_at(page, "after-first-contact", pictures)
    page.goto("/patients/amina")
    expect(page.locator("#pregnancy")).to_contain_text("21 weeks and 2 days")
    looked_at(page, "patient", pictures)


def test_a_danger_sign_is_told_before_all_else(page: Page, amina: None, pictures: Path) -> None:
    enrol(page, TODAY - timedelta(days=7 * 33))
    choose(page, "Danger signs", "Severe headache", "Trouble seeing")
    page.get_by_label("Upper blood pressure", exact=True).fill("165")
    page.get_by_label("Lower blood pressure", exact=True).fill("112")
    again = page.get_by_label("Upper blood pressure after rest")
    expect(again).to_be_visible()
    again.fill("162")
    page.get_by_label("Lower blood pressure after rest").fill("110")
    choose(page, "Protein in the urine", "++")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Is 165 mmHg right?")
    confirm_all(page)
    urgent = page.locator("main").get_by_role("alert")
    expect(urgent).to_contain_text("Refer now")
    expect(urgent).to_contain_text("Danger sign: severe headache. Refer now.")
    expect(urgent).to_contain_text("162/110")
    box, title = urgent.bounding_box(), page.get_by_role("heading", name="How she is").bounding_box()
    assert box is not None
    assert title is not None
    assert box["y"] < title["y"]
    looked_at(page, "danger", pictures)
    page.goto("/patients/amina")
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Danger sign: severe headache")
    urgent.get_by_role("link", name="Write the referral").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Refer to another facility")


def test_a_birth_makes_the_baby_a_patient_and_asks_for_the_contacts_after_it(
    page: Page, amina: None, pictures: Path
) -> None:
    enrol(page, TODAY - timedelta(days=7 * 39))
    page.goto("/patients/amina/pregnancy/birth")
    choose(page, "Where was it?", "Clinic or hospital")
    choose(page, "How was the birth?", "Normal birth")
    choose(page, "Was the baby born alive?", "Live birth")
    choose(page, "Sex", "Girl")
    page.get_by_label("Weight at birth").first.fill("3100")
    page.get_by_label("Apgar score after one minute").first.fill("8")
    choose(page, "Vaccines given already", "BCG (tuberculosis)")
    looked_at(page, "birth", pictures)
    save(page)
    main = page.locator("main")
    expect(main).to_contain_text("Live birth")
    expect(main).to_contain_text("3100 g")
    expect(main).not_to_contain_text("Antenatal contact")
    looked_at(page, "after-birth", pictures)
    page.get_by_role("link", name="Contact after birth").click()
    choose(page, "Danger signs of the mother", "No danger sign")
    choose(page, "Danger signs of the baby", "Not feeding well")
    page.get_by_label("Weight of the baby").fill("3.0")
    looked_at(page, "postnatal", pictures)
    save(page)
    expect(main.get_by_role("alert")).to_contain_text("Danger sign of the baby: not feeding well. Refer now.")
    page.get_by_role("link", name="Baby of Amina Bello").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Baby of Amina Bello")
    expect(main).to_contain_text("BCG")


def test_a_loss_is_said_with_care_and_nothing_is_due_any_more(page: Page, amina: None, pictures: Path) -> None:
    enrol(page, TODAY - timedelta(days=7 * 10))
    page.goto("/patients/amina/pregnancy/loss")
    choose(page, "How did the pregnancy end?", "Miscarriage")
    page.get_by_label("On which day?").fill(TODAY.isoformat())
    looked_at(page, "loss", pictures)
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("Nothing of this pregnancy is due any more")
    expect(page.locator("#due")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Miscarriage")


def test_a_redating_says_which_dates_moved(page: Page, amina: None, pictures: Path) -> None:
    enrol(page, TODAY - timedelta(days=7 * 18))
    page.goto("/patients/amina/pregnancy/dating")
    choose(page, "By what is she to be dated?", "By something new, filled in below")
    page.get_by_label("Day of an ultrasound scan").fill(TODAY.isoformat())
    page.get_by_label("Weeks of pregnancy that the scan found").fill("16")
    looked_at(page, "dating", pictures)
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("The expected date moves from")
    confirm_all(page)
    expect(page.locator("main")).to_contain_text("all due dates moved by 14 days later")
    expect(page.locator("main")).to_contain_text("16 weeks and 0 days")


def test_forms_work_on_a_phone_without_script(browser: Browser, served: Served, amina: None) -> None:
    width, height = SIZES["phone"]
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=served.url, java_script_enabled=False
    )
    watched = Watched(context, served.url)
    page = context.new_page()
    log_in(page)
    enrol(page, TODAY - timedelta(days=7 * 30))
    choose(page, "Danger signs", "No danger sign")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pregnancy")
    context.close()
    assert watched.findings == []


def test_a_reminder_is_made_once_and_ends_with_a_loss(page: Page, amina: None, served: Served, pictures: Path) -> None:
    enrol(page, TODAY - timedelta(days=7 * 14))
    page.goto("/patients/amina/pregnancy")
    page.get_by_role("button", name="Remind (Antenatal contact of week 20)").click()
    expect(page.get_by_role("status").first).to_contain_text("stands on the clinic's list. No message will be sent")
    expect(page.locator("#due")).to_contain_text("Reminder made")
    with served.store() as store:
        (task,) = [one for one in store.everything("amina") if one.type == "Task"]
    page.goto("/patients/amina/pregnancy/loss")
    choose(page, "How did the pregnancy end?", "Miscarriage")
    page.get_by_label("On which day?").fill(TODAY.isoformat())
    save(page)
    with served.store() as store:
        ended = store.read("Task", task.id)
    assert ended is not None
    assert b'"status":"cancelled"' in (ended.body or b"")


def group(id_: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "883-9"}], "text": "Blood group"},
        "subject": {"reference": "Patient/amina"},
        "effectiveDateTime": TODAY.isoformat(),
        "valueCodeableConcept": {
            "coding": [{"system": "http://snomed.info/sct", "code": code}],
            "text": "A" if id_ == "g1" else "B",
        },
    }


def test_two_blood_groups_are_settled_on_her_page_and_in_the_inbox(
    page: Page, amina: None, served: Served, pictures: Path
) -> None:
    with served.store() as store:
        clinic.write(store, group("g1", "112144000"))
        clinic.write(store, group("g2", "112149005"), user="kofi")
    until_listed(page, 1)
    expect(page.get_by_role("article")).to_contain_text("Amina Bello")
    looked_at(page, "inbox", pictures)
    page.goto("/patients/amina")
    one = page.get_by_role("article", name="Two different blood groups")
    expect(one.get_by_role("button")).to_have_count(2)
    looked_at(page, "contradiction", pictures)
    one.get_by_role("button", name="This is right (B)").click()
    expect(page.get_by_role("status").first).to_contain_text("Settled.")
    expect(page.locator("#contradictions")).to_have_count(0)
    with served.store() as store:
        stored = store.read("Observation", "g1")
    assert stored is not None
    assert b"112149005" in (stored.body or b"")
    until_listed(page, 0)


def until_listed(page: Page, count: int) -> None:
    """Looks into the inbox until the server has worked out what is contradictory now."""
    for _ in range(60):
        page.goto("/conflicts")
        if page.get_by_role("article").count() == count:
            return
        page.wait_for_timeout(500)
    raise AssertionError(page.locator("main").inner_text())
