"""Each criterion as conditions on single rows of the index, in SQL.

A ``Term`` is a condition on one row of ``search`` or ``resource``; a criterion holds when any of its terms has a row. How
the terms are put together to a statement is search_sql's part; what the columns hold is told in readers.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

from edge_node.fhir.criteria import (
    Criterion,
    DateValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from edge_node.fhir.definitions import type_number
from edge_node.fhir.parameters import Use
from edge_node.fhir.readers import IDENTIFIER
from edge_node.fhir.slots import RANGED
from edge_node.fhir.values import END_MARK, SEPARATOR, token

KeyOf: TypeAlias = Callable[[str, str], int | None]
"""The local key of a resource by type and id; None when the store has never heard of it."""

AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)
LAST_LETTER = chr(0x10FFFF)
LIVE = "state IS NOT NULL AND (flags & 1) = 0"
"""Of the store's table ``resource``: rows that are resources, neither mere reference targets nor gone."""


class Term(msgspec.Struct, frozen=True):
    """A condition on one row, whose ``column`` holds the key of the resource that is found.

    ``equal``: slot and value are both given, so that a row is found by (slot, value, key).
    """

    where: str
    args: tuple[Any, ...]
    equal: bool = False
    table: str = "search"
    column: str = "key"

    @property
    def by_key(self) -> bool:
        """Whether an index finds the term's row for one resource: the primary key, or the partial one by resource."""
        return self.equal or self.table == "resource" or self.column == "value" or self.where.startswith(_RANGED_SLOT)


_SLOT = "slot = ?"
_RANGED_SLOT = f"slot = ? AND slot >= {RANGED}"
"""The second part says nothing new; it lets SQLite see that the partial index applies."""


def slot_term(use: Use, condition: str = "", args: tuple[Any, ...] = (), *, equal: bool = False) -> Term:
    """A term on the rows of a use, with its narrowing."""
    where = _RANGED_SLOT if use.slot.number >= RANGED else _SLOT
    where += f" AND {condition}" if condition else ""
    values: tuple[Any, ...] = (use.slot.number, *args)
    if use.target:
        return Term(f"{where} AND extra = ?", (*values, type_number(use.target)), equal)
    if use.system:
        suffix = SEPARATOR + use.system
        return Term(f"{where} AND substr(value, ?) = ?", (*values, -len(suffix), suffix), equal)
    return Term(where, values, equal)


def presence_terms(criterion: Criterion) -> list[Term]:
    """Rows that show that a parameter has a value at all, for ``:missing``."""
    return [slot_term(use) for use in criterion.parameter.uses]


def value_terms(criterion: Criterion, key_of: KeyOf) -> list[Term]:
    """Terms of the values of a criterion on indexed rows (not of missing, chains or columns)."""
    return [
        term
        for value in criterion.values
        for use in criterion.parameter.uses
        for term in _terms(criterion, use, value, key_of)
    ]


def _terms(criterion: Criterion, use: Use, value: Any, key_of: KeyOf) -> Iterator[Term]:
    if criterion.modifier == "identifier":
        narrowed = Use(use.slot)
        yield from (
            Term(f"{term.where} AND extra = {IDENTIFIER}", term.args, term.equal) for term in _coded(narrowed, value)
        )
    elif isinstance(value, TokenValue):
        yield from _token(use, value)
    elif isinstance(value, ReferenceValue):
        yield from _reference(use, criterion.target, value, key_of)
    elif isinstance(value, StringValue):
        yield _string(use, criterion.modifier, value)
    elif isinstance(value, DateValue):
        condition, args = date_condition(value, "value", "extra")
        yield slot_term(use, condition, args)
    elif isinstance(value, QuantityValue):
        yield _quantity(use, value)
    elif isinstance(value, UriValue):
        yield slot_term(use, "value = ?", (value.text,), equal=True)


def _token(use: Use, value: TokenValue) -> Iterator[Term]:
    if use.slot.without_system:
        if value.code is None:
            yield slot_term(use)
        else:
            yield slot_term(use, "value = ?", (token(value.code, ""),), equal=True)
    elif "ContactPoint" in use.slot.types:
        yield from _contact(use, value)
    else:
        yield from _coded(use, value)


def _coded(use: Use, value: TokenValue) -> Iterator[Term]:
    """Tokens with a system of their own."""
    if value.code is None:
        suffix = SEPARATOR + (value.system or "")
        yield slot_term(use, "substr(value, ?) = ?", (-len(suffix), suffix))
    elif value.system is None:
        yield slot_term(use, *_of_code(value.code))
    else:
        yield slot_term(use, "value = ?", (token(value.code, value.system),), equal=True)


def _of_code(code: str) -> tuple[str, tuple[str, str]]:
    return "value >= ? AND value < ?", (code + SEPARATOR, code + AFTER_SEPARATOR)


def _contact(use: Use, value: TokenValue) -> Iterator[Term]:
    """A contact point's system may be asked for by what it is (phone) or by its use (home): servers differ."""
    if use.system and value.code is not None and value.system in (None, use.system):
        yield slot_term(use, "value = ?", (token(value.code, use.system),), equal=True)
        return
    yield from _coded(use, value)
    if value.system:
        condition, args = _of_code(value.code) if value.code is not None else ("value >= ?", ("",))
        yield slot_term(use, f"{condition} AND extra = ?", (*args, value.system))


def _reference(use: Use, target: str, value: ReferenceValue, key_of: KeyOf) -> Iterator[Term]:
    """Local targets are found by key; all others, canonicals with any version among them, by their text."""
    wanted = target or use.target
    if value.type:
        key = key_of(value.type, value.id) if wanted in ("", value.type) else None
        if key is not None:
            yield slot_term(use, "value = ?", (key,), equal=True)
        return
    narrowed = Use(use.slot, wanted)
    yield slot_term(narrowed, "value = ?", (value.text,), equal=True)
    if "canonical" in use.slot.types and "|" not in value.text:
        yield slot_term(narrowed, "value >= ? AND value < ?", (value.text + "|", value.text + "}"))


def _string(use: Use, modifier: str, value: StringValue) -> Term:
    if modifier == "exact":
        kept = 0 if value.folded == value.text else value.text
        return slot_term(use, "value = ? AND extra = ?", (value.folded, kept), equal=True)
    if modifier == "contains":
        return slot_term(use, "instr(value, ?) > 0", (value.folded,))
    return slot_term(use, "value >= ? AND value < ?", (value.folded, value.folded + LAST_LETTER))


def date_condition(value: DateValue, low: str, high: str) -> tuple[str, tuple[int, ...]]:
    """The prefixes on an interval in columns ``low`` and ``high`` (https://hl7.org/fhir/R4/search.html#prefix)."""
    first, last = value.low, value.high
    within = f"{low} >= ? AND {high} <= ?"
    conditions: dict[str, tuple[str, tuple[int, ...]]] = {
        "eq": (f"{low} BETWEEN ? AND ? AND {high} <= ?", (first, last, last)),
        "ne": (f"NOT ({within})", (first, last)),
        "gt": (f"{high} > ?", (last,)),
        "lt": (f"{low} < ?", (first,)),
        "ge": (f"({high} > ? OR ({within}))", (last, first, last)),
        "le": (f"{low} <= ? AND ({low} < ? OR {high} <= ?)", (last, first, last)),
        "sa": (f"{low} > ?", (last,)),
        "eb": (f"{high} < ?", (first,)),
        "ap": (f"{low} <= ? AND {high} >= ?", (last, first)),
    }
    return conditions[value.prefix]


_POINT = f"instr(extra, '{END_MARK}') = 0"
_LOW_END = f"instr(extra, '{END_MARK}<') > 0"
_HIGH_END = f"instr(extra, '{END_MARK}>') > 0"
_OTHER = f"CAST(substr(extra, instr(extra, '{END_MARK}') + 2) AS REAL)"


def _quantity(use: Use, value: QuantityValue) -> Term:
    within = f"(value >= ? AND value < ? AND ({_POINT} OR ({_LOW_END} AND {_OTHER} < ?)))"
    low, high, number = value.low, value.high, value.number
    conditions: dict[str, tuple[str, tuple[float, ...]]] = {
        "eq": (within, (low, high, high)),
        "ne": (f"NOT {_HIGH_END} AND NOT {within}", (low, high, high)),
        "gt": ("value > ?", (number,)),
        "lt": ("value < ?", (number,)),
        "ge": ("value >= ?", (number,)),
        "le": ("value <= ?", (number,)),
        "sa": (f"value > ? AND NOT {_HIGH_END}", (number,)),
        "eb": (f"value < ? AND NOT {_LOW_END}", (number,)),
        "ap": (
            f"value <= ? AND (({_POINT} AND value >= ?) OR ({_LOW_END} AND {_OTHER} >= ?))",
            (high, low, low),
        ),
    }
    condition, args = conditions[value.prefix]
    unit_condition, unit_args = _unit(value)
    return slot_term(use, condition + unit_condition, (*args, *unit_args))


def _unit(value: QuantityValue) -> tuple[str, tuple[str, ...]]:
    if value.system and value.code:
        start = f"{value.code}{SEPARATOR}{value.system}"
        return " AND extra >= ? AND extra < ?", (start + SEPARATOR, start + AFTER_SEPARATOR)
    if value.system:
        return " AND instr(extra, ?) > 0", (SEPARATOR + value.system + SEPARATOR,)
    if value.code:
        printed = f"{SEPARATOR}{value.code}{END_MARK}"
        return (
            f" AND ((extra >= ? AND extra < ?) OR instr(extra || '{END_MARK}', ?) > 0)",
            (value.code + SEPARATOR, value.code + AFTER_SEPARATOR, printed),
        )
    return "", ()
