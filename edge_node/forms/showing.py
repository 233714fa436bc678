"""What stands in a form's fields before anybody typed: a value as the browser would send it."""

from collections.abc import Mapping
from typing import TypeAlias

from edge_node.forms.answers import Dated, Person

Standing: TypeAlias = Mapping[str, str | tuple[str, ...]]
"""Name of an input → what stands in it; several for checkboxes."""


def date_parts(name: str, dated: Dated | None) -> dict[str, str]:
    """A date in three inputs, perhaps partial, perhaps estimated."""
    if dated is None:
        return {}
    year, month, day = (*dated.text.split("-"), "", "")[:3]
    parts = {f"{name}.year": year, f"{name}.month": month.lstrip("0"), f"{name}.day": day.lstrip("0")}
    return {**parts, **({f"{name}.estimated": "yes"} if dated.estimated else {})}


def person(name: str, who: Person | None) -> Standing:
    """Somebody who is known already."""
    return {} if who is None else {name: who.name, f"{name}.who": who.id or "nobody"}


def as_sent(standing: Standing) -> dict[str, tuple[str, ...]]:
    """The same as `parse` takes it."""
    return {name: value if isinstance(value, tuple) else (value,) for name, value in standing.items() if value}
