"""A third value for a conflict: asked for by the shape of the values that are there, and written back in that shape. Never JSON.

A value is walked along the published definitions (`edge_node/fhir/structure.py`). Each part of it that people say (a date, a text, an
amount, a choice among FHIR's own words) is a field of a form; all else stays as it is: systems, units, references. What a typed part
replaces goes with all that belonged to it: new words for a medicine never keep the old medicine's code.

Source of the data types: https://hl7.org/fhir/R4/datatypes.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import msgspec

from edge_node.fhir.definitions import resource_types
from edge_node.fhir.structure import Member, shape
from edge_node.forms.answers import Answers, Dated
from edge_node.forms.context import decode, encode
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section
from edge_node.forms.parsing import Problem, Questions, parse
from edge_node.forms.reading import Sent
from edge_node.forms.showing import as_sent, date_parts
from edge_node.language import N_, Text
from edge_node.pages import codes, words
from edge_node.pages.dosage import dosage
from edge_node.pages.elements import label
from edge_node.store.model import Value
from sync_protocol.resource import DELETION

Path = tuple[str | int, ...]

DEPTH_MAX: Final = 4
ENTRIES_MAX: Final = 4
"""Of a list so many entries are asked for; the others stay as they are."""
CHOICES_MAX: Final = 12
_NOT_ASKED: Final = frozenset({"id", "extension", "modifierExtension", "system", "url", "version", "contained", "text"})
_KEYS: Final = frozenset({"code", "use", "type", "linkId", "rank", "interpretation", "referenceRange"})
"""What an entry of a keyed list is known by, or follows from its value: another one would be another entry."""
_SYSTEMS: Final = MappingProxyType(
    {
        name: f"http://terminology.hl7.org/CodeSystem/{name}"
        for name in (
            *("allergyintolerance-clinical", "allergyintolerance-verification"),
            *("condition-clinical", "condition-ver-status"),
        )
    }
)
"""The code systems of concepts with a required binding (FHIR R4: AllergyIntolerance, Condition; no others in reviewed elements)."""
_OF_STATES: Final = MappingProxyType(
    {
        ("AllergyIntolerance", "clinicalStatus"): "allergyintolerance-clinical",
        ("AllergyIntolerance", "verificationStatus"): "allergyintolerance-verification",
        ("Condition", "clinicalStatus"): "condition-clinical",
        ("Condition", "verificationStatus"): "condition-ver-status",
    }
)


class Leaf(msgspec.Struct, frozen=True):
    """A part of a value that is asked for. `of`: its FHIR data type; `start`: what stands in its field, as it would be sent;
    `system`: of the codes to choose from."""

    path: Path
    field: Field
    of: str
    start: Mapping[str, str | tuple[str, ...]]
    system: str = ""


class Way(msgspec.Struct, frozen=True):
    """One shape that a value may have: a form for it, beginning with the value at place `number` of the conflict."""

    number: int
    form: Form
    start: Sent
    leaves: tuple[Leaf, ...]
    template: Any
    lists: Mapping[str, tuple[str, ...]]
    known: Mapping[str, Any]


def ways(type_: str, element: str, values: Sequence[Value]) -> tuple[Way, ...]:
    """The shapes in which something else can be written, that of the value shown first; none for what only can be chosen."""
    if element == DELETION or element.endswith("|"):
        return ()
    found: dict[tuple[Path, ...], Way] = {}
    for number, value in enumerate(values):
        if value.value is None:
            continue
        way = _way(type_, element, number, bytes(value.value), values)
        if way.leaves:
            found.setdefault(tuple(leaf.path for leaf in way.leaves), way)
    return tuple(found.values())


def _way(type_: str, element: str, number: int, value: bytes, values: Sequence[Value]) -> Way:
    template = decode(value)
    name, keyed, _ = element.partition("|")
    if keyed:
        member = shape(type_).members.get(name) if type_ in resource_types() else None
        found = _walk(member.of, template, (), _NOT_ASKED | _KEYS) if member is not None else iter(())
    else:
        found = _walk(type_, template, (), _NOT_ASKED)
    leaves = tuple(_numbered(leaf, number, place) for place, leaf in enumerate(found))
    known = _concepts(values)
    lists = {"known": tuple(known)}
    start: dict[str, str | tuple[str, ...]] = {}
    for leaf in leaves:
        start |= leaf.start
    fields = tuple(leaf.field for leaf in leaves)
    form = Form(title=_TITLE, sections=(Section(title=_TITLE, fields=fields),), send=N_("This is right"))
    return Way(number, form, as_sent(start), leaves, template, lists, known)


_TITLE: Final = N_("Write something else")


def _numbered(leaf: Leaf, number: int, place: int) -> Leaf:
    """The leaf with a name that no other field of the page has."""
    name = f"own{number}x{place}"
    start = {f"{name}{key.removeprefix(leaf.field.name)}": value for key, value in leaf.start.items()}
    return msgspec.structs.replace(leaf, field=msgspec.structs.replace(leaf.field, name=name), start=start)


# --- walking a value --------------------------------------------------------------------------------------------------


def _walk(of: str, held: Any, path: Path, hidden: frozenset[str]) -> Iterator[Leaf]:
    if not isinstance(held, dict):
        return
    try:
        members = shape(of).members
    except KeyError:  # a newer program's type: what it holds cannot be asked for
        return
    for name, value in held.items():
        member = members.get(name)
        if member is None or name in hidden:
            continue
        entries = value[:ENTRIES_MAX] if isinstance(value, list) else [value]
        for place, entry in enumerate(entries):
            here: Path = (*path, name, place) if isinstance(value, list) else (*path, name)
            yield from _leaf(of, member, entry, here)


def _leaf(of: str, member: Member, entry: Any, path: Path) -> Iterator[Leaf]:
    name = label(member.key)
    said = Text(name[:1].upper() + name[1:])
    asked = _ASKED.get(member.of)
    if asked is not None:
        leaf = asked(of, member, entry, path, said)
        if leaf is not None:
            yield leaf
    elif isinstance(entry, dict) and len(path) < 2 * DEPTH_MAX and member.of not in _CLOSED:
        yield from _walk(member.of, entry, path, _NOT_ASKED)


_CLOSED: Final = frozenset(
    {"Reference", "Coding", "Attachment", "Narrative", "Meta", "Resource", "Timing", "Signature"}
)


def _concept(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    standing = words.concept(entry)
    if member.codes is None:
        field = Field(name="own", label=said, kind=Kind.LISTED, listed="known")
        return Leaf(path, field, "CodeableConcept", {"own": standing})
    system = _SYSTEMS.get(_OF_STATES.get((of, member.key), ""), "")
    if not system:
        return None
    field = Field(name="own", label=said, kind=Kind.CHOICE, choices=_choices(member.codes))
    return Leaf(path, field, "CodeableConcept", {"own": words.code_of(entry)}, system)


def _choices(held: frozenset[str]) -> tuple[Choice, ...]:
    return tuple(Choice(code, Text(codes.state(code)[:1].upper() + codes.state(code)[1:])) for code in sorted(held))


def _code(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    if member.codes is None or len(member.codes) > CHOICES_MAX:
        return None
    choices = (
        tuple(Choice(code, text) for code, text in codes.SEXES.items())
        if member.key == "gender"
        else _choices(member.codes)
    )
    return Leaf(path, Field(name="own", label=said, kind=Kind.CHOICE, choices=choices), "code", {"own": str(entry)})


def _boolean(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    choices = (Choice(YES, N_("Yes")), Choice(NO, N_("No")))
    field = Field(name="own", label=said, kind=Kind.CHOICE, choices=choices)
    return Leaf(path, field, "boolean", {"own": YES if entry is True else NO})


def _day(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    field = Field(name="own", label=said, kind=Kind.DATE, partial=True)
    return Leaf(path, field, "date", date_parts("own", Dated(str(entry)[:10])))


def _number(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    kind = Kind.DECIMAL if member.of == "decimal" else Kind.INTEGER
    return Leaf(path, Field(name="own", label=said, kind=kind), "number", {"own": str(entry)})


def _amount(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    if not isinstance(entry, dict) or "value" not in entry:
        return None
    unit = words.unit(entry.get("unit") or entry.get("code"))
    field = Field(name="own", label=said, kind=Kind.DECIMAL, unit=unit)
    return Leaf((*path, "value"), field, "number", {"own": str(entry["value"])})


def _line(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    field = Field(name="own", label=said, kind=Kind.TEXT, chars_max=1000)
    return Leaf(path, field, "string", {"own": str(entry)})


def _instruction(of: str, member: Member, entry: Any, path: Path, said: Text) -> Leaf | None:
    field = Field(name="own", label=said, kind=Kind.LONG, chars_max=1000)
    return Leaf(path, field, "Dosage", {"own": dosage(entry) if isinstance(entry, dict) else ""})


_Asked = Callable[[str, Member, Any, Path, Text], Leaf | None]
_ASKED: Final[Mapping[str, _Asked]] = MappingProxyType(
    {
        "CodeableConcept": _concept,
        "code": _code,
        "boolean": _boolean,
        **dict.fromkeys(("date", "dateTime"), _day),
        **dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), _number),
        **dict.fromkeys(("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity"), _amount),
        **dict.fromkeys(("string", "markdown"), _line),
        "Dosage": _instruction,
    }
)
"""Data type → how it is asked for."""


def _concepts(values: Sequence[Value]) -> dict[str, Any]:
    """Concepts that stand in any of the values, by their words: who types the words means the concept, code and all."""
    found: dict[str, Any] = {}
    for value in values:
        if value.value is not None:
            for concept in _held_concepts(decode(bytes(value.value)), DEPTH_MAX):
                found.setdefault(words.concept(concept), concept)
    found.pop("", None)
    return found


def _held_concepts(held: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        return
    if isinstance(held, dict) and ("coding" in held or set(held) == {"text"}):
        yield held
    for inner in held.values() if isinstance(held, dict) else held if isinstance(held, list) else ():
        yield from _held_concepts(inner, depth - 1)


# --- reading what was written -----------------------------------------------------------------------------------------


def written(way: Way, sent: Sent, today: date) -> bytes | Questions:
    """The value that was typed, as its element's JSON text; or what has to be asked back."""
    answers = parse(way.form, sent, today)
    if isinstance(answers, Questions):
        return answers
    if not any(leaf.field.name in answers for leaf in way.leaves):
        return Questions((Problem(way.leaves[0].field.name, N_("Nothing is written here.")),))
    value = deepcopy(way.template)
    for leaf in reversed(way.leaves):  # from the end: an entry that is removed moves those behind it
        if _is_touched(leaf, way.start, sent):
            _put(value, leaf.path, _made(leaf, answers, way.known))
    return encode(_pruned(value))


def _is_touched(leaf: Leaf, start: Sent, sent: Sent) -> bool:
    """Whether the field is sent otherwise than it stood there: what nobody touched stays digit for digit, time of day and all."""
    name = leaf.field.name
    mine = {key for key in (*start, *sent) if key == name or key.startswith(f"{name}.")}
    return any(_plain(start.get(key, ())) != _plain(sent.get(key, ())) for key in mine)


def _plain(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(one.split()) for one in given if one.strip())


def _made(leaf: Leaf, answers: Answers, known: Mapping[str, Any]) -> Any:
    """A part as FHIR has it; None for one that was emptied."""
    name = leaf.field.name
    if leaf.of == "date":
        dated = answers.date(name)
        return dated.text if dated is not None else None
    if leaf.of == "number":
        return answers.number(name)
    typed = answers.text(name)
    if not typed:
        return None
    if leaf.of == "boolean":
        return typed == YES
    if leaf.of == "Dosage":
        return {"text": typed}
    if leaf.of == "CodeableConcept":
        if leaf.system:
            return {"coding": [{"system": leaf.system, "code": typed}]}
        folded = {said.casefold(): concept for said, concept in known.items()}
        return deepcopy(folded.get(typed.casefold(), {"text": typed}))
    return typed


def _put(value: Any, path: Path, made: Any) -> None:
    """Sets a part, or takes it out, with what belonged to the old one: its extensions, and of an amount the "less than"."""
    for step in path[:-1]:
        value = value[step]
    last = path[-1]
    if isinstance(value, dict):
        value.pop(f"_{last}", None)
        if last == "value":
            value.pop("comparator", None)
    if made is not None:
        value[last] = made
    elif isinstance(value, list):
        del value[int(last)]
    else:
        value.pop(last, None)


def _pruned(value: Any) -> Any:
    """The same without what became empty: FHIR has no empty lists and objects."""
    if isinstance(value, dict):
        return {name: kept for name, inner in value.items() if (kept := _pruned(inner)) not in ({}, [])}
    if isinstance(value, list):
        return [kept for inner in value if (kept := _pruned(inner)) not in ({}, [])]
    return value
