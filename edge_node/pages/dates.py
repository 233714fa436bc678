"""FHIR dates, periods and moments as people say them, in the reader's language. Pure functions; what is no date is shown as it was written.

FHIR dates may be partial (`1990`, `1990-05`): what is not known is not made up, and an age reckoned from one says "about".
Names of months, order and digits are CLDR's for the reader's locale, through Babel.
Source: https://hl7.org/fhir/R4/datatypes.html#date
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from babel.dates import format_skeleton, get_day_names

from edge_node.language import NN_, Plural, _, days, reader
from edge_node.language.digits import only_digits

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?"
).fullmatch
_CLOCK_DOUBTFUL_MS = 120_000
"""Clocks that differ by less are called right: people's watches differ by as much."""
SPANS: Final[Mapping[str, Plural]] = {
    "year": NN_("%(count)s year", "%(count)s years"),
    "month": NN_("%(count)s month", "%(count)s months"),
    "week": NN_("%(count)s week", "%(count)s weeks"),
    "day": NN_("%(count)s day", "%(count)s days"),
    "hour": NN_("%(count)s hour", "%(count)s hours"),
    "minute": NN_("%(count)s minute", "%(count)s minutes"),
}
"""So much time, by unit."""


def day(written: Any) -> str:
    """`2014-10-09T14:58:00+11:00` → `9 October 2014`, the day as its writer saw it; `2012-06` → `June 2012`; `2004` → `2004`."""
    found = _DATE(written) if isinstance(written, str) else None
    if found is None:
        return written if isinstance(written, str) else ""
    year, month, of_month = found[1], found[2], found[3]
    if month is None or not 1 <= int(month) <= 12:
        return only_digits(year, reader().locale)
    try:
        return calendar_day(date(int(year), int(month), int(of_month or 1)), whole=of_month is not None)
    except ValueError:
        return str(written)


def calendar_day(given: date, *, whole: bool = True) -> str:
    """A day, `9 October 2014`, or its month alone."""
    if whole:
        return days.said(given)
    locale = reader().locale
    return only_digits(str(format_skeleton("yMMMM", given, locale=locale)), locale)


def weekday(given: date) -> str:
    """`Monday`."""
    return str(get_day_names("wide", locale=reader().locale)[given.weekday()])


def day_and_time(written: Any) -> str:
    """As `day`, with the time of day if one was written."""
    found = _DATE(written) if isinstance(written, str) else None
    if found is None or found[4] is None:
        return day(written)
    return _("%(day)s, %(time)s", day=day(written), time=only_digits(f"{found[4]}:{found[5]}", reader().locale))


def order(written: Any) -> str:
    """A text that orders dates by time, whatever their precision; unknown ones come before all others."""
    return written if isinstance(written, str) and _DATE(written) else ""


def period(given: Any) -> str:
    """`2 June to 9 June 2015`, `since 2 June 2015`, `until 9 June 2015`, or one day alone."""
    if not isinstance(given, dict):
        return ""
    start, end = day(given.get("start")), day(given.get("end"))
    if not start or not end:
        return _("since %(date)s", date=start) if start else _("until %(date)s", date=end) if end else ""
    if start == end:
        return start
    shared = start[-5:]
    brief = start[:-5].rstrip(", ") if end.endswith(shared) and shared.startswith(" ") else start
    return _("%(start)s to %(end)s", start=brief, end=end)


def birth(written: Any) -> tuple[date, str] | None:
    """The first day that a birth date may mean, and how exactly it is known: `day`, `month` or `year`. None: no date at all."""
    found = _DATE(written) if isinstance(written, str) else None
    if found is None:
        return None
    try:
        first = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return None
    return first, "day" if found[3] else "month" if found[2] else "year"


def age(born: Any, on: date) -> str:
    """How old somebody is on a day: `3 days`, `7 weeks`, `14 months`, `35 years`.

    `about 35 years` when the birth date is not known to the day. Empty for no date, or one that has not come yet.
    """
    known = birth(born)
    if known is None or known[0] > on:
        return ""
    first, exactness = known
    if exactness == "year":
        years = on.year - first.year
        return _about(_count(years, "year")) if years else _("under 1 year")
    months = (on.year - first.year) * 12 + on.month - first.month
    if exactness == "month":
        return _about(_count(months // 12, "year") if months >= 24 else _count(months, "month"))
    months -= on.day < first.day
    lived = (on - first).days
    if months >= 24:
        return _count(months // 12, "year")
    if lived >= 90:
        return _count(months, "month")
    return _count(lived // 7, "week") if lived >= 14 else _count(lived, "day")


def _about(said: str) -> str:
    return _("about %(age)s", age=said)


def _count(number: int, unit: str) -> str:
    return SPANS[unit].of(number)


def local_day(ms: int, zone: tzinfo | None = None) -> date:
    """The day of a moment (ms since 1970 UTC) in a zone; None is this machine's."""
    return _local(ms, zone).date()


def moment(ms: int, now_ms: int, zone: tzinfo | None = None) -> str:
    """A moment as people say it: `today at 14:05`, `yesterday at 09:12`, `12 May 2025 at 08:00`."""
    then, now = _local(ms, zone), _local(now_ms, zone)
    time = only_digits(f"{then:%H:%M}", reader().locale)
    if then.date() == now.date():
        return _("today at %(time)s", time=time)
    if then.date() == now.date() - timedelta(days=1):
        return _("yesterday at %(time)s", time=time)
    return _("%(day)s at %(time)s", day=calendar_day(then.date()), time=time)


def _local(ms: int, zone: tzinfo | None) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)


def clock_doubt(offset_ms: int | None) -> str:
    """How wrong a clock is, in words; empty when it is right, or nothing is known. `offset_ms`: what must be added to it."""
    if offset_ms is None or abs(offset_ms) < _CLOCK_DOUBTFUL_MS:
        return ""
    much = length(abs(offset_ms))
    return _("%(much)s behind", much=much) if offset_ms > 0 else _("%(much)s ahead", much=much)


def length(ms: int) -> str:
    """A length of time, roughly: `3 minutes`, `5 hours`, `12 days`."""
    minutes = ms // 60_000
    if minutes < 120:
        return _count(minutes, "minute")
    return _count(minutes // 60, "hour") if minutes < 48 * 60 else _count(minutes // (24 * 60), "day")
