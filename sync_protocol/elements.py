"""FHIR JSON to element values and back, and the write: what an author who saw one version changes.

Element keys and values are told in docs/ARCHITECTURE.md ("Elements"). Numbers keep their digits: values are cut out of the
author's own text (FHIR R4, datatypes: "implementations SHALL preserve the precision of decimals").
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from sync_protocol import bounds, policy, register
from sync_protocol.errors import MalformedJson, ProtocolError, TooLarge
from sync_protocol.json_text import check_value as check_value
from sync_protocol.json_text import compact, packed, same, sense
from sync_protocol.json_text import depth_over as depth_over
from sync_protocol.one_write import OneWrite
from sync_protocol.register import WITHHELD, Register, Stamp
from sync_protocol.resource import ALIVE, DELETION, Resource, deletion_value, gone, read_deletion, shown
from sync_protocol.showing import NOTHING, hidden, quote
from sync_protocol.showing import assemble as assemble
from sync_protocol.showing import entries as entries

ODD = "?"
"""The unit of members whose names could not be part of an element key."""

PARTS_TOGETHER = 64
"""How many parts' values are checked as one text."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES = msgspec.json.Decoder(list[msgspec.Raw])
_HASHES = msgspec.json.Decoder(list[str])
_TEXT = msgspec.json.Decoder(str)
_ANY = msgspec.json.Decoder()
_NAME = re.compile(
    r"_?[A-Za-z][A-Za-z0-9_.-]{0,199}"
)  # short enough for an element key (`bounds.ELEMENT_KEY_BYTES_MAX`)


class Parsed(msgspec.Struct, frozen=True):
    """A resource as its author sent it: compact text of each member, and the version that the text says it was made from."""

    type: str
    id: str | None
    version: str | None
    members: dict[str, msgspec.Raw]


def parse(body: bytes) -> Parsed:
    """Cut one FHIR resource into members. Raises MalformedJson or TooLarge, never anything else."""
    if len(body) > bounds.RESOURCE_STATE_BYTES_MAX:
        raise TooLarge(f"a resource of {len(body)} bytes; at most {bounds.RESOURCE_STATE_BYTES_MAX}")
    try:
        members = _MEMBERS.decode(compact(body))
        type_ = _TEXT.decode(members.pop("resourceType"))
        id_ = _TEXT.decode(members.pop("id")) if "id" in members else None
    except KeyError as error:
        raise MalformedJson("the object has no resourceType") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedJson("resourceType and id must be texts, and the resource a JSON object") from error
    if not type_ or len(type_) > bounds.TYPE_CHARS_MAX or (id_ is not None and not 0 < len(id_) <= bounds.ID_CHARS_MAX):
        raise MalformedJson(f"resourceType and id must have 1 to {bounds.ID_CHARS_MAX} characters")
    version = _take_server_meta(members)
    return Parsed(type_, id_, version, members)


# --- text to values ---------------------------------------------------------------------------------------------------


def split(parsed: Parsed, seen: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Element key → value. Entries of keyed lists keep the keys they have in `seen`, the view that the author changed.

    A resource without members has one that stands for nothing, but where nothing was seen in one either: it is known already.
    """
    type_ = parsed.type
    lists = policy.plan(type_).lists
    values: dict[str, bytes] = {}
    shared: dict[str, list[tuple[str, bytes]]] = {}
    for name, raw in parsed.members.items():
        text = bytes(raw)
        if name in lists and text.startswith(b"[") and text != b"[]":
            values.update(_split_list(name, text, lists[name], seen or {}))
            continue
        key = _unit(type_, name)
        shared.setdefault(key, []).append((name, text))
    for key, members in shared.items():
        if len(members) == 1:
            name, text = members[0]
            values[key] = b'{"%b":%b}' % (name.encode(), text) if key != ODD else b"{%b:%b}" % (quote(name), text)
        else:
            members.sort()
            values[key] = b"{" + b",".join(b"%b:%b" % (quote(name), text) for name, text in members) + b"}"
    if not values and seen != {}:
        values["meta"] = NOTHING
    _check_count(len(values))
    return values


def _check_count(elements: int) -> None:
    if elements > bounds.RESOURCE_ELEMENTS_MAX:
        raise TooLarge(f"a resource of {elements} elements; at most {bounds.RESOURCE_ELEMENTS_MAX}")


def _split_list(
    name: str, text: bytes, keyed: policy.KeyedList, seen: Mapping[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    new = [bytes(raw) for raw in _ENTRIES.decode(text)]
    _check_count(len(new))
    fields = [_key_fields(value, keyed) for value in new]
    keys = _known_keys(new, fields, keyed, dict(entries(name, seen)))
    taken = {key for key in keys if key}
    made: Counter[bytes] = Counter()
    final: list[str] = []
    for key, field, value in zip(keys, fields, new, strict=True):
        final.append(key or _new_key(name, field, value, keyed, taken, made))
        taken.add(final[-1])
    values = dict(zip(final, new, strict=True))
    yield from values.items()
    order = f"{name}|"
    if order in seen:
        values[order] = seen[order]
    if [key for key, _ in entries(name, values)] != final:  # not the order they would be shown in anyway
        values[order] = msgspec.json.encode([key.partition("|")[2] for key in final])
    if order in values:
        yield order, values[order]


def _known_keys(
    new: Sequence[bytes], fields: Sequence[bytes], keyed: policy.KeyedList, unused: dict[str, bytes]
) -> list[str | None]:
    """For each new entry the key it had: by exact value, so that a removed neighbour moves nobody's key; then by fields."""
    keys: list[str | None] = [None] * len(new)
    _claim(keys, new, unused, lambda value: value)
    _claim(keys, new, unused, sense)
    wanted = dict(zip(new, fields, strict=True))
    _claim(keys, new, unused, lambda value: wanted.get(value) or _key_fields(value, keyed))
    return keys


def _claim(
    keys: list[str | None], new: Sequence[bytes], unused: dict[str, bytes], alike: Callable[[bytes], object]
) -> None:
    """Give entries without a key the first unused one whose entry is alike."""
    if not unused:
        return
    waiting: dict[object, list[str]] = {}
    for key, value in reversed(unused.items()):
        waiting.setdefault(alike(value), []).append(key)
    for i, value in enumerate(new):
        if keys[i] is None and (found := waiting.get(alike(value))):
            keys[i] = key = found.pop()
            del unused[key]


def _new_key(
    name: str, fields: bytes, value: bytes, keyed: policy.KeyedList, taken: set[str], made: Counter[bytes]
) -> str:
    if keyed.unique:
        key = f"{name}|{_short_hash(fields)}"
        if key not in taken:
            return key
    entry = b"%b\0%b" % (fields, value)
    while True:
        made_from = b"%b\0%d" % (entry, made[entry])
        key = f"{name}|{_short_hash(made_from)}"
        made[entry] += 1
        if key not in taken:
            return key


def _key_fields(value: bytes, keyed: policy.KeyedList) -> bytes:
    try:
        entry = _ANY.decode(value)
    except msgspec.MsgspecError:
        return b""
    return b"\x1f".join(str(_walk(entry, path)).encode() for path in keyed.fields)


def _walk(node: object, path: tuple[str, ...]) -> object:
    for step in path:
        if isinstance(node, list):
            node = node[0] if node else None
        if not isinstance(node, dict):
            return ""
        node = node.get(step)
    return node if isinstance(node, str) else ""


@lru_cache(maxsize=4096)
def _short_hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=6).hexdigest()


@lru_cache(maxsize=8192)
def _unit(type_: str, name: str) -> str:
    return policy.unit_of(type_, name) if _NAME.fullmatch(name) else ODD


def _take_server_meta(members: dict[str, msgspec.Raw]) -> str | None:
    """Drop `meta.versionId` and `meta.lastUpdated`, which each server makes, and return the version."""
    if "meta" not in members:
        return None
    try:
        meta = _MEMBERS.decode(members["meta"])
    except msgspec.MsgspecError:
        return None  # odd, and kept as it is
    version = meta.pop("versionId", None)
    updated = meta.pop("lastUpdated", None)
    if not meta:
        del members["meta"]
    elif version is not None or updated is not None:
        members["meta"] = msgspec.Raw(msgspec.json.encode(meta))
    text = msgspec.json.decode(version) if version is not None else None
    return text if isinstance(text, str) else None


# --- the write --------------------------------------------------------------------------------------------------------


def write(
    current: Resource | None,
    seen: Resource | None,
    parsed: Parsed,
    id_: str,
    stamp: Stamp,
    known: Callable[[str], bool] = lambda member: True,
) -> tuple[Resource, frozenset[str]]:
    """The state after an author, who saw the version `seen`, sent `parsed`; and the keys of the elements written.

    Only elements that differ from what was seen are written, with the contexts of what was seen. An element that is absent
    is removed, unless `known(member name)` says that the author's program could not know it. Writing over what is
    deleted makes it alive. Returns `current` itself when nothing differs.
    """
    if seen is None or current is None:
        return _write_values(current, seen, split(parsed), frozenset(), parsed.type, id_, stamp)
    if gone(seen):
        # Everything that has a value, shown or in conflict: what was deleted does not come back beside what is written.
        dead = [key for key, register in seen.elements.items() if key != DELETION and register.values != {None}]
        values = split(parsed)
        changes: dict[str, bytes | None] = {**dict.fromkeys(dead), **values, DELETION: ALIVE}
        return _write_values(current, seen, changes, frozenset(changes), parsed.type, id_, stamp)
    view = shown(seen)
    values = split(parsed, view)
    removed = {key for key in view if key not in values and known(key.partition("|")[0].removesuffix("[x]"))}
    changes = {**{key: None for key in removed if not hidden(key, view)}, **values}
    return _write_values(current, seen, changes, frozenset(), parsed.type, id_, stamp)


def _write_values(
    current: Resource | None,
    seen: Resource | None,
    values: Mapping[str, bytes | None],
    always: frozenset[str],
    type_: str,
    id_: str,
    stamp: Stamp,
) -> tuple[Resource, frozenset[str]]:
    if current is None:
        made = OneWrite(stamp, {stamp.node: stamp.counter}, dict(sorted(values.items()))) if values else {}
        return Resource(type_, id_, made), frozenset(values)
    view = shown(seen) if seen is not None else {}
    written: dict[str, Register] = {}
    for key, value in values.items():
        if key in always or not same(value, view.get(key)):
            written[key] = _written(current, seen, key, stamp, value)
    if not written:
        return current, frozenset()
    return Resource(current.type, current.id, {**current.elements, **written}), frozenset(written)


def _written(current: Resource, seen: Resource | None, key: str, stamp: Stamp, value: bytes | None) -> Register:
    before = current.elements.get(key)
    known = seen.elements.get(key) if seen is not None else None
    return register.write(before, known.context if known is not None else {}, stamp, value)


def delete(current: Resource, seen: Resource, stamp: Stamp) -> tuple[Resource, frozenset[str]]:
    """The state after someone who saw `seen` deleted it. What she had not seen stays, as an open conflict."""
    value = deletion_value(seen)
    return _write_values(current, seen, {DELETION: value}, frozenset({DELETION}), current.type, current.id, stamp)


def resolve(current: Resource, element: str, value: bytes | None, stamp: Stamp) -> tuple[Resource, frozenset[str]]:
    """The state after someone who sees all siblings of one element chose a value, or wrote a new one.

    For the deletion register: `ALIVE` keeps the resource, None deletes what is here now.
    """
    if element == DELETION and value is None:
        return delete(current, current, stamp)
    return _write_values(current, current, {element: value}, frozenset({element}), current.type, current.id, stamp)


# --- values of others -------------------------------------------------------------------------------------------------


def check_values(part: Resource) -> None:
    """That every value that arrived is one compact JSON value of its place: a unit an object, a deletion a clock.

    Raises MalformedData or TooLarge.
    """
    _check_together([part])


def check_each(parts: Sequence[Resource]) -> list[ProtocolError | None]:
    """What `check_values` has to say of each of many parts, None of those that are as they should be.

    Many are read as one: reading each alone costs twice as much.
    """
    found: list[ProtocolError | None] = []
    for start in range(0, len(parts), PARTS_TOGETHER):
        some = parts[start : start + PARTS_TOGETHER]
        found += [None] * len(some) if _fault(some) is None else [_fault([part]) for part in some]
    return found


def _fault(parts: Sequence[Resource]) -> ProtocolError | None:
    try:
        _check_together(parts)
    except ProtocolError as error:
        return error
    return None


def _check_together(parts: Sequence[Resource]) -> None:
    """All values are read as one array. It is made of them with nothing but commas between, so its entries are they, one by
    one, if they have the same lengths."""
    texts: list[bytes] = []
    sizes: list[int] = []
    for part in parts:
        values = _values_of(part)
        text = b",".join(values)
        if len(text) > bounds.VALUE_BYTES_MAX and any(len(value) > bounds.VALUE_BYTES_MAX for value in values):
            raise TooLarge(f"a value over {bounds.VALUE_BYTES_MAX} bytes")
        if depth_over(text, bounds.JSON_DEPTH_MAX):
            raise MalformedJson(f"nested deeper than {bounds.JSON_DEPTH_MAX}")
        if values:
            texts.append(text)
            sizes.extend(map(len, values))
    together = b"[%b]" % b",".join(texts)
    if packed(together) != together:
        raise MalformedJson("a value with insignificant white space")
    try:
        found = _ENTRIES.decode(together)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedJson("a value that is not JSON") from error
    if list(map(len, found)) != sizes:
        raise MalformedJson("a value that is more or less than one JSON value")


def _values_of(part: Resource) -> list[bytes]:
    """The values that are JSON text, each of the shape that its place asks for."""
    if type(part.elements) is OneWrite and not _odd(part.elements.said):
        said = part.elements.said.values()
        values = [value for value in said if value is not None and value[:2] == b'{"']
        if len(values) == len(said):
            return values
    values = []
    for key, value in _said(part.elements):
        if value is None or value[:2] != b'{"' or key == DELETION or key[-1:] == "|":  # all but the usual
            if value == WITHHELD:
                continue
            _check_shape(key, value)
            if value is None or key == DELETION:
                continue
        values.append(value)
    return values


def _odd(keys: Iterable[str]) -> bool:
    """Whether there is any among these keys whose value is not an object of members: an order of entries, or the deletion."""
    text = "\n".join(keys)
    return "|\n" in text or text[-1:] == "|" or DELETION in text


def _said(elements: Mapping[str, Register]) -> Iterable[tuple[str, bytes | None]]:
    if type(elements) is OneWrite:
        return elements.said.items()
    return [(key, sibling.value) for key, register_ in elements.items() for sibling in register_.siblings]


def _check_shape(key: str, value: bytes | None) -> None:
    if key == DELETION:
        if value is None:
            raise MalformedJson("a deletion register without a clock")
        read_deletion(value)
    elif value is None:
        return
    elif "|" not in key and (value[:1] != b"{" or value == b"{}"):
        raise MalformedJson("a unit that is not an object of its members")
    elif key.endswith("|"):
        try:
            _HASHES.decode(value)
        except msgspec.MsgspecError as error:
            raise MalformedJson("an order that is no array of texts") from error
