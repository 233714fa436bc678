"""Texts of tables: known when the program is written, words when they are shown."""

from msgspec import Struct

from edge_node.language.readers import CLINICAL, npgettext, pgettext


class Text(Struct, frozen=True):
    """A text for people. `str(text)` is in the reader's language; `text.of(name=…)` gives what `%(name)s` stands for."""

    message: str
    context: str = ""
    values: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return pgettext(self.context, self.message, **dict(self.values))

    def of(self, **values: object) -> "Text":
        """The same with values; a Text among them is in the reader's language too."""
        return Text(self.message, self.context, (*self.values, *values.items()))


class Plural(Struct, frozen=True):
    """A text with a number. `str(plural.of(3))`."""

    singular: str
    plural: str
    context: str = ""

    def of(self, number: int, **values: object) -> str:
        """In the form that goes with a number, which `%(count)s` in it is."""
        return npgettext(self.context, self.singular, self.plural, number, **values)


def N_(message: str) -> Text:
    """A text of a table."""
    return Text(message)


def C_(message: str) -> Text:
    """A clinical text of a table."""
    return Text(message, CLINICAL)


def marked(message: str) -> str:
    """A text that stays a plain English string, since programs read it too; a page says it by `_(…)`."""
    return message


def NN_(singular: str, plural: str) -> Plural:
    """A text of a table that goes with a number."""
    return Plural(singular, plural)
