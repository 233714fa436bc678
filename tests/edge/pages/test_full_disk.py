"""A disk without room, in the middle of a form."""

import io
import re

import httpx
from PIL import Image

from edge_node.store.store import Store
from tests.edge.pages.test_people_pages import ama, app, browser, clock, store

__all__ = ["ama", "app", "browser", "clock", "store"]


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
