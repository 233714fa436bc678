"""Who is reading, and in which language: set once a request, and looked at by whatever makes words.

A text is looked up when it is shown, so pure functions that make words need no argument for it; without a reader (a test, a
command) they speak English.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from babel import Locale

from edge_node.language.catalogue import SOURCE, Catalogue, Translation, catalogue
from edge_node.language.digits import in_digits

CLINICAL: Final = "clinical"
UNREVIEWED: Final = "‡"
"""Stands behind a clinical text that no speaker has checked; the foot of the page says so. Every font has it, and nothing else uses it."""
_WORLD: Final = "en_001"
"""English as most of the world writes it: the day before the month, metric. Source: CLDR, locale en_001."""


class Reader:
    """A language to read in. `locale` says how numbers and dates are written (a language with the clinic's region);
    `unreviewed` becomes true when a clinical text was shown that no speaker has checked."""

    def __init__(self, language: str = SOURCE, locale: Locale | None = None, texts: Catalogue | None = None) -> None:
        self.language = language
        self.locale = locale or Locale.parse(_WORLD if language == SOURCE else language)
        self.unreviewed = False
        self._catalogue = texts or catalogue(language)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as the attribute `dir` has it."""
        return self.locale.text_direction

    @property
    def tag(self) -> str:
        """As the attribute `lang` has it."""
        return self.language

    def text(self, context: str, message: str) -> str:
        """A text in this language; in English while it has no translation."""
        found = self._catalogue.find(context, message)
        return self._marked(context, found, found.forms[0]) if found is not None else message

    def plural(self, context: str, singular: str, plural: str, number: int) -> str:
        """A text in the form that goes with a number."""
        found = self._catalogue.find(context, singular)
        if found is None:
            return singular if number == 1 else plural
        form = found.forms[min(self._catalogue.plural(abs(number)), len(found.forms) - 1)]
        return self._marked(context, found, form or found.forms[-1])

    def _marked(self, context: str, found: Translation, form: str) -> str:
        if context != CLINICAL or not found.unreviewed:
            return form
        self.unreviewed = True
        return f"{form}\N{WORD JOINER}{UNREVIEWED}"


_READER: ContextVar[Reader] = ContextVar("reader")
_ENGLISH: Final = Reader()


def reader() -> Reader:
    """Who is reading."""
    return _READER.get(_ENGLISH)


def begin(one: Reader) -> None:
    """From here on this one reads: for a request, whose context ends with it."""
    _READER.set(one)


@contextmanager
def reading(language: str, locale: Locale | None = None) -> Iterator[Reader]:
    """Within it, somebody reads in this language."""
    one = Reader(language, locale)
    before = _READER.set(one)
    try:
        yield one
    finally:
        _READER.reset(before)


def _(message: str, **values: object) -> str:
    """A text in the reader's language. `%(name)s` in it is what is given by that name."""
    return _filled(reader().text("", message), values)


def pgettext(context: str, message: str, **values: object) -> str:
    """A text that has a context, such as `CLINICAL`."""
    return _filled(reader().text(context, message), values)


def clinical(message: str, **values: object) -> str:
    """A text whose translation matters to somebody's health."""
    return pgettext(CLINICAL, message, **values)


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """A text in the form that goes with a number; `%(count)s` in it is the number, with the reader's digits."""
    return npgettext("", singular, plural, number, **values)


def npgettext(context: str, singular: str, plural: str, number: int, **values: object) -> str:
    """The same with a context."""
    one = reader()
    given = {"count": in_digits(f"{number:,}", one.locale), **values}
    return _filled(one.plural(context, singular, plural, number), given)


def _filled(message: str, values: dict[str, object]) -> str:
    return message % values if values else message
