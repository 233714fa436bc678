"""How each kind of field is read: from the texts that were sent to a value, None when it was not answered.

Digits of any script are taken, and a comma for the decimal point. Numbers keep the digits that were typed.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from msgspec import Struct

from edge_node.forms.answers import Dated, Person, Value
from edge_node.forms.fields import Field, Kind, Range
from edge_node.language import N_, Text, reader
from edge_node.language.digits import amount, plain_number, western

Sent = Mapping[str, tuple[str, ...]]
"""All values that were sent, by name."""

_INTEGER = re.compile(r"-?[0-9]{1,9}").fullmatch
_DECIMAL = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?").fullmatch
_TIME = re.compile(r"([0-9]{1,2})[:.h ]?([0-9]{2})").fullmatch
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})").fullmatch
_DAY_FIRST = re.compile(r"([0-9]{1,2})[./ -]([0-9]{1,2})[./ -]([0-9]{4})").fullmatch
_PHONE = re.compile(r"\+?[0-9]{6,15}").fullmatch
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs that nobody types and that turn what is shown around."""
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}").fullmatch
NOBODY = "nobody"
"""Says of a person who was named that it is none of those found."""
AGE_YEARS_MAX = 120
AGE_MONTHS_MAX = 36


class Impossible(Exception):
    """An answer that cannot be: what is said beside the field."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.message)
        self.text = text


class Amount(Struct, frozen=True):
    """A number in a message, as its reader writes it, with its unit."""

    written: str
    unit: str | Text = ""

    def __str__(self) -> str:
        return f"{amount(self.written, reader().locale)} {self.unit}".strip()


def _one(name: str, sent: Sent) -> str:
    given = sent.get(name, ())
    return _CONTROL.sub("", given[0]).strip() if given else ""


def _text(field: Field, sent: Sent, today: date) -> str | None:
    return _bounded(field, " ".join(_one(field.name, sent).split()))


def _long(field: Field, sent: Sent, today: date) -> str | None:
    return _bounded(field, _one(field.name, sent).replace("\r\n", "\n"))


def _bounded(field: Field, typed: str) -> str | None:
    if len(typed) > field.chars_max:
        raise Impossible(N_("This is too long: at most %(most)s letters.").of(most=Amount(str(field.chars_max))))
    return typed or None


def _integer(field: Field, sent: Sent, today: date) -> Decimal | None:
    typed = plain_number(_one(field.name, sent))
    if typed and not _INTEGER(typed):
        raise Impossible(N_("Type a whole number, without letters."))
    return _possible(field, typed)


def _decimal(field: Field, sent: Sent, today: date) -> Decimal | None:
    typed = plain_number(_one(field.name, sent))
    if typed and not _DECIMAL(typed):
        raise Impossible(N_("Type a number, without letters."))
    return _possible(field, typed)


def _possible(field: Field, typed: str) -> Decimal | None:
    if not typed:
        return None
    value = Decimal(typed)
    if field.possible is not None and not field.possible.holds(value):
        raise Impossible(_bounds(field.possible, field.unit))
    return value


def _bounds(possible: Range, unit: str | Text) -> Text:
    """What a number has to lie between."""
    low, high = possible.low, possible.high
    if low is not None and high is not None:
        text = N_("This can only be from %(low)s to %(high)s.")
    else:
        text = N_("This can only be %(high)s or less.") if low is None else N_("This can only be %(low)s or more.")
    return text.of(low=Amount(str(low), "" if high is not None else unit), high=Amount(str(high), unit))


# --- dates and times --------------------------------------------------------------------------------------------------


def _date(field: Field, sent: Sent, today: date) -> Dated | None:
    dated = _by_age(field, sent, today) if field.by_age else None
    if dated is None:
        dated = _parts(field, sent) if field.partial else _whole(_one(field.name, sent))
    if dated is None:
        return None
    if field.possible_days is not None and not field.possible_days.meets(dated.first, dated.last):
        raise Impossible(N_("This day cannot be: look at the year."))
    estimated = dated.estimated or (field.estimable and bool(_one(f"{field.name}.estimated", sent)))
    return Dated(dated.text, estimated)


def _whole(typed: str) -> Dated | None:
    """A date in one field: as browsers send it, or typed with the day first."""
    if not typed:
        return None
    typed = western(typed)
    found, turned = _ISO(typed), _DAY_FIRST(typed)
    if found is not None:
        return _checked(found[1], found[2], found[3])
    if turned is not None:
        return _checked(turned[3], turned[2], turned[1])
    raise Impossible(N_("Type the day, the month and the year, such as 31/12/1990."))


def _parts(field: Field, sent: Sent) -> Dated | None:
    """A date in three fields, of which the first ones may be empty."""
    day, month, year = (western(_one(f"{field.name}.{part}", sent)) for part in ("day", "month", "year"))
    if not (day or month or year):
        # A program, or a browser that filled in a draft, may send it in one.
        return _whole(_one(field.name, sent))
    if not year:
        raise Impossible(N_("Type the year too."))
    if day and not month:
        raise Impossible(N_("Type the month too, or leave out the day."))
    return _checked(year, month, day)


def _checked(year: str, month: str, day: str) -> Dated:
    try:
        # int() takes signs and "1_90", too.
        if len(year) != len("1990") or not f"{year}{month}{day}".isdigit():
            raise ValueError(year)
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise Impossible(N_("There is no such date.")) from None
    return Dated("-".join(part for part in (year, month and f"{int(month):02d}", day and f"{int(day):02d}") if part))


def _by_age(field: Field, sent: Sent, today: date) -> Dated | None:
    """An age instead of a date: of years, the year; of months, the month. It is estimated."""
    typed = plain_number(_one(f"{field.name}.age", sent))
    if not typed:
        return None
    months = _one(f"{field.name}.age_unit", sent) == "months"
    most = AGE_MONTHS_MAX if months else AGE_YEARS_MAX
    if not _INTEGER(typed) or not 0 <= int(typed) <= most:
        raise Impossible(_bounds(Range(Decimal(0), Decimal(most)), N_("months") if months else N_("years")))
    if any(_one(f"{field.name}.{part}", sent) for part in ("day", "month", "year")):
        raise Impossible(N_("Give the date or the age, not both."))
    if not months:
        return Dated(f"{today.year - int(typed):04d}", estimated=True)
    past = today.year * 12 + today.month - 1 - int(typed)
    return Dated(f"{past // 12:04d}-{past % 12 + 1:02d}", estimated=True)


def _time(field: Field, sent: Sent, today: date) -> str | None:
    typed = western(_one(field.name, sent))
    if not typed:
        return None
    found = _TIME(typed)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise Impossible(N_("Type the hour and the minutes, such as 14:05."))
    return f"{int(found[1]):02d}:{found[2]}"


# --- choices, telephones, people --------------------------------------------------------------------------------------


def _choice(field: Field, sent: Sent, today: date) -> str | None:
    given = _one(field.name, sent)
    if given and given not in {choice.value for choice in field.offered}:
        raise Impossible(N_("Choose one of these."))
    return given or None


def _choices(field: Field, sent: Sent, today: date) -> tuple[str, ...] | None:
    given = {value for value in sent.get(field.name, ()) if value}
    if not given <= {choice.value for choice in field.choices}:
        raise Impossible(N_("Choose among these."))
    chosen = [choice for choice in field.choices if choice.value in given]
    alone = next((choice for choice in chosen if choice.alone), None)
    if alone is not None and len(chosen) > 1:
        raise Impossible(N_("“%(alone)s” cannot be chosen together with others.").of(alone=alone.label))
    return tuple(choice.value for choice in chosen) or None


def _phone(field: Field, sent: Sent, today: date) -> str | None:
    typed = _one(field.name, sent)
    if not typed:
        return None
    number = plain_phone(typed)
    # Source of the bound above: ITU-T E.164, at most 15 digits.
    if not _PHONE(number):
        raise Impossible(N_("Type a telephone number: 6 to 15 digits."))
    return number


def plain_phone(typed: str) -> str:
    """A telephone number without what is put between its digits: `0803 555-0101` → `08035550101`, `00234…` → `+234…`."""
    number = re.sub(r"[\s().\u2010-\u2015/-]", "", western(typed))
    return f"+{number[2:]}" if number.startswith("00") else number


def _person(field: Field, sent: Sent, today: date) -> Person | None:
    name = _text(field, sent, today)
    who = _one(f"{field.name}.who", sent)
    if name is None:
        return None
    return Person(name, who if _ID(who) and who != NOBODY else None)


READERS: Mapping[Kind, Callable[[Field, Sent, date], Value | None]] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.LONG: _long,
        Kind.INTEGER: _integer,
        Kind.DECIMAL: _decimal,
        Kind.DATE: _date,
        Kind.TIME: _time,
        Kind.CHOICE: _choice,
        Kind.CHOICES: _choices,
        Kind.KNOWN: _choice,
        Kind.PHONE: _phone,
        Kind.LISTED: _text,
        Kind.PERSON: _person,
        Kind.HIDDEN: _text,
    }
)
