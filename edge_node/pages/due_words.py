"""What lists say of their people, in the reader's words: kept items (`edge_node/worklists/watching.py`) become texts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from edge_node.language import Text, _, reader
from edge_node.language.digits import amount
from edge_node.maternal.texts import CONTRADICTIONS, DUE, FINDINGS, RISKS, word_of
from edge_node.pages import dates
from edge_node.store.due import Due
from edge_node.worklists import watching


def care(item: Due) -> str:
    """Something due in maternal care."""
    return _filled(DUE[item.about["kind"]], {"number": item.about["number"], **dict(item.about["params"])})


def vaccine(item: Due) -> str:
    """A dose that is due."""
    return _(item.about["text"])


def risks(row: Due) -> list[str]:
    """Reasons of high risk, each once."""
    return list(dict.fromkeys(_risk(one["code"], dict(one["params"])) for one in row.about["risks"]))


def contradictions(row: Due) -> list[str]:
    """What contradicts itself in a record."""
    return [str(CONTRADICTIONS[code]) for code in row.about["codes"]]


WORDS: Final[Mapping[str, Callable[[Due], str]]] = MappingProxyType({watching.CARE: care, watching.VACCINES: vaccine})
"""Of single items, by the list that they are kept on."""


def said(items: Iterable[Due]) -> list[str]:
    """Items in words, each text once, in the order of their days."""
    return list(dict.fromkeys(WORDS[item.list](item) for item in items))


def _risk(code: str, params: Mapping[str, Any]) -> str:
    if code == "finding":
        return _filled(FINDINGS[str(params["finding"])], params)
    return _filled(RISKS[code], params)


def _filled(text: Text, params: Mapping[str, Any]) -> str:
    return str(text.of(**{name: _value(name, value) for name, value in params.items()}))


def _value(name: str, value: Any) -> str:
    """A parameter: days and amounts as the reader writes them, codes by their names."""
    if isinstance(value, dict):
        if "day" in value:
            return dates.calendar_day(date.fromisoformat(value["day"]))
        return amount(str(value["amount"]), reader().locale)
    if isinstance(value, int):
        return amount(str(value), reader().locale)
    worded = word_of(name, str(value))
    return str(worded) if worded is not None else amount(str(value), reader().locale)
