"""A clinic's programme: its file is read strictly, and what is wrong in it is named with what there is."""

from pathlib import Path

import pytest

from edge_node.errors import SettingsWrong
from edge_node.immunisation.schedule import CHILDREN, load
from edge_node.maternal.contacts import SCHEDULES
from edge_node.pages.programme_words import CONTACTS
from edge_node.programme import Programme, read_programme
from edge_node.worklists import watching

WHOLE = """
contacts = "rebased"
vaccines = "kenya-child"
malaria = false
anaemia_common = false
calcium_low = false
worms = false
hiv_common = false
altitude_m = 1700
lost_after_days = 14
"""


def read(folder: Path, text: str) -> Programme:
    file = folder / "programme.toml"
    file.write_text(text, encoding="utf-8")
    return read_programme(file)


def test_what_the_file_says_is_in_force_and_the_rest_has_its_default(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Programme()
    assert read(tmp_path, "malaria = false") == Programme(malaria=False)
    whole = read(tmp_path, WHOLE)
    assert all(getattr(whole, name) != getattr(Programme(), name) for name in Programme.__struct_fields__)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('contacts = "who"', "contacts = 'who' is not known; there are who-2016, rebased"),
        ("contacts = 8", "there are who-2016, rebased"),
        ('vaccines = "tetanus-mother"', "there are who-child, kenya-child"),
        ("malarai = false", "there is no malarai; there are contacts, vaccines, malaria, anaemia_common"),
        ('malaria = "no"', "malaria"),
        ("malaria = 0", "malaria"),
        ("altitude_m = -1", "altitude_m"),
        ("altitude_m = 60000", "altitude_m"),
        ("lost_after_days = 0", "lost_after_days"),
        ("malaria", "not what it should be"),
    ],
)
def test_what_is_wrong_is_named_with_what_there_is(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsWrong, match=told):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_no_programme(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="cannot be read"):
        read_programme(tmp_path / "none.toml")


def test_every_plan_that_can_be_chosen_has_rules_and_words() -> None:
    assert set(CONTACTS) == set(SCHEDULES)
    assert {load(name).anchor for name in CHILDREN} == {"birth"}
    assert Programme().contacts in SCHEDULES
    assert Programme().vaccines in CHILDREN


def test_lists_are_worked_out_anew_when_any_choice_changes(tmp_path: Path) -> None:
    chosen = [read(tmp_path, line) for line in WHOLE.strip().splitlines()]
    versions = {watching.version(one) for one in (Programme(), *chosen)}
    assert len(versions) == len(chosen) + 1
