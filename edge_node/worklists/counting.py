"""What a month's indicators count in one record, each on the first day of its month: so a month over all patients is a query, and every
number can be opened to the people behind it.

Maternal care: `edge_node.maternal.indicators`, asked for each month in which something of her record happened. Its counts add up over
records, which is why they can be kept one by one.

Immunisation: children who reached their first birthday in the month, and how many of them had by then what is counted everywhere: BCG,
the third five-in-one, the first measles dose; of those that count by the schedule. Source: WHO, Analysis and use of health facility
data, guidance for immunization programme managers 2018 (coverage of infants by 12 months: BCG, DTP3, MCV1).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from edge_node.immunisation.due import Standing
from edge_node.language import N_
from edge_node.maternal.course import months_later
from edge_node.maternal.facts import Mother, born_on
from edge_node.maternal.indicators import INDICATORS as MATERNAL
from edge_node.maternal.indicators import Indicator, Month, month_counts
from edge_node.store.due import Due

_AT_ONE: Final = {"one-bcg": "bcg", "one-dtp-3": "dtp-3", "one-measles-1": "measles-1"}

INDICATORS: Final = (
    *MATERNAL,
    Indicator(code="one-year-old", text=N_("Children who became one year old")),
    Indicator(code="one-bcg", text=N_("… with BCG"), of="one-year-old"),
    Indicator(code="one-dtp-3", text=N_("… with three doses of the five-in-one vaccine"), of="one-year-old"),
    Indicator(code="one-measles-1", text=N_("… with a dose against measles"), of="one-year-old"),
)
"""All that is counted, in the order of the page."""
CODES: Final = frozenset(each.code for each in INDICATORS)
ONE_YEAR_OLD: Final = "one-year-old"
"""Of everybody whose birthday is known, also of who was born long before there were records."""


def counted(code: str) -> str:
    """The list that the rows of an indicator stand on."""
    return f"month {code}"


def counts(mother: Mother, standing: Standing, born: date | None) -> Iterator[Due]:
    """A row for each thing counted."""
    for month in _months(mother):
        for code, number in month_counts([mother], month).items():
            yield from (_row(code, month, place) for place in range(number))
    yield from _at_one(standing, born, mother.died if mother.dead else None, dead=mother.dead)


def _at_one(standing: Standing, born: date | None, died: date | None, *, dead: bool) -> Iterator[Due]:
    if born is None or (dead and died is None):
        return
    birthday = months_later(born, 12)
    if died is not None and died < birthday:
        return
    month = Month(birthday.year, birthday.month)
    yield _row(ONE_YEAR_OLD, month, 0)
    given = {each.dose for each in standing.counted if each.day < birthday}
    yield from (_row(code, month, 0) for code, dose in _AT_ONE.items() if dose in given)


def _months(mother: Mother) -> Sequence[Month]:
    """The months in which something happened that may be counted."""
    days = [mother.died] if mother.died else []
    for pregnancy in mother.pregnancies:
        days += [each.on for each in (*pregnancy.contacts, *pregnancy.signs, *pregnancy.outcomes)]
        days += [day for day in (born_on(pregnancy),) if day is not None]
    return sorted({Month(day.year, day.month) for day in days})


def _row(code: str, month: Month, place: int) -> Due:
    return Due(counted(code), str(place), month.first, month.first)
