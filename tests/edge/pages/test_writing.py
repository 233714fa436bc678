"""Writing into the record at the screen: a visit with a prescription that an allergy speaks against, results, a referral with its letter, a
photo in chunks over a link that breaks, what was entered by mistake, and two who change the same."""

import hashlib
import io
import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from edge_node.store import uploads
from sync_protocol.matching.numbers import SYSTEM
from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.test_pregnancy import choose, confirm_all, looked_at, save

TODAY = date.today()  # noqa: DTZ011 -- the server under test goes by this machine's day too.
AMINA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "amina",
    "name": [{"use": "official", "family": "Bello", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1988-03-02",
}
ADE: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "ade",
    "name": [{"use": "official", "family": "Bello", "given": ["Adé"]}],
    "gender": "male",
    "birthDate": (TODAY - timedelta(days=300)).isoformat(),
}
HOSPITAL: dict[str, Any] = {
    "resourceType": "Organization",
    "id": "ketou",
    "identifier": [{"system": "urn:medtech-edge:facility", "value": "ketou"}],
    "active": True,
    "name": "Kétou hospital",
}


@pytest.fixture
def people(served: Served) -> None:
    with served.store() as store:
        number = {"system": SYSTEM, "value": store.new_patient_number().digits}
        for one in ({**AMINA, "identifier": [number]}, ADE, HOSPITAL):
            clinic.write(store, one)


@pytest.fixture
def pictures() -> Path:
    folder = Path(os.environ.get("MEDTECH_SCREENSHOTS", "build/screenshots")) / "writing"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_form(page: Page, patient: str, name: str) -> None:
    """By the menu of her page."""
    page.goto(f"/patients/{patient}")
    link = page.locator(".write").get_by_role("link", name=name, exact=True)
    if not link.is_visible():
        page.locator(".write summary").click()
    link.click()


def records(served: Served, patient: str, type_: str) -> list[dict[str, Any]]:
    with served.store() as store:
        return [msgspec.json.decode(one.body) for one in store.everything(patient) if one.type == type_ and one.body]


@pytest.mark.usefixtures("people")
def test_a_visit_an_allergy_and_a_medicine_that_it_speaks_against(page: Page, served: Served, pictures: Path) -> None:
    page.set_default_timeout(10_000)
    open_form(page, "amina", "Visit")
    page.get_by_label("Why does she or he come?").fill("Sore throat")
    page.get_by_label("Temperature").fill("38.6")
    page.get_by_label("Upper blood pressure").fill("12")
    looked_at(page, "visit", pictures)
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("This can only be from 30 to 300 mmHg.")
    page.get_by_label("Upper blood pressure").fill("121")
    page.get_by_label("Lower blood pressure").fill("78")
    page.get_by_label("What is found").fill("Red throat, swollen tonsils.")
    choose(page, "And then?", "Goes home")
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("The visit is saved.")
    open_form(page, "amina", "Allergy")
    choose(page, "Is there an allergy?", "Yes")
    page.get_by_label("Allergic to what?").fill("Penicillins")
    choose(page, "What happened?", "Rash", "Trouble breathing")
    choose(page, "How bad was it?", "Severe")
    looked_at(page, "allergy", pictures)
    save(page)
    expect(page.locator("#dangers")).to_contain_text("Penicillins")
    open_form(page, "amina", "Medicine")
    page.get_by_label("Medicine", exact=False).first.fill("Amoxicillin, capsule 500 mg")
    page.get_by_label("How much at a time?").fill("1")
    choose(page, "How often?", "3 times a day")
    page.get_by_label("For how many days?").fill("5")
    save(page, "Prescribe")
    expect(page.get_by_role("alert")).to_contain_text("An allergy is on record: Penicillins.")
    looked_at(page, "medicine-asked", pictures)
    page.get_by_label("Why is it given all the same?").fill("Tested at the hospital, no allergy.")
    confirm_all(page, "Prescribe")
    (request,) = records(served, "amina", "MedicationRequest")
    assert "Tested at the hospital" in request["note"][0]["text"]
    expect(page.locator("#medicines")).to_contain_text("Amoxicillin")
    looked_at(page, "amina", pictures)


@pytest.mark.usefixtures("people")
def test_results_a_problem_and_a_referral_with_its_letter(page: Page, served: Served, pictures: Path) -> None:
    page.set_default_timeout(10_000)
    open_form(page, "amina", "Test result")
    choose(page, "Which tests were done?", "Malaria rapid test", "Haemoglobin")
    choose(page, "Malaria rapid test", "Positive")
    page.get_by_role("textbox", name="Haemoglobin").fill("6,1")
    looked_at(page, "results", pictures)
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Is 6.1 g/dL right?")
    confirm_all(page)
    expect(page.get_by_role("status").first).to_contain_text("Malaria rapid test: Positive; Haemoglobin: 6.1 g/dL.")
    open_form(page, "amina", "Problem")
    page.get_by_label("Problem", exact=False).first.fill("Malaria, severe")
    save(page)
    open_form(page, "amina", "Referral")
    page.get_by_label("To which facility?").fill("Kétou hospital")
    choose(page, "How urgent is it?", "Today")
    page.get_by_label("Why?").fill("Severe anaemia with malaria.")
    page.get_by_label("What was done here").fill("Artesunate, first dose.")
    looked_at(page, "referral", pictures)
    save(page, "Refer")
    expect(page.get_by_role("heading", level=1)).to_have_text("Referral letter")
    letter = page.locator(".letter")
    for said in (
        "Kétou hospital",
        "Severe anaemia with malaria.",
        "Artesunate, first dose.",
        "Malaria, severe",
        "6.1 g/dL",
    ):
        expect(letter).to_contain_text(said)
    expect(letter.locator(".letter-code svg")).to_be_visible()
    expect(letter).to_contain_text("No allergy is recorded. That does not mean that there is none: ask.")
    looked_at(page, "letter", pictures)
    (request,) = records(served, "amina", "ServiceRequest")
    assert request["performer"][0]["reference"] == "Organization/ketou"


@pytest.mark.usefixtures("people")
def test_a_childs_measurements_and_vaccines_are_told_and_drawn(page: Page, served: Served, pictures: Path) -> None:
    page.set_default_timeout(10_000)
    open_form(page, "ade", "Measurements")
    page.get_by_label("Weight").fill("6.2")
    page.get_by_label("Length or height").fill("70.5")
    choose(page, "How was the child measured?", "Lying down")
    looked_at(page, "child-measurements", pictures)
    save(page)
    expect(page.get_by_role("status").first).to_contain_text("severely thin")
    open_form(page, "ade", "Vaccine")
    page.get_by_role("group", name="Due today").get_by_role("checkbox").first.check()
    looked_at(page, "vaccines", pictures)
    save(page)
    if page.locator(".confirm").count():
        confirm_all(page)
    page.get_by_role("link", name="Growth charts and vaccination card").click()
    expect(page.locator("#card")).to_contain_text("given")
    assert page.locator("#growth svg").count() >= 2
    looked_at(page, "child", pictures)
    looked = page.goto("/patients/ade")
    assert looked is not None
    looked_at(page, "ade", pictures)


def photograph() -> bytes:
    """Noise, which no format makes small."""
    file = io.BytesIO()
    Image.frombytes("RGB", (900, 700), os.urandom(900 * 700 * 3)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.usefixtures("people")
def test_a_large_file_goes_on_where_it_stopped_and_comes_out_as_it_went_in(
    page: Page, served: Served, pictures: Path, tmp_path: Path
) -> None:
    page.set_default_timeout(20_000)
    content = b"%PDF-1.4\n" + os.urandom(2 * uploads.CHUNK_BYTES + 1000)
    file = tmp_path / "report.pdf"
    file.write_bytes(content)
    put: list[str] = []

    def broken(route: Route) -> None:
        put.append(route.request.url)
        route.fulfill(status=400) if route.request.url.endswith("/1") else route.continue_()

    page.route("**/uploads/*/*", broken)
    open_form(page, "amina", "Photo or document")
    page.get_by_label("Photo or file").set_input_files(file)
    expect(page.get_by_text("The file did not get through.")).to_be_visible()
    page.unroute("**/uploads/*/*")
    assert [url[-1] for url in put] == ["0", "1"]
    put.clear()
    page.on("request", lambda request: put.append(request.url) if request.method == "PUT" else None)
    page.get_by_label("Photo or file").set_input_files([])
    page.get_by_label("Photo or file").set_input_files(file)
    expect(page.get_by_text("The file is here.")).to_be_visible()
    assert [url[-1] for url in put] == ["1", "2"], "the first part was here already"
    choose(page, "What is it?", "Laboratory report")
    looked_at(page, "document-form", pictures)
    save(page)
    expect(page.get_by_role("link", name="Open the PDF")).to_be_visible()
    looked_at(page, "document", pictures)
    answer = page.request.get(page.url + "/file")
    assert hashlib.sha256(answer.body()).digest() == hashlib.sha256(content).digest()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    (document,) = records(served, "amina", "DocumentReference")
    assert len(document["content"][0]["attachment"]["extension"][1]["extension"]) == 3
    with served.store() as store, store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM upload").fetchone()[0] == 0
    other = page.request.get(re.sub("/amina/", "/ade/", page.url) + "/file")
    assert other.status == 404, "not under another patient"


@pytest.mark.usefixtures("people")
def test_without_script_a_photo_is_sent_with_the_form_and_what_is_no_picture_is_refused(
    browser: Browser, served: Served
) -> None:
    width, height = SIZES["phone"]
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=served.url, java_script_enabled=False
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    log_in(page)
    page.goto("/patients/amina/documents/new")
    page.get_by_label("Photo or file").set_input_files(
        {"name": "a.html", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}
    )
    choose(page, "What is it?", "Photo of the body: skin, wound")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("This is neither a picture nor a PDF")
    page.get_by_label("Photo or file").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": photograph()}
    )
    save(page)
    assert page.locator(".picture img").evaluate("one => one.naturalWidth") == 900
    small = page.request.get(page.url + "/small")
    assert small.headers["content-type"] == "image/jpeg"
    assert len(small.body()) < 30_000
    context.close()


@pytest.mark.usefixtures("people")
def test_a_record_is_marked_as_a_mistake_from_its_own_menu(page: Page, served: Served, pictures: Path) -> None:
    page.set_default_timeout(10_000)
    open_form(page, "amina", "Problem")
    page.get_by_label("Problem", exact=False).first.fill("Epilepsy")
    save(page)
    row = page.locator("#problems details.row").first
    row.locator("summary").click()
    looked_at(page, "row-menu", pictures)
    row.get_by_role("link", name="Entered by mistake").click()
    page.get_by_label("What is the mistake?").fill("Another Amina.")
    looked_at(page, "mistake", pictures)
    save(page, "It was a mistake")
    (condition,) = records(served, "amina", "Condition")
    assert condition["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert condition["note"][-1]["text"] == "Another Amina."


@pytest.mark.usefixtures("people")
def test_two_who_change_the_same_are_told_and_both_are_kept(page: Page, served: Served) -> None:
    page.set_default_timeout(10_000)
    with served.store() as store:
        active = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
        problem = {
            "resourceType": "Condition",
            "id": "c-1",
            "code": {"text": "Cough"},
            "subject": {"reference": "Patient/amina"},
            "clinicalStatus": {"coding": [active]},
        }
        clinic.write(store, problem)
    page.goto("/patients/amina/problems/change?about=Condition/c-1")
    with served.store() as store:
        clinic.write(store, {**problem, "code": {"text": "Whooping cough"}}, user="kwame")
    page.get_by_label("Problem", exact=False).first.fill("Bronchitis")
    save(page)
    told = page.get_by_role("status").first
    expect(told).to_contain_text("a colleague changed the same meanwhile")
    expect(told).to_contain_text("Whooping cough")
    expect(told).to_contain_text("Bronchitis")
    expect(page.locator("#conflicts")).to_be_visible()


@pytest.mark.usefixtures("people")
def test_nothing_went_wrong_in_the_browser_while_a_note_was_written(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=served.url)
    watched = Watched(context, served.url)
    page = context.new_page()
    page.set_default_timeout(10_000)
    log_in(page)
    open_form(page, "amina", "Note")
    page.get_by_label("Note", exact=False).last.fill("Lives with her aunt.")
    save(page)
    (note,) = records(served, "amina", "DocumentReference")
    assert note["status"] == "current"
    context.close()
    assert watched.findings == []
