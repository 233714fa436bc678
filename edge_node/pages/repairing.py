"""Putting right what an import could not take: each place that is wrong, as a field; what was typed, back in its place. Pure."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from typing import Any, Final

import msgspec

from edge_node.fhir.structure import shape
from edge_node.fhir.validation import Issue
from edge_node.forms.fields import Choice, Field, Form, Kind, Section
from edge_node.forms.parsing import Questions, parse
from edge_node.forms.reading import Sent
from edge_node.forms.showing import as_sent
from edge_node.language import N_, Text
from edge_node.pages import codes
from edge_node.pages.elements import label

Path = tuple[str | int, ...]
CHOICES_MAX: Final = 24
_STEP: Final = re.compile(r"(\w+)(?:\[(\d+)\])?").fullmatch
_TITLE: Final = N_("Put it right")


class Spot(msgspec.Struct, frozen=True):
    """A place that is wrong and that people can put right: a text, a date, a code."""

    path: Path
    field: Field
    standing: str


def spots(type_: str, resource: Mapping[str, Any], issues: Sequence[Issue]) -> tuple[Spot, ...]:
    """The places in a resource that its issues name, as far as a person can write something else there."""
    found: dict[Path, Spot] = {}
    for issue in issues:
        spot = _spot(type_, resource, issue.expression, len(found))
        if spot is not None:
            found.setdefault(spot.path, spot)
    return tuple(found.values())


def _spot(type_: str, resource: Mapping[str, Any], expression: str, number: int) -> Spot | None:
    names: list[str] = []
    path: list[str | int] = []
    for part in expression.split(".")[1:]:
        step = _STEP(part)
        if step is None:
            return None
        names.append(_written(_at(resource, path), step[1]))
        path += [names[-1], *([int(step[2])] if step[2] is not None else [])]
    standing = _at(resource, path)
    if not path or isinstance(standing, dict | list) or names[-1] in ("resourceType", "reference"):
        return None
    return Spot(tuple(path), _field(type_, names, number), "" if standing is None else str(standing))


def _written(holder: Any, name: str) -> str:
    """The member that an expression's name stands for: of a choice, `onset`, the one that is there, `onsetDateTime`."""
    if not isinstance(holder, dict) or name in holder:
        return name
    return next((key for key in holder if key.startswith(name) and key[len(name) : len(name) + 1].isupper()), name)


def _at(held: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            held = held[step]
        except (KeyError, IndexError, TypeError):
            return None
    return held


def _field(type_: str, names: Sequence[str], number: int) -> Field:
    of, held = type_, frozenset[str]()
    for name in names:
        try:
            member = shape(of).members[name]
        except KeyError:
            break
        of, held = member.of, member.codes or frozenset()
    said = label(names[-1])
    text = Text(said[:1].upper() + said[1:])
    if 0 < len(held) <= CHOICES_MAX:
        choices = tuple(Choice(code, Text(codes.state(code))) for code in sorted(held))
        return Field(name=f"spot{number}", label=text, kind=Kind.CHOICE, choices=choices)
    kind = Kind.DATE if of in ("date", "dateTime") else Kind.TEXT
    return Field(name=f"spot{number}", label=text, kind=kind, partial=kind is Kind.DATE, chars_max=1000)


def form(found: Sequence[Spot]) -> Form:
    """The form that asks for them."""
    fields = tuple(spot.field for spot in found)
    return Form(title=_TITLE, sections=(Section(title=_TITLE, fields=fields),), send=N_("Take it in"))


def start(found: Sequence[Spot]) -> Sent:
    """What stands in the form: what is wrong, but for dates and choices, which could not hold it."""
    return as_sent({spot.field.name: spot.standing for spot in found if spot.field.kind is Kind.TEXT})


def repaired(resource: Mapping[str, Any], found: Sequence[Spot], sent: Sent, today: date) -> bytes | Questions:
    """The resource with what was typed in its places; a place that was left empty is taken out. Or what has to be asked back."""
    answers = parse(form(found), sent, today)
    if isinstance(answers, Questions):
        return answers
    whole = deepcopy(dict(resource))
    for spot in sorted(found, key=lambda one: [str(step) for step in one.path], reverse=True):
        dated = spot.field.kind is Kind.DATE
        given = answers.date(spot.field.name) if dated else None
        typed = (given.text if given is not None else "") if dated else answers.text(spot.field.name)
        _put(whole, spot.path, typed)
    return msgspec.json.encode(whole)


def _put(whole: Any, path: Path, typed: str) -> None:
    holder = _at(whole, path[:-1])
    last = path[-1]
    if isinstance(holder, dict):
        if typed:
            holder[str(last)] = typed
        else:
            holder.pop(str(last), None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        if typed:
            holder[last] = typed
        else:
            del holder[last]
