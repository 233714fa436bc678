"""What a form asks."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from edge_node.language import N_, Text

if TYPE_CHECKING:
    from edge_node.forms.answers import Answers
    from edge_node.forms.parsing import Doubt, Problem


class Kind(StrEnum):
    """What a field holds, and so how it is drawn and read. Behind each: what `Answers` gives for it."""

    TEXT = "text"  # one line: text()
    LONG = "long"  # several lines: text()
    INTEGER = "integer"  # number(), whole()
    DECIMAL = "decimal"  # number(): the digits that were typed
    DATE = "date"  # date(): perhaps partial or estimated
    TIME = "time"  # text(): "08:05"
    CHOICE = "choice"  # one of some: text(), a choice's value
    CHOICES = "choices"  # any of some: chosen()
    KNOWN = "known"  # yes, no, not known: text(), yes()
    PHONE = "phone"  # text(): digits, perhaps with a + before them
    LISTED = "listed"  # a line with suggestions, free to type others: text()
    PERSON = "person"  # a patient found by name: person()
    PHOTO = "photo"  # one picture, from the camera where there is one: file()
    FILE = "file"  # one file: file()
    HIDDEN = "hidden"  # text(): put in by the form, not by people


class Choice(Struct, frozen=True):
    """One of some answers. `value` is what is sent and given; `alone`: excludes all others of a group of checkboxes ("none of these")."""

    value: str
    label: Text
    hint: Text | None = None
    alone: bool = False


YES, NO, UNKNOWN = "yes", "no", "unknown"
KNOWN_CHOICES = (Choice(YES, N_("Yes")), Choice(NO, N_("No")), Choice(UNKNOWN, N_("Not known")))


class Range(Struct, frozen=True):
    """Numbers from `low` to `high`, both included; None: no bound. In the field's unit."""

    low: Decimal | None = None
    high: Decimal | None = None

    def holds(self, value: Decimal) -> bool:
        """Whether a number lies in it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def between(low: str | None, high: str | None) -> Range:
    """`between("34.0", "43.0")`: a range with the digits that are shown in messages."""
    return Range(Decimal(low) if low is not None else None, Decimal(high) if high is not None else None)


class Span(Struct, frozen=True):
    """Days from `first` to `last`, both included; None: no bound."""

    first: date | None = None
    last: date | None = None

    def meets(self, earliest: date, latest: date) -> bool:
        """Whether some day of a date that may be partial (all days from `earliest` to `latest`) lies in it."""
        return (self.last is None or earliest <= self.last) and (self.first is None or latest >= self.first)


class When(Struct, frozen=True):
    """A field or section is asked when another field, further up, was answered so: with one of `values`, or with a number between
    `at_least` and `at_most`; with neither, when it was answered at all."""

    field: str
    values: tuple[str, ...] = ()
    at_least: Decimal | None = None
    at_most: Decimal | None = None


class AnyOf(Struct, frozen=True):
    """Asked when any one of some conditions holds: the upper blood pressure is high, or the lower one."""

    of: tuple[When, ...]


Condition: TypeAlias = When | AnyOf


def conditions_in(condition: Condition) -> tuple[When, ...]:
    """The single conditions within one."""
    return condition.of if isinstance(condition, AnyOf) else (condition,)


def when(field: str, *values: str) -> tuple[When, ...]:
    """`when=when("sex", "female")`."""
    return (When(field, values),)


class Field(Struct, frozen=True, kw_only=True):
    """One question.

    `name`: unique in the form, letters, digits and `_`. `unit`: as people write it, shown behind the input. `possible`, `plausible`:
    numbers outside of the first are refused, outside of the second asked once more; `possible_days`, `plausible_days` the same for dates.
    `required`: has to be answered when it is asked. `when`: all of these hold, else it is not asked and nothing that was sent counts.

    Of dates: `partial` takes a month or a year alone; `estimable` offers "this is estimated"; `by_age` takes an age instead.
    `listed`: which list of `Context.lists` is suggested. `chars_max`: longest text; `bytes_max`: largest file; `accept`: kinds of files.
    """

    name: str
    label: Text
    kind: Kind = Kind.TEXT
    hint: Text | None = None
    choices: tuple[Choice, ...] = ()
    unit: str | Text = ""
    possible: Range | None = None
    plausible: Range | None = None
    possible_days: Span | None = None
    plausible_days: Span | None = None
    required: bool = False
    when: tuple[Condition, ...] = ()
    partial: bool = False
    estimable: bool = False
    by_age: bool = False
    listed: str = ""
    chars_max: int = 200
    bytes_max: int = 6 * 1024 * 1024
    accept: str = ""

    @property
    def offered(self) -> tuple[Choice, ...]:
        """The choices that are drawn."""
        return KNOWN_CHOICES if self.kind is Kind.KNOWN else self.choices


class Section(Struct, frozen=True, kw_only=True):
    """Fields that belong together, under a title. `folded`: opened when somebody wants it, or something in it needs looking at."""

    title: Text
    fields: tuple[Field, ...]
    hint: Text | None = None
    when: tuple[Condition, ...] = ()
    folded: bool = False


Check = Callable[["Answers"], Iterable["Problem | Doubt"]]
"""Looks at several answers together: the lower blood pressure above the upper one."""


class Form(Struct, frozen=True, kw_only=True):
    """What is asked, in its order. `send`: what the button says. `checks` run when all fields by themselves are in order."""

    title: Text
    sections: tuple[Section, ...]
    send: Text = N_("Save")
    intro: Text | None = None
    checks: tuple[Check, ...] = ()

    def fields(self) -> Iterator[Field]:
        """All fields."""
        for section in self.sections:
            yield from section.fields

    def asked(self) -> Iterator[tuple[Field, tuple[Condition, ...]]]:
        """All fields, each with all conditions under which it is asked."""
        for section in self.sections:
            for field in section.fields:
                yield field, (*section.when, *field.when)

    @property
    def sends_files(self) -> bool:
        """Whether it is sent in parts."""
        return any(field.kind in (Kind.PHOTO, Kind.FILE) for field in self.fields())


def wrong(form: Form) -> list[str]:
    """What is wrong with a form itself, for tests: names twice, conditions on what is not further up, choices that are missing."""
    found, seen = [], set[str]()
    for field, conditions in form.asked():
        if field.name in seen or not field.name.replace("_", "").isalnum():
            found.append(f"{field.name}: not a name, or there twice")
        if field.kind in (Kind.CHOICE, Kind.CHOICES) and not field.choices:
            found.append(f"{field.name}: no choices")
        singles = [one for condition in conditions for one in conditions_in(condition)]
        found += [
            f"{field.name}: asked when {one.field}, which is not above" for one in singles if one.field not in seen
        ]
        seen.add(field.name)
    return found
