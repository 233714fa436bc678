"""Short patient numbers: given without asking anybody, read over the telephone, checked by their last digit.

Twelve digits in fours: five name the node, six are drawn at random (a node that was restored does not know what it printed since), one is a
check digit after Damm, which catches every wrong digit and every exchange of two neighbours.
Source: H. M. Damm, Total anti-symmetrische Quasigruppen, Marburg 2004.

All of the pages call `new`, `grouped` and `read`, and nothing else knows how a number is made.
"""

import hashlib
from typing import Final

from stdnum import damm

from edge_node.fhir.query import parse_query
from edge_node.forms.registration import NUMBER_SYSTEM
from edge_node.language.digits import western
from edge_node.store.model import Stored
from edge_node.store.store import Store

DIGITS: Final = 12
_TRIES_MAX: Final = 50
_SEPARATORS: Final = str.maketrans("", "", " -.·\t\u00a0\u2009\u202f\u2010\u2011\u2012\u2013")


def new(store: Store, chance: str, now_ms: int) -> str:
    """A number that nobody has here. `chance`: any text that was never used before."""
    name = store.status().node.encode()
    node = 10_000 + int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % 90_000
    for attempt in range(_TRIES_MAX):
        drawn = hashlib.sha256(f"{chance} {attempt}".encode()).digest()
        digits = f"{node}{int.from_bytes(drawn[:8], 'big') % 1_000_000:06}"
        number = digits + str(damm.calc_check_digit(digits))
        if not owners(store, number, now_ms):
            return number
    raise RuntimeError("this node has no numbers left")


def grouped(number: str) -> str:
    """As it is printed and read out: `4071 8325 9046`."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def read(typed: str) -> str | None:
    """The digits of a number that was typed or scanned; None when it is none, or a digit of it is wrong."""
    digits = western(typed).translate(_SEPARATORS)
    return digits if digits.isascii() and digits.isdigit() and len(digits) == DIGITS and damm.is_valid(digits) else None


def owners(store: Store, number: str, now_ms: int) -> tuple[Stored, ...]:
    """The patients who have a number: one, but that two nodes may have drawn the same."""
    return store.search(parse_query("Patient", [("identifier", f"{NUMBER_SYSTEM}|{number}")], now_ms=now_ms)).found
