"""The list of common problems (`common.csv`): plain words, other words for the same, ICD-10 where it is sure, SNOMED CT where rules
know it.

Columns: `name`; `icd10`, a code of WHO's ICD-10 (version 2019), empty where no single one says it; `snomed`, the code by which the rules
of this program recognise it (`edge_node/maternal/history_concepts.py`, `edge_node/immunisation/record.py`); `lasting`, `yes` for what
usually stays; `also`, other words, separated by `;`.

Source of the codes: WHO, International Statistical Classification of Diseases and Related Health Problems, 10th revision, 2019. Source
of the choice: reasons for coming in WHO, Integrated Management of Adolescent and Adult Illness, 2011, and Childhood Illness, 2014.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_node.concepts import SNOMED, codes_of
from sync_protocol.matching.folding import words as folded

ICD10: Final = "http://hl7.org/fhir/sid/icd-10"


class Problem(Struct, frozen=True):
    """One problem. `lasting`: it usually stays."""

    name: str
    icd10: str = ""
    snomed: str = ""
    lasting: bool = False
    also: tuple[str, ...] = ()


@cache
def problems() -> tuple[Problem, ...]:
    """All of them, in the file's order."""
    with files("edge_node.problems").joinpath("common.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Problem(row["name"], row["icd10"], row["snomed"], row["lasting"] == "yes", _words(row["also"])) for row in rows
    )


def _words(also: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in also.split(";") if word.strip())


@cache
def suggestions() -> tuple[str, ...]:
    """What is offered while somebody types: every name, and every other word with the name that it leads to."""
    names = [one.name for one in problems()]
    others = [f"{word} ({one.name})" for one in problems() for word in one.also]
    return tuple(sorted([*names, *others], key=str.casefold))


@cache
def _by_words() -> Mapping[str, Problem]:
    found: dict[str, Problem] = {}
    for one in problems():
        for word in (one.name, *one.also, *(f"{word} ({one.name})" for word in one.also)):
            found.setdefault(_key(word), one)
    return MappingProxyType(found)


def _key(words: str) -> str:
    return " ".join(folded(words))


def find(typed: str) -> Problem | None:
    """The problem that was meant by just these words, whatever their case and accents; None for words of one's own."""
    return _by_words().get(_key(typed))


def said(typed: str) -> dict[str, Any]:
    """The FHIR CodeableConcept of what was typed: with codes where it is on the list, else the words alone."""
    one = find(typed)
    if one is None:
        return {"text": typed}
    codings = [{"system": ICD10, "code": one.icd10, "display": one.name}] if one.icd10 else []
    codings += [{"system": SNOMED, "code": one.snomed, "display": one.name}] if one.snomed else []
    return {"coding": codings, "text": one.name} if codings else {"text": one.name}


def same(one: object, other: object) -> bool:
    """Whether two CodeableConcepts say the same problem: by a code that both have, else by their words."""
    codes = set(codes_of(one)) & set(codes_of(other))
    words = [_key(str(each.get("text", ""))) if isinstance(each, dict) else "" for each in (one, other)]
    return bool(codes) or (words[0] == words[1] != "")
