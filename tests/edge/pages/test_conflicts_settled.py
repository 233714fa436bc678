"""Conflicts settled in a browser: at two clinics with a real hub, and by writing what nobody had written."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.edge.pages import clinic
from tests.edge.pages.conftest import Served, Watched, log_in
from tests.edge.pages.test_browser import OLAWALE, check, disagree
from tests.edge.pages.test_with_a_hub import running
from tests.processes.programs import call

EFUA = {
    "resourceType": "Patient",
    "id": "efua",
    "name": [{"family": "Mensah", "given": ["Efua"]}],
    "gender": "female",
    "birthDate": "1996-02-03",
}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "efua-allergy",
    "patient": {"reference": "Patient/efua"},
    "code": {"text": "Penicillin"},
    "criticality": "high",
    "reaction": [{"manifestation": [{"text": "Swelling of the face"}]}],
}


def put(folder: Path, edge: Path, *resources: dict[str, Any]) -> None:
    """Writes at a node, as its people would."""
    file = folder / "written.ndjson"
    file.write_text("\n".join(map(json.dumps, resources)), encoding="utf-8")
    call("medtech-edge", "import", file, data=edge)


def held(edge: Path) -> Any:
    exported = call("medtech-edge", "export", "--type", "AllergyIntolerance", data=edge)
    del exported["meta"]
    return exported


def test_an_allergy_that_two_clinics_edited_offline_is_settled_and_the_same_at_both(
    browser: Browser, tmp_path: Path
) -> None:
    """Neither value is chosen: what the clinician writes stands at both after each has synced, with nothing left open."""
    password = tmp_path / "password"
    password.write_text(clinic.PASSWORD)
    edges = [tmp_path / "one", tmp_path / "two"]
    with ExitStack() as stack:
        hub = stack.enter_context(running("medtech-hub", tmp_path / "hub"))
        call("medtech-hub", "facility", "add", "ketou", "--name", "Kétou", "--region", "north", data=tmp_path / "hub")
        for edge in edges:
            code = call("medtech-hub", "node", "invite", "--facility", "ketou", data=tmp_path / "hub")["code"]
            call("medtech-edge", "user", "add", "ama", "--role", "clinician", "--password-file", password, data=edge)
            call("medtech-edge", "enroll", "--hub", hub.url, "--code", code, data=edge)
        put(tmp_path, edges[0], EFUA, ALLERGY)
        for edge in edges:
            call("medtech-edge", "sync", data=edge)
        put(tmp_path, edges[0], {**ALLERGY, "code": {"text": "Amoxicillin"}})
        put(tmp_path, edges[1], {**ALLERGY, "code": {"text": "Ampicillin"}})
        for edge in edges:
            call("medtech-edge", "sync", data=edge)
        server = stack.enter_context(running("medtech-edge", edges[1], "--sync-interval", "0"))
        context = browser.new_context(base_url=server.url)
        watched = Watched(context, server.url)
        page = context.new_page()
        log_in(page)
        page.goto("/conflicts")
        conflict = page.get_by_role("article")
        expect(conflict).to_contain_text("Amoxicillin")
        expect(conflict).to_contain_text("Ampicillin")
        expect(conflict).to_contain_text("Efua Mensah")
        expect(conflict).to_contain_text("Swelling of the face")
        page.get_by_role("link", name="Write something else").click()
        page.get_by_role("combobox", name="What it is").fill("Penicillins of any kind")
        page.get_by_role("button", name="Save this as right").click()
        expect(page.get_by_role("status").first).to_contain_text("What you wrote now stands")
        expect(page.get_by_role("heading", name="Nothing to settle")).to_be_visible()
        page.get_by_role("button", name="Send now").click()
        expect(page.get_by_role("status").first).to_contain_text("Done")
        context.close()
        assert watched.findings == []
        call("medtech-edge", "sync", data=edges[0])
        last = call("medtech-edge", "sync", data=edges[1])
        assert (last["conflicts"], last["pending"], last["digest_equal"]) == (0, 0, True)
        assert held(edges[0]) == held(edges[1])
        assert held(edges[0])["code"] == {"text": "Penicillins of any kind"}
        statuses = [call("medtech-edge", "status", data=edge) for edge in edges]
        assert [one["conflicts"] for one in statuses] == [0, 0]
        assert call("medtech-edge", "digest", data=edges[0]) == call("medtech-edge", "digest", data=edges[1])


def test_a_third_date_is_asked_for_again_until_it_is_one(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/patients/olawale")
    page.get_by_role("link", name="Write something else (Date of birth)").click()
    page.get_by_label("Month").fill("13")
    check(page, "a conflict")
    page.get_by_role("button", name="Save this as right").click()
    expect(page.get_by_text("There is no such date.")).to_be_visible()
    expect(page.get_by_label("Month")).to_have_value("13")
    page.get_by_label("Month").fill("7")
    page.get_by_label("Year").fill("1989")
    page.get_by_role("button", name="Save this as right").click()
    expect(page.get_by_role("status").first).to_contain_text("What you wrote now stands")
    expect(page.locator(".who-line")).to_contain_text("born 1 July 1989")


def test_what_came_while_somebody_wrote_is_not_settled_with_it(page: Page, served: Served) -> None:
    disagree(served)
    page.goto("/conflicts/Patient/olawale?element=birthDate")
    with served.store() as store:
        clinic.write(store, {**OLAWALE, "birthDate": "1991-05-01", "active": True}, 1_900_000_000_000)
    page.get_by_label("Year").fill("1985")
    page.get_by_role("button", name="Save this as right").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing was changed")
    with served.store() as store:
        assert any(one.element == "birthDate" for one in store.conflicts())
