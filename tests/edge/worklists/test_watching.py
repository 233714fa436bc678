"""Lists that are kept say of every day what the rules say of it, have nobody twice, and end with a loss and with death."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.immunisation.due import stand
from edge_node.immunisation.record import read as read_vaccinations
from edge_node.maternal.indicators import Month, month_counts
from edge_node.maternal.lists import standing, work
from edge_node.maternal.record import read_mother
from edge_node.programme import Programme
from edge_node.store.due import Due
from edge_node.worklists import counting, watching
from edge_node.worklists.spans import Span, joined
from tests.edge.immunisation.children import WHO
from tests.edge.maternal.making import LMP, dated, synthea_records, week
from tests.edge.maternal.test_due import histories

PROGRAMME = Programme()


def derived(resources: list[dict[str, Any]]) -> list[Due]:
    return list(watching.derive(resources, PROGRAMME))


def on_day(rows: Iterable[Due], list_: str, day: date) -> list[Due]:
    """As a page asks the store."""
    return [row for row in rows if row.list == list_ and row.since <= day and (row.until is None or day <= row.until)]


@given(histories(), st.integers(-30, 500))
@settings(max_examples=60, deadline=None)
def test_a_list_has_her_on_a_day_exactly_when_the_rules_say_so(resources: list[dict[str, Any]], after: int) -> None:
    day = LMP + timedelta(after)
    rows = derived(resources)
    said = standing(work(read_mother("mother", resources), PROGRAMME), day)
    kept = {list_: on_day(rows, list_, day) for list_ in watching.LISTS}
    assert bool(kept[watching.DUE]) == bool(said.this_week)
    assert bool(kept[watching.OVERDUE]) == bool(said.overdue)
    assert bool(kept[watching.HIGH_RISK]) == said.high_risk
    assert bool(kept[watching.LOST]) == said.lost
    assert bool(kept[watching.BIRTHS]) == (said.birth_expected is not None)
    assert all(len(found) <= 1 for found in kept.values()), "nobody stands on a list twice"


@given(histories())
@settings(max_examples=60, deadline=None)
def test_no_two_rows_of_one_record_have_one_name_on_a_list(resources: list[dict[str, Any]]) -> None:
    names = Counter((row.list, row.since, row.code) for row in derived(resources))
    assert max(names.values(), default=1) == 1


@given(histories())
@settings(max_examples=60, deadline=None)
def test_months_that_are_kept_count_what_the_indicators_count(resources: list[dict[str, Any]]) -> None:
    mother, rows = read_mother("mother", resources), derived(resources)
    for number in range(36):
        month = Month(LMP.year - 2 + number // 12, number % 12 + 1)
        kept = Counter(
            row.list.removeprefix("month ")
            for row in rows
            if row.list.startswith("month ") and row.since == month.first and not row.list.startswith("month one-")
        )
        assert {code: count for code, count in month_counts([mother], month).items() if count} == kept


@pytest.mark.parametrize("end", ["loss", "death"])
def test_a_loss_and_a_death_take_her_from_every_list(end: str) -> None:
    record, episode = dated()
    record.contact(week(12), episode)
    day = week(31)
    before = {row.list for row in derived(record.resources) if on_day([row], row.list, day)}
    assert {watching.CARE, watching.OVERDUE} <= before
    if end == "loss":
        record.outcome("miscarriage", week(30), episode)
    else:
        record.patient["deceasedDateTime"] = week(30).isoformat()
    rows = derived(record.resources)
    left = {row.list for after in range(400) for row in rows if on_day([row], row.list, day + timedelta(after))}
    assert not left & {*watching.LISTS, watching.CARE}


def test_a_death_in_a_record_that_was_merged_into_hers_ends_all() -> None:
    record, _ = dated()
    other: dict[str, Any] = {"resourceType": "Patient", "id": "other", "deceasedBoolean": True}
    other["link"] = [{"other": {"reference": "Patient/mother"}, "type": "replaced-by"}]
    record.resources.append(other)
    assert not {row.list for row in derived(record.resources)} & {*watching.LISTS, watching.CARE, watching.VACCINES}


def test_a_pregnancy_that_stands_in_the_merged_record_is_hers() -> None:
    record, _ = dated()
    other: dict[str, Any] = {"resourceType": "Patient", "id": "other", "gender": "female"}
    other["link"] = [{"other": {"reference": "Patient/mother"}, "type": "replaces"}]
    resources: list[dict[str, Any]] = [other, *record.resources]
    hers = {row.code for row in derived(record.resources) if row.list == watching.CARE and row.since >= LMP}
    assert hers
    assert {row.code for row in derived(resources) if row.list == watching.CARE} == hers


def test_every_record_of_another_program_gives_rows_with_words_that_json_holds() -> None:
    rows = [row for _, resources in synthea_records()[:40] for row in derived(_hers_first(resources))]
    assert {row.list for row in rows} >= {watching.VACCINES, watching.IMMUNISATION}
    assert all(row.until is None or row.since <= row.until for row in rows if row.list in watching.LISTS)


def _hers_first(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(resources, key=lambda each: each["resourceType"] != "Patient")


def test_a_child_is_listed_from_a_week_before_a_dose_until_five_years() -> None:
    born = date(2024, 3, 4)
    child = {"resourceType": "Patient", "id": "c", "birthDate": born.isoformat()}
    rows = derived([child])
    (first, *_) = [row for row in rows if row.list == watching.IMMUNISATION]
    assert first.since == born - watching.SOON
    days = [born + timedelta(days) for days in (0, 400, 1800)]
    assert all(len(on_day(rows, watching.IMMUNISATION, day)) == 1 for day in days)
    nobody = [{"resourceType": "Patient", "id": "t", "birthDate": "2008-01-01"}]
    teenager = on_day(derived(nobody), watching.IMMUNISATION, date(2024, 6, 1))
    assert teenager == [], "who was never immunised is not listed until she is eighteen"
    assert stand(WHO, read_vaccinations(nobody[0], nobody).facts).due, "though her own page has what she may have"


def test_children_are_counted_in_the_month_of_their_first_birthday_with_what_they_had_by_then() -> None:
    child = {"resourceType": "Patient", "id": "c", "birthDate": "2024-02-29"}
    given_ = [
        {
            "resourceType": "Immunization",
            "id": f"i{number}",
            "status": "completed",
            "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": code}]},
            "patient": {"reference": "Patient/c"},
            "occurrenceDateTime": day,
        }
        for number, (code, day) in enumerate((("19", "2024-03-01"), ("05", "2025-03-20")))
    ]
    rows = derived([child, *given_])
    found = {row.list: row.since for row in rows if row.list.startswith("month ")}
    assert found == {counting.counted(code): date(2025, 2, 1) for code in ("one-year-old", "one-bcg")}


DAYS = st.integers(0, 60).map(lambda number: date(2026, 1, 1) + timedelta(number))


@given(st.lists(st.builds(lambda a, n: Span(a, None if n > 20 else a + timedelta(n), a), DAYS, st.integers(0, 25))))
def test_joined_spans_hold_the_same_days_once_and_never_touch(spans: list[Span]) -> None:
    found = joined(spans)
    for number in range(100):
        day = date(2026, 1, 1) + timedelta(number)
        inside = [one for one in found if one.first <= day and (one.last is None or day <= one.last)]
        assert len(inside) == any(one.first <= day and (one.last is None or day <= one.last) for one in spans)
    assert all(one.last is not None and one.last + timedelta(1) < other.first for one, other in pairwise(found))


def test_the_version_names_the_settings_too() -> None:
    assert watching.version(PROGRAMME) == watching.version(Programme())
    assert watching.version(PROGRAMME) != watching.version(Programme(malaria=False))
