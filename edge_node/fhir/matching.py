"""Whether a parsed resource meets one criterion, from its own index rows: the meaning of a search, without a store.

For criteria on resources that are at hand (conditional writes within a bundle, subscriptions, _text and _content), and
the measure that search_sql's statements are tested by. Chains and _has look at other resources, so they are not here.
"""

import re
from typing import Any

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
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.parameters import Use
from edge_node.fhir.readers import IDENTIFIER, Row
from edge_node.fhir.values import END_MARK, SEPARATOR, fold, interval, token

_markup = re.compile(r"<[^>]*>")


def matches(criterion: Criterion, resource: dict[str, Any]) -> bool:
    """Whether the resource meets the criterion. Raises ValueError for a chain, which needs other resources."""
    if criterion.chain:
        raise ValueError("a chain cannot be decided on one resource")
    kept = criterion.parameter.kept
    if kept == "id":
        return any(isinstance(value, TokenValue) and value.code == resource.get("id") for value in criterion.values)
    if kept == "updated":
        return _updated(criterion, resource)
    if kept == "scan":
        return _scan(criterion, resource)
    return rows_match(criterion, index_rows(resource))


def rows_match(criterion: Criterion, rows: list[Row]) -> bool:
    """The same from rows that were extracted before."""
    of_uses = [(use, row) for use in criterion.parameter.uses for row in rows if row[0] == use.slot.number]
    if criterion.modifier == "missing":
        return criterion.missing != any(_narrowed(use, row) for use, row in of_uses)
    found = any(_row_matches(criterion, use, value, row) for use, row in of_uses for value in criterion.values)
    return found != (criterion.modifier == "not")


def _narrowed(use: Use, row: Row, target: str = "") -> bool:
    if any(name and row[2] != type_number(name) for name in (use.target, target)):
        return False
    return not use.system or str(row[1]).endswith(SEPARATOR + use.system)


def _row_matches(criterion: Criterion, use: Use, value: Any, row: Row) -> bool:
    if criterion.modifier == "identifier":
        return row[2] == IDENTIFIER and _coded(value, str(row[1]))
    if not _narrowed(use, row, criterion.target):
        return False
    if isinstance(value, TokenValue):
        return _token(use, value, row)
    if isinstance(value, ReferenceValue):
        canonical = "canonical" in use.slot.types and str(row[1]).startswith(value.text + "|")
        return row[2] != IDENTIFIER and (row[1] == value.text or canonical)
    if isinstance(value, StringValue):
        return _string(criterion.modifier, value, row)
    if isinstance(value, DateValue):
        return date_matches(value, int(row[1]), int(row[2]))
    if isinstance(value, QuantityValue):
        return _quantity(value, row)
    return isinstance(value, UriValue) and row[1] == value.text


def _token(use: Use, value: TokenValue, row: Row) -> bool:
    text = str(row[1])
    if use.slot.without_system:
        return value.code is None or text == token(value.code, "")
    if _coded(value, text):
        return True
    code = text.partition(SEPARATOR)[0]
    return (
        "ContactPoint" in use.slot.types
        and bool(value.system)
        and row[2] == value.system
        and value.code in (None, code)
    )


def _coded(value: TokenValue, text: str) -> bool:
    code, _, system = text.partition(SEPARATOR)
    return value.code in (None, code) and value.system in (None, system)


def _string(modifier: str, value: StringValue, row: Row) -> bool:
    folded = str(row[1])
    if modifier == "exact":
        return value.text == (folded if row[2] == 0 else row[2])
    return value.folded in folded if modifier == "contains" else folded.startswith(value.folded)


def date_matches(value: DateValue, low: int, high: int) -> bool:
    """The prefixes on an interval (https://hl7.org/fhir/R4/search.html#prefix)."""
    within = low >= value.low and high <= value.high
    return {
        "eq": within,
        "ne": not within,
        "gt": high > value.high,
        "lt": low < value.low,
        "ge": high > value.high or within,
        "le": low < value.low or within,
        "sa": low > value.high,
        "eb": high < value.low,
        "ap": low <= value.high and high >= value.low,
    }[value.prefix]


def _quantity(value: QuantityValue, row: Row) -> bool:
    label, _, end = str(row[2]).partition(END_MARK)
    code, system, text = label.split(SEPARATOR)
    if value.system is not None and (system != value.system or value.code not in (None, code)):
        return False
    if value.system is None and value.code not in (None, code, text):
        return False
    here = float(row[1])
    other = float(end[1:].replace("9e999", "inf")) if end else here
    low, high = min(here, other), max(here, other)
    within = low >= value.low and high < value.high
    return {
        "eq": within,
        "ne": not within,
        "gt": high > value.number,
        "lt": low < value.number,
        "ge": high >= value.number,
        "le": low <= value.number,
        "sa": low > value.number,
        "eb": high < value.number,
        "ap": low <= value.high and high >= value.low,
    }[value.prefix]


def _updated(criterion: Criterion, resource: dict[str, Any]) -> bool:
    try:
        low, high = interval(resource["meta"]["lastUpdated"])
    except (KeyError, TypeError, ValueError):
        return False
    return any(date_matches(value, low, low) for value in criterion.values if isinstance(value, DateValue) and high)


def _scan(criterion: Criterion, resource: dict[str, Any]) -> bool:
    """_text looks into the narrative, _content into every text; all words of a value must occur."""
    text = _narrative(resource) if criterion.parameter.code == "_text" else " ".join(_texts(resource))
    folded = fold(text)
    values = [value for value in criterion.values if isinstance(value, StringValue)]
    return any(all(word in folded for word in value.folded.split()) for value in values)


def _narrative(resource: dict[str, Any]) -> str:
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    return _markup.sub(" ", div) if isinstance(div, str) else ""


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [_markup.sub(" ", value)]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return []
