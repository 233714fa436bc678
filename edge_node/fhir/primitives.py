"""The value domains of FHIR's primitive types (https://hl7.org/fhir/R4/datatypes.html#primitive).

Each predicate takes a parsed JSON value and says whether it is a value of that type. They run for every element of
every import, so each tries a cheap sufficient test before the published regular expression.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

_DAY = (
    r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))",
)
_instant = re.compile(_DAY[0] + _DAY[1], re.ASCII).fullmatch
_full_day = re.compile(_DAY[0], re.ASCII).fullmatch
_part_day = re.compile(r"(?!0000)[0-9]{4}(-(0[1-9]|1[0-2]))?", re.ASCII).fullmatch
_time = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?", re.ASCII).fullmatch
_id = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII).fullmatch
_code = re.compile(r"[^\s]+(\s[^\s]+)*").fullmatch
_uri = re.compile(r"\S+").fullmatch
_oid = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+", re.ASCII).fullmatch
_uuid = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII).fullmatch
_base64_letters = re.compile(r"[0-9a-zA-Z+/\s]*={0,2}\s*", re.ASCII).fullmatch
_reference = re.compile(
    r"""(?:[A-Za-z][A-Za-z0-9+.\-]*:\S+                            # absolute: http, urn:uuid, urn:oid …
      |\#\S*                                                    # contained, or the container itself
      |[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?
      |[A-Z][A-Za-z]{1,63}\?\S+)                                # conditional, within a transaction
    """,
    re.VERBOSE,
).fullmatch

_INTEGER_MAX = 2**31 - 1


def _real_day(text: str) -> bool:
    """Whether ``YYYY-MM-DD…`` is in the calendar; days up to 28 always are."""
    if text[8:10] <= "28":
        return True
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return True


def is_boolean(value: Any) -> bool:
    return value is True or value is False


def is_integer(value: Any) -> bool:
    return type(value) is int and -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX


def is_positive(value: Any) -> bool:
    return type(value) is int and 0 < value <= _INTEGER_MAX


def is_unsigned(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _INTEGER_MAX


def is_decimal(value: Any) -> bool:
    kind = type(value)
    return kind is Decimal or kind is int or kind is float


def is_string(value: Any) -> bool:
    return type(value) is str and value != ""


def is_code(value: Any) -> bool:
    """Printable text without a space is a code; the rest is left to the expression."""
    if type(value) is not str:
        return False
    return (value != "" and " " not in value and value.isprintable()) or _code(value) is not None


def is_uri(value: Any) -> bool:
    if type(value) is not str:
        return False
    return (value != "" and " " not in value and value.isprintable()) or _uri(value) is not None


def is_id(value: Any) -> bool:
    return type(value) is str and _id(value) is not None


def is_oid(value: Any) -> bool:
    return type(value) is str and _oid(value) is not None


def is_uuid(value: Any) -> bool:
    return type(value) is str and _uuid(value) is not None


def is_time(value: Any) -> bool:
    return type(value) is str and _time(value) is not None


def is_instant(value: Any) -> bool:
    return type(value) is str and _instant(value) is not None and _real_day(value)


def is_date(value: Any) -> bool:
    if type(value) is not str:
        return False
    if len(value) == 10:
        return _full_day(value) is not None and _real_day(value)
    return _part_day(value) is not None


def is_date_time(value: Any) -> bool:
    if type(value) is not str:
        return False
    if len(value) > 10:
        return _instant(value) is not None and _real_day(value)
    return is_date(value)


def is_base64(value: Any) -> bool:
    """White space is permitted anywhere; without it the length is a multiple of four."""
    if type(value) is not str or value == "" or _base64_letters(value) is None:
        return False
    letters = len("".join(value.split()))
    return letters > 0 and letters % 4 == 0


def is_reference(value: Any) -> bool:
    """The text of Reference.reference (https://hl7.org/fhir/R4/references.html#literal)."""
    return type(value) is str and (value[:9] == "urn:uuid:" or _reference(value) is not None)


PREDICATES: dict[str, Callable[[Any], bool]] = {
    "base64Binary": is_base64,
    "boolean": is_boolean,
    "canonical": is_uri,
    "code": is_code,
    "date": is_date,
    "dateTime": is_date_time,
    "decimal": is_decimal,
    "id": is_id,
    "instant": is_instant,
    "integer": is_integer,
    "markdown": is_string,
    "oid": is_oid,
    "positiveInt": is_positive,
    "string": is_string,
    "time": is_time,
    "unsignedInt": is_unsigned,
    "uri": is_uri,
    "url": is_uri,
    "uuid": is_uuid,
    "xhtml": is_string,
}
"""Predicate by primitive type name."""

JSON_KIND: dict[str, tuple[type, ...]] = {
    name: (bool,)
    if name == "boolean"
    else (int,)
    if name in ("integer", "positiveInt", "unsignedInt")
    else (int, float, Decimal)
    if name == "decimal"
    else (str,)
    for name in PREDICATES
}
"""The Python types of a parsed JSON value of each primitive type (a ``bool`` is never a number)."""
