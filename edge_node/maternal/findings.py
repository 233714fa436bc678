"""What a rule finds: a code, how urgent it is, and numbers; the words stand in `edge_node/maternal/texts.py`."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

Degree = Literal["refer", "manage", "inform"]
Param = str | int | Decimal | date

DEGREES: Final[tuple[Degree, ...]] = ("refer", "manage", "inform")
"""From the most urgent: to be referred at once, to be managed here and followed up, to be known."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `code`: a key of `edge_node.maternal.texts.FINDINGS`. `params`: by name, for its text; dates and
    numbers as such, so that a page writes them as its reader does. `refs`: the resources from which it follows. `on`:
    the day it is about."""

    code: str
    degree: Degree
    params: tuple[tuple[str, Param], ...] = ()
    refs: tuple[str, ...] = ()
    on: date | None = None


def finding(code: str, degree: Degree, on: date | None = None, refs: Iterable[str] = (), **params: Param) -> Finding:
    """A finding with its references in order and each once."""
    return Finding(code=code, degree=degree, params=tuple(params.items()), refs=tuple(sorted(set(refs))), on=on)


def most_urgent_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """By degree, then by code: the same findings are always in the same order."""
    return tuple(sorted(set(found), key=lambda each: (DEGREES.index(each.degree), each.code, repr(each))))
