"""Spans of days: what puts somebody on a list from one day to another, joined so that she stands there once."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

DAY = timedelta(days=1)


class Span(msgspec.Struct, frozen=True, order=True):
    """Days from `first` to `last`, both among them; None: without end. `about`: the day that the list says and is sorted by."""

    first: date
    last: date | None
    about: date


def span(first: date, end: date | None, about: date) -> Span | None:
    """Days from the first until before `end`; None where that is no day at all."""
    if end is None:
        return Span(first, None, about)
    return Span(first, end - DAY, about) if first < end else None


def joined(spans: Iterable[Span | None]) -> tuple[Span, ...]:
    """The same days in as few spans as there can be, each about the earliest of its days; in order.

    Spans that follow each other without a day between them are one: nobody goes from a list and comes back on the same evening.
    """
    found: list[Span] = []
    for one in sorted((each for each in spans if each is not None), key=lambda each: (each.first, each.about)):
        before = found[-1] if found else None
        if before is not None and (before.last is None or one.first <= before.last + DAY):
            last = None if before.last is None or one.last is None else max(before.last, one.last)
            found[-1] = Span(before.first, last, min(before.about, one.about))
        else:
            found.append(one)
    return tuple(found)
