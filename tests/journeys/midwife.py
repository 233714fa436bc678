"""What a midwife does at the screen, one job a function: only what she sees leads her, no address but the clinic's."""

from collections.abc import Mapping
from datetime import date

from playwright.sync_api import Page, expect


def log_in(page: Page, name: str, password: str) -> None:
    """From the clinic's address to the first page."""
    page.goto("/")
    somebody_else = page.get_by_role("button", name="Somebody else")
    expect(page.get_by_label("Name").or_(somebody_else)).to_be_visible()
    if somebody_else.count():  # others have logged in on this device
        somebody_else.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def menu(page: Page, name: str) -> None:
    """An entry of the main menu."""
    page.get_by_role("navigation", name="Main menu").get_by_role("link", name=name).click()


def find(page: Page, text: str) -> None:
    """Types into the one box."""
    menu(page, "Patients")
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text(text)


def open_record(page: Page, name: str) -> None:
    """A person who was found."""
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def say_who(page: Page, given: str, family: str, year: int, village: str) -> None:
    """The first fields of the registration."""
    menu(page, "Register")
    page.get_by_label("Given names").fill(given)
    page.get_by_label("Family name").fill(family)
    page.get_by_label("Female").check()
    page.get_by_label("Year", exact=True).fill(str(year))
    page.get_by_label("Village or town").fill(village)


def say_phone(page: Page, number: str) -> None:
    """Her telephone, and that she agrees to reminders."""
    page.get_by_label("Telephone", exact=True).fill(number)
    page.get_by_role("group", name="May the clinic").get_by_label("Yes").check()


def register(page: Page) -> None:
    """Ends the registration, at her card."""
    send(page, "Register")
    expect(page.locator(".id-card-number")).to_be_visible()


def choose(page: Page, group: str, *labels: str) -> None:
    """Ticks choices of a group."""
    box = page.get_by_role("group", name=group)
    for label in labels:
        box.get_by_label(label, exact=True).check()


def fill(page: Page, values: Mapping[str, str]) -> None:
    """Types into fields, by their labels."""
    for label, value in values.items():
        page.get_by_label(label, exact=True).first.fill(value)


def send(page: Page, button: str = "Save") -> None:
    """Presses the button at the form's end."""
    page.get_by_role("main").get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state()


def confirm(page: Page, button: str = "Save") -> None:
    """Says yes to everything that is asked once more."""
    expect(page.get_by_role("alert")).to_contain_text("please confirm")
    for box in page.locator(".confirm input").all():
        box.check()
    send(page, button)


def say_pregnancy(page: Page, lmp: date) -> None:
    """The pregnancy's first form, from her record, with the date that follows accepted."""
    page.get_by_role("link", name="Register a pregnancy").click()
    group = page.get_by_role("group", name="First day of her last period")
    for part, value in (("Day", lmp.day), ("Month", lmp.month), ("Year", lmp.year)):
        group.get_by_label(part, exact=True).fill(str(value))
    choose(page, "Is she sure of that day?", "Sure")
    choose(page, "Use the expected date of birth that follows from this?", "Yes, show it to me")
    page.get_by_label("Which pregnancy is it?").fill("2")
    page.get_by_label("How many births did she have").fill("1")
    choose(page, "Allergies", "No known allergy")


def register_pregnancy(page: Page) -> None:
    """Sends it, and confirms the expected date that is told."""
    send(page, "Register")
    confirm(page, "Register")
    expect(page.get_by_role("heading", level=1)).to_have_text("Antenatal contact")


def say_contact(page: Page) -> None:
    """A contact at which all is well."""
    choose(page, "Danger signs", "No danger sign")
    fill(page, {"Upper blood pressure": "118", "Lower blood pressure": "76", "Weight": "61.5", "Haemoglobin": "11.8"})
    choose(page, "Protein in the urine", "None")
    choose(page, "HIV test", "Negative")
    choose(page, "SP against malaria, swallowed here", "Yes")
    fill(page, {"Iron and folic acid handed out, for how many days?": "30"})


def say_danger(page: Page) -> None:
    """A contact at which she is in danger."""
    choose(page, "Danger signs", "Severe headache", "Trouble seeing")
    fill(page, {"Upper blood pressure": "165", "Lower blood pressure": "112"})
    fill(page, {"Upper blood pressure after rest": "162", "Lower blood pressure after rest": "110"})
    choose(page, "Protein in the urine", "++")


def say_referral(page: Page, hospital: str) -> None:
    """An urgent referral to a place of the list."""
    page.get_by_label("To which facility?").fill(hospital)
    choose(page, "How urgent is it?", "At once: her or his life is in danger")
    page.get_by_label("Why?").fill("Severe pre-eclampsia: 162/110 mmHg after rest, severe headache, trouble seeing.")
    page.get_by_label("What was done here").fill("Magnesium sulfate 10 g at 9:40; nifedipine 10 mg.")


def say_birth(page: Page) -> None:
    """A live birth at the clinic."""
    choose(page, "Where was it?", "Clinic or hospital")
    choose(page, "How was the birth?", "Normal birth")
    choose(page, "Was the baby born alive?", "Live birth")
    choose(page, "Sex", "Girl")
    fill(page, {"Weight at birth": "3100", "Apgar score after one minute": "8"})
    choose(page, "Vaccines given already", "BCG (tuberculosis)")


def say_after(page: Page) -> None:
    """The contact after a birth, with mother and baby well."""
    choose(page, "Danger signs of the mother", "No danger sign")
    choose(page, "Danger signs of the baby", "No danger sign")
    fill(page, {"Weight of the baby": "3.0"})
