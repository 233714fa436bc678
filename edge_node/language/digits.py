"""Numbers as a reader writes them, and any script's digits as numbers are stored.

Source: CLDR through Babel: a locale's numbering system and signs; Unicode for the digits themselves.
"""

import re
import unicodedata
from types import MappingProxyType

from babel import Locale

_ZEROS = MappingProxyType(
    {
        "arab": 0x0660,
        "arabext": 0x06F0,
        "deva": 0x0966,
        "beng": 0x09E6,
        "guru": 0x0A66,
        "gujr": 0x0AE6,
        "tamldec": 0x0BE6,
        "telu": 0x0C66,
        "knda": 0x0CE6,
        "mlym": 0x0D66,
        "thai": 0x0E50,
        "laoo": 0x0ED0,
        "tibt": 0x0F20,
        "mymr": 0x1040,
        "khmr": 0x17E0,
        "nkoo": 0x07C0,
        "adlm": 0x1E950,
        "latn": 0x0030,
    }
)
"""Where a numbering system's digits begin in Unicode. Source: CLDR, supplemental/numberingSystems.xml."""
_DECIMAL_SIGNS = str.maketrans({"٫": ".", ",": ".", "،": "."})


def in_digits(written: str, locale: Locale) -> str:
    """A number of Western digits (`1,234` or `6.50`) with the reader's digits and signs; as many digits as there were.

    In `written` a comma groups and a point begins the decimals.
    """
    system = locale.default_numbering_system
    signs = locale.number_symbols.get(system) or locale.number_symbols["latn"]
    zero = _ZEROS.get(system, _ZEROS["latn"])
    table = {ord(str(digit)): chr(zero + digit) for digit in range(10)}
    return written.translate(table | {ord(","): signs["group"], ord("."): signs["decimal"]})


def only_digits(written: str, locale: Locale) -> str:
    """Any text with its Western digits as the reader's, and nothing else changed: a date, a time of day."""
    zero = _ZEROS.get(locale.default_numbering_system, _ZEROS["latn"])
    return written.translate({ord(str(digit)): chr(zero + digit) for digit in range(10)})


_NUMBER = re.compile(r"(?<![\w.,])-?\d+(?:\.\d+)?(?![\w.,])").fullmatch


def amount(written: str, locale: Locale) -> str:
    """A measured amount with all the digits it was written with, never grouped or rounded; what is no plain number stays as it is."""
    return in_digits(written, locale) if _NUMBER(written) else written


def isolated(written: str, locale: Locale) -> str:
    """A number with its signs and unit, or a telephone number, within a text that is read from right to left.

    Without this, `≈ 74.2 kg` is shown as `kg 74.2 ≈`, and the groups of a telephone number in the opposite order. Source: Unicode Standard
    Annex 9, explicit isolates.
    """
    if (
        locale.text_direction != "rtl"
        or not written
        or any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in written)
    ):
        return written
    return f"\N{LEFT-TO-RIGHT ISOLATE}{written}\N{POP DIRECTIONAL ISOLATE}"


def western(typed: str) -> str:
    """What somebody typed, with the digits of any script as Western ones: `٣٧٫٥` → `37٫5`."""
    return "".join(str(unicodedata.digit(sign)) if sign.isdecimal() and not sign.isascii() else sign for sign in typed)


def plain_number(typed: str) -> str:
    """A number that somebody typed, with Western digits and a decimal point: `٣٧٫٥`, `37,5` → `37.5`.

    One comma or point is a decimal sign: nobody groups what is measured at a clinic, and two of them are no number.
    """
    return western(typed.strip()).translate(_DECIMAL_SIGNS).replace("\N{MINUS SIGN}", "-")
