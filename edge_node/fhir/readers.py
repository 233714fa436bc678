"""How a value of each FHIR type becomes index rows (https://hl7.org/fhir/R4/search.html#table).

A row is a plain tuple ``(slot, value, extra)``; what the last two hold follows from the slot's kind:

==========  ====================================  ===================================================================
kind        value                                 extra
==========  ====================================  ===================================================================
token       ``code SEP system``; code '' when     0; for a contact point its ``use`` when it has one (code is its
            a concept has none                    value, system its system)
reference   ``Type/id`` without version, another  number of the target's type (definitions.type_number), 0 if unknown;
            address as it is, ``#id``, or ``''``
reference   ``value SEP system`` of an            IDENTIFIER (-1)
            identifier that stands for a target
string      folded text                           the text as it was, when folding changed it; else 0
date        first millisecond since 1970 (UTC)    last millisecond
quantity    number                                ``code SEP system SEP unit``; for one end of a range then
                                                  ``END_MARK < other end`` (low end) or ``END_MARK > other end``
uri         the uri                               0
==========  ====================================  ===================================================================

Concepts without a code and references without a target have their row too, so that ``:missing`` is right.
"""

import re
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, TypeAlias

from edge_node.fhir.definitions import resource_types, type_number
from edge_node.fhir.values import BEGINNING_MS, END_MARK, END_MS, SEPARATOR, fold, interval, unit

Value: TypeAlias = str | int | float
Row: TypeAlias = tuple[int, Value, Value]
Add: TypeAlias = Callable[[Row], None]
Reader: TypeAlias = Callable[[int, Any, Add], None]
"""Adds the rows of one value to a slot. Raises AttributeError, TypeError or ValueError on what is not of its type."""

IDENTIFIER = -1
"""The extra of a reference row that holds an identifier and not a target."""


def read_code(slot: int, value: Any, add: Add) -> None:
    add((slot, value + SEPARATOR, 0))


def read_boolean(slot: int, value: Any, add: Add) -> None:
    add((slot, ("true" if value else "false") + SEPARATOR, 0))


def read_coding(slot: int, value: Any, add: Add) -> None:
    add((slot, f"{value.get('code', '')}{SEPARATOR}{value.get('system', '')}", 0))


def read_concept(slot: int, value: Any, add: Add) -> None:
    for coding in value.get("coding", ({},)):
        add((slot, f"{coding.get('code', '')}{SEPARATOR}{coding.get('system', '')}", 0))


def read_identifier(slot: int, value: Any, add: Add) -> None:
    add((slot, f"{value.get('value', '')}{SEPARATOR}{value.get('system', '')}", 0))


def read_contact(slot: int, value: Any, add: Add) -> None:
    use = value.get("use")
    add((slot, f"{value.get('value', '')}{SEPARATOR}{value.get('system', '')}", use if type(use) is str else 0))


def read_reference(slot: int, value: Any, add: Add) -> None:
    target = value.get("reference", "")
    identifier = value.get("identifier")
    if target or identifier is None:
        add((slot, *reference_target(target, value.get("type", ""))))
    if identifier is not None:
        add((slot, f"{identifier.get('value', '')}{SEPARATOR}{identifier.get('system', '')}", IDENTIFIER))


_NUMBERS = {name: type_number(name) for name in resource_types()}


def reference_target(target: str, type_name: str = "") -> tuple[str, int]:
    """The text of a reference without its version, and its type's number.

    The type is told by the address (``…/Patient/12``); ``type_name``, that is Reference.type, is used when it does not.
    """
    kind, slash, rest = target.partition("/")
    number = _NUMBERS.get(kind, 0)
    if number and slash:
        return (target if "/" not in rest else f"{kind}/{rest.partition('/')[0]}"), number
    if slash and ":" in kind:
        target = target.partition("/_history/")[0]
        number = _NUMBERS.get(target.rsplit("/", 2)[-2], 0)
    return target, number or _NUMBERS.get(type_name, 0)


def read_canonical(slot: int, value: Any, add: Add) -> None:
    """A canonical names a definition by its url, and its version stays; some give a relative reference instead."""
    add((slot, value, _NUMBERS.get(value.partition("/")[0], 0)))


_local = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})").fullmatch


def local_target(row: Row) -> tuple[str, str] | None:
    """Type and id of the target of a row of a reference slot, when it may be a resource of this store.

    For these the store puts the target's key in the place of the value; search_sql looks them up by it.
    """
    found = _local(str(row[1])) if row[2] != IDENTIFIER else None
    return (found[1], found[2]) if found else None


def read_resource(slot: int, value: Any, add: Add) -> None:
    """A resource that stands inline, as in a document Bundle, counts as a reference to itself."""
    kind = value["resourceType"]
    add((slot, f"{kind}/{value.get('id', '')}", _NUMBERS.get(kind, 0)))


def read_string(slot: int, value: Any, add: Add) -> None:
    folded = fold(value)
    add((slot, folded, 0 if folded == value else value))


def read_parts(fields: tuple[str, ...], slot: int, value: Any, add: Add) -> None:
    """Every text of a name or an address, each by itself."""
    for field in fields:
        texts = value.get(field)
        if texts is not None:
            for text in (texts,) if type(texts) is str else texts:
                if text is not None:
                    read_string(slot, text, add)


def read_date(slot: int, value: Any, add: Add) -> None:
    add((slot, *interval(value)))


def read_period(slot: int, value: Any, add: Add) -> None:
    start, end = value.get("start"), value.get("end")
    if start is not None or end is not None:
        low = BEGINNING_MS if start is None else interval(start)[0]
        add((slot, low, END_MS if end is None else interval(end)[1]))


def read_timing(slot: int, value: Any, add: Add) -> None:
    """Only the outer limits count: of the events, and of the bounds when they are a period."""
    ranges = [interval(event) for event in value.get("event", ()) if event is not None]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    if bounds is not None:
        read_period(slot, bounds, lambda row: ranges.append((int(row[1]), int(row[2]))))
    if ranges:
        add((slot, min(low for low, _ in ranges), max(high for _, high in ranges)))


def read_quantity(slot: int, value: Any, add: Add) -> None:
    """A quantity with a comparator (``<5``) is a range that is open at one end."""
    number = value.get("value")
    if number is None or type(number) is str:
        return
    label, text = value.get("code", ""), value.get("unit", "")
    extra = unit(label, value.get("system", ""), text)
    comparator = value.get("comparator")
    if comparator is None:
        add((slot, float(number), extra))
    elif comparator.startswith("<"):
        _add_ends(slot, -inf, float(number), extra, add)
    else:
        _add_ends(slot, float(number), inf, extra, add)


def _add_ends(slot: int, low: float, high: float, extra: str, add: Add) -> None:
    add((slot, low, f"{extra}{END_MARK}<{_far(high)}"))
    add((slot, high, f"{extra}{END_MARK}>{_far(low)}"))


def _far(number: float) -> str:
    """A number as SQL and Python both read it; neither reads the other's word for infinity."""
    return repr(number) if abs(number) != inf else "9e999" if number > 0 else "-9e999"


def read_range(slot: int, value: Any, add: Add) -> None:
    low, high = value.get("low") or {}, value.get("high") or {}
    if "value" in low or "value" in high:
        given = low if "value" in low else high
        extra = unit(given.get("code", ""), given.get("system", ""), given.get("unit", ""))
        _add_ends(slot, float(low.get("value", -inf)), float(high.get("value", inf)), extra, add)


def read_samples(slot: int, value: Any, add: Add) -> None:
    """Sampled data are the range from their lowest to their highest value; E, L and U are no numbers."""
    origin = value.get("origin", {})
    zero, factor = float(origin.get("value", 0)), float(value.get("factor", 1))
    numbers = [zero + factor * float(word) for word in value.get("data", "").split() if word[-1:].isdigit()]
    if numbers:
        extra = unit(origin.get("code", ""), origin.get("system", ""), origin.get("unit", ""))
        _add_ends(slot, min(numbers), max(numbers), extra, add)


def read_uri(slot: int, value: Any, add: Add) -> None:
    add((slot, value, 0))


_QUANTITIES: dict[str, Reader] = dict.fromkeys(("Quantity", "Age", "Duration"), read_quantity)
_DATES: dict[str, Reader] = dict.fromkeys(("date", "dateTime", "instant"), read_date)

READERS: dict[str, dict[str, Reader]] = {
    "token": {
        "code": read_code,
        "string": read_code,
        "boolean": read_boolean,
        "Coding": read_coding,
        "CodeableConcept": read_concept,
        "Identifier": read_identifier,
        "ContactPoint": read_contact,
    },
    "reference": {"Reference": read_reference, "canonical": read_canonical, "Resource": read_resource},
    "string": {
        "string": read_string,
        "markdown": read_string,
        "HumanName": partial(read_parts, ("text", "family", "given", "prefix", "suffix")),
        "Address": partial(read_parts, ("text", "line", "city", "district", "state", "postalCode", "country")),
    },
    "date": {**_DATES, "Period": read_period, "Timing": read_timing},
    "quantity": {**_QUANTITIES, "Range": read_range, "SampledData": read_samples},
    "uri": dict.fromkeys(("uri", "url", "canonical"), read_uri),
}
"""Reader by the slot's kind and the type that stands there."""
