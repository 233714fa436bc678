"""Medicines that a clinic gives (`essential.csv`): names, ATC codes, forms with strengths, other names.

Columns: `name`, the international non-proprietary name; `atc`, of WHO's ATC index (a group where the list has several of one use);
`products`, forms with strengths, separated by `;`; `also`, other names.

Sources: WHO Model List of Essential Medicines, 23rd list, 2023, and for children, 9th list, 2023 (choice, forms, strengths); WHO
Collaborating Centre for Drug Statistics Methodology, ATC/DDD index 2024 (codes).
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from edge_node.concepts import ATC
from sync_protocol.matching.folding import words as folded

_GOES_ON = re.compile(r"(and|with|plus)\b|[+/&]", re.IGNORECASE).match


class Medicine(Struct, frozen=True):
    """One medicine, whatever its form. `atc`: "" for words of one's own."""

    name: str
    atc: str = ""
    products: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Product(Struct, frozen=True):
    """A medicine in a form: "Amoxicillin", "capsule 250 mg"; `form` is empty where none was chosen."""

    medicine: Medicine
    form: str = ""

    @property
    def text(self) -> str:
        """As people say it."""
        return f"{self.medicine.name}, {self.form}" if self.form else self.medicine.name


@cache
def medicines() -> tuple[Medicine, ...]:
    """All of them, in the file's order."""
    with files("edge_node.medicines").joinpath("essential.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(Medicine(row["name"], row["atc"], _parts(row["products"]), _parts(row["also"])) for row in rows)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


@cache
def suggestions() -> tuple[str, ...]:
    """What is offered while somebody types: every product, and other names with the medicine that they lead to."""
    products = [Product(one, form).text for one in medicines() for form in one.products]
    others = [f"{word} ({one.name})" for one in medicines() for word in one.also]
    return tuple(sorted([*products, *others], key=str.casefold))


@cache
def _by_words() -> Mapping[str, Product]:
    found: dict[str, Product] = {}
    for one in medicines():
        found.setdefault(key_of(one.name), Product(one))
        for form in one.products:
            found.setdefault(key_of(Product(one, form).text), Product(one, form))
    for one in medicines():
        for word in one.also:
            found.setdefault(key_of(word), Product(one))
            found.setdefault(key_of(f"{word} ({one.name})"), Product(one))
    return MappingProxyType(found)


def key_of(text: str) -> str:
    """By which names are compared: without case, accents and signs."""
    return " ".join(folded(text))


def find(typed: str) -> Product:
    """The product that was typed. A name with other words behind it ("amoxicillin 1 g vial") is still that medicine, in a form of one's
    own; what begins with no name that is known is a medicine of one's own, without a code. So is a name that goes on with another
    medicine ("paracetamol and codeine", "paracetamol 500 mg et codeine"): it is not the first one alone."""
    words = key_of(typed)
    known = _by_words().get(words)
    if known is not None:
        return known
    leading = [key for key in _by_words() if words.startswith(f"{key} ")]
    if leading:
        key = max(leading, key=len)
        medicine, rest = _by_words()[key].medicine, _rest(typed, key)
        if rest and not _GOES_ON(rest) and not named_in(rest):
            return Product(Medicine(medicine.name, medicine.atc), rest)
    return Product(Medicine(typed))


def named_in(text: str) -> frozenset[str]:
    """ATC codes of all medicines that a text names. Not by their abbreviations, which are also words: "until 12 Dec"."""
    key = f" {key_of(text)} "
    return frozenset(atc for name, atc in _names() if f" {name} " in key)


@cache
def _names() -> tuple[tuple[str, str], ...]:
    return tuple((key_of(name), one.atc) for one in medicines() for name in (one.name, *one.also) if not name.isupper())


def _rest(typed: str, key: str) -> str:
    """What stands behind a name, as it was typed."""
    parts = typed.split()
    for count in range(1, len(parts)):
        if key_of(" ".join(parts[:count])) == key:
            return " ".join(parts[count:]).lstrip(", ")
    return ""


def said(product: Product) -> dict[str, Any]:
    """The FHIR CodeableConcept of a product."""
    medicine = product.medicine
    if not medicine.atc:
        return {"text": product.text}
    return {"coding": [{"system": ATC, "code": medicine.atc, "display": medicine.name}], "text": product.text}
