"""Dates as intervals and text folded, the same way for data and for searches."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.fhir.criteria import escape, implied_range, split, unescape
from edge_node.fhir.values import fold, interval
from tests.edge.fhir import oracle

MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001 - zones come after.
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, ZONES, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_an_interval_begins_at_its_moment_and_is_as_long_as_its_precision(
    moment: datetime, zone: timezone, precision: str
) -> None:
    at = moment.replace(tzinfo=zone)
    text = at.isoformat(timespec=precision)
    low, high = interval(text)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=low)
    shift = at - start
    assert timedelta(0) <= shift < (timedelta(seconds=1) if precision == "seconds" else timedelta(milliseconds=1))
    assert high - low == (999 if precision == "seconds" else 0)
    assert (low, high) == oracle.moment(text)


@given(MOMENTS, st.sampled_from([4, 7, 10]))
def test_intervals_of_days_months_and_years_nest_and_follow_the_calendar(moment: datetime, length: int) -> None:
    text = moment.replace(tzinfo=UTC).isoformat()
    low, high = interval(text[:length])
    assert (low, high) == oracle.moment(text[:length])
    inner = interval(text[:10])
    assert low <= inner[0] <= inner[1] <= high


@given(MOMENTS, MOMENTS)
def test_intervals_are_ordered_as_their_moments(one: datetime, other: datetime) -> None:
    texts = sorted(at.replace(tzinfo=UTC).isoformat(timespec="milliseconds") for at in (one, other))
    assert interval(texts[0]) <= interval(texts[1])


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1970", 0, 365 * 86_400_000 - 1),
        ("1969-12-31", -86_400_000, -1),
        ("1970-01-01T00:00Z", 0, 59_999),
        ("1970-01-01T03:00:00+03:00", 0, 999),
        ("1970-01-01T00:00:00.5Z", 500, 599),
        ("1970-01-01T00:00:00.123456789Z", 123, 123),
        ("1970-01-01T00:00:60Z", 60_000, 60_999),
        ("1970-01-01T00:00:00", 0, 999),
        ("2024-02", 1706745600000, 1709251199999),
    ],
)
def test_intervals_by_precision_and_zone(text: str, low: int, high: int) -> None:
    assert interval(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        *("", "20", "2020-13", "2020-02-30", "0000", "2020-W01-1", "2020-1-1", "2020-01-01T", "2020-01-01T24:00:00Z"),
        *("2020-01-01T00:00:61Z", "2020-01-01T00:60:00Z", "tomorrow", "２０２０", "2020-01-01T00:00:00+25:00"),
    ],
)
def test_what_is_no_date_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some are Python's own, and their text is never shown.
        interval(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  O'Brien   Smith ", "o'brien smith"),
        ("ÉLODIE", "elodie"),
        ("Straße", "strasse"),
        ("Adébáyọ̀", "adebayo"),
        ("Nguyễn", "nguyen"),
        ("İstanbul", "istanbul"),
        ("مُحَمَّد", "محمد"),
        ("אַבְרָהָם", "אברהם"),
        ("कम", "कम"),
        ("क्म", "क्म"),
        ("ወንድም", "ወንድም"),
        ("김", "김"),
        ("ガ", "ガ"),
        ("ﬁ", "fi"),
    ],
)
def test_folding_drops_accents_and_keeps_letters_of_every_script(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_is_idempotent_and_blind_to_case(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="abİßéÅΣσς ǅ", max_size=8))
def test_upper_and_lower_case_fold_alike(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower()) or "İ" in text or "ß" in text


@given(st.lists(st.text(alphabet=st.sampled_from("ab,|$\\"), max_size=6), min_size=1, max_size=5))
def test_escaped_values_come_back_from_a_joined_list(values: list[str]) -> None:
    joined = ",".join(escape(value) for value in values)
    assert [unescape(part) for part in split(joined, ",")] == values
    joined = "|".join(escape(value) for value in values)
    assert [unescape(part) for part in split(joined, "|")] == values


@given(st.text(alphabet=st.sampled_from("ab,|$\\"), max_size=12))
def test_any_text_is_split_without_loss(text: str) -> None:
    assert ",".join(split(text, ",")) == text


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", 99.5, 100.5),
        ("100.00", 99.995, 100.005),
        ("5.40e-3", 0.005395, 0.005405),
        ("1e2", 95, 105),
        ("-2.0", -2.05, -1.95),
        ("0", -0.5, 0.5),
    ],
)
def test_the_range_of_a_number_is_that_of_the_specification(text: str, low: float, high: float) -> None:
    assert implied_range(text) == (float(text), low, high)


@pytest.mark.parametrize(
    "text", ["4.086612262579792", "129.40562909599007", "0.1234567890123456789", "-7.000000000000000001"]
)
def test_a_number_is_within_the_range_of_its_own_digits_however_many(text: str) -> None:
    number, low, high = implied_range(text)
    assert low <= number < high
