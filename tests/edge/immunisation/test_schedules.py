"""The schedules that come with the program, and what is refused in one that contradicts itself."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge_node.immunisation.periods import period
from edge_node.immunisation.schedule import NAMES, load, problems, read
from tests.edge.immunisation.children import KENYA, MOTHER

DATA = Path(__file__).parents[2] / "data"

SMALL = """
name = "small"
text = "Small"
source = "test"
anchor = "birth"
grace_days = 4
window = "4w"
[[series]]
name = "opv"
text = "Polio drops"
antigens = ["polio-oral"]
give = ["opv"]
interval = "4w"
doses = [
  { name = "opv-1", text = "1", earliest = "6w" },
  { name = "opv-2", text = "2", earliest = "10w" },
]
"""


@pytest.mark.parametrize("name", NAMES)
def test_schedules_that_come_with_the_program_do_not_contradict_themselves(name: str) -> None:
    schedule = load(name)
    assert schedule.name == name
    assert schedule.source
    assert problems(schedule) == []


@pytest.mark.parametrize(
    ("found", "put", "problem"),
    [
        ('"10w"', '"4w"', "opv-2 is due before opv-1"),
        ('give = ["opv"]', 'give = ["ipv"]', "ipv does not hold polio-oral"),
        ('give = ["opv"]', 'give = ["opvv"]', "vaccine opvv is not known"),
        ('give = ["opv"]', "give = []", "nothing to give"),
        ('"opv-2"', '"opv-1"', "opv-1 is there twice"),
        ('earliest = "6w"', 'earliest = "6w", due = "5w"', "due before it may be given"),
        ('earliest = "6w"', 'earliest = "6w", before = "5w"', "too old for it before it may be given"),
        ('earliest = "6w" }', 'earliest = "6w", before = "10w" }', ""),
        ('earliest = "10w"', 'earliest = "10w", wait = "3w"', "opv-2: planned sooner than its interval"),
        ('anchor = "birth"', 'anchor = "dob"', "anchor dob is not known"),
        ('"6w"', '"six weeks"', "not a span of time"),
        ('text = "1"', 'text = "1", expiry = "5y"', "unknown field"),
        ('"10w"', '"10w", before = "10w"', "too old for it before it may be given"),
    ],
)
def test_a_schedule_that_contradicts_itself_is_refused_with_what_is_wrong(found: str, put: str, problem: str) -> None:
    text = SMALL.replace(found, put, 1)
    if problem:
        with pytest.raises(ValueError, match=problem):
            read(text)
    else:
        assert read(text).series


def test_limits_of_age_that_a_late_child_cannot_keep_are_refused() -> None:
    """Kenya's limits for polio drops, as its file has them, leave 28 days of a month; four days fewer would not do."""
    text = SMALL.replace('"6w" }', '"6w", before = "4y 10m" }').replace('"10w" }', '"10w", before = "4y 10m 3w" }')
    with pytest.raises(ValueError, match="who gets opv-1 on the last day is too old for it"):
        read(text)


def kenya_source() -> dict[str, Any]:
    groups = json.loads((DATA / "kenya_kip_vaccines.json").read_text(encoding="utf-8"))
    return {vaccine["name"]: vaccine["schedule"] for group in groups for vaccine in group["vaccines"]}


NAMES_THERE = {
    "OPV 0": "opv-0",
    "BCG": "bcg",
    "OPV 1": "opv-1",
    "OPV 2": "opv-2",
    "OPV 3": "opv-3",
    "Penta 1": "dtp-1",
    "Penta 2": "dtp-2",
    "Penta 3": "dtp-3",
    "PCV 1": "pcv-1",
    "PCV 2": "pcv-2",
    "PCV 3": "pcv-3",
    "Rota 1": "rota-1",
    "Rota 2": "rota-2",
    "IPV": "ipv-1",
    "MR - CE": "measles-0",
    "MR 1": "measles-1",
    "MR 2": "measles-2",
    "YF": "yellow-fever",
}


def test_each_dose_of_kenyas_file_is_in_our_schedule() -> None:
    combined = {"rubella", "hepb", "hib"}
    ours = {dose.name for series in KENYA.series if series.name not in combined for dose in series.doses}
    assert set(kenya_source()) == set(NAMES_THERE)
    assert ours == set(NAMES_THERE.values())


def test_doses_that_kenyas_file_counts_from_birth_are_due_at_the_same_age_here() -> None:
    ours = {dose.name: dose for series in KENYA.series for dose in series.doses}
    compared = 0
    for name, schedule in kenya_source().items():
        for due in schedule.get("due", ()):
            if due["reference"] == "dob":
                born = date(2024, 1, 31)
                assert ours[NAMES_THERE[name]].due.after(born) == period(due["offset"].removeprefix("+")).after(born)
                compared += 1
    assert compared == 9


def test_intervals_of_kenyas_file_are_kept_here() -> None:
    ours = {dose.name: dose for series in KENYA.series for dose in series.doses}
    for name in ("OPV 2", "OPV 3", "Penta 2", "Penta 3", "PCV 2", "PCV 3", "Rota 2"):
        [due] = kenya_source()[name]["due"]
        assert due["offset"] == "+28d"
        assert ours[NAMES_THERE[name]].interval == period("28d")


def test_the_mothers_fifth_dose_comes_after_the_fourth_and_the_third_six_months_after_the_second() -> None:
    """OpenSRP's file has the fifth group at 456 days, the fourth at 624, and 140 days before the third dose."""
    groups = json.loads((DATA / "opensrp_mother_tt.json").read_text(encoding="utf-8"))
    assert [group["days_after_birth_due"] for group in groups] == [91, 119, 259, 624, 456]
    intervals = [dose.interval for series in MOTHER.series for dose in series.doses]
    assert intervals == [period(written) for written in ("4w", "4w", "6m", "1y", "1y")]
    assert intervals[2].days_least > 140
