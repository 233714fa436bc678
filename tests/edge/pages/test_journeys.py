"""Whole journeys at a clinic with a post and a hub: a midwife's day as docs/CLINIC.md shows it, and what is not in its pictures."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_node.pages import dates
from tests.edge.pages.conftest import Watched
from tests.edge.pages.server import now_ms
from tests.journeys import midwife
from tests.journeys.album import PICTURES, Album, screen
from tests.journeys.day import day
from tests.journeys.place import PASSWORD, Place, place
from tests.processes.web import Web


@pytest.fixture(scope="module")
def today() -> date:
    return dates.local_day(now_ms())


@pytest.fixture(scope="module")
def clinics(tmp_path_factory: pytest.TempPathFactory, today: date) -> Iterator[Place]:
    """A health centre, its post and their hub, for all journeys."""
    with place(tmp_path_factory.mktemp("journeys"), today) as one:
        yield one


@pytest.fixture
def page(browser: Browser, clinics: Place) -> Iterator[Page]:
    """The midwife's screen at the centre; nothing may have gone wrong in it at the end."""
    with screen(browser, clinics.centre.server.url) as context:
        watched = Watched(context, clinics.centre.server.url)
        page = context.new_page()
        midwife.log_in(page, "esi", PASSWORD)
        yield page
    assert watched.findings == []


@pytest.mark.slow
def test_a_midwifes_day_goes_from_login_to_what_is_safe_at_the_hub(
    browser: Browser, clinics: Place, today: date, tmp_path: Path
) -> None:
    """All jobs of docs/CLINIC.md, led by what is on the pages alone; each picture of it is taken, small enough to be kept."""
    album = Album(tmp_path)
    day(browser, clinics, album, today)
    assert sorted(album.taken) == sorted(PICTURES)


def test_a_form_saved_after_a_colleagues_change_came_from_the_post_keeps_both(page: Page, clinics: Place) -> None:
    """She has the form open while an exchange brings what the post wrote of the same woman: another field, and the same one."""
    clinics.centre.sync()
    clinics.post.sync()
    midwife.find(page, "acheampong adwoa")
    midwife.open_record(page, "Adwoa Acheampong")
    page.get_by_text("More about this person").click()
    page.get_by_role("link", name="Change", exact=True).click()
    her = page.url.split("/")[-2]
    post = Web(lambda: clinics.post.server.port, "kwame", PASSWORD)
    elsewhere = [{"use": "home", "city": "Dodowa"}]
    post.edit(f"Patient/{her}", address=elsewhere, birthDate="2001-04-05")
    clinics.post.sync()
    assert clinics.centre.sync()["pulled"] > 0
    page.get_by_label("Telephone", exact=True).fill("0205550155")
    page.get_by_label("Year", exact=True).fill("1999")
    midwife.send(page, "Save the changes")
    expect(page.locator(".news")).to_contain_text("a colleague changed the same meanwhile")
    main = page.get_by_role("main")
    expect(main).to_contain_text("0205550155")
    expect(main).to_contain_text("Dodowa")
    expect(main.get_by_role("article", name="Date of birth").locator(".side")).to_have_count(2)


def test_a_contact_is_written_with_the_keyboard_alone(page: Page, today: date) -> None:
    """Registered, dated and looked at without a pointer: the focus goes through the forms in the order of the page."""
    midwife.say_who(page, "Yaa", "Owusu", 2002, "Mamfe")
    midwife.register(page)
    page.get_by_role("link", name="To the record").press("Enter")
    midwife.say_pregnancy(page, today - timedelta(weeks=13))
    midwife.register_pregnancy(page)
    tab_to(page, "Bleeding from the vagina")
    reached = tab_to(page, "No danger sign")
    assert reached <= 13, "the danger signs stand one after the other"
    page.keyboard.press("Space")
    tab_to(page, "Upper blood pressure")
    page.keyboard.type("112")
    tab_to(page, "Lower blood pressure")
    page.keyboard.type("70")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pregnancy")
    expect(page.get_by_role("main")).to_contain_text("112/70")


FOCUSED = """() => {
  const one = document.activeElement;
  return (one.labels && one.labels.length ? one.labels[0] : one).textContent.trim();
}"""


def tab_to(page: Page, label: str, most: int = 60) -> int:
    """Presses Tab until the focus is on a field, and tells how often."""
    for pressed in range(1, most + 1):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == label:
            return pressed
    raise AssertionError(f"{label} is not reached by Tab")
