"""A resource: element key → register. Its join, what is shown of it, its open conflicts, and its deletion.

All functions are functions of the state alone: two replicas with equal states show the same and list the same conflicts.
"""

from collections.abc import Iterable, Mapping

import msgspec

from sync_protocol.errors import MalformedState
from sync_protocol.one_write import OneWrite
from sync_protocol.register import WITHHELD, Context, Register, Sibling, join, join_context, seen

DELETION = "~"
"""Element key of the deletion register."""

_EMPTY: Mapping[str, Register] = {}
_CLOCK = msgspec.json.Decoder(dict[str, dict[str, int]])


class Resource(msgspec.Struct, frozen=True, gc=False):
    """A FHIR resource as registers. `elements` may be a part of a resource: what a frame carries. Never changed in place."""

    type: str
    id: str
    elements: Mapping[str, Register] = _EMPTY

    @property
    def name(self) -> str:
        """`Type/id`, as FHIR references name it."""
        return f"{self.type}/{self.id}"

    def value(self, key: str) -> bytes | None:
        """What is shown of an element; None when it is removed, or was never there."""
        if type(self.elements) is OneWrite:
            return self.elements.said.get(key)
        register = self.elements.get(key)
        return register.shown.value if register is not None else None

    def part(self, keys: Iterable[str]) -> "Resource":
        """The same resource with only these elements (those it has)."""
        return Resource(self.type, self.id, {k: self.elements[k] for k in keys if k in self.elements})


class Conflict(msgspec.Struct, frozen=True):
    """An element about which people disagree without having seen each other's value."""

    element: str
    siblings: tuple[Sibling, ...]


def join_resource(a: Resource, b: Resource) -> tuple[Resource, frozenset[str]]:
    """Both, register by register, and the keys of `a` that changed. Returns `a` itself when nothing changed."""
    changed: dict[str, Register] = {}
    mine = a.elements
    for key, theirs in b.elements.items():
        register = mine.get(key)
        if register is None:
            changed[key] = theirs
        elif (joined := join(register, theirs)) is not register:
            changed[key] = joined
    if not changed:
        return a, frozenset()
    return Resource(a.type, a.id, {**mine, **changed}), frozenset(changed)


def is_one_write(part: Resource, own: frozenset[int]) -> bool:
    """Whether a part is one write in one of these lives, made when nothing was there, as every new resource comes: it holds all its values,
    and depends on nothing."""
    one = part.elements
    return (
        type(one) is OneWrite
        and len(one.context) == 1
        and one.stamp.node in own
        and DELETION not in one.said
        and WITHHELD not in one.said.values()
    )


# --- deletion ---------------------------------------------------------------------------------------------------------


def clock_of(resource: Resource) -> dict[str, Context]:
    """What someone who sees this state has seen, element by element (the deletion register apart)."""
    return {key: register.context for key, register in resource.elements.items() if key != DELETION}


def deletion_value(resource: Resource) -> bytes:
    """The value that deleting this state writes into the deletion register: its clock as JSON."""
    clock = {
        key: {f"{node:x}": context[node] for node in sorted(context)}
        for key, context in sorted(clock_of(resource).items())
    }
    return msgspec.json.encode(clock)


ALIVE = b"{}"
"""The value of the deletion register that says: kept."""


def read_deletion(value: bytes | None) -> dict[str, Context]:
    """The clock inside a deletion value. Raises MalformedState when it is none."""
    if value is None:
        return {}
    try:
        clock = _CLOCK.decode(value)
        return {key: {int(node, 16): counter for node, counter in context.items()} for key, context in clock.items()}
    except (ValueError, RecursionError) as error:
        raise MalformedState("a deletion register holds no clock") from error


def gone(resource: Resource) -> bool:
    """Whether the resource is deleted: someone deleted it, and every sibling was seen by a deleter."""
    if DELETION not in resource.elements:
        return False
    register = resource.elements[DELETION]
    clocks = [clock for s in register.siblings if (clock := read_deletion(s.value))]
    if len(clocks) < len(register.siblings):
        return False  # somebody, who had not seen every deletion, keeps it
    return all(
        any(seen(clock.get(key, {}), sibling.stamp) for clock in clocks)
        for key, element in resource.elements.items()
        if key != DELETION
        for sibling in element.siblings
    )


def deletion_disputed(resource: Resource) -> bool:
    """Whether someone deleted it while others, unseen by the deleter, changed or kept it. It is then shown whole."""
    if DELETION not in resource.elements:
        return False
    register = resource.elements[DELETION]
    return any(read_deletion(s.value) for s in register.siblings) and not gone(resource)


# --- what is shown ----------------------------------------------------------------------------------------------------


def shown(resource: Resource) -> dict[str, bytes]:
    """Element key → the shown value, elements shown as removed and the deletion register apart."""
    view: dict[str, bytes] = {}
    if type(resource.elements) is OneWrite:
        return {key: value for key, value in resource.elements.said.items() if value is not None and key != DELETION}
    for key, register in resource.elements.items():
        value = register.siblings[0].value if len(register.siblings) == 1 else register.shown.value
        if value is not None and key != DELETION:
            view[key] = value
    return view


def disagreements(resource: Resource) -> list[Conflict]:
    """All elements with more than one distinct value, by key, whatever their policy; a disputed deletion too."""
    if type(resource.elements) is OneWrite and DELETION not in resource.elements:
        return []
    found = [
        Conflict(key, register.siblings)
        for key, register in resource.elements.items()
        if len(register.siblings) > 1 and key != DELETION and len(register.values) > 1
    ]
    found.sort(key=lambda conflict: conflict.element)
    if deletion_disputed(resource):
        found.append(Conflict(DELETION, resource.elements[DELETION].siblings))
    return found


def last_stamp_ms(resource: Resource) -> int:
    """The greatest `ts` of any live sibling: when this state was last written, as its writers believe."""
    if type(resource.elements) is OneWrite:
        return resource.elements.stamp.ts
    return max((s.stamp.ts for r in resource.elements.values() for s in r.siblings), default=0)


def context_of(resource: Resource) -> Context:
    """The join of the contexts of all elements: every dot this state has seen anything of."""
    if type(resource.elements) is OneWrite:
        return resource.elements.context
    total: Context = {}
    for register in resource.elements.values():
        total = join_context(total, register.context)
    return total
