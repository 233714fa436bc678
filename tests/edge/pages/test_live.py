"""What a colleague saves appears on an open page, and disturbs nobody who reads or writes; who may not see the record is told nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from edge_node.api.feed import Change
from edge_node.pages.live_pages import Saved, news
from edge_node.programme import Programme
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.pages.server import KEY
from tests.edge.pages.tablet import FORM, PATIENT, RECORD, Tablet, problem, save, tablet_at

NOW_MS = 1_790_000_000_000


@pytest.fixture
def tablet(browser: Browser, filled: Path, tmp_path: Path) -> Iterator[Tablet]:
    with tablet_at(browser, filled, tmp_path) as one:
        one.log_in()
        yield one


def test_what_a_colleague_saves_appears_and_is_announced(tablet: Tablet) -> None:
    save(tablet.served, problem("old", "Malaria"))
    tablet.open(RECORD)
    save(tablet.served, problem("new", "Severe anaemia"))
    expect(tablet.page.get_by_text("Severe anaemia").first).to_be_visible(timeout=20_000)
    told = tablet.page.locator("#live")
    expect(told).to_have_text("zuri saved something just now.")
    assert told.get_attribute("role") == "status"


def test_the_place_on_the_page_the_focus_and_what_is_unfolded_stay(tablet: Tablet) -> None:
    for number in range(30):
        save(tablet.served, problem(f"old{number}", f"Problem number {number}"))
    tablet.page.set_viewport_size({"width": 360, "height": 640})
    tablet.open(RECORD)
    link = tablet.page.get_by_role("link", name="Hub", exact=True)
    link.focus()
    last = tablet.page.locator("main section").last
    last.scroll_into_view_if_needed()
    marker = "document.querySelector('main').lastElementChild.getBoundingClientRect().top"
    before = tablet.page.evaluate(marker)
    save(tablet.served, problem("new", "Severe anaemia"))
    expect(tablet.page.locator("#live")).to_be_visible(timeout=20_000)
    assert tablet.page.get_by_text("Severe anaemia").count() > 0
    assert tablet.page.evaluate("window.scrollY") > 0
    expect(link).to_be_focused()
    assert abs(tablet.page.evaluate(marker) - before) < 400


def test_what_was_folded_and_opened_stays_open_and_is_fetched_anew(tablet: Tablet) -> None:
    for number in range(8):
        save(tablet.served, problem(f"old{number}", f"Problem number {number}"))
    tablet.open(RECORD)
    folded = tablet.page.locator("#fold-problems")
    folded.locator("summary").first.click()
    expect(folded.locator(".record")).to_have_count(8)
    save(tablet.served, problem("new", "Severe anaemia"))
    expect(tablet.page.locator("#live")).to_be_visible(timeout=20_000)
    expect(tablet.page.locator("#fold-problems .record")).to_have_count(9, timeout=10_000)


def test_who_is_filling_in_a_form_keeps_it_and_is_offered_the_news(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("in the middle of a sen")
    save(tablet.served, problem("new", "Severe anaemia"))
    told = tablet.page.locator("#live")
    expect(told).to_contain_text("zuri saved something just now.", timeout=20_000)
    expect(told.get_by_role("link", name="Show it")).to_be_visible()
    assert tablet.page.get_by_label("Note").input_value() == "in the middle of a sen"
    expect(tablet.page.get_by_label("Note")).to_be_focused()


def test_a_page_that_was_not_looked_at_catches_up_when_it_is(tablet: Tablet) -> None:
    tablet.open(RECORD)
    define = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    hidden = define + "document.dispatchEvent(new Event('visibilitychange'))"
    tablet.page.evaluate(hidden % "true")
    save(tablet.served, problem("new", "Severe anaemia"))
    tablet.page.wait_for_timeout(2_500)
    assert tablet.page.get_by_text("Severe anaemia").count() == 0
    tablet.page.evaluate(hidden % "false")
    expect(tablet.page.get_by_text("Severe anaemia").first).to_be_visible(timeout=20_000)


# --- what is told to whom ---------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        put(store, PATIENT, "ama")
        yield store


def put(store: Store, body: dict[str, Any] | None, user: str, of: tuple[str, str] = ("", "")) -> Change:
    """Something is written, or deleted."""
    type_, id_ = (body["resourceType"], body["id"]) if body is not None else of
    write = Write(type_, id_, None if body is None else json.dumps(body).encode())
    stored = store.write([write], Author(user, "midwife"), NOW_MS)[0].stored
    return Change(stored.type, stored.id, stored.version, stored.updated_ms)


def test_a_change_in_her_record_is_told_with_its_author(store: Store) -> None:
    assert news(store, put(store, problem("one", "Malaria"), "zuri"), "amina", "ama") == Saved("zuri")
    assert news(store, put(store, {**PATIENT, "birthDate": "1994"}, "zuri"), "amina", "ama") == Saved("zuri")


def test_a_deletion_in_her_record_is_told(store: Store) -> None:
    put(store, problem("one", "Malaria"), "ama")
    assert news(store, put(store, None, "zuri", ("Condition", "one")), "amina", "ama") == Saved("zuri")


def test_a_change_in_another_record_is_not_told(store: Store) -> None:
    put(store, {**PATIENT, "id": "other"}, "zuri")
    assert news(store, put(store, problem("one", "Malaria", "other"), "zuri"), "amina", "ama") is None
    location = {"resourceType": "Location", "id": "ward", "name": "Ward"}
    assert news(store, put(store, location, "zuri"), "amina", "ama") is None


@pytest.mark.parametrize("user", ["ama", "command:root", "import"])
def test_ones_own_change_and_a_programs_are_told_without_a_name(store: Store, user: str) -> None:
    assert news(store, put(store, problem("one", "Malaria"), user), "amina", "ama") == Saved(None)


def test_who_may_not_see_records_is_not_told_of_changes(browser: Browser, tablet: Tablet) -> None:
    anyone = browser.new_context(base_url=tablet.relay.url)
    assert anyone.request.get(RECORD + "/changes", max_redirects=0).status == 303
    answer = anyone.request.post("/auth/login", data={"username": "citizen", "password": "a long enough password"})
    assert answer.ok
    assert anyone.request.get(RECORD + "/changes").status == 404, "as if it were not there"
    anyone.close()


def test_the_stream_of_somebody_who_is_not_here_does_not_exist(tablet: Tablet) -> None:
    assert tablet.context.request.get("/patients/nobody/changes").status == 404
