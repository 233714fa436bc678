"""What the audit tells that somebody did is said in words."""

from pathlib import Path
from typing import get_args

import pytest

from edge_node.api.sight import EVERYTHING
from edge_node.language.readers import reading
from edge_node.pages import audit_pages
from edge_node.programme import Programme
from edge_node.store.model import Author
from edge_node.store.store import Store
from edge_node.store.trail import Action
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY


def test_whatever_is_recorded_has_words() -> None:
    """What code records is an `Action` by its type, which is checked with all types: none is told without words."""
    assert set(audit_pages.ACTIONS) == set(get_args(Action))


@pytest.mark.parametrize("language", ["en", "fr", "sw", "ha", "ar"])
def test_nothing_on_the_page_is_a_word_for_programs(tmp_path: Path, language: str) -> None:
    raw = {action.replace("-", " ") for action in get_args(Action) if "-" in action}
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        for action in get_args(Action):
            store.record(Author("kofi", "admin"), clinic.START_MS, action)
        with reading(language):
            found = audit_pages.look(store, EVERYTHING, audit_pages.Asked(user="kofi"), clinic.START_MS)
    said = {one.did for one in found.entries}
    assert len(said) == len(get_args(Action))
    assert not said & raw
    assert ("downloaded a month's numbers" in said) == (language == "en")
