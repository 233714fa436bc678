"""The pictures of docs/CLINIC.md are those that the command takes, and each is small."""

import re

from tests.journeys.__main__ import FOLDER
from tests.journeys.album import BYTES_MAX, PICTURES

TEXT = (FOLDER.parent / "CLINIC.md").read_text(encoding="utf-8")


def test_the_folder_holds_what_the_command_takes_and_nothing_else() -> None:
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(f"{name}.png" for name in PICTURES)
    assert [file.name for file in FOLDER.iterdir() if file.stat().st_size > BYTES_MAX] == []


def test_every_picture_is_shown_once_with_words_for_who_cannot_see_it() -> None:
    shown = re.findall(
        r"!\[([^\]]+)\]\(clinic/([\w-]+)\.png\)|<img src=\"clinic/([\w-]+)\.png\" alt=\"([^\"]+)\"", TEXT
    )
    names = [markdown or html for _, markdown, html, _ in shown]
    assert sorted(names) == sorted(PICTURES)
    assert all(words or alt for words, _, _, alt in shown)


def test_every_picture_that_is_named_exists() -> None:
    named = re.findall(r"clinic/([\w-]+\.png)", TEXT)
    assert [name for name in named if not (FOLDER / name).exists()] == []
