"""The pictures of docs/CLINIC.md: which there are, and how one is taken so that it is small."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page

PICTURES: Final = (
    *("login", "today", "find", "register", "register-alike", "card", "record"),
    *("pregnancy-new", "contact", "pregnancy", "list", "month", "danger", "referral", "letter"),
    *("birth", "after-birth", "after", "vaccines", "child"),
    *("waits", "safe", "conflict", "settled"),
    *("without-wifi", "kept-form", "lock", "open-with-reason"),
)
"""Every picture, by the name of its file, in the order of the jobs."""
WIDTH, HEIGHT = 412, 780
"""A telephone held upright, or half a tablet."""
SCALE: Final = 1.5
COLOURS: Final = 32
BYTES_MAX: Final = 60_000


class Album:
    """A folder of pictures that are being taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[str] = []

    def take(self, name: str, page: Page, top: Locator | None = None) -> None:
        """What the screen shows, from `top` on if that is given."""
        page.evaluate("scrollTo(0, 0)")
        if top is not None:
            top.evaluate("one => scrollTo(0, one.getBoundingClientRect().top + scrollY - 12)")
        picture = smaller(page.screenshot(animations="disabled", caret="hide"))
        assert len(picture) <= BYTES_MAX, f"{name}: {len(picture)} bytes"
        (self.folder / f"{name}.png").write_bytes(picture)
        self.taken.append(name)


def smaller(png: bytes) -> bytes:
    """The same picture in few colours: pages have few."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(file, "PNG", optimize=True)
    return file.getvalue()


@contextmanager
def screen(browser: Browser, url: str) -> Iterator[BrowserContext]:
    """A browser of a telephone's size, at a clinic's address."""
    context = browser.new_context(
        base_url=url, viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, locale="en-GB"
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()
