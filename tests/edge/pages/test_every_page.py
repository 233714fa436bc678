"""Every page that links lead to: it is there, fits a telephone, speaks to people, in each language and for each role."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from edge_node.pages import dates
from edge_node.store.model import Author, Write
from tests.edge.pages import clinic, walking
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.server import now_ms
from tests.edge.pages.test_browser import AXE, disagree
from tests.journeys.place import women

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LANGUAGES = ("fr", "sw", "ha", "ar")
WOMAN = "/patients/woman-6"
"""She is 34 weeks pregnant."""
ROLES = {"ama": "clinician", "kofi": "admin", "esi": "midwife", "yaw": "registrar"}


@pytest.fixture(scope="module")
def busy(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A clinic with pregnant women, a conflict, and people of four roles."""
    folder = tmp_path_factory.mktemp("busy") / "node"
    shutil.copytree(filled, folder)
    served = Served(folder)
    with served.store() as store:
        store.users.add("esi", "midwife", clinic.PASSWORD, clinic.START_MS)
        store.users.add("yaw", "registrar", clinic.PASSWORD, clinic.START_MS)
        writes = [_write(resource) for resource in women(dates.local_day(now_ms()))]
        store.write(writes, Author("esi", "midwife"), now_ms())
    disagree(served)
    yield served
    served.end()


def _write(resource: dict[str, Any]) -> Write:
    return Write(resource["resourceType"], resource["id"], json.dumps(resource).encode(), create=True)


def at(browser: Browser, served: Served, language: str = "en") -> BrowserContext:
    width, height = SIZES["phone"]
    return browser.new_context(
        viewport={"width": width, "height": height}, base_url=served.url, locale=language, reduced_motion="reduce"
    )


@pytest.fixture(scope="module")
def paths(browser: Browser, busy: Served) -> list[str]:
    """All that a clinician reaches."""
    with at(browser, busy) as context:
        page = context.new_page()
        log_in(page)
        return [one.path for one in walking.reached(page, WOMAN, "/today", "/patients/olawale")]


@pytest.mark.slow
@pytest.mark.parametrize("user", ROLES)
def test_no_link_leads_nowhere_and_every_page_looks_right_at_both_sizes(
    browser: Browser, busy: Served, user: str
) -> None:
    """Pictures of all of them stay in build/pages."""
    (walking.PICTURES / user).mkdir(parents=True, exist_ok=True)
    with at(browser, busy) as context:
        watched = Watched(context, busy.url)
        page = context.new_page()
        log_in(page, user)
        seen = walking.reached(page, *([WOMAN, "/today", "/patients/olawale"] if user != "kofi" else ["/people"]))
        assert [one for one in seen if one.status != 200] == []
        wrong = []
        for one in seen:
            page.goto(one.path)
            wrong += walking.look(page, one.path)
            if user in ("ama", "kofi"):  # the others see fewer of the same
                wrong += breaches(page, one.path)
            walking.keep(page, user, one.path)
            wrong += walking.look(page, f"{one.path} (wide)")
            page.set_viewport_size({"width": SIZES["phone"][0], "height": SIZES["phone"][1]})
        assert wrong == []
    assert watched.findings == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_the_readers_language_and_fits(
    browser: Browser, busy: Served, paths: list[str], language: str
) -> None:
    """Axe looks where the page is mirrored; in the others only words differ."""
    (walking.PICTURES / language).mkdir(parents=True, exist_ok=True)
    with at(browser, busy, language) as context:
        page = context.new_page()
        enter(page)
        wrong = []
        for path in paths:
            page.goto(path)
            assert page.locator("html").get_attribute("lang") == language
            wrong += walking.look(page, path)
            if language == "ar":
                wrong += breaches(page, path)
        assert wrong == []


PLACES = "all => all.map(one => [one.getBoundingClientRect().top, one.offsetHeight])"


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_a_clinicians_menu_takes_two_rows_of_a_phone_and_nothing_of_it_is_lost(
    browser: Browser, busy: Served, language: str
) -> None:
    with at(browser, busy, language) as context:
        page = context.new_page()
        enter(page)
        places = page.locator(".menu a:visible, .menu summary:visible").evaluate_all(PLACES)
        assert len({top for top, _ in places}) <= 2
        assert min(height for _, height in places) >= 44
        page.locator(".menu summary").click()
        links = page.locator(".menu a:visible").evaluate_all("all => all.map(one => one.pathname)")
        assert links == ["/today", "/", "/patients/new", "/conflicts", "/sync", "/opened", "/audit"]
        assert walking.look(page, "/") + breaches(page, "/") == []
        page.set_viewport_size({"width": SIZES["desk"][0], "height": SIZES["desk"][1]})
        assert page.locator(".menu a:visible").evaluate_all("all => all.map(one => one.pathname)") == links


def enter(page: Page) -> None:
    """Logs in without knowing the words of the page."""
    page.goto("/login")
    page.locator("#username").fill("ama")
    page.locator("#password").fill(clinic.PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(lambda url: "/login" not in url)


def breaches(page: Page, path: str) -> list[str]:
    """What axe-core finds."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", RULES)
    return [f"{path}: {one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]
