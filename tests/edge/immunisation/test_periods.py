"""Calendar arithmetic of schedules: leap days, ends of months, centuries."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.immunisation.periods import Period, period

DAYS = st.dates(date(1890, 1, 1), date(2110, 12, 31))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0d", Period()),
        ("13d", Period(days=13)),
        ("6w", Period(days=42)),
        ("9m", Period(months=9)),
        ("4y 11m", Period(months=59)),
        ("1y6m2w1d", Period(months=18, days=15)),
    ],
)
def test_spans_are_read_as_schedules_write_them(written: str, meant: Period) -> None:
    assert period(written) == meant


@pytest.mark.parametrize("written", ["", "6", "w", "+6w", "6 w", "6w,", "-1d", "1m 1m", "6W", "1.5y", "4y,10m", "１w"])
def test_what_is_no_span_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a span"):
        period(written)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        (date(2023, 8, 31), "6m", date(2024, 2, 29)),
        (date(2022, 8, 31), "6m", date(2023, 2, 28)),
        (date(1899, 8, 31), "6m", date(1900, 2, 28)),
        (date(1999, 8, 31), "6m", date(2000, 2, 29)),
        (date(2024, 2, 29), "1y", date(2025, 2, 28)),
        (date(2024, 2, 29), "4y", date(2028, 2, 29)),
        (date(1896, 2, 29), "4y", date(1900, 2, 28)),
        (date(2024, 1, 31), "1m", date(2024, 2, 29)),
        (date(2024, 1, 31), "9m", date(2024, 10, 31)),
        (date(2023, 12, 31), "18m", date(2025, 6, 30)),
        (date(2024, 1, 31), "1m 1d", date(2024, 3, 1)),
        (date(2024, 2, 29), "6w", date(2024, 4, 11)),
        (date(2023, 11, 19), "14w", date(2024, 2, 25)),
        (date(9999, 6, 1), "1y", date.max),
        (date(9999, 12, 1), "6w", date.max),
    ],
)
def test_months_end_on_their_last_day_where_the_day_is_not_there(start: date, span: str, end: date) -> None:
    assert period(span).after(start) == end


@given(start=DAYS, months=st.integers(0, 240), days=st.integers(0, 400))
def test_a_span_ends_in_the_month_it_names_on_the_same_day_or_the_last(start: date, months: int, days: int) -> None:
    by_months = Period(months).after(start)
    assert (by_months.year * 12 + by_months.month) - (start.year * 12 + start.month) == months
    assert by_months.day == start.day or ((by_months + timedelta(days=1)).day == 1 and by_months.day < start.day)
    assert Period(months, days).after(start) == by_months + timedelta(days=days)


@given(start=DAYS, later=st.integers(0, 40), months=st.integers(0, 240))
def test_who_is_born_later_is_never_of_age_earlier(start: date, later: int, months: int) -> None:
    assert Period(months).after(start) <= Period(months).after(start + timedelta(days=later))


@given(start=DAYS, months=st.integers(0, 36), days=st.integers(0, 60))
def test_the_least_number_of_days_is_never_more_than_the_days_of_any_beginning(
    start: date, months: int, days: int
) -> None:
    span = Period(months, days)
    assert span.days_least <= (span.after(start) - start).days <= span.days_least + 4
