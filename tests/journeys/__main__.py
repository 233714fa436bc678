"""Takes the pictures of docs/CLINIC.md anew: `python -m tests.journeys [--out FOLDER]`."""

import argparse
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.edge.pages.conftest import ARGUMENTS, CHROMIUM
from tests.journeys.album import Album
from tests.journeys.day import day
from tests.journeys.place import place

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "clinic"


def main() -> int:
    """Works in a folder beside the pictures' own, which is replaced when all are taken."""
    parser = argparse.ArgumentParser(prog="python -m tests.journeys", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures; what is in it is replaced")
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="clinic-") as folder, sync_playwright() as playwright:
        taken = Path(folder) / "pictures"
        taken.mkdir()
        album = Album(taken)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        today = date.today()  # noqa: DTZ011 -- the server goes by this machine's day too.
        with place(Path(folder), today) as one:
            day(browser, one, album, today)
        browser.close()
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(taken, out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{len(album.taken)} pictures, {size // 1000} kB, in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
