"""The clinic's Wi-Fi is lost: pages that were read stay readable, forms are kept and sent once, and nobody else can read any of it."""

import base64
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import esprima
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge.pages.conftest import ARGUMENTS, CHROMIUM
from tests.edge.pages.tablet import FORM, RECORD, Tablet, notes, problem, save, tablet_at
from tests.edge.pages.waiting import until

WORDS = ("Yusufzai", "Amina", "amina", "Kakuma", "Fundal")
"""What a page of hers says."""
SCRIPTS = ("vault.js", "worker.js", "offline.js", "live.js")


@pytest.fixture
def tablet(browser: Browser, filled: Path, tmp_path: Path) -> Iterator[Tablet]:
    with tablet_at(browser, filled, tmp_path) as one:
        one.log_in()
        yield one


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_written_for_browsers_of_2017(name: str) -> None:
    text = files("edge_node.pages").joinpath("assets", name).read_text(encoding="utf-8")
    assert esprima.parseScript(text).body


def test_chromium_offers_to_install_the_pages(tablet: Tablet) -> None:
    session = tablet.context.new_cdp_session(tablet.page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )
    assert session.send("Page.getAppManifest")["errors"] == []


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_page_that_was_read_stays_readable_and_says_from_when_it_is(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.cut()
    tablet.page.reload()
    expect(tablet.page.get_by_role("heading", level=1, name="Yusufzai")).to_be_visible()
    told = tablet.page.locator("#read-at")
    expect(told).to_be_visible()
    assert "The clinic's computer does not answer" in told.inner_text()
    assert tablet.page.locator("#read-at time").inner_text().strip()
    expect(tablet.page.locator(".standing")).to_be_hidden()


def test_when_it_answers_again_the_page_is_the_present_one(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.cut()
    tablet.page.reload()
    expect(tablet.page.locator("#read-at")).to_be_visible()
    tablet.relay.mend()
    tablet.page.reload()
    expect(tablet.page.locator("#read-at")).to_be_hidden()
    expect(tablet.page.locator(".standing")).to_be_visible()


def test_who_reads_a_copy_is_told_when_the_computer_answers_again(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.cut()
    tablet.page.reload()
    expect(tablet.page.locator("#read-at")).to_be_visible()
    tablet.relay.mend()
    tablet.page.get_by_role("link", name="Show it as it is now").click(timeout=30_000)
    expect(tablet.page.locator("#read-at")).to_be_hidden()


def test_a_signal_that_is_lost_without_a_word_is_not_waited_for_long(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.hold()
    begun = time.monotonic()
    tablet.page.reload()
    expect(tablet.page.locator("#read-at")).to_be_visible()
    assert time.monotonic() - begun < 15
    tablet.relay.let_go()


def test_a_page_that_was_not_read_is_not_there_and_that_is_said(tablet: Tablet) -> None:
    tablet.relay.cut()
    tablet.page.goto("/patients/somebody-else")
    tablet.offline()


def test_a_worker_that_the_browser_ended_gets_the_keys_from_the_open_page(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.cut()
    stop_workers(tablet)
    tablet.page.reload()
    expect(tablet.page.get_by_role("heading", level=1, name="Yusufzai")).to_be_visible()


def test_with_no_page_open_and_the_worker_ended_nothing_can_be_read_until_the_computer_answers(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.relay.cut()
    tablet.page.goto("about:blank")
    stop_workers(tablet)
    tablet.page.goto(RECORD)
    tablet.offline()
    tablet.relay.mend()
    tablet.page.goto(RECORD)
    expect(tablet.page.get_by_role("heading", level=1, name="Yusufzai")).to_be_visible()


def stop_workers(tablet: Tablet) -> None:
    """As browsers do with one that was idle for half a minute."""
    session = tablet.context.new_cdp_session(tablet.page)
    session.send("ServiceWorker.enable")
    session.send("ServiceWorker.stopAllWorkers")
    tablet.page.wait_for_timeout(300)


# --- shared tablets ---------------------------------------------------------------------------------------------------


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login?left")


def test_after_logout_nothing_is_readable_and_neither_records_nor_keys_are_in_the_browser(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("Fundal height twenty-eight")
    wait_for(tablet, "drafts", 1)
    told = tablet.page.evaluate("fetch('/offline/key').then((answer) => answer.json())")
    tablet.open("/")
    log_out(tablet.page)
    dump = tablet.dump()
    key = base64.b64decode(told["key"])
    assert len(key) == 32
    assert "pages: " in dump
    assert "drafts: 1" in dump
    for secret in (*WORDS, told["key"], key.hex(), "CRYPTOKEY", RECORD):
        assert secret not in dump
    tablet.relay.cut()
    tablet.page.goto(RECORD)
    tablet.offline()


def test_on_the_disk_what_pages_keep_is_not_in_clear_either(browser: Browser, tablet: Tablet, tmp_path: Path) -> None:
    """As who copies the browser's files would find it, while she is still logged in."""
    profile = tmp_path / "profile"
    context = browser.browser_type.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=ARGUMENTS, base_url=tablet.relay.url
    )
    tablet.page = context.new_page()
    tablet.log_in()
    tablet.kept(RECORD)
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("Fundal height twenty-eight")
    wait_for(tablet, "drafts", 1)
    told = tablet.page.evaluate("fetch('/offline/key').then((answer) => answer.json())")
    context.close()
    kept = [path for name in ("IndexedDB", "Service Worker") for path in (profile / "Default" / name).rglob("*")]
    content = b"".join(path.read_bytes() for path in kept if path.is_file())
    assert len(content) > 10_000
    for secret in (*WORDS, told["key"], RECORD):
        assert secret.encode() not in content
        assert secret.encode("utf-16-le") not in content
    assert base64.b64decode(told["key"]) not in content


def wait_for(tablet: Tablet, store: str, count: int) -> None:
    until(lambda: tablet.count(store) == count)


def test_another_user_of_the_tablet_reads_nothing_of_hers_and_sends_nothing_in_her_name(tablet: Tablet) -> None:
    tablet.kept(RECORD)
    tablet.open(FORM)
    tablet.relay.cut()
    tablet.page.get_by_label("Note").fill("of Ama")
    tablet.page.get_by_role("button", name="Save").click()
    expect(tablet.page.locator("#kept-list")).to_contain_text("Visit of a patient")
    tablet.relay.mend()
    stop_sending(tablet)
    tablet.log_in("zuri")
    tablet.open("/offline/kept")
    expect(tablet.page.get_by_text("Nothing of yours waits")).to_be_visible()
    tablet.open(FORM)
    assert tablet.page.get_by_label("Note").input_value() == ""
    tablet.relay.cut()
    tablet.page.goto(RECORD)
    tablet.offline()
    assert notes(tablet.served) == []
    tablet.relay.mend()
    tablet.page.goto("/")
    log_out(tablet.page)
    tablet.log_in("ama")
    expect(tablet.page.locator("#kept")).to_contain_text("Saved: Visit of a patient")
    assert notes(tablet.served) == ["of Ama"]


def stop_sending(tablet: Tablet) -> None:
    """She leaves at once, before the tablet noticed that the computer answers."""
    tablet.context.clear_cookies()
    tablet.page.goto("/login")


def test_who_leaves_while_there_is_no_answer_has_left(tablet: Tablet) -> None:
    """The next person must not come back into her session when the Wi-Fi is there again."""
    tablet.kept(RECORD)
    tablet.relay.cut()
    tablet.page.get_by_role("button", name="Log out").click()
    tablet.offline()
    tablet.page.goto("/")
    tablet.offline()
    tablet.relay.mend()
    tablet.page.goto("/")
    expect(tablet.page.get_by_role("heading", name="Who are you?")).to_be_visible()


def test_a_tablet_left_alone_without_the_wifi_locks_itself(browser: Browser, filled: Path, tmp_path: Path) -> None:
    with tablet_at(browser, filled, tmp_path) as tablet:
        tablet.page.clock.install()
        tablet.log_in()
        tablet.kept(RECORD)
        tablet.relay.cut()
        tablet.page.clock.fast_forward(11 * 60 * 1000)
        tablet.page.clock.run_for(20_000)
        tablet.offline()
        tablet.page.goto(RECORD)
        tablet.offline()


# --- forms ------------------------------------------------------------------------------------------------------------


def test_what_is_typed_outlives_the_page(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("half a sentence")
    tablet.page.get_by_label("At home").check()
    wait_for(tablet, "drafts", 1)
    tablet.page.wait_for_timeout(600)
    tablet.open(RECORD)
    tablet.open(FORM)
    assert tablet.page.get_by_label("Note").input_value() == "half a sentence"
    expect(tablet.page.get_by_label("At home")).to_be_checked()
    expect(tablet.page.locator(".draft")).to_contain_text("was kept and is filled in again")
    tablet.page.get_by_role("button", name="Start afresh").click()
    assert tablet.page.get_by_label("Note").input_value() == ""
    wait_for(tablet, "drafts", 0)


def test_a_draft_does_not_take_back_what_a_colleague_changed_meanwhile(tablet: Tablet) -> None:
    """The form shows what is recorded now; only what she herself typed is put into it."""
    tablet.open(FORM)
    assert tablet.page.get_by_label("Weight").input_value() == "1"
    tablet.page.get_by_label("Note").fill("half a sentence")
    wait_for(tablet, "drafts", 1)
    save(tablet.served, {"resourceType": "Patient", "id": "other", "name": [{"family": "Other"}]})
    save(tablet.served, problem("new", "Malaria"))
    tablet.open(FORM)
    assert tablet.page.get_by_label("Note").input_value() == "half a sentence"
    assert tablet.page.get_by_label("Weight").input_value() == "2"


def test_a_draft_that_comes_late_does_not_mix_with_what_is_typed_already(tablet: Tablet) -> None:
    """A slow tablet: she types about somebody else before the draft is read."""
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("of somebody else")
    tablet.page.get_by_label("At home").check()
    wait_for(tablet, "drafts", 1)
    tablet.page.wait_for_timeout(600)
    at_once = "addEventListener('DOMContentLoaded', () => { document.querySelector('[name=note]').value = 'at once'; })"
    tablet.page.add_init_script(at_once)
    tablet.open(FORM)
    until(lambda: tablet.page.locator("form[data-drafted]").count() > 0)
    assert tablet.page.get_by_label("Note").input_value() == "at once"
    expect(tablet.page.get_by_label("At home")).not_to_be_checked()
    expect(tablet.page.locator(".draft")).to_have_count(0)


def test_a_form_that_was_saved_leaves_no_draft(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("saved at once")
    wait_for(tablet, "drafts", 1)
    tablet.page.get_by_role("button", name="Save").click()
    tablet.page.wait_for_url("**" + RECORD)
    wait_for(tablet, "drafts", 0)
    assert notes(tablet.served) == ["saved at once"]


def test_the_wifi_is_lost_in_mid_form_and_the_form_is_sent_once_when_it_is_back(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.page.get_by_label("Weight").fill("61,5")
    tablet.relay.cut()
    tablet.page.get_by_label("Note").fill("kicks felt")
    tablet.page.get_by_role("button", name="Save").click()
    expect(tablet.page.locator("#kept-list")).to_contain_text("It will be sent when the clinic's computer answers")
    assert "kicks" not in tablet.dump()
    assert notes(tablet.served) == []
    tablet.relay.mend()
    expect(tablet.page.locator("#kept")).to_contain_text("Saved: Visit of a patient", timeout=30_000)
    assert notes(tablet.served) == ["kicks felt"]
    wait_for(tablet, "outbox", 0)
    wait_for(tablet, "drafts", 0)


@pytest.mark.slow
def test_an_answer_that_is_lost_does_not_save_the_form_twice(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.page.get_by_label("Note").fill("the answer is lost")
    tablet.page.get_by_role("button", name="Save").click(no_wait_after=True)
    until(lambda: notes(tablet.served) == ["the answer is lost"])
    tablet.relay.cut()
    expect(tablet.page.locator("#kept-list")).to_contain_text("Visit of a patient", timeout=20_000)
    tablet.relay.mend()
    expect(tablet.page.locator("#kept")).to_contain_text("Saved", timeout=30_000)
    assert notes(tablet.served) == ["the answer is lost"]


def test_a_question_about_a_kept_form_is_put_to_its_author(tablet: Tablet) -> None:
    tablet.open(FORM)
    tablet.relay.cut()
    tablet.page.get_by_label("Note").fill("please ask")
    tablet.page.get_by_role("button", name="Save").click()
    expect(tablet.page.locator("#kept-list")).to_contain_text("Visit of a patient")
    tablet.relay.mend()
    tablet.page.get_by_role("button", name="Open it").click(timeout=30_000)
    tablet.page.get_by_label("Yes").check()
    assert tablet.page.get_by_label("Note").input_value() == "please ask"
    tablet.page.get_by_role("button", name="Save").click()
    tablet.page.wait_for_url("**" + RECORD)
    assert notes(tablet.served) == ["please ask"]
    wait_for(tablet, "outbox", 0)
