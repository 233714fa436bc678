"""What is derived from a shown resource: search rows, with references as keys, and the find box's text of patients."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias

import msgspec

from edge_node.fhir.extraction import index_rows
from edge_node.fhir.slots import slot_numbers
from sync_protocol.matching.folding import words
from sync_protocol.matching.person import NATIONAL_DIGITS
from sync_protocol.resource import Resource, shown
from sync_protocol.showing import shown_object

SearchRow: TypeAlias = tuple[int, str | int | float, str | int | float]
"""`(slot, value, extra)`, as `edge_node.fhir.readers` tells them."""
Entry: TypeAlias = tuple[int, str | int | float, int, str | int | float]
"""`(slot, value, key, extra)`: a row of `search`."""
PatientText: TypeAlias = tuple[str, str, str, str, str, str]
"""Name, phone, ending, identifier, village, born: the columns of `patient_text`, each of words between spaces."""
NAME, PHONE, ENDING, IDENTIFIER, VILLAGE, BORN = range(6)

_local = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})").fullmatch
_not_digit = re.compile(r"\D+").sub


@cache
def reference_slots() -> frozenset[int]:
    """The slots whose values are references."""
    return frozenset(number for name, number in slot_numbers().items() if name.endswith(" reference"))


class Derived(msgspec.Struct, frozen=True, array_like=True):
    """All that the store derives from a shown resource."""

    rows: list[SearchRow]
    text: PatientText | None


def derive(shown: dict[str, Any]) -> Derived:
    """What a resource's decoded text gives."""
    return Derived(search_rows(shown), patient_text(shown))


def derive_change(old: Resource, new: Resource) -> tuple[Derived, Derived]:
    """What two states give, at least where they differ: of an edit of one element, the rows of that element alone.

    Each slot is read from one unit or list, so what both states have alike gives both the same rows.
    """
    if new.type == "Patient" or "contained" in old.elements or "contained" in new.elements:  # those are read as a whole
        return derive(shown_object(old.type, old.id, shown(old))), derive(shown_object(new.type, new.id, shown(new)))
    names = {key.partition("|")[0] for key in _differing(old, new)}
    return _derive_named(old, names), _derive_named(new, names)


def _differing(old: Resource, new: Resource) -> list[str]:
    """Keys of the elements that may differ: a state made of another one shares the registers that it left alone."""
    before, after = old.elements, new.elements
    changed = [key for key, register in after.items() if before.get(key) is not register]
    return changed if before.keys() <= after.keys() else [*changed, *(before.keys() - after.keys())]


def _derive_named(resource: Resource, names: set[str]) -> Derived:
    """What the units and lists of these names give."""
    keys = [key for key in resource.elements if key in names or ("|" in key and key.partition("|")[0] in names)]
    return derive(shown_object(resource.type, resource.id, shown(resource.part(keys))))


NOTHING = Derived([], None)
"""Of what is deleted, or never was here."""


def search_rows(shown: dict[str, Any]) -> list[SearchRow]:
    """The rows of a shown resource, none twice. What is not a number (a sampled "NaN") is in no order and not indexed."""
    return [row for row in index_rows(shown) if row[1] == row[1]]


def targets(rows: Iterable[SearchRow]) -> set[str]:
    """The texts of the references among some rows."""
    slots = reference_slots()
    return {value for slot, value, _ in rows if slot in slots and isinstance(value, str)}


def local_name(target: str) -> tuple[str, str] | None:
    """Type and id that a reference points to, when it is to a resource that could be here."""
    found = _local(target)
    return (found[1], found[2]) if found is not None else None


def keyed(rows: Iterable[SearchRow], key: int, keys: dict[Any, Any]) -> list[Entry]:
    """Rows as they are stored: with the resource's key, and of local references the target's key (`keys`: text → key)."""
    slots = reference_slots()
    return [(slot, keys.get(value, value) if slot in slots else value, key, extra) for slot, value, extra in rows]


def patient_text(shown: dict[str, Any]) -> PatientText | None:
    """The find box's text of a Patient, folded. Odd elements are left out: they are kept, and found by the rest."""
    if shown.get("resourceType") != "Patient":
        return None
    names = [_texts(name, ("text", "family", "given", "prefix", "suffix")) for name in _objects(shown.get("name"))]
    numbers = [
        phone_words(str(contact.get("value", "")))
        for contact in _objects(shown.get("telecom"))
        if contact.get("system") in ("phone", "sms", None)
    ]
    identifiers = [_texts(identifier, ("value",)) for identifier in _objects(shown.get("identifier"))]
    villages = [_texts(address, ("city", "district", "text")) for address in _objects(shown.get("address"))]
    born = shown.get("birthDate")
    return (
        _line(word for name in names for word in words(name)),
        _line(word for number in numbers for word in number),
        _line(number[-1][::-1] for number in numbers if number),
        _line(word for identifier in identifiers for word in identifier_words(identifier)),
        _line(word for village in villages for word in words(village)),
        _line(born_words(born)) if isinstance(born, str) else "",
    )


def vocabulary_of(text: PatientText) -> set[str]:
    """The words by which somebody may be found although they are misspelled: of names and places."""
    return {*text[NAME].split(), *text[VILLAGE].split()}


def phone_words(number: str) -> list[str]:
    """A phone number as words to find it by: all digits, and without country and trunk prefix (the last of them)."""
    digits = _not_digit("", number).lstrip("0")
    return [digits] if 0 < len(digits) <= NATIONAL_DIGITS else [digits, digits[-NATIONAL_DIGITS:]] if digits else []


def born_words(born: str) -> list[str]:
    """A birth date's year, month and day as words to find it by: a word is looked up sooner than a beginning."""
    digits = _not_digit("", born)
    return list(dict.fromkeys(digits[:end] for end in (4, 6, 8) if len(digits) >= 4))


def identifier_words(value: str) -> list[str]:
    """An identifier's words, and all of it as one: people put spaces and dashes where they like."""
    parts = words(value)
    return [*parts, "".join(parts)] if len(parts) > 1 else list(parts)


def _line(found: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(found))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(holder: dict[str, Any], fields: tuple[str, ...]) -> str:
    found: list[str] = []
    for field in fields:
        value = holder.get(field)
        found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return " ".join(found)
