"""The short patient number: twelve digits that any node can give without asking anybody, and that survive being read aloud.

    4071 8325 9046
    └─┬─┘└──┬───┘└ check digit (Damm)
    node  serial

* **Node**, five digits, 10000 to 99999, drawn once at random by each node; the hub allots none. A first digit that is no zero
  survives spreadsheets and people.
* **Serial**, six digits, drawn at random, not counted: a node that was restored from a backup does not know what it printed since,
  and counting on would give printed numbers again. The store draws anew while the number is known here.
* **Check**, the last digit, by Damm's quasigroup (H. M. Damm, "Total anti-symmetrische Quasigruppen", thesis, Marburg 2004): it
  catches every single wrong digit and every exchange of two neighbours, as Luhn's does not (09 and 90). ISO 7064 does as well, with
  two check digits or an X, which fewer people can read out.

**Collisions.** Two nodes that do not know of each other: k nodes with n numbers each make about k²n² / 2 pairs, each equal with
probability 1 / (9·10⁴ · 10⁶). A region of 100 clinics with 10,000 patients each: 10¹² / 2 / 9·10¹⁰ ≈ 5.6 pairs in a million people. Most
of the time there is none: any two of the 100 nodes share a node number at all with probability 5 % (100² / 2 / 90,000), and only then
are there any, about 100. So a number is a way to find somebody, never a proof of who she is: finding shows all who have it. A restored
node that lost m numbers gives one of them again with probability m / 10⁶ a draw.
"""

from typing import Final, Literal

import msgspec
from stdnum import damm

SYSTEM: Final = "urn:medtech-edge:patient-number"
"""`Identifier.system` of these numbers."""

DIGITS: Final = 12
NODE_LOWEST: Final = 10_000
NODES: Final = 90_000
SERIALS: Final = 1_000_000
_GROUP: Final = 4
_SEPARATORS: Final = str.maketrans("", "", " -.·\t\u00a0\u2009\u202f\u2010\u2011\u2012\u2013")

Fault = Literal["empty", "not-digits", "too-short", "too-long", "wrong-digit"]


class NumberFault(ValueError):
    """What was typed is no patient number. `fault` says why, for a page to say it in words; the text never holds the number."""

    def __init__(self, fault: Fault, digits: int) -> None:
        super().__init__(f"no patient number: {fault}, {digits} digits of {DIGITS}")
        self.fault = fault
        self.digits = digits


class PatientNumber(msgspec.Struct, frozen=True):
    """A number that was checked: `digits` as stored in `Identifier.value`, without spaces."""

    digits: str

    @property
    def node(self) -> int:
        """The number of the node that gave it."""
        return int(self.digits[:5])

    @property
    def grouped(self) -> str:
        """As it is printed and read out: in fours."""
        return " ".join(self.digits[start : start + _GROUP] for start in range(0, DIGITS, _GROUP))


def node_number(chance: int) -> int:
    """A node's number out of a large random integer (64 bits: the remainder's bias is below 10⁻¹⁴)."""
    return NODE_LOWEST + chance % NODES


def make(node: int, chance: int) -> PatientNumber:
    """A number of a node's, its serial out of a large random integer. Raises ValueError for a node's number out of range."""
    if not NODE_LOWEST <= node < NODE_LOWEST + NODES:
        raise ValueError("a node's number has five digits")
    digits = f"{node}{chance % SERIALS:06}"
    return PatientNumber(digits + damm.calc_check_digit(digits))


def parse(text: str) -> PatientNumber:
    """What somebody typed or scanned, with or without spaces, dashes and digits of another script. Raises NumberFault."""
    plain = text.translate(_SEPARATORS)
    if not plain:
        raise NumberFault("empty", 0)
    if not plain.isdecimal():
        raise NumberFault("not-digits", sum(letter.isdecimal() for letter in plain))
    if len(plain) != DIGITS:
        raise NumberFault("too-short" if len(plain) < DIGITS else "too-long", len(plain))
    digits = "".join(str(int(digit)) for digit in plain)
    if digits[0] == "0" or not damm.is_valid(digits):
        raise NumberFault("wrong-digit", DIGITS)
    return PatientNumber(digits)


def is_number(text: str) -> bool:
    """Whether a text is a patient number that the check digit lets through."""
    try:
        parse(text)
    except NumberFault:
        return False
    return True
