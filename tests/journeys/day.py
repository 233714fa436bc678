"""A midwife's jobs, one after the other, with a picture of each. Every step waits for what she would wait for."""

import time
from datetime import date, timedelta
from typing import Final

from playwright.sync_api import Browser, Page, expect

from tests.edge.pages.waiting import until
from tests.journeys import midwife
from tests.journeys.album import Album, screen
from tests.journeys.place import ALLERGY, HOSPITAL, PASSWORD, Place
from tests.processes.relay import Relay

HER: Final = "Abena Serwaa Boateng"
MOTHER: Final = "Catherine Agyare"
"""One of the women who were here before, 39 weeks pregnant."""
NEW_NUMBER: Final = "0205550199"
PIN: Final = "7294"
REASON: Final = "She bleeds and the midwife is away: which medicines does she take?"
WORKER_SECONDS_MAX: Final = 20.0
READY: Final = "document.documentElement.dataset.offline === 'ready' && navigator.serviceWorker.controller !== null"
KEPT: Final = """async (path) => {
  const result = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const database = await result(indexedDB.open('medtech', 1));
  const found = await result(database.transaction('pages').objectStore('pages').count());
  database.close();
  return found;
}"""
"""How many pages lie in the browser to be read without the Wi-Fi."""


def day(browser: Browser, place: Place, album: Album, today: date) -> None:
    """All of it."""
    with Relay(place.centre.server.port) as wifi, screen(browser, wifi.url) as context:
        page = context.new_page()
        arrive(page, album)
        meet(page, album)
        first_contact(page, album, today)
        numbers(page, album)
        meet_again(page, album)
        danger(page, album)
        birth(page, album)
        the_hub(page, album)
        disagreement(page, album, place)
        lose_the_wifi(page, album, wifi)
        leave_the_tablet(page, album)
    with screen(browser, place.centre.server.url) as context:
        open_with_a_reason(context.new_page(), album)


def arrive(page: Page, album: Album) -> None:
    """Logging in, and what the day brings."""
    page.goto("/")
    album.take("login", page)
    midwife.log_in(page, "esi", PASSWORD)
    midwife.menu(page, "Today")
    settled(page)
    album.take("today", page, page.get_by_role("heading", level=1))


def settled(page: Page) -> None:
    """The lists are worked out: soon after a computer starts they may not be."""
    deadline = time.monotonic() + 60
    while page.get_by_text("being worked out").count():
        assert time.monotonic() < deadline
        page.wait_for_timeout(500)
        page.reload()


def meet(page: Page, album: Album) -> None:
    """Finding with another spelling; registering; the card."""
    midwife.find(page, "mensa efwa")
    album.take("find", page, page.get_by_role("search"))
    midwife.say_who(page, "Abena Serwaa", "Boateng", 1999, "Mamfe")
    midwife.say_phone(page, "0205550144")
    album.take("register", page, page.get_by_role("heading", level=1))
    midwife.register(page)
    album.take("card", page, page.get_by_role("heading", level=1))
    page.get_by_role("link", name="To the record").click()


def meet_again(page: Page, album: Album) -> None:
    """Somebody who is registered already is about to be registered once more."""
    midwife.say_who(page, "Efua", "Mensah", 1996, "Larteh")
    page.get_by_label("Village or town").blur()
    alike = page.locator("#alike")
    expect(alike).to_contain_text("Efua Adwoa Mensah", timeout=15_000)
    album.take("register-alike", page, alike)


def first_contact(page: Page, album: Album, today: date) -> None:
    """Her pregnancy is registered, she is looked at, and what is due and when is told."""
    midwife.say_pregnancy(page, today - timedelta(days=7 * 36 + 2))
    album.take("pregnancy-new", page, page.get_by_role("heading", level=1))
    midwife.register_pregnancy(page)
    midwife.say_contact(page)
    album.take("contact", page, page.get_by_role("heading", level=1))
    midwife.send(page)
    expect(page.get_by_role("main")).to_contain_text("36 weeks and 2 days")
    album.take("pregnancy", page, page.get_by_role("heading", level=1))
    page.get_by_role("link", name=HER).first.click()
    album.take("record", page, page.get_by_role("heading", level=1))


def danger(page: Page, album: Album) -> None:
    """She comes again with a headache: the page says what to do before all else."""
    midwife.find(page, "boateng abena")
    midwife.open_record(page, HER)
    page.get_by_role("link", name="Antenatal contact").first.click()
    midwife.say_danger(page)
    midwife.send(page)
    midwife.confirm(page)
    urgent = page.get_by_role("main").get_by_role("alert")
    expect(urgent).to_contain_text("Refer now")
    album.take("danger", page, page.get_by_role("heading", level=1))
    page.get_by_role("link", name="Write the referral").click()
    midwife.say_referral(page, HOSPITAL)
    album.take("referral", page, page.get_by_role("heading", level=1))
    midwife.send(page, "Refer")
    expect(page.get_by_role("heading", level=1)).to_have_text("Referral letter")
    album.take("letter", page, page.get_by_role("article"))


def birth(page: Page, album: Album) -> None:
    """The birth, the baby as a patient, the first contact after it, the child's vaccines."""
    midwife.menu(page, "Today")
    page.get_by_role("link", name="Expected births").click()
    midwife.open_record(page, MOTHER)
    page.get_by_role("link", name="Birth", exact=True).click()
    midwife.say_birth(page)
    album.take("birth", page, page.get_by_role("heading", level=1))
    midwife.send(page)
    expect(page.get_by_role("main")).to_contain_text("Live birth")
    album.take("after-birth", page, page.get_by_role("heading", level=1))
    page.get_by_role("link", name="Contact after birth").click()
    midwife.say_after(page)
    album.take("after", page, page.get_by_role("heading", level=1))
    midwife.send(page)
    midwife.open_record(page, f"Baby of {MOTHER}")
    vaccinate(page, album)


def vaccinate(page: Page, album: Album) -> None:
    """What is due for the child is given, and stands on its card."""
    page.get_by_role("link", name="Growth charts and vaccination card").click()
    page.get_by_role("link", name="Vaccines given").click()
    page.get_by_role("group", name="Due today").get_by_role("checkbox").first.check()
    album.take("vaccines", page, page.get_by_role("heading", level=1))
    midwife.send(page)
    page.get_by_role("link", name="Growth charts and vaccination card").click()
    expect(page.locator("#card")).to_contain_text("BCG")
    album.take("child", page, page.locator("#card"))


def numbers(page: Page, album: Album) -> None:
    """Who is overdue, and the month's numbers."""
    midwife.menu(page, "Today")
    page.get_by_role("link", name="Overdue").click()
    album.take("list", page, page.get_by_role("heading", level=1))
    page.get_by_role("link", name="All lists").click()
    page.get_by_role("link", name="A month's numbers").click()
    album.take("month", page, page.get_by_role("heading", level=1))


def the_hub(page: Page, album: Album) -> None:
    """What waits, and that all is safe once it was sent."""
    midwife.menu(page, "Hub")
    album.take("waits", page, page.get_by_role("heading", name="What waits here"))
    midwife.menu(page, "Today")
    page.get_by_role("button", name="Send now").click()
    expect(page.locator(".standing-headline")).to_have_text("Everything here is safe at the hub")
    album.take("safe", page)


def disagreement(page: Page, album: Album, place: Place) -> None:
    """The post writes another allergy than she does; after the exchange she says which is right, and both have it."""
    place.centre.edit("ama", ALLERGY, code={"text": "Amoxicillin"})
    place.post.edit("kwame", ALLERGY, code={"text": "Ampicillin"})
    place.post.sync()
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("status").first).to_contain_text("Done")
    midwife.menu(page, "Conflicts")
    conflict = page.get_by_role("article")
    expect(conflict).to_contain_text("Ampicillin")
    album.take("conflict", page, page.get_by_role("heading", level=1))
    page.get_by_role("button", name="This is right (Amoxicillin)").click()
    expect(page.get_by_role("status").first).to_contain_text("Settled.")
    album.take("settled", page, page.get_by_role("main"))
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("status").first).to_contain_text("Done")
    place.post.sync()
    assert place.post.digest() == place.centre.digest()


def lose_the_wifi(page: Page, album: Album, wifi: Relay) -> None:
    """A page that was read stays readable; a form is kept, and is sent when the Wi-Fi is back."""
    midwife.find(page, "mensah efua")
    midwife.open_record(page, "Efua Adwoa Mensah")
    record = page.url
    until(lambda: bool(page.evaluate(READY)))
    before = page.evaluate(KEPT)
    page.reload()
    until(lambda: page.evaluate(KEPT) >= before > 0)
    page.wait_for_timeout(500)
    page.get_by_text("More about this person").click()
    page.get_by_role("link", name="Change", exact=True).click()
    until(lambda: bool(page.evaluate(READY)))
    wifi.cut()
    page.get_by_label("Telephone", exact=True).fill(NEW_NUMBER)
    midwife.send(page, "Save the changes")
    kept = page.locator("#kept-list")
    expect(kept).to_contain_text("It will be sent when the clinic's computer answers")
    album.take("kept-form", page)
    page.goto(record)
    expect(page.locator("#read-at")).to_be_visible()
    album.take("without-wifi", page)
    wifi.mend()
    expect(page.locator("#kept")).to_contain_text("Saved", timeout=30_000)
    page.reload()
    expect(page.get_by_role("main")).to_contain_text(NEW_NUMBER)


def leave_the_tablet(page: Page, album: Album) -> None:
    """A PIN is set, the screen locked, and unlocked with it."""
    page.get_by_role("link", name="your PIN").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.get_by_label("The same PIN again").fill(PIN)
    page.get_by_role("button", name="Set the PIN").click()
    midwife.menu(page, "Today")
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_label("PIN", exact=True)).to_be_visible()
    album.take("lock", page)
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")


def open_with_a_reason(page: Page, album: Album) -> None:
    """The registrar, alone in an emergency, opens what is not for his role."""
    midwife.log_in(page, "yaw", PASSWORD)
    midwife.find(page, "mensah efua")
    midwife.open_record(page, "Efua Adwoa Mensah")
    page.get_by_role("link", name="Open the whole record with a reason").click()
    page.get_by_label("Why do you need it now?").fill(REASON)
    album.take("open-with-reason", page, page.get_by_role("heading", level=1))
    page.get_by_role("button", name="Open the record").click()
    expect(page.get_by_role("main")).to_contain_text("Your reason is shown to a supervisor")
