"""What several shards answered, added up: pure, over lists of rows."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import astuple

Row = TypeVar("Row", bound=Struct)


def added(rows: Iterable[Row], numbers: Sequence[str]) -> list[Row]:
    """Rows that are equal but for their `numbers` made one, with the numbers added; in the order of their coming."""
    totals: dict[tuple[object, ...], Row] = {}
    for row in rows:
        fields = row.__struct_fields__
        place = tuple(value for name, value in zip(fields, astuple(row), strict=True) if name not in numbers)
        before = totals.get(place)
        if before is None:
            totals[place] = row
            continue
        values = {name: getattr(row, name) for name in fields}
        totals[place] = type(row)(**values | {name: values[name] + getattr(before, name) for name in numbers})
    return list(totals.values())


def by(rows: Iterable[Row], name: str, number: str = "n") -> dict[object, int]:
    """A number added up by the value of a field."""
    found: dict[object, int] = {}
    for row in rows:
        found[getattr(row, name)] = found.get(getattr(row, name), 0) + getattr(row, number)
    return found
