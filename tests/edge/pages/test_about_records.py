"""What a page says of one record: a form about it names it, and a note lies under its name with who wrote it."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY
from tests.edge.pages.test_lists import whole
from tests.edge.pages.test_programme import served

HAEMOGLOBIN: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "hb",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "Haemoglobin"},
    "subject": {"reference": "Patient/kofi"},
    "effectiveDateTime": "2026-09-03",
    "valueQuantity": {"value": 6.4, "unit": "g/dL", "code": "g/dL"},
}


def note(text: str, title: str = "") -> dict[str, Any]:
    attached = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": "note",
        "status": "current",
        "subject": {"reference": "Patient/kofi"},
        "author": [{"display": "esi"}],
        "content": [{"attachment": {**attached, "title": title} if title else attached}],
    }


async def shown(folder: Path, record: dict[str, Any], *paths: str) -> list[str]:
    """Pages about a patient with this record."""
    async with served(folder, Programme()) as ama:
        with Store.open(folder, KEY, Programme()) as store:
            clinic.write(store, record)
        return [await whole(ama, f"/patients/kofi{path}") for path in paths]


def about(page: str) -> str:
    return page.partition('<p class="about-what">')[2].partition("</p>")[0]


@pytest.mark.parametrize("form", ["mistake", "correct"])
async def test_a_form_about_a_record_says_about_which(tmp_path: Path, form: str) -> None:
    (page,) = await shown(tmp_path / "node", HAEMOGLOBIN, f"/{form}?about=Observation/hb")
    assert [one for one in ("Haemoglobin", "6.4", "3 September 2026") if one not in about(page)] == []


async def test_a_form_about_a_note_says_how_that_begins(tmp_path: Path) -> None:
    written = note("The baby moves well. " * 20, "Friday")
    (page,) = await shown(tmp_path / "node", written, "/mistake?about=DocumentReference/note")
    assert "Friday" in about(page)
    assert "The baby moves well." in about(page)
    assert len(about(page)) < 250


async def test_a_note_is_found_under_its_name_with_who_wrote_it(tmp_path: Path) -> None:
    page, part = await shown(tmp_path / "node", note("The baby moves well."), "", "/part/documents")
    assert "Notes, documents and forms" in page
    assert "The baby moves well." in part
    assert re.search(r"Written by \W*esi", part)
