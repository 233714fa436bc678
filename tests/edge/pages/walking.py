"""Every page that links lead to, each kind once: what a person who clicks on everything would see."""

import re
from collections import deque
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from playwright.sync_api import Page

from tests.edge.pages.conftest import SIZES

ROOT: Final = Path(__file__).parents[3]
PICTURES: Final = ROOT / "build" / "pages"
"""Where a run of the tests keeps what the pages look like, for people to look at. Not part of the tree."""
FILES: Final = re.compile(r"/(files|download|thumbnail|photo|assets)\b|\.(crt|mobileconfig)$")
"""Addresses that answer with files."""
FOR_PROGRAMS: Final = re.compile(
    r"\{|\}|%\(|\[object|\bundefined\b|\bnull\b|\bNaN\b|https?://|\burn:|\bfinal\b|entered-in-error|CodeableConcept"
    r"|[A-Z][a-z]+[A-Z]?[a-z]+/[0-9a-z-]{8,}|\d{4}-\d\d-\d\dT|\d\d:\d\d:\d\dZ"
)
"""What is for programs and not for people: templates, JSON, codes, addresses, FHIR's names and times."""
IDS: Final = re.compile(r"/(?=[^/]*\d)[\w.-]{3,}|/(?:amina|olawale)(?=/|$)")
LINKS: Final = "[...document.querySelectorAll('a[href]')].map((one) => one.href)"
PAGES_MAX: Final = 150


class Seen(Struct, frozen=True):
    """A page that a link led to."""

    path: str
    linked_on: str
    status: int


def kind(path: str) -> str:
    """The address with ids left out: pages of one kind look alike."""
    return IDS.sub("/*", path.partition("?")[0])


def reached(page: Page, *begin: str) -> list[Seen]:
    """Every kind of page that can be reached by links from where one begins."""
    found: list[Seen] = []
    waiting = deque((path, "") for path in begin)
    known = {kind(path) for path in begin}
    while waiting:
        path, linked_on = waiting.popleft()
        answer = page.goto(path)
        assert answer is not None
        found.append(Seen(path, linked_on, answer.status))
        assert len(found) < PAGES_MAX, "a kind of page has addresses that look different each time"
        host = urlsplit(page.url).netloc
        for link in page.evaluate(LINKS):
            parts = urlsplit(link)
            if parts.netloc != host or FILES.search(parts.path) or kind(parts.path) in known:
                continue
            known.add(kind(parts.path))
            waiting.append((f"{parts.path}?{parts.query}" if parts.query else parts.path, path))
    return found


def keep(page: Page, folder: str, path: str) -> None:
    """A picture of the whole page, at each size."""
    name = re.sub(r"\W+", "-", kind(path)).strip("-") or "patients"
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=PICTURES / folder / f"{name}-{size}.png", full_page=True)


def look(page: Page, path: str) -> list[str]:
    """What is wrong with a page at this size and in this language."""
    told = []
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        told.append(f"{path} scrolls sideways")
    raw = FOR_PROGRAMS.search(page.locator("main").inner_text())
    if raw:
        told.append(f"{path} says {raw.group()!r}")
    return told
