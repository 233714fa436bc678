"""Login, lock, PIN, lockout and opening with a reason in a browser, and how their pages look: at two sizes, to axe-core, to a thumb."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, Watched, log_in
from tests.edge.pages.server import KEY
from tests.edge.pages.test_browser import check

PIN = "7294"
REASON = "She bleeds and the midwife is away; which medicines does she take?"


@pytest.fixture
def context(browser: Browser, served: Served) -> Iterator[BrowserContext]:
    """A browser at a clinic that has a registrar too; nothing may have gone wrong in it at the end."""
    with served.store() as store:
        store.users.add("efua", "registrar", clinic.PASSWORD, clinic.START_MS)
    width, height = SIZES["phone"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    watched = Watched(context, served.url)
    yield context
    context.close()
    assert watched.findings == []


def some_patient(served: Served) -> str:
    with Store.open(served.data, KEY, Programme()) as store:
        return store.find_patients("tamale", 1)[0].id


def set_pin(page: Page) -> None:
    page.goto("/pin")
    page.get_by_label("Your password").fill(clinic.PASSWORD)
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.get_by_label("The same PIN again").fill(PIN)
    page.get_by_role("button", name="Set the PIN").click()
    page.wait_for_url("**/")


def test_by_keyboard_alone_a_screen_is_locked_unlocked_and_left_and_the_name_picked(context: BrowserContext) -> None:
    page = context.new_page()
    log_in(page)
    set_pin(page)
    page.goto("/conflicts")
    page.get_by_role("button", name="Lock").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/lock?next=/conflicts")
    page.keyboard.type("8305")  # the field has the focus
    page.keyboard.press("Enter")
    page.get_by_text("This PIN is wrong. 4 tries are left").wait_for()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conflicts")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login*")
    page.get_by_role("button", name="ama").click()
    page.wait_for_url("**/login?who=0")
    page.keyboard.type(clinic.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def test_an_open_page_locks_itself_when_nobody_touches_it(context: BrowserContext) -> None:
    page = context.new_page()
    page.clock.install()
    log_in(page)
    page.goto("/conflicts")
    page.clock.fast_forward("09:00")
    page.keyboard.press("Shift")
    page.clock.fast_forward("09:00")
    assert "/lock" not in page.url
    page.clock.fast_forward("02:00")
    page.wait_for_url("**/lock?next=/conflicts")
    page.goto("/")
    page.wait_for_url("**/lock")


def test_wrong_passwords_lock_the_login_and_an_administrator_ends_the_wait(
    context: BrowserContext, browser: Browser, served: Served
) -> None:
    page = context.new_page()
    for _ in range(5):
        _try(page, "a wrong password")
        page.get_by_text("The name or the password is wrong").wait_for()
    _try(page, clinic.PASSWORD)
    page.get_by_text("There were too many wrong tries").wait_for()
    with browser.new_context(base_url=served.url) as others:
        admin = others.new_page()
        log_in(admin, "kofi")
        admin.get_by_text("wrong passwords: locked until").wait_for()
        admin.get_by_role("button", name="Let try again").click()
        admin.get_by_text("efua may try again at once").wait_for()


def _try(page: Page, password: str) -> None:
    page.goto("/login")
    page.get_by_label("Name").fill("efua")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("size", SIZES)
def test_the_pages_of_people_look_right_and_are_for_everybody(
    context: BrowserContext, browser: Browser, served: Served, size: str, tmp_path: Path
) -> None:
    """Opening with a reason on the way, as the registrar, the clinician and the administrator see it."""
    patient = some_patient(served)
    width, height = SIZES[size]

    def looked_at(page: Page, name: str) -> None:
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=tmp_path / f"{name}-{size}.png", full_page=True)
        check(page, name)

    page = context.new_page()
    log_in(page, "efua")
    set_pin(page)
    page.goto(f"/patients/{patient}")
    assert page.get_by_text("This is not the whole record").is_visible()
    looked_at(page, "registrar-patient")
    page.get_by_role("link", name="Open the whole record with a reason").click()
    page.get_by_label("Why do you need it now?").wait_for()
    looked_at(page, "open")
    page.get_by_label("Why do you need it now?").fill(REASON)
    page.get_by_role("button", name="Open the record").click()
    page.wait_for_url(f"**/patients/{patient}")
    page.get_by_text("Your reason is shown to a supervisor").wait_for()
    looked_at(page, "opened-patient")
    page.goto("/pin")
    looked_at(page, "pin")
    page.get_by_role("button", name="Lock").click()
    page.wait_for_url("**/lock?next=/pin")
    looked_at(page, "lock")
    page.get_by_role("button", name="I am somebody else").click()
    page.wait_for_url("**/login*")
    looked_at(page, "login-names")
    page.get_by_role("button", name="efua").click()
    page.get_by_label("Password").wait_for()
    looked_at(page, "login-picked")
    for name, paths in {"ama": ("/opened",), "kofi": ("/people", "/opened", "/open")}.items():
        with browser.new_context(base_url=served.url) as other:
            theirs = other.new_page()
            log_in(theirs, name)
            for path in paths:
                theirs.goto(path)
                looked_at(theirs, f"{name}{path.replace('/', '-')}")
            if name == "ama":
                theirs.goto("/opened")
                theirs.get_by_text(REASON).wait_for()
                theirs.get_by_role("button", name="I have looked at this").click()
                theirs.get_by_text("Looked at by ama").wait_for()
