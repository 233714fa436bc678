"""What the console counts, derived from a resource as it is shown: counts by day, kind and code, never who.

A pure function of the view, so that a change of a resource changes counts by the difference of the old view's and the new one's.
With other rules all is counted anew (`VERSION`; `hub.counting`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct

from hub import maternal
from hub.clues import body_of
from sync_protocol.resource import Resource, gone

_DECODER = msgspec.json.Decoder(dict[str, Any])

VERSION: Final = 2
"""Of the rules below and of `hub.maternal`."""
CODE_CHARS_MAX: Final = 64
UNDATED: Final = date(1, 1, 1)
"""The day of what says none."""


class Fact(Struct, frozen=True, order=True):
    """One count of `kind` and `code` on a day."""

    day: date
    kind: str
    code: str


class Counted(Struct, frozen=True):
    """What one resource adds: facts, and what it says of a pregnancy."""

    facts: tuple[Fact, ...] = ()
    statement: maternal.Statement | None = None


class _Rule(Struct, frozen=True):
    """Where a type's day, code and status stand: element keys and paths into their values."""

    kind: str
    day: tuple[str, tuple[str, ...]]
    code: tuple[str, tuple[str, ...]]
    status: tuple[str, tuple[str, ...]] = ("status", ("status",))


_VERIFIED: Final = ("verification", ("verificationStatus", "coding", "code"))
RULES: Final[Mapping[str, _Rule]] = {
    "Patient": _Rule("patient", ("", ()), ("gender", ("gender",)), ("", ())),
    "Encounter": _Rule("encounter", ("period", ("period", "start")), ("class", ("class", "code"))),
    "Condition": _Rule("condition", ("onset[x]", ("onsetDateTime",)), ("code", ("code", "coding", "code")), _VERIFIED),
    "Immunization": _Rule(
        "immunization",
        ("occurrence[x]", ("occurrenceDateTime",)),
        ("vaccine", ("vaccineCode", "coding", "code")),
        ("vaccine", ("status",)),
    ),
    "EpisodeOfCare": _Rule("episode", ("period", ("period", "start")), ("type", ("type", "coding", "code"))),
    "Procedure": _Rule(
        "procedure", ("performed[x]", ("performedPeriod", "start")), ("code", ("code", "coding", "code"))
    ),
}
"""What is counted of a type. FHIR R4 element names, as `sync_protocol.policy` makes elements of them."""
HAPPENED: Final = ("encounter", "immunization", "contact", "outcome", "danger")
"""Kinds that say that something was done or found: they cannot be of tomorrow, and have a day."""

_NOTHING: Final = Counted()


def counted(resource: Resource | None) -> Counted:
    """What a resource adds to the counts; nothing when it is deleted, void, or of a kind that is not counted."""
    if resource is None or not _is_counted(resource) or gone(resource):
        return _NOTHING
    found = [*_by_rule(resource), *_years(resource)]
    said = maternal.statement(body_of(resource)) if _may_say(resource) else None
    if said is not None:
        found += _of(said)
    return Counted(tuple(found), said)


def facts(resource: Resource | None) -> Counter[Fact]:
    """The facts of a resource."""
    return Counter(counted(resource).facts)


def _is_counted(resource: Resource) -> bool:
    return resource.type in RULES or _may_say(resource)


def _may_say(resource: Resource) -> bool:
    asked = maternal.ASKED.get(resource.type)
    if asked is None:
        return False
    return maternal.may_say(resource.type, [value for key in asked if (value := resource.value(key)) is not None])


def _by_rule(resource: Resource) -> list[Fact]:
    if (rule := RULES.get(resource.type)) is None:
        return []
    day, code, status = (_text(resource.value(key), path) for key, path in (rule.day, rule.code, rule.status))
    return [] if status in maternal.VOID else [Fact(_day(day), rule.kind, code[:CODE_CHARS_MAX])]


def _years(resource: Resource) -> list[Fact]:
    """The year in which a patient was born, which may be an impossible one. Not the day: it would tell who she is."""
    if resource.type != "Patient" or "birthDate" not in resource.elements:
        return []
    year = _text(resource.value("birthDate"), ("birthDate",))[:4]
    return [Fact(date(int(year), 1, 1), "born", "")] if year.isdecimal() and int(year) > 0 else []


def _of(said: maternal.Statement) -> list[Fact]:
    day = said.day or UNDATED
    if said.kind == "danger":
        return [Fact(day, "danger", sign) for sign in maternal.signs(said)]
    return [Fact(day, said.kind, said.code)] if said.kind in HAPPENED else []


def _text(value: bytes | None, path: tuple[str, ...]) -> str:
    if value is None:
        return ""
    try:
        node: Any = _DECODER.decode(value)
    except msgspec.MsgspecError:
        return ""  # an element that is odd counts as one that says nothing
    for step in path:
        if isinstance(node, list):
            node = node[0] if node else None
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, str) else ""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return UNDATED
