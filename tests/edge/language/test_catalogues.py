"""The catalogues: every text has a translation, in the forms that its language has, and says what is given."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.language.catalogue import catalogue, languages

ROOT = Path(__file__).parents[3]
OTHERS = [language for language in languages() if language != "en"]


def test_every_text_of_the_program_is_translated_and_no_catalogue_is_stale() -> None:
    """Run `make messages` and translate what it names; mark what no speaker has checked as fuzzy."""
    done = subprocess.run(
        [sys.executable, "packaging/messages/update.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_there_are_the_languages_of_our_clinics() -> None:
    assert set(languages()) >= {"en", "fr", "sw", "ha", "ar"}


@pytest.mark.parametrize(
    ("language", "number", "form"),
    [("fr", 0, 0), ("fr", 1, 0), ("fr", 2, 1), ("sw", 1, 0), ("sw", 2, 1), ("ha", 0, 1)]
    + [
        ("ar", number, form)
        for number, form in ((0, 0), (1, 1), (2, 2), (3, 3), (10, 3), (11, 4), (99, 4), (100, 5), (103, 3))
    ],
)
def test_a_number_takes_the_plural_form_that_its_language_has_for_it(language: str, number: int, form: int) -> None:
    assert catalogue(language).plural(number) == form


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_in_a_catalogue_is_markup(language: str) -> None:
    found = [form for one in catalogue(language).texts.values() for form in one.forms if "<" in form or "{" in form]
    assert found == []


def test_a_language_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        catalogue("../../etc/passwd")
