"""What may stand where: for each structural path, its JSON members.

A *structural path* is a type (``Patient``, ``HumanName``) or a backbone element (``Patient.contact``). Its members
are keyed as in JSON, so a choice ``value[x]`` of two types is two members (https://hl7.org/fhir/R4/json.html).
"""

from functools import cache

import msgspec

from edge_node.fhir.definitions import Structure, required_codes, resource_types, structures

_SYSTEM_TYPES = {
    "System.String": "string",
    "System.Boolean": "boolean",
    "System.Date": "date",
    "System.DateTime": "dateTime",
    "System.Decimal": "decimal",
    "System.Integer": "integer",
    "System.Time": "time",
}


class Member(msgspec.Struct, frozen=True):
    """One JSON property of a structural path.

    ``of`` is the primitive type, or the structural path of the value, or ``Resource``. ``codes`` are set when the
    element has a required binding. ``choice`` is the stem of a choice element (``value`` for ``valueQuantity``).
    """

    key: str
    of: str
    many: bool
    primitive: bool
    choice: str = ""
    codes: frozenset[str] | None = None


class Shape(msgspec.Struct, frozen=True):
    """The members of a structural path; ``required`` holds, for each required element, the keys that satisfy it."""

    path: str
    members: dict[str, Member]
    required: tuple[tuple[str, ...], ...]
    choices: dict[str, tuple[str, ...]]


def is_primitive(name: str) -> bool:
    """Whether a type name is a FHIR primitive type."""
    found = structures().get(name)
    return found is not None and found.kind == "primitive-type"


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


@cache
def shape(path: str) -> Shape:
    """The shape of a type or backbone element. Raises KeyError for a path that no definition has."""
    structure = structures()[path.partition(".")[0]]
    return _build(path, structure)


def _build(path: str, structure: Structure) -> Shape:
    depth = path.count(".") + 1
    members: dict[str, Member] = {}
    required: list[tuple[str, ...]] = []
    choices: dict[str, tuple[str, ...]] = {}
    for element in structure.elements:
        if element.path.count(".") != depth or not element.path.startswith(path + "."):
            continue
        name = element.path.rpartition(".")[2]
        codes = None
        if element.binding is not None and element.binding.strength == "required" and element.binding.value_set:
            codes = required_codes().get(element.binding.value_set.partition("|")[0])
        stem = name[:-3] if name.endswith("[x]") else ""
        keys = []
        for kind in [entry.code for entry in element.type] or [""]:
            key = stem + _capital(kind) if stem else name
            of = _SYSTEM_TYPES.get(kind, kind)
            if element.content_reference is not None:
                of = element.content_reference.removeprefix("#")
            elif kind in ("BackboneElement", "Element"):
                of = element.path
            elif path == "Extension" and name == "url":
                of = "uri"
            elif name == "id" and depth == 1 and structure.kind == "resource":
                of = "id"
            elif of in resource_types():
                of = "Resource"  # Bundle.entry.response.outcome is an OperationOutcome, written inline.
            members[key] = Member(key, of, element.max != "1", is_primitive(of), stem, codes)
            keys.append(key)
        if stem:
            choices[stem] = tuple(keys)
        if element.min:
            required.append(tuple(keys))
    return Shape(path, members, tuple(required), choices)
