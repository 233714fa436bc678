"""Search values as the index holds them: dates as intervals, text folded, tokens joined.

The same functions read the data and the query, so that both sides agree (https://hl7.org/fhir/R4/search.html).
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

SEPARATOR = "\x1f"
"""Between the parts of a token. Codes and uris cannot hold it, and it sorts before every letter."""

BEGINNING_MS = -(2**53)
"""Low end of a period without a start: before year 1, and still exact as a double."""
END_MS = 2**53
"""High end of a period without an end: after year 9999."""

_DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_moment = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?", re.ASCII).fullmatch
_months = re.compile(r"\d{4}(-\d\d)?", re.ASCII).fullmatch


@lru_cache(maxsize=4096)
def interval(text: str) -> tuple[int, int]:
    """First and last millisecond (UTC, since 1970) of a date, dateTime or instant, by its precision.

    Without a zone it is read as UTC (https://hl7.org/fhir/R4/search.html#date leaves that to the server). A leap second
    counts as the second after. Raises ValueError when the text is no FHIR date.
    """
    length = len(text)
    if length == 10 and text[4] == text[7] == "-":
        low = (date.fromisoformat(text).toordinal() - _EPOCH_DAY) * _DAY_MS
        return low, low + _DAY_MS - 1
    if length < 10:
        return _month_or_year(text)
    return _moment_interval(text)


def _month_or_year(text: str) -> tuple[int, int]:
    if not _months(text):
        raise ValueError("not a date")
    year = int(text[:4])
    first, last = (int(text[5:7]), int(text[5:7])) if len(text) == 7 else (1, 12)
    low = date(year, first, 1).toordinal()
    high = date(year, 12, 31).toordinal() + 1 if last == 12 else date(year, last + 1, 1).toordinal()
    return (low - _EPOCH_DAY) * _DAY_MS, (high - _EPOCH_DAY) * _DAY_MS - 1


def _moment_interval(text: str) -> tuple[int, int]:
    found = _moment(text)
    if found is None:
        raise ValueError("not a date and time")
    minute, second, fraction, zone = found.groups()
    zone = "+00:00" if zone is None or zone == "Z" else zone
    low = (datetime.fromisoformat(f"{minute}:00{zone}") - _EPOCH) // _MS
    if second is None:
        return low, low + 59_999
    if int(second) > 60:
        raise ValueError("not a date and time")
    low += int(second) * 1000
    if fraction is None:
        return low, low + 999
    low += int(fraction[:3].ljust(3, "0"))
    return low, low + 10 ** max(0, 3 - len(fraction)) - 1


def fold(text: str) -> str:
    """Text for comparing: case folded, accents and vowel points removed, white space single; all scripts kept.

    Marks that spell a letter (Indic vowels and viramas, Thai vowels, kana voicing) stay; those that accent one go
    (https://hl7.org/fhir/R4/search.html#string).
    """
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = unicodedata.normalize("NFC", "".join(letter for letter in plain if not _is_accent(letter)))
    else:
        text = text.lower()
    return " ".join(text.split())


def _is_accent(letter: str) -> bool:
    """Combining classes 10–36 are Hebrew and Arabic points, 200 and above accents of any script."""
    place = unicodedata.combining(letter)
    return 10 <= place <= 36 or place >= 200


def token(code: str, system: str) -> str:
    """A token as it is indexed: the code first, so that a code alone is a range of the index."""
    return f"{code}{SEPARATOR}{system}"


def unit(code: str, system: str, text: str) -> str:
    """A unit as it is indexed beside a quantity: coded form first, the printed one after it."""
    return f"{code}{SEPARATOR}{system}{SEPARATOR}{text}"


END_MARK = "\x1e"
"""Starts the part of a quantity's extra that says which end of a range the row is, and where the other end lies."""
