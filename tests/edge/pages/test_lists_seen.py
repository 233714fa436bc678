"""Work lists and a month in a real browser: they fit a phone, axe finds nothing, a list is called through and printed."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_node.pages import dates, month_pages
from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.server import now_ms
from tests.edge.pages.test_browser import check
from tests.edge.pages.test_lists import home, woman

LISTS = ("due", "overdue", "high-risk", "births", "immunisation", "appointments", "referred")

LOOKS_MAX = 200


def make(served: Served) -> None:
    """Women as far on today as the names say, since the server's clock is the machine's."""
    shift = (dates.local_day(now_ms()) - dates.local_day(clinic.START_MS)).days
    with served.store() as store:
        for id_, weeks in (("amina", 31), ("binta", 26), ("chidi", 38)):
            for resource in woman(id_, weeks - shift // 7, **home("Tamale", "+233 20 123")):
                clinic.write(store, resource, now_ms())


def worked_out(page: Page) -> None:
    """Looks again until everything is worked out."""
    for _ in range(LOOKS_MAX):
        page.goto("/today")
        if not page.locator("#working-out").count():
            return
    raise AssertionError("it is never worked out")


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
def test_lists_fit_and_are_accessible(browser: Browser, served: Served, size: str, scheme: Any, tmp_path: Path) -> None:
    make(served)
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url, color_scheme=scheme)
    watched = Watched(context, served.url)
    page = context.new_page()
    log_in(page)
    month = f"/month/{month_pages.written(month_pages.before(dates.local_day(now_ms())))}"
    worked_out(page)
    for path in ("/today", *(f"/lists/{name}" for name in LISTS), month, f"{month}/contacts"):
        page.goto(path)
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}.png", full_page=True)
        check(page, path)
    context.close()
    assert watched.findings == []


def test_somebody_is_called_and_the_list_says_so(page: Page, served: Served) -> None:
    make(served)
    worked_out(page)
    page.goto("/lists/overdue")
    line = page.locator(".list-line").filter(has_text="Amina Owusu")
    line.get_by_role("button", name="Not reached").click()
    expect(page.get_by_role("status").first).to_contain_text("Noted: Amina Owusu was not reached.")
    expect(page.locator(".list-line").filter(has_text="Amina Owusu")).to_contain_text("Not reached today")


def test_a_printed_list_says_where_and_when_and_has_no_buttons(page: Page, served: Served) -> None:
    make(served)
    worked_out(page)
    page.goto("/lists/overdue")
    page.emulate_media(media="print")
    expect(page.locator(".print-only").first).to_contain_text(dates.calendar_day(dates.local_day(now_ms())))
    assert page.locator("main button:visible").count() == 0
    expect(page.get_by_text("+233 20 123").first).to_be_visible()


def test_a_lists_number_is_no_taller_than_a_line_beside_a_name_of_two(browser: Browser, served: Served) -> None:
    width, height = SIZES["phone"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    page = context.new_page()
    log_in(page)
    heights: list[tuple[float, float, float]] = []
    for language in ("fr", "sw"):
        page.request.post("/language", form={"language": language, "next": "/"}, headers={"origin": served.url})
        page.goto("/today")
        heights += page.evaluate(
            """() => [...document.querySelectorAll(".list-name")].map((one) => [one.getBoundingClientRect().height,
               parseFloat(getComputedStyle(one).lineHeight), one.querySelector(".count").getBoundingClientRect().height])"""
        )
    context.close()
    assert any(name > 1.5 * line for name, line, _ in heights), "some name takes two lines"
    assert [one for one in heights if one[2] > one[1]] == []
