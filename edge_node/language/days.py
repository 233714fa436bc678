"""Days as a reader writes them. Source: CLDR through Babel, pattern `long`."""

from datetime import date

from babel.dates import format_date
from msgspec import Struct

from edge_node.language.digits import only_digits
from edge_node.language.readers import reader


class Day(Struct, frozen=True):
    """A day in a message, which becomes words when it is shown: 3 November 2026."""

    day: date

    def __str__(self) -> str:
        return said(self.day)


def said(day: date) -> str:
    """A day with the name of its month, in the reader's language and digits."""
    locale = reader().locale
    return only_digits(format_date(day, "long", locale=locale), locale)
