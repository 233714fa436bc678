"""What is derived from a shown resource: search rows, with references as keys, and the find box's text of patients."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from edge_node.fhir.definitions import type_number
from edge_node.fhir.extraction import index_rows
from edge_node.fhir.slots import slot_numbers

SearchRow: TypeAlias = tuple[int, str | int | float, str | int | float]
"""`(slot, value, extra)`, as `edge_node.fhir.readers` tells them."""
PatientText: TypeAlias = tuple[str, str, str, str]
"""Name, phone, identifier, village: the columns of `patient_text`."""

NATIONAL_DIGITS = 9
"""Digits of a phone number without its country and trunk prefix, in most of the world's plans (ITU-T E.164: up to 12)."""

_not_digit = re.compile(r"\D+").sub


@cache
def reference_slots() -> frozenset[int]:
    """The slots whose values are references."""
    return frozenset(number for name, number in slot_numbers().items() if name.endswith(" reference"))


def search_rows(shown: dict[str, Any]) -> list[SearchRow]:
    """The rows of a shown resource. What is not a number (a sampled "NaN") is in no order and so not indexed."""
    return [row for row in index_rows(shown) if row[1] == row[1]]


def target_of(row: SearchRow) -> tuple[str, str] | None:
    """Type and id that a reference row points to, when it points to a resource that could be here."""
    slot, value, extra = row
    if slot not in reference_slots() or not isinstance(value, str) or not isinstance(extra, int) or extra <= 0:
        return None
    kind, slash, id_ = value.partition("/")
    return (kind, id_) if slash and id_ and type_number(kind) == extra and "/" not in id_ else None


def keyed(row: SearchRow, key_of: Callable[[tuple[str, str]], int]) -> SearchRow:
    """The row with the key of its target instead of `Type/id`."""
    target = target_of(row)
    return row if target is None else (row[0], key_of(target), row[2])


def patient_text(shown: dict[str, Any] | None) -> PatientText | None:
    """The find box's text of a Patient. Odd elements are left out: they are kept, and found by the rest."""
    if shown is None or shown.get("resourceType") != "Patient":
        return None
    names = [_texts(name, ("text", "family", "given", "prefix", "suffix")) for name in _objects(shown.get("name"))]
    numbers = [
        phone_words(str(contact.get("value", "")))
        for contact in _objects(shown.get("telecom"))
        if contact.get("system") in ("phone", "sms", None)
    ]
    identifiers = [_texts(identifier, ("value",)) for identifier in _objects(shown.get("identifier"))]
    villages = [_texts(address, ("city", "district", "text")) for address in _objects(shown.get("address"))]
    return (" ".join(names), " ".join(numbers), " ".join(identifiers), " ".join(villages))


def phone_words(number: str) -> str:
    """A phone number as words to find it by: all digits, and without country and trunk prefix."""
    digits = _not_digit("", number).lstrip("0")
    return digits if len(digits) <= NATIONAL_DIGITS else f"{digits} {digits[-NATIONAL_DIGITS:]}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(holder: dict[str, Any], fields: tuple[str, ...]) -> str:
    found: list[str] = []
    for field in fields:
        value = holder.get(field)
        found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return " ".join(found)
