"""What the rules of maternal care find and ask for, in the reader's words. The English stands in `edge_node/maternal/texts.py`."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from edge_node.language import C_, Text, reader
from edge_node.language.days import said
from edge_node.language.digits import amount
from edge_node.maternal.course import Due
from edge_node.maternal.findings import Finding, Param
from edge_node.maternal.risk import Risk
from edge_node.maternal.texts import CONTRADICTIONS, DUE, FINDINGS, RISKS, word_of

SOURCES: Final[Mapping[str, Text]] = {
    "lmp": C_("by the last period"),
    "ultrasound": C_("by ultrasound"),
    "fundal-height": C_("by the height of the womb"),
    "stated": C_("as it was told"),
}
OUTCOMES: Final[Mapping[str, Text]] = {"birth": C_("Birth")}


def finding(one: Finding) -> str:
    """A finding, with what to do."""
    return _filled(FINDINGS[one.code], one.params)


def due(item: Due) -> str:
    """Something that is due."""
    return _filled(DUE[item.kind], (("number", str(item.number)), *item.params))


def risk(one: Risk) -> str:
    """A reason of high risk. Of a finding, what it says before it says what to do."""
    params = dict(one.params)
    if one.code == "finding":
        return _filled(FINDINGS[str(params["finding"])], one.params)
    return _filled(RISKS[one.code], one.params)


def contradiction(code: str) -> str:
    """What a contradiction is about."""
    return str(CONTRADICTIONS[code])


def _filled(text: Text, params: tuple[tuple[str, Param], ...]) -> str:
    return str(text.of(**{name: value(name, one) for name, one in params}))


def value(name: str, one: Param) -> str:
    """A parameter in words: days and numbers as the reader writes them, codes by their names."""
    if isinstance(one, date):
        return said(one)
    if isinstance(one, int | Decimal):
        return amount(str(one), reader().locale)
    worded = word_of(name, one)
    return _within(str(worded)) if worded is not None else amount(one, reader().locale)


def _within(words: str) -> str:
    """Words as they stand within a sentence: "severe headache", but "HIV medicine"."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words
