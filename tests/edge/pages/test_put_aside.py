"""What was put aside: seen in words, tried again, put right, thrown away with a reason; and who did what, seen by who may."""

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from edge_node.fhir.validation import validate
from edge_node.forms.parsing import Questions
from edge_node.pages.repairing import repaired, spots
from edge_node.programme import Programme
from edge_node.store import aside, merging, state
from edge_node.store.bundles import resources
from edge_node.store.model import Author
from edge_node.store.store import Store
from sync_protocol import elements
from sync_protocol.register import Stamp
from tests.edge.pages import clinic
from tests.edge.pages.conftest import Served, log_in
from tests.edge.pages.server import KEY
from tests.edge.pages.test_browser import OLAWALE, check

AMA = Author("ama", "clinician")
WRONG = {
    "resourceType": "Condition",
    "id": "malaria",
    "subject": {"reference": "Patient/olawale"},
    "code": {"text": "Malaria"},
    "onsetDateTime": "the other day",
}


def bring_in(store: Store, *bodies: dict[str, Any]) -> None:
    file = store.path.with_name("brought.ndjson")
    file.write_text("\n".join(map(json.dumps, bodies)), encoding="utf-8")
    store.import_resources(resources(file), clinic.IMPORTER, lambda: time.time_ns() // 1_000_000)
    file.unlink()


def test_what_a_file_said_wrong_is_put_right_and_taken_in(page: Page, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE)
        bring_in(store, WRONG)
    page.goto("/sync")
    page.get_by_role("link", name="Look at what was put aside").click()
    entry = page.get_by_role("article")
    expect(entry).to_contain_text("Problem: Malaria")
    check(page, "/held")
    expect(entry.get_by_role("link", name="Ọláwálé Adébáyọ̀")).to_be_visible()
    expect(entry).to_contain_text("“began” cannot be read")
    expect(entry).to_contain_text("a file that was read in")
    entry.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status").first).to_contain_text("could not be taken in this time either")
    page.get_by_role("link", name="Put it right").click()
    expect(page.get_by_role("main")).to_contain_text("What came: “the other day”")
    check(page, "repair")
    page.get_by_label("Month").fill("5")
    page.get_by_label("Year").fill("2026")
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_role("status").first).to_contain_text("It is in the records now")
    expect(page.get_by_role("main")).to_contain_text("Nothing is put aside")
    with served.store() as store:
        stored = store.read("Condition", "malaria")
        assert stored is not None
        assert json.loads(stored.body or b"")["onsetDateTime"] == "2026-05"
        assert store.audit()[0].action in ("put-aside-corrected", "put-aside-read")


def test_what_is_thrown_away_leaves_its_reason(page: Page, served: Served) -> None:
    with served.store() as store:
        bring_in(store, WRONG)
    page.goto("/held")
    page.locator("summary", has_text="Throw it away").click()
    page.get_by_label("Why is it not needed?").fill("a test of the other program")
    page.get_by_role("button", name="Throw it away").click()
    expect(page.get_by_role("status").first).to_contain_text("Thrown away")
    page.goto("/audit")
    expect(page.get_by_role("main")).to_contain_text("“a test of the other program”")


def test_a_report_names_nobody(page: Page, served: Served) -> None:
    with served.store() as store:
        bring_in(store, {**WRONG, "note": [{"text": "Kwame from Tamale"}]})
    answer = page.request.get("/held/report")
    text = answer.text()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "Condition.onset: Not a valid dateTime" in text
    assert not any(word in text for word in ("olawale", "malaria", "Malaria", "Kwame", "the other day"))


def test_who_may_not_see_records_sees_what_kind_was_put_aside_and_no_more(browser: Browser, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE)
        bring_in(store, WRONG)
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    log_in(page, "kofi")
    page.goto("/held")
    expect(page.get_by_role("article")).to_contain_text("Problem")
    expect(page.get_by_role("article")).not_to_contain_text("Malaria")
    expect(page.get_by_role("article")).not_to_contain_text("Ọláwálé")
    assert page.request.get("/held/1", headers={"accept": "text/html"}).status == 403
    context.close()


def test_what_another_node_sent_is_joined_when_it_is_tried_again(tmp_path: Path) -> None:
    """The part keeps its name and scope, so a newer program can join it as if it had just come."""
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}}
    part, _ = elements.write(
        None, None, elements.parse(json.dumps(allergy).encode()), "a", Stamp(9, 1, 5, 5, "efua", "nurse")
    )
    with Store.open(tmp_path, KEY, Programme(), create=True) as store:
        with store.transaction() as connection:
            parcel = merging.parcel(connection, part, clinic.HOME_SCOPE)
            state.put_aside(connection, 1, "exchange", "MalformedData", "AllergyIntolerance: newer", parcel)
        with store.snapshot() as connection:
            one = aside.one(connection, 1)
        assert (one.type, one.id, one.again) == ("AllergyIntolerance", "a", True)
        with store.writing() as connection:
            assert aside.again(connection, 1, AMA, 2, lambda: "new") == "taken"
        assert store.read("AllergyIntolerance", "a") is not None
        assert store.quarantine() == []
        assert store.digests() == store.digests(rebuild=True)


def test_trying_again_never_writes_over_what_is_here(tmp_path: Path) -> None:
    with Store.open(tmp_path, KEY, Programme(), create=True) as store:
        bring_in(store, WRONG)
        right = {**WRONG, "onsetDateTime": "2026-05-01"}
        clinic.write(store, {**right, "code": {"text": "Typhoid"}})
        with store.writing() as connection:
            assert aside.again(connection, 1, AMA, 2, lambda: "new", json.dumps(right).encode()) == "present"
        stored = store.read("Condition", "malaria")
        assert stored is not None
        assert b"Typhoid" in (stored.body or b"")
        assert len(store.quarantine()) == 1


def test_places_that_are_wrong_are_asked_for_by_their_kind() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "gender": "woman",
        "birthDate": "1990-02-31",
        "name": [{"family": 7}],
    }
    found = spots("Patient", patient, validate(patient))
    assert {spot.path: spot.field.kind.value for spot in found} == {
        ("gender",): "choice",
        ("birthDate",): "date",
        ("name", 0, "family"): "text",
    }
    names = {spot.path[-1]: spot.field.name for spot in found}
    sent = {names["gender"]: ("female",), names["family"]: ("Mensah",), f"{names['birthDate']}.year": ("1990",)}
    made = repaired(patient, found, sent, date(2026, 5, 1))
    assert not isinstance(made, Questions)
    assert validate(json.loads(made)) == []


def test_the_audit_is_read_by_person_and_day_and_notes_its_readers(page: Page, served: Served) -> None:
    with served.store() as store:
        clinic.write(store, OLAWALE, time.time_ns() // 1_000_000, user="kofi")
    page.goto("/patients/olawale")
    page.goto("/audit")
    check(page, "/audit")
    expect(page.locator(".audit li").first).to_contain_text("ama (clinician) opened Ọláwálé Adébáyọ̀")
    page.get_by_label("Person").select_option("kofi")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".audit li")).to_have_count(1)
    expect(page.locator(".audit li")).to_contain_text("wrote")
    page.goto("/audit?day=2001-01-01")
    expect(page.get_by_role("main")).to_contain_text("Nothing is noted that fits this.")
    page.goto("/audit?patient=olawale")
    expect(page.get_by_role("main")).to_contain_text("Only of the record of Ọláwálé Adébáyọ̀")
    expect(page.locator(".audit li")).to_have_count(2)
    with served.store() as store:
        assert [one.action for one in store.audit(count=4)] == ["audit-read"] * 4


def test_a_midwife_does_not_read_the_audit(browser: Browser, served: Served) -> None:
    with served.store() as store:
        store.users.add("esi", "midwife", clinic.PASSWORD, clinic.START_MS)
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    log_in(page, "esi")
    expect(page.get_by_role("link", name="Who did what")).to_have_count(0)
    for path in ("/audit", "/held", "/held/report"):
        assert page.request.get(path, headers={"accept": "text/html"}).status == 403
    context.close()
