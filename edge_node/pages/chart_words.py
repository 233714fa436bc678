"""What charts are written with: the reader's words, numbers and days; axes of amounts, of weeks, of days."""

from collections.abc import Callable
from datetime import date

import msgspec

from edge_node.language import _, clinical, ngettext, reader
from edge_node.language.days import said
from edge_node.language.digits import amount, in_digits
from edge_node.pages.scales import Axis, around, day_marks, marks, step_for


class Reader(msgspec.Struct, frozen=True):
    """How to write for who reads: `number` (value, decimals), `day` (in full), `mark` (short, for an axis), `say`
    (English → her language), `clinical` (the same for what judges a measurement)."""

    number: Callable[[float, int], str]
    day: Callable[[date], str]
    mark: Callable[[date], str]
    say: Callable[[str], str]
    clinical: Callable[[str], str]


def writer(mark: Callable[[date], str]) -> Reader:
    """Writes for who reads the page. `mark`: how days stand at an axis."""
    return Reader(_number, said, mark, _, clinical)


def _number(value: float, decimals: int) -> str:
    return amount(f"{value:.{decimals}f}", reader().locale)


def month_mark(day: date) -> str:
    """A day at an axis of years: month and year by number."""
    return f"{in_digits(str(day.month), reader().locale)}/{in_digits(str(day.year), reader().locale)}"


def day_mark(day: date) -> str:
    """A day at an axis of months: day and month by number."""
    return f"{in_digits(str(day.day), reader().locale)}/{in_digits(str(day.month), reader().locale)}"


def amounts_axis(values: list[float], reader: Reader, unit: str, *, least_span: float = 1.0) -> Axis:
    """An axis for amounts, which are never negative, with a little room so that no point lies on its ends."""
    room = max(max(values) - min(values), least_span) / 30
    low, high, step = around([max(min(values) - room, 0), max(values) + room], least_span=least_span)
    low = max(low, 0)
    decimals = 0 if step >= 1 else 1
    return Axis(low, high, tuple((mark, reader.number(mark, decimals)) for mark in marks(low, high, step)), unit)


def weeks_axis(first: int, last: int, reader: Reader) -> Axis:
    """Gestational age: days, marked in weeks."""
    step = max(4 * 7, step_for((last - first) / 7) * 7)
    return Axis(
        first, last, tuple((mark, reader.number(mark / 7, 0)) for mark in marks(first, last, step)), reader.say("weeks")
    )


def days_axis(days: list[date], reader: Reader) -> Axis:
    """Days of the calendar, as ordinals."""
    first, last = min(days), max(days)
    if first == last:
        return Axis(first.toordinal() - 1, last.toordinal() + 1, ((first.toordinal(), reader.mark(first)),))
    places = tuple((day.toordinal(), reader.mark(day)) for day in day_marks(first, last))
    # The last point is the one that matters: it stands clear of the labels at the edge.
    return Axis(first.toordinal(), last.toordinal() + (last - first).days / 20, places)


def weeks(days: int, reader: Reader) -> str:
    """A gestational age in weeks and days."""
    whole, rest = divmod(days, 7)
    in_weeks = ngettext("%(count)s week", "%(count)s weeks", whole, count=reader.number(whole, 0))
    in_days = ngettext("%(count)s day", "%(count)s days", rest, count=reader.number(rest, 0))
    return _("%(weeks)s and %(days)s", weeks=in_weeks, days=in_days)


def centimetres(value: float, reader: Reader) -> str:
    """A length with its unit."""
    return f"{reader.number(value, 1)} {reader.say('cm')}"


def kilograms(value: float, reader: Reader) -> str:
    """A weight with its unit."""
    return f"{reader.number(value, 1)} {reader.say('kg')}"


def told(rows: tuple[tuple[str, ...], ...], reader: Reader, *more: str) -> str:
    """A chart in words: how many points, the first, the last, and what is drawn behind them."""
    first, last = (", ".join(part for part in rows[at] if part) for at in (0, -1))
    said = [ngettext("%(count)s measurement.", "%(count)s measurements.", len(rows), count=reader.number(len(rows), 0))]
    if len(rows) > 1:
        said.append(_("First: %(measured)s.", measured=first))
    said.append(_("Last: %(measured)s.", measured=last))
    return " ".join([*said, *(text for text in more if text)])
