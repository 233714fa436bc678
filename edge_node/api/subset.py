"""Parts of a resource: `_elements` and `_summary` (https://hl7.org/fhir/R4/search.html#elements). Digits stay as they are."""

from collections.abc import Collection

import msgspec

from edge_node.fhir.structure import shape

MARK = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules"})


def part(body: bytes, elements: Collection[str], summary: str) -> bytes:
    """The resource with what was asked for, what is mandatory, and the mark that it is not whole; unchanged when all is wanted."""
    if not elements and summary not in ("text", "data"):
        return body
    members = _MEMBERS.decode(body)
    type_ = msgspec.json.decode(members["resourceType"], type=str)
    if elements:
        wanted = _ALWAYS | _mandatory(type_) | _named(type_, elements)
        kept = {name: raw for name, raw in members.items() if name.removeprefix("_") in wanted}
    elif summary == "text":
        wanted = _ALWAYS | _mandatory(type_) | {"text"}
        kept = {name: raw for name, raw in members.items() if name.removeprefix("_") in wanted}
    else:
        kept = {name: raw for name, raw in members.items() if name != "text"}
    return msgspec.json.encode({**kept, "meta": _marked(members.get("meta"))})


def is_part(body: bytes) -> bool:
    """Whether a resource bears the mark: to store it would remove what was left out."""
    if b"SUBSETTED" not in body:
        return False
    try:
        tags = msgspec.json.decode(body, type=_Tagged).meta.tag
    except msgspec.MsgspecError:
        return False
    return any(tag.code == MARK["code"] and tag.system == MARK["system"] for tag in tags)


class _Tag(msgspec.Struct):
    system: str | None = None
    code: str | None = None


class _Meta(msgspec.Struct):
    tag: list[_Tag] = []


class _Tagged(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


def _marked(meta: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    shown = _MEMBERS.decode(meta) if meta is not None else {}
    tags = msgspec.json.decode(shown["tag"], type=list[msgspec.Raw]) if "tag" in shown else []
    return {**shown, "tag": msgspec.Raw(msgspec.json.encode([*tags, msgspec.Raw(msgspec.json.encode(MARK))]))}


def _mandatory(type_: str) -> frozenset[str]:
    try:
        return frozenset(name for keys in shape(type_).required for name in keys)
    except KeyError:
        return frozenset()


def _named(type_: str, elements: Collection[str]) -> frozenset[str]:
    """The members that `_elements` names: `value` and `Observation.value[x]` are each of the choice's members."""
    names = {name.removeprefix(f"{type_}.").partition(".")[0].removesuffix("[x]") for name in elements}
    try:
        choices = shape(type_).choices
    except KeyError:
        return frozenset(names)
    return frozenset(names | {key for name in names for key in choices.get(name, ())})
