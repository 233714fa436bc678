"""What the console counts, derived from a resource as it is shown: counts by day, kind and code, never who.

A pure function of the view, so that a change of a resource changes counts by the difference of the old view's and the new one's.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct

from sync_protocol.resource import Resource, gone, shown

_DECODER = msgspec.json.Decoder(dict[str, Any])

CODE_CHARS_MAX: Final = 64
UNDATED: Final = date(1, 1, 1)
"""The day of what says none."""


class Fact(Struct, frozen=True, order=True):
    """One count of `kind` and `code` on a day."""

    day: date
    kind: str
    code: str


class _Rule(Struct, frozen=True):
    """Where a type's day and code stand: element keys and paths into their values."""

    kind: str
    day: tuple[str, tuple[str, ...]]
    code: tuple[str, tuple[str, ...]]


RULES: Final[Mapping[str, _Rule]] = {
    "Patient": _Rule("patient", ("", ()), ("gender", ("gender",))),
    "Encounter": _Rule("encounter", ("period", ("period", "start")), ("class", ("class", "code"))),
    "Condition": _Rule("condition", ("onset[x]", ("onsetDateTime",)), ("code", ("code", "coding", "code"))),
    "Immunization": _Rule(
        "immunization", ("occurrence[x]", ("occurrenceDateTime",)), ("vaccine", ("vaccineCode", "coding", "code"))
    ),
    "EpisodeOfCare": _Rule("episode", ("period", ("period", "start")), ("type", ("type", "coding", "code"))),
    "Procedure": _Rule(
        "procedure", ("performed[x]", ("performedPeriod", "start")), ("code", ("code", "coding", "code"))
    ),
}
"""What is counted. FHIR R4 element names."""


_NOTHING: Final = Resource("", "")
_NO_CHANGE: Final[Counter[Fact]] = Counter()


def facts(resource: Resource | None) -> Counter[Fact]:
    """What a resource adds to the counts; nothing when it is deleted or of a kind that is not counted."""
    if resource is None or (rule := RULES.get(resource.type)) is None or gone(resource):
        return Counter()
    view = shown(resource)
    day, code = (_text(view.get(key), path) for key, path in (rule.day, rule.code))
    return Counter([Fact(_day(day), rule.kind, code[:CODE_CHARS_MAX])])


def changes(before: Resource | None, after: Resource | None) -> Counter[Fact]:
    """By how much the counts change when a resource does."""
    if (after or before or _NOTHING).type not in RULES:
        return _NO_CHANGE
    difference = facts(after)
    difference.subtract(facts(before))
    return Counter({fact: n for fact, n in difference.items() if n})


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
