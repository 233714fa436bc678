"""A disk without room, in the middle of a form."""

import io
import re
from pathlib import Path

import httpx
import pytest
import structlog
from PIL import Image

from edge_node.errors import DiskFull
from edge_node.programme import Programme
from edge_node.store import unwritten
from edge_node.store.model import Author
from edge_node.store.store import Store
from tests.edge.pages.server import KEY
from tests.edge.pages.test_people_pages import ama, app, browser, clock, store

__all__ = ["ama", "app", "browser", "clock", "store"]


def fill(store: Store) -> None:
    """Until no entry of the audit has room any more."""
    with store.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    for size in (500, 0):
        while _has_room(store, size):
            pass


def _has_room(store: Store, size: int) -> bool:
    try:
        store.record(Author("f", "f"), 1, "export", detail={"words": "x" * size} if size else None)
    except DiskFull:
        return False
    return True


def make_room(store: Store) -> None:
    store._writer.execute("PRAGMA max_page_count = 1000000")


async def test_records_are_read_on_a_full_disk_and_the_audit_has_it_when_there_is_room(
    ama: httpx.AsyncClient, store: Store
) -> None:
    """She may be bleeding: the record opens, every page says that nothing can be saved, and nothing that was read goes untold."""
    page = "/patients/p-1"
    assert "disk of the clinic" not in (await ama.get(page)).text
    fill(store)
    with store.snapshot() as connection:
        before = connection.execute("SELECT count(*) FROM audit WHERE action = 'read'").fetchone()[0]
    for _ in range(2):
        answer = await ama.get(page)
        assert answer.status_code == 200
    assert "The disk of the clinic" in answer.text
    assert len(store.unwritten) == 2
    make_room(store)
    assert "disk of the clinic" not in (await ama.get(page)).text
    with store.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM audit WHERE action = 'read'").fetchone()[0] == before + 3


def test_what_is_not_care_is_refused_on_a_full_disk_and_what_is_kept_has_an_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    ama = Author("ama", "midwife")
    for action in ("export", "backup", "break-glass"):
        with pytest.raises(DiskFull):
            store.record(ama, 1, action)
    monkeypatch.setattr(unwritten, "KEPT_MAX", 2)
    store.record(ama, 1, "login")
    store.record(ama, 2, "read")
    with pytest.raises(DiskFull):
        store.record(ama, 3, "read")
    make_room(store)
    store.record(ama, 4, "export")
    assert [(entry.action, entry.at_ms) for entry in store.audit(count=3)] == [("export", 4), ("read", 2), ("login", 1)]
    assert len(store.unwritten) == 0


@pytest.mark.parametrize("room", [True, False])
def test_what_was_kept_is_written_down_when_the_server_ends_if_there_is_room_by_then(
    tmp_path: Path, room: bool
) -> None:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        fill(store)
        store.record(Author("ama", "midwife"), 1, "read")
        if room:
            make_room(store)
        with structlog.testing.capture_logs() as said:
            store.close()
    assert [one["log_level"] for one in said] == ([] if room else ["error"])
    with Store.open(tmp_path / "node", KEY, Programme()) as store:
        assert ("read" in {entry.action for entry in store.audit(count=1)}) is room


async def test_a_form_that_the_disk_had_no_room_for_stands_there_still_and_is_saved_once(
    ama: httpx.AsyncClient, store: Store
) -> None:
    token = re.findall(r'name="form.token" value="([^"]+)"', (await ama.get("/patients/new")).text)[0]
    typed = {"form.token": token, "given": "Adjoa", "family": "Unusual", "sex": "female", "birth.year": "2001"}
    Image.effect_noise((600, 600), 90).save(photo := io.BytesIO(), "PNG")

    async def send() -> httpx.Response:
        return await ama.post("/patients/new", data=typed, files={"photo": ("a.png", photo.getvalue(), "image/png")})

    before = store.status().resources
    with store.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    answer = await send()
    assert answer.status_code == 507
    for kept in ("The disk is full", "is not saved", 'value="Unusual"', token):
        assert kept in answer.text
    assert store.status().resources == before
    assert (await ama.get("/")).status_code == 200
    store._writer.execute("PRAGMA max_page_count = 1000000")
    saved = [(await send()).headers["location"] for _ in range(2)]
    assert saved[0] == saved[1]
    assert store.status().resources == before + 2, "the patient and her photo"
