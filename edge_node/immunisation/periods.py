"""Spans of the calendar as schedules write them ("6w", "9m", "4y 11m"), and their addition to dates.

Years and months go by the calendar; a day that the month does not have becomes the month's last one, so 31 August and
six months is 28 (or 29) February. That is the rule of FHIRPath and CQL for date arithmetic
(https://hl7.org/fhirpath/#date-time-arithmetic) and of the programmes whose schedules we read. (The logic of CDC's
CDSi, rule CALCDT-5, takes the first day of the next month instead; the day between lies within the grace period.) Weeks
and days are exact.
"""

import re
from calendar import monthrange
from datetime import date, timedelta

import msgspec

_PARTS = re.compile(r"(\d{1,4})([ymwd])", re.ASCII).findall
_WHOLE = re.compile(r"\d{1,4}[ymwd](?: ?\d{1,4}[ymwd])*", re.ASCII).fullmatch


class Period(msgspec.Struct, frozen=True, order=False):
    """A span of time. Months and days are kept apart, since a month has no fixed number of days."""

    months: int = 0
    days: int = 0

    def after(self, start: date) -> date:
        """The day this span after `start`: first the months, by the calendar, then the days.

        A day past the year 9999 is `date.max`: for people that means never.
        """
        month = start.year * 12 + start.month - 1 + self.months
        if month >= 9999 * 12 + 12:
            return date.max
        year, month = divmod(month, 12)
        day = min(start.day, monthrange(year, month + 1)[1])
        try:
            return date(year, month + 1, day) + timedelta(days=self.days)
        except OverflowError:
            return date.max

    @property
    def days_least(self) -> int:
        """The least number of days that it can be, for comparing spans: n months are at least that many days wherever
        they begin."""
        return _months_days_least(self.months) + self.days


def _months_days_least(months: int) -> int:
    """Least days of so many calendar months: from the first and last day of every month, around a leap day and around a
    missing one."""
    starts = (
        date(year, month, day)
        for year in (*range(1896, 1901), *range(2020, 2025))
        for month in range(1, 13)
        for day in (1, monthrange(year, month)[1])
    )
    return min((Period(months).after(start) - start).days for start in starts)


def period(written: str) -> Period:
    """`"4y 11m"` → 59 months; `"6w"` → 42 days. Raises ValueError for anything else, and for a unit that is said
    twice."""
    parts = _PARTS(written) if _WHOLE(written) else []
    amounts = {unit: int(amount) for amount, unit in parts}
    if not parts or len(amounts) < len(parts):
        raise ValueError(f"not a span of time: {written!r}")
    return Period(
        months=amounts.get("y", 0) * 12 + amounts.get("m", 0), days=amounts.get("w", 0) * 7 + amounts.get("d", 0)
    )
