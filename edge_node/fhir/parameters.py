"""Search parameters of each type, compiled from the published definitions to slots.

A parameter is a set of *uses*: a slot, and what its rows must be narrowed to. ``Observation.patient`` is the slot of
``Observation.subject`` narrowed to references to a Patient; ``Patient.phone`` is the slot of ``Patient.telecom``
narrowed to contact points of system phone. See slots for what a slot is, and extraction for how its rows are made.
"""

from functools import cache

import msgspec

from edge_node.fhir.definitions import CONTRACT_TYPES, SearchParameterDefinition, search_parameters
from edge_node.fhir.expression import Branch, ExpressionError, Step, parse
from edge_node.fhir.slots import slot_numbers
from edge_node.fhir.structure import Member, shape

KINDS = ("token", "reference", "string", "date", "quantity", "uri")
"""The kinds of parameters that are indexed. Composite and special ones are not part of this server, and R4 has no
parameter of kind number for the served types (a test says when that changes)."""

READABLE: dict[str, frozenset[str]] = {
    "token": frozenset({"code", "Coding", "CodeableConcept", "Identifier", "ContactPoint", "boolean", "string"}),
    "reference": frozenset({"Reference", "canonical", "Resource"}),
    "string": frozenset({"string", "markdown", "HumanName", "Address"}),
    "date": frozenset({"date", "dateTime", "instant", "Period", "Timing"}),
    "quantity": frozenset({"Quantity", "Age", "Duration", "Range", "SampledData"}),
    "uri": frozenset({"uri", "url", "canonical"}),
}
"""FHIR types that each kind can read (https://hl7.org/fhir/R4/search.html#table)."""

WITHOUT_SYSTEM = frozenset({"code", "boolean", "string"})
"""Token types whose system is implied by the element and so not in the data."""


class Leaf(msgspec.Struct, frozen=True):
    """A place in the JSON where values of a slot stand: hops to it, and the type found there."""

    hops: tuple["Hop", ...]
    of: str


class Hop(msgspec.Struct, frozen=True):
    """One JSON property on the way. ``where`` and ``index`` pick among the entries of an array."""

    key: str
    many: bool
    index: int | None = None
    where: tuple[str, str] | None = None


class Slot(msgspec.Struct, frozen=True):
    """One indexed path of one type, read as one kind. ``presence`` slots hold only true or false."""

    number: int
    type: str
    path: str
    kind: str
    leaves: tuple[Leaf, ...]
    presence: bool = False

    @property
    def without_system(self) -> bool:
        """Whether a token's system is implied, so that a system in a query cannot be compared."""
        return self.presence or all(leaf.of in WITHOUT_SYSTEM for leaf in self.leaves)

    @property
    def types(self) -> frozenset[str]:
        """The FHIR types that stand in this slot."""
        return frozenset(leaf.of for leaf in self.leaves)


class Use(msgspec.Struct, frozen=True):
    """A slot, narrowed to references to type ``target`` or contact points of ``system`` ('' is not narrowed)."""

    slot: Slot
    target: str = ""
    system: str = ""


class Parameter(msgspec.Struct, frozen=True):
    """A search parameter of one type.

    ``kept`` says where its values are: ``index`` rows in its slots; ``id`` and ``updated`` columns of the store;
    ``scan`` nowhere, it is evaluated on the text of each resource.
    """

    code: str
    kind: str
    url: str
    uses: tuple[Use, ...] = ()
    targets: tuple[str, ...] = ()
    kept: str = "index"


_KEPT = {"_id": "id", "_lastUpdated": "updated", "_text": "scan", "_content": "scan"}
_UNSUPPORTED = ("_query",)  # Names a server's own operation; it has no meaning of its own.


@cache
def parameters_of(type_name: str) -> dict[str, Parameter]:
    """All parameters of a type by code, those of every resource included. Raises ExpressionError, KeyError."""
    found: dict[str, Parameter] = {}
    for definition in search_parameters():
        applies = type_name in definition.base or "Resource" in definition.base or "DomainResource" in definition.base
        if applies and definition.type in KINDS and definition.code not in _UNSUPPORTED:
            found[definition.code] = _parameter(type_name, definition)
    return found


@cache
def slots_of(type_name: str) -> tuple[Slot, ...]:
    """All slots of a type, in order of number."""
    uses = (use.slot for parameter in parameters_of(type_name).values() for use in parameter.uses)
    return tuple(sorted({slot.number: slot for slot in uses}.values(), key=lambda slot: slot.number))


def slot_names() -> list[str]:
    """The names of all slots that the definitions ask for, in published order."""
    names: dict[str, None] = {}
    for type_name in CONTRACT_TYPES:
        for definition in search_parameters():
            if definition.type in KINDS and definition.code not in _KEPT:
                for branch in _branches(type_name, definition):
                    names[_slot_name(type_name, branch, definition.type)] = None
    return list(names)


def _parameter(type_name: str, definition: SearchParameterDefinition) -> Parameter:
    kept = _KEPT.get(definition.code, "index")
    uses: dict[Use, None] = {}
    if kept == "index":
        for branch in _branches(type_name, definition):
            uses[_use(type_name, branch, definition.type)] = None
        if not uses:
            raise ExpressionError(f"{definition.url} has no branch for {type_name}")
    return Parameter(definition.code, definition.type, definition.url, tuple(uses), definition.target, kept)


@cache
def _parsed(expression: str) -> tuple[Branch, ...]:
    return parse(expression)


def _branches(type_name: str, definition: SearchParameterDefinition) -> list[Branch]:
    """The branches for a type; those of Resource and DomainResource hold for every type."""
    if not definition.expression:
        return []
    roots = (type_name, "Resource", "DomainResource")
    return [branch for branch in _parsed(definition.expression) if branch.root in roots]


def _use(type_name: str, branch: Branch, kind: str) -> Use:
    last = branch.steps[-1]
    system = _contact_system(type_name, branch)
    number = slot_numbers()[_slot_name(type_name, branch, kind)]
    leaves = _leaves(type_name, _indexed_steps(type_name, branch), "" if branch.presence else kind)
    slot = Slot(number, type_name, _path(type_name, branch), kind, leaves, branch.presence)
    return Use(slot, last.resolves, system)


def _slot_name(type_name: str, branch: Branch, kind: str) -> str:
    return f"{_path(type_name, branch)} {kind}"


def _path(type_name: str, branch: Branch) -> str:
    steps = ".".join(step.text() for step in _indexed_steps(type_name, branch))
    return f"{type_name}.{steps}" + (".exists()" if branch.presence else "")


def _indexed_steps(type_name: str, branch: Branch) -> tuple[Step, ...]:
    """The steps without a final contact system, which narrows a search and not what is indexed."""
    if not _contact_system(type_name, branch):
        return branch.steps
    return (*branch.steps[:-1], msgspec.structs.replace(branch.steps[-1], where=None))


def _contact_system(type_name: str, branch: Branch) -> str:
    last = branch.steps[-1]
    if last.where is None or last.where[0] != "system":
        return ""
    members = _members(type_name, branch.steps)
    return last.where[1] if all(member.of == "ContactPoint" for member in members) else ""


def _members(type_name: str, steps: tuple[Step, ...]) -> list[Member]:
    """The members that the last step may be."""
    return [leaf[-1] for leaf in _ways(type_name, steps)]


def _ways(path: str, steps: tuple[Step, ...]) -> list[tuple[Member, ...]]:
    """All ways through the definitions along the steps. Raises ExpressionError when there is none."""
    step, rest = steps[0], steps[1:]
    members = [
        member
        for member in shape(path).members.values()
        if step.name in (member.choice, member.key) and step.type_name in ("", member.of)
    ]
    if not members:
        raise ExpressionError(f"no element {step.text()} in {path}")
    if not rest:
        return [(member,) for member in members]
    return [(member, *way) for member in members for way in _ways(member.of, rest)]


def _leaves(type_name: str, steps: tuple[Step, ...], kind: str) -> tuple[Leaf, ...]:
    """Where the values of a slot stand. Types of a choice that the kind cannot read are left out; not all may be.

    The kind '' reads nothing but presence, of an element of the resource itself.
    """
    if not kind and len(steps) > 1:
        raise ExpressionError(f"presence is only known of elements of the resource itself, not in {type_name}")
    leaves = []
    for way in _ways(type_name, steps):
        hops = tuple(
            Hop(member.key, member.many, step.index, step.where) for member, step in zip(way, steps, strict=True)
        )
        if not kind or way[-1].of in READABLE[kind]:
            leaves.append(Leaf(hops, way[-1].of))
        elif not way[-1].choice:
            raise ExpressionError(f"{way[-1].of} cannot be read as {kind} in {type_name}.{steps[-1].text()}")
    if not leaves:
        raise ExpressionError(f"nothing to read as {kind} in {type_name}.{steps[-1].text()}")
    return tuple(leaves)
