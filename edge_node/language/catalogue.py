"""The catalogues: one `.po` file a language, read as it is.

A translation that no speaker has checked is `fuzzy` in its file. It is used all the same (better than a language that somebody does
not read), and a clinical one says so where it is shown.
"""

from collections.abc import Callable, Mapping
from functools import cache
from gettext import c2py
from importlib.resources import files

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from msgspec import Struct

SOURCE = "en"
"""The language of the code."""

Key = tuple[str, str]
"""Context (empty when there is none) and English text."""


class Translation(Struct, frozen=True):
    """The forms of one text, in the order of the language's plural rule; `unreviewed`: no speaker has checked it."""

    forms: tuple[str, ...]
    unreviewed: bool


class Catalogue(Struct, frozen=True):
    """One language. `plural` tells which form goes with a number, by the rule in the head of its file."""

    language: str
    texts: Mapping[Key, Translation]
    plural: Callable[[int], int]

    def find(self, context: str, message: str) -> Translation | None:
        """The translation of a text, None when there is none."""
        return self.texts.get((context, message))


@cache
def languages() -> tuple[str, ...]:
    """The languages that there are: English, and one for each file."""
    folder = files("edge_node.language").joinpath("catalogues")
    found = sorted(entry.name.removesuffix(".po") for entry in folder.iterdir() if entry.name.endswith(".po"))
    return (SOURCE, *found)


@cache
def catalogue(language: str) -> Catalogue:
    """One language's texts; English has none, being the texts themselves. Raises KeyError for a language that there is not."""
    if language == SOURCE:
        return Catalogue(SOURCE, {}, lambda number: int(number != 1))
    if language not in languages():
        raise KeyError(language)
    file = files("edge_node.language").joinpath("catalogues", f"{language}.po")
    with file.open("rb") as opened:
        return of(language, read_po(opened, locale=language))


def of(language: str, catalog: Catalog) -> Catalogue:
    """A catalogue that Babel has read, as it is looked up in."""
    texts = {}
    for message in catalog:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and any(forms):
            singular = message.id[0] if isinstance(message.id, tuple | list) else message.id
            texts[(message.context or "", singular)] = Translation(tuple(form or "" for form in forms), message.fuzzy)
    return Catalogue(language, texts, c2py(catalog.plural_expr))
