"""What was answered: read, checked, and with its type."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias, TypeVar

from msgspec import Struct

from edge_node.forms.fields import NO, YES


class Dated(Struct, frozen=True):
    """A date as FHIR has it: `1990`, `1990-05` or `1990-05-03`; what is not known is not made up. `estimated`: somebody's guess."""

    text: str
    estimated: bool = False

    @property
    def first(self) -> date:
        """The first day that it may mean."""
        year, month, day = self._parts()
        return date(year, month or 1, day or 1)

    @property
    def last(self) -> date:
        """The last day that it may mean."""
        year, month, day = self._parts()
        month = month or 12
        return date(year, month, day or monthrange(year, month)[1])

    @property
    def exact(self) -> bool:
        """Whether it is known to the day."""
        return len(self.text) == len("1990-05-03")

    def _parts(self) -> tuple[int, int, int]:
        year, month, day = (*self.text.split("-"), "0", "0")[:3]
        return int(year), int(month), int(day)


class Person(Struct, frozen=True):
    """Somebody who was named. `id`: the patient whom that is; None: nobody who is registered here."""

    name: str
    id: str | None = None


class Upload(Struct, frozen=True):
    """A file that was sent. `media_type` and `name` are what the browser says, and prove nothing."""

    name: str
    media_type: str
    content: bytes


T = TypeVar("T")
Value: TypeAlias = str | Decimal | Dated | Person | Upload | tuple[str, ...]


class Answers(Struct, frozen=True):
    """Field → what was answered; fields that were not asked or not answered are not in it. Asking for the wrong type is a TypeError."""

    values: Mapping[str, Value]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """A text, a choice's value, a time; empty when it was not answered."""
        return self._get(name, str) or ""

    def number(self, name: str) -> Decimal | None:
        """A number with the digits that were typed: `6.50`."""
        return self._get(name, Decimal)

    def whole(self, name: str) -> int | None:
        """A whole number."""
        number = self.number(name)
        return int(number) if number is not None else None

    def date(self, name: str) -> Dated | None:
        """A date."""
        return self._get(name, Dated)

    def chosen(self, name: str) -> tuple[str, ...]:
        """What was ticked, in the order of the form."""
        return self._get(name, tuple) or ()

    def yes(self, name: str) -> bool | None:
        """Of a question answered with yes, no or not known; None for the last, and for no answer."""
        return {YES: True, NO: False}.get(self.text(name))

    def person(self, name: str) -> Person | None:
        """Somebody who was named."""
        return self._get(name, Person)

    def file(self, name: str) -> Upload | None:
        """A file."""
        return self._get(name, Upload)

    def _get(self, name: str, type_: type[T]) -> T | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, type_):
            raise TypeError(f"{name} is answered with a {type(value).__name__}")
        return value
