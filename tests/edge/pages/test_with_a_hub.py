"""The button, with a real hub and `medtech-edge serve` as people run them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.edge.pages import clinic
from tests.edge.pages.conftest import Watched, log_in
from tests.processes.programs import Server, call

PATIENT = {"resourceType": "Patient", "id": "adaeze", "name": [{"family": "Okafor", "given": ["Adaeze"]}]}


@contextmanager
def running(program: str, data: Path, *options: str) -> Iterator[Server]:
    server = Server(program, data, *options).start()
    try:
        yield server
    finally:
        if server.running:
            server.stop()


def write(folder: Path, edge: Path, patient: dict[str, Any]) -> None:
    file = folder / "patient.ndjson"
    file.write_text(json.dumps(patient), encoding="utf-8")
    call("medtech-edge", "import", file, data=edge)


def test_send_now_makes_everything_safe_at_the_hub_and_says_so_only_then(browser: Browser, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(clinic.PASSWORD)
    edge = tmp_path / "edge"
    with running("medtech-hub", tmp_path / "hub") as hub:
        call("medtech-hub", "facility", "add", "ketou", "--name", "Kétou", "--region", "north", data=tmp_path / "hub")
        code = call("medtech-hub", "node", "invite", "--facility", "ketou", data=tmp_path / "hub")["code"]
        call("medtech-edge", "user", "add", "ama", "--role", "clinician", "--password-file", password, data=edge)
        write(tmp_path, edge, PATIENT)
        call("medtech-edge", "enroll", "--hub", hub.url, "--code", code, "--name", "Outreach post", data=edge)
        with running("medtech-edge", edge, "--sync-interval", "0") as clinic_server:
            context = browser.new_context(base_url=clinic_server.url)
            watched = Watched(context, clinic_server.url)
            page = context.new_page()
            log_in(page)
            headline = page.locator(".standing-headline")
            expect(headline).to_have_text("1 change is not at the hub yet")
            page.goto("/patients/adaeze")
            expect(page.locator("main .mark").first).to_have_text("Waits here")
            page.get_by_role("button", name="Send now").click()
            expect(page.get_by_role("status").first).to_contain_text("Done: 1 sent")
            expect(headline).to_have_text("Everything here is safe at the hub")
            expect(page.locator("main .mark").first).to_have_text("At the hub")
            page.goto("/sync")
            expect(page.locator("main")).to_contain_text("lies in plain text")
            expect(page.locator("main")).to_contain_text(re.compile(r"Name\s*Outreach post \(n-\w+\)"))
            expect(page.locator("main")).to_contain_text("right, by the hub's")
            hub.stop()
            write(tmp_path, edge, {**PATIENT, "gender": "female"})
            page.goto("/")
            expect(headline).to_have_text("1 change is not at the hub yet")
            page.get_by_role("button", name="Send now").click()
            expect(page.get_by_role("status").first).to_contain_text("Not sent. The hub did not answer.")
            context.close()
    assert watched.findings == []
