"""Open conflicts as people see them: both values side by side, who wrote each, when and where."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

import msgspec

from edge_node.language import _
from edge_node.pages import another_value, codes, dates, words
from edge_node.pages.elements import anything, label, labelled, nobody
from edge_node.pages.records import line
from edge_node.pages.words import Naming, Object, joined
from edge_node.store import rows, standing
from edge_node.store.connection import Connection
from edge_node.store.model import OpenConflict, Value
from sync_protocol.resource import DELETION

_ROLES_SAID = frozenset({"none", ""})


class Side(msgspec.Struct, frozen=True):
    """One value. `choose` is its place in the list of values, by which it is chosen."""

    choose: int
    said: str
    who: str
    when: str
    where: str
    shown: bool
    doubt: str = ""


class Dispute(msgspec.Struct, frozen=True):
    """A conflict to be settled. `about`: the record in words; `deletion`: whether it is to be kept at all is the question.

    `whose`: what tells the patient from others, as far as it bears on the question; `rest`: what the record's other elements say, by name;
    `open`: something else than these values can be written.
    """

    type: str
    id: str
    version: str
    element: str
    title: str
    about: str
    since: str
    sides: tuple[Side, ...]
    deletion: bool
    patient_id: str = ""
    patient: str = ""
    whose: str = ""
    rest: tuple[tuple[str, str], ...] = ()
    open: bool = False


def dispute(
    found: OpenConflict,
    resource: Object,
    here: list[bool],
    now_ms: int,
    *,
    naming: Naming = nobody,
    zone: tzinfo | None = None,
) -> Dispute:
    """A conflict in words. `here`: for each value in its order, whether it was written at this node."""
    deletion = found.element == DELETION
    sides: list[Side] = []
    for number, value in enumerate(found.values):
        said = value_said(found.type, found.element, value, naming)
        side = _side(number, said, value, here[number] if number < len(here) else False, now_ms, zone)
        same = next((at for at, other in enumerate(sides) if other.said == said), None)
        if same is None:
            sides.append(side)
        else:
            sides[same] = msgspec.structs.replace(sides[same], who=joined([sides[same].who, side.who], f" {_('and')} "))
    kind = codes.kind(found.type)
    what = line(found.type, resource, naming).what if resource and found.type != "Patient" else ""
    title = _("is it to be deleted?") if deletion else label(found.element)
    if found.type != "Patient":
        title = _("%(kind)s: %(element)s", kind=kind, element=title)
    return Dispute(
        found.type,
        found.id,
        found.version,
        found.element,
        title[:1].upper() + title[1:],
        what,
        dates.moment(found.since_ms, now_ms, zone),
        tuple(sides),
        deletion,
        rest=_rest(found, resource, naming),
        open=bool(another_value.ways(found.type, found.element, found.values)),
    )


def _rest(found: OpenConflict, resource: Object, naming: Naming) -> tuple[tuple[str, str], ...]:
    """What the rest of the record says, without what is in question and what the page says anyway."""
    hidden = _NOT_TOLD | set(_questioned(found))
    told = []
    for name, value in resource.items():
        if name in hidden or name.startswith("_"):
            continue
        said = sex_or_words(found.type, name, value, naming)
        if said:
            told.append((label(name)[:1].upper() + label(name)[1:], said[:REST_CHARS_MAX]))
    return tuple(told[:REST_MAX])


def sex_or_words(type_: str, name: str, value: Any, naming: Naming) -> str:
    """What a member of a resource says."""
    if name == "gender" and type_ in ("Patient", "RelatedPerson"):
        return words.sex({"gender": value})
    if name == "name" and not isinstance(value, str):
        return words.human_name(value)
    return labelled(name, value, naming).partition(": ")[2]


def _questioned(found: OpenConflict) -> Iterable[str]:
    """The names of the members that are in question."""
    if "|" in found.element:
        yield found.element.partition("|")[0]
    for value in found.values:
        held = words.decode(bytes(value.value)) if value.value is not None else None
        if isinstance(held, dict):
            yield from held


REST_MAX = 12
REST_CHARS_MAX = 300
_NOT_TOLD = frozenset(
    {"resourceType", "id", "meta", "text", "extension", "modifierExtension", "contained", "implicitRules", "language"}
    | {"subject", "patient", "identifier", "photo", "encounter", "link"}
)


def _side(number: int, said: str, value: Value, here: bool, now_ms: int, zone: tzinfo | None) -> Side:
    doubt = dates.clock_doubt(value.written_ms - value.device_ms)
    return Side(
        number,
        said,
        who_said(value.user, value.role),
        dates.moment(value.written_ms, now_ms, zone),
        place_said(here),
        value.shown,
        _("that device's clock was %(wrong)s", wrong=doubt) if doubt else "",
    )


def who_said(user: str, role: str) -> str:
    """A person and what she is."""
    return user if role in _ROLES_SAID else f"{user} ({codes.role(role)})"


def place_said(here: bool) -> str:
    """Where something was written."""
    return _("at this clinic") if here else _("at another place")


def value_said(type_: str, element: str, value: Value, naming: Naming = nobody) -> str:
    """What one of the values of a conflict says."""
    return said_of(type_, element, bytes(value.value) if value.value is not None else None, naming)


def said_of(type_: str, element: str, value: bytes | None, naming: Naming = nobody) -> str:
    """What an element's JSON text says, exactly: nothing is rounded where somebody has to choose."""
    if element == DELETION:
        return _("Keep it") if value is None or value == b"{}" else _("Delete it")
    if value is None:
        return _("Removed")
    if element.endswith("|"):
        return _("Another order of the list")
    held = words.decode(value)
    if "|" not in element and isinstance(held, dict):
        seen = {name: member for name, member in held.items() if not name.startswith("_")}
        if type_ in ("Patient", "RelatedPerson") and "gender" in seen:
            return words.sex(seen)
        if len(seen) == 1:
            name, member = next(iter(seen.items()))
            said = labelled(name, member, naming).partition(": ")[2]
        else:
            said = joined((labelled(name, member, naming) for name, member in seen.items()), "; ")
    else:
        said = anything(held, naming)
    said = said or _referred(held)
    return said[:1].upper() + said[1:] if said else _("No words for this value")


def _referred(held: Any) -> str:
    """The kinds of the records that a value points to and that nothing is known of here: `visit; health worker`."""
    if isinstance(held, list):
        return joined(map(_referred, held), "; ")
    if not isinstance(held, dict):
        return ""
    if "reference" in held:
        return codes.kind(words.text(held["reference"]).rpartition("/")[0].rpartition("/")[2])
    return joined(map(_referred, held.values()), "; ")


def written_here(connection: Connection, found: Iterable[OpenConflict]) -> list[list[bool]]:
    """For each conflict and each of its values, in their order, whether it was written at this node."""
    own = standing.own_incarnations(connection)
    answers = []
    for one in found:
        state = connection.execute("SELECT state FROM resource WHERE key = ?", (one.key,)).fetchone()[0]
        siblings = rows.resource_of(one.type, one.id, state).elements[one.element].siblings
        ranked = sorted(siblings, key=lambda sibling: sibling.rank, reverse=True)
        answers.append([sibling.stamp.node in own for sibling in ranked])
    return answers
