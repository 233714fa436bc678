"""What somebody typed into the find box, taken apart: words of names and places, numbers, birth dates, ages."""

import re
from datetime import date
from typing import Final

import msgspec

from sync_protocol.matching.folding import words

PIECES_MAX: Final = 8
NUMBER_DIGITS_MIN: Final = 7
"""So many digits, with whatever between them, are one number: of a telephone, a card, a record."""
WHOLE_DIGITS_MIN: Final = 9
"""So many are one number although a part of it looks like a year."""
AGE_MAX: Final = 120

TITLES: Final = frozenset(
    "mr mrs ms miss mme mlle madame mademoiselle monsieur dr docteur doctor"
    " alhaji alhaja alhadji hajia hajiya elhadj elhadji mama baba bibi bwana mzee".split()
)
"""Said with a name and seldom recorded: passed over when nobody is found with them. Some are names too, so they are looked for first."""

_age = re.compile(r"(\d{1,3}) ?(?:y|yr|yrs|year|years|ans?|ann[ée]es?|a)?\.?", re.IGNORECASE).fullmatch
_months = re.compile(r"(\d{1,2}) ?(?:m|mo|mths?|months?|mois)\.?", re.IGNORECASE).fullmatch
_day_first = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})").fullmatch
_year_first = re.compile(r"(\d{4})[./-](\d{1,2})(?:[./-](\d{1,2}))?").fullmatch
_year = re.compile(r"(?:19|20)\d\d").fullmatch
_number = re.compile(r"\+?[\d(][\d ().\-/]*").fullmatch
_joined_unit = re.compile(r"\b(\d{1,3}) (?=(?:y|yrs?|years?|ans|m|months?|mois)\b)", re.IGNORECASE)


class Piece(msgspec.Struct, frozen=True):
    """One thing asked for. `born`: beginnings of birth dates' digits, any of which will do. A piece may be several of these: 1990 is
    a year, and the end of a telephone number."""

    text: str
    word: str = ""
    digits: str = ""
    born: tuple[str, ...] = ()


def pieces(text: str, today: date | None) -> list[Piece]:
    """What a text asks for, in its order. Without today, a number is no age."""
    found: list[Piece] = []
    plain = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in text)
    for part in _parts(_joined_unit.sub(r"\1", " ".join(plain.split()))):
        found += _read(part, today)
    return found[:PIECES_MAX]


def _parts(text: str) -> list[str]:
    """Between spaces; digits that stand beside each other are one part when they are long enough for a number."""
    parts: list[str] = []
    run: list[str] = []
    for part in [*text.split(" "), ""]:
        if part and _number(part) and not _day_first(part) and not _year_first(part):
            run.append(part)
            continue
        parts += ["".join(run)] if _is_one_number(run) else run
        run = []
        parts += [part] if part else []
    return parts


def _is_one_number(run: list[str]) -> bool:
    """Whether digits beside each other are of one number: not the end of one and a year of birth."""
    digits = len(_digits("".join(run)))
    return digits >= WHOLE_DIGITS_MIN or (digits >= NUMBER_DIGITS_MIN and not any(map(_year, run)))


def _read(part: str, today: date | None) -> list[Piece]:
    born = _born(part, today)
    if born:
        return [Piece(part, digits=part if part.isdecimal() else "", born=born)]
    if _number(part):
        digits = _digits(part)
        return [Piece(digits, digits=digits)]
    return [Piece(word, digits=word) if word.isdigit() else Piece(word, word=word) for word in words(part)]


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdecimal())


def _born(part: str, today: date | None) -> tuple[str, ...]:
    if found := _day_first(part):
        day, month, year = found.groups()
        return (f"{year}{int(month):02}{int(day):02}",)
    if found := _year_first(part):
        year, month, last = found.groups()
        return (f"{year}{int(month):02}" + (f"{int(last):02}" if last else ""),)
    if _year(part):
        return (part,)
    if today is None:
        return ()
    if found := _months(part):
        return tuple(_month_before(today, int(found[1]) + more) for more in (0, 1))
    if (found := _age(part)) and int(found[1]) <= AGE_MAX:
        return (str(today.year - int(found[1])), str(today.year - int(found[1]) - 1))
    return ()


def _month_before(today: date, months: int) -> str:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return f"{year:04}{month + 1:02}"
