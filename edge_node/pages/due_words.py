"""What lists say of their people, in the reader's words: kept rows (`edge_node/worklists/watching.py`) become items again, and texts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from edge_node.language import clinical
from edge_node.maternal.course import Due as Item
from edge_node.maternal.findings import Param
from edge_node.maternal.risk import Risk
from edge_node.pages import maternal_words
from edge_node.store.due import Due
from edge_node.worklists import watching

_DAY: Final = date.resolution


def care_item(row: Due) -> Item:
    """A kept row of maternal care as the item that it was made of."""
    about, ends = row.about, row.until + _DAY if row.until is not None else date.max
    return Item(
        kind=about["kind"],
        of=about["of"],
        number=about["number"],
        due_from=row.since,
        overdue_from=row.overdue or ends,
        ends=ends,
        params=tuple((name, str(value)) for name, value in about["params"]),
    )


def vaccine(row: Due) -> str:
    """A dose that is due."""
    dose = row.about["text"]  # apart from the call, in which a text would be taken for one to be translated
    return clinical(dose)


def risks(row: Due) -> list[str]:
    """Reasons of high risk, each once."""
    found = (Risk(code=one["code"], params=_typed(one["params"])) for one in row.about["risks"])
    return list(dict.fromkeys(map(maternal_words.risk, found)))


def contradictions(row: Due) -> list[str]:
    """What contradicts itself in a record."""
    return [maternal_words.contradiction(code) for code in row.about["codes"]]


WORDS: Final[Mapping[str, Callable[[Due], str]]] = MappingProxyType(
    {watching.CARE: lambda row: maternal_words.due(care_item(row)), watching.VACCINES: vaccine}
)
"""Of single items, by the list that they are kept on."""


def said(rows: Iterable[Due]) -> list[str]:
    """Items in words, each text once, in the order of their days."""
    return list(dict.fromkeys(WORDS[row.list](row) for row in rows))


def _typed(params: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Param], ...]:
    return tuple((name, _value(value)) for name, value in params)


def _value(kept: Any) -> Param:
    """A parameter as it was before it became JSON (`watching`): days and amounts are marked there."""
    if isinstance(kept, dict):
        return date.fromisoformat(kept["day"]) if "day" in kept else Decimal(kept["amount"])
    return kept if isinstance(kept, int) else str(kept)
