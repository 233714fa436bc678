"""FHIR JSON to element values and back, and the write: what an author who saw one version changes.

Element keys and values are told in docs/ARCHITECTURE.md ("Elements"). Numbers keep their digits: values are cut out of the
author's own text (FHIR R4, datatypes: "implementations SHALL preserve the precision of decimals").
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import msgspec

from sync_protocol import bounds, policy, register
from sync_protocol.errors import MalformedJson, TooLarge
from sync_protocol.register import Register, Stamp
from sync_protocol.resource import ALIVE, DELETION, Resource, deletion_value, gone, shown

ODD = "?"
"""The unit of members whose names could not be part of an element key."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES = msgspec.json.Decoder(list[msgspec.Raw])
_HASHES = msgspec.json.Decoder(list[str])
_ANY = msgspec.json.Decoder()
_DIGITS = msgspec.json.Decoder(float_hook=lambda text: (text,))
_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9_.-]*")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


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
        type_ = msgspec.json.decode(members.pop("resourceType"), type=str)
        id_ = msgspec.json.decode(members.pop("id"), type=str) if "id" in members else None
    except KeyError as error:
        raise MalformedJson("the object has no resourceType") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedJson("resourceType and id must be texts, and the resource a JSON object") from error
    if not type_ or len(type_) > bounds.TYPE_CHARS_MAX or (id_ is not None and not 0 < len(id_) <= bounds.ID_CHARS_MAX):
        raise MalformedJson(f"resourceType and id must have 1 to {bounds.ID_CHARS_MAX} characters")
    version = _take_server_meta(members)
    return Parsed(type_, id_, version, members)


def compact(text: bytes) -> bytes:
    """JSON text without insignificant white space, every other byte as it was. Raises MalformedJson."""
    try:
        text.decode()
        packed = msgspec.json.format(text, indent=-1)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson("not JSON in UTF-8") from error
    if depth_over(packed, bounds.JSON_DEPTH_MAX):
        raise MalformedJson(f"nested deeper than {bounds.JSON_DEPTH_MAX}")
    return packed


def depth_over(text: bytes, limit: int) -> bool:
    """Whether JSON text nests deeper than `limit`, without recursion."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    depth = 0
    for token in _BRACKETS.finditer(text):
        first = text[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def check_value(value: bytes) -> None:
    """That a register's value is compact JSON within bounds. Raises MalformedJson or TooLarge."""
    if len(value) > bounds.VALUE_BYTES_MAX:
        raise TooLarge(f"a value of {len(value)} bytes; at most {bounds.VALUE_BYTES_MAX}")
    if compact(value) != value:
        raise MalformedJson("a value with insignificant white space")


def same(a: bytes | None, b: bytes | None) -> bool:
    """Whether two values say the same: equal but for the order of members. Digits count: 6.0 is not 6.00."""
    if a == b:
        return True
    if a is None or b is None or len(a) != len(b):
        return False
    return bool(_DIGITS.decode(a) == _DIGITS.decode(b))


# --- text to values ---------------------------------------------------------------------------------------------------


def split(parsed: Parsed, seen: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Element key → value. Entries of keyed lists keep the keys they have in `seen`, the view that the author changed."""
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
            values[key] = b'{"%b":%b}' % (name.encode(), text) if key != ODD else b"{%b:%b}" % (_quote(name), text)
        else:
            members.sort()
            values[key] = b"{" + b",".join(b"%b:%b" % (_quote(name), text) for name, text in members) + b"}"
    if len(values) > bounds.RESOURCE_ELEMENTS_MAX:
        raise TooLarge(f"a resource of {len(values)} elements; at most {bounds.RESOURCE_ELEMENTS_MAX}")
    return values


def entries(name: str, view: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """The entries of a keyed list in a view, in the order people see: as the order register says, then by key."""
    prefix = f"{name}|"
    found = {key: value for key, value in view.items() if key.startswith(prefix) and key != prefix}
    ordered = [prefix + h for h in _HASHES.decode(view[prefix])] if prefix in view else []
    first = [(key, found.pop(key)) for key in dict.fromkeys(ordered) if key in found]
    return first + sorted(found.items())


def _split_list(
    name: str, text: bytes, keyed: policy.KeyedList, seen: Mapping[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    new = [bytes(raw) for raw in _ENTRIES.decode(text)]
    old = entries(name, seen)
    keys: list[str | None] = [None] * len(new)
    fields = [_key_fields(value, keyed) for value in new]
    if old:
        unused = dict(old)
        for i, value in enumerate(new):  # by exact value first, so that a removed neighbour moves nobody's key
            keys[i] = _take(unused, lambda v, value=value: same(v, value))  # type: ignore[misc]
        for i, field in enumerate(fields):
            if keys[i] is None:
                keys[i] = _take(unused, lambda v, field=field: _key_fields(v, keyed) == field)  # type: ignore[misc]
    taken = {key for key in keys if key}
    for i, value in enumerate(new):
        if keys[i] is None:
            keys[i] = _new_key(name, fields[i], value, keyed, taken)
            taken.add(keys[i] or "")
    final = [key for key in keys if key]
    yield from zip(final, new, strict=True)
    if final != sorted(final) or f"{name}|" in seen:
        yield f"{name}|", msgspec.json.encode([key.partition("|")[2] for key in final])


def _take(unused: dict[str, bytes], wanted: Callable[[bytes], bool]) -> str | None:
    for key, value in unused.items():
        if wanted(value):
            del unused[key]
            return key
    return None


def _new_key(name: str, fields: bytes, value: bytes, keyed: policy.KeyedList, taken: set[str]) -> str:
    if keyed.unique:
        key = f"{name}|{_short_hash(fields)}"
        if key not in taken:
            return key
    for occurrence in range(len(taken) + 1):
        made_from = b"%b\0%b\0%d" % (fields, value, occurrence)
        key = f"{name}|{_short_hash(made_from)}"
        if key not in taken:
            return key
    raise AssertionError("more keys taken than there are")


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


def _quote(name: str) -> bytes:
    return msgspec.json.encode(name)


def _take_server_meta(members: dict[str, msgspec.Raw]) -> str | None:
    """Drop `meta.versionId` and `meta.lastUpdated`, which each server makes, and return the version."""
    if "meta" not in members:
        return None
    try:
        meta = _MEMBERS.decode(members["meta"])
        version = meta.pop("versionId", None)
        updated = meta.pop("lastUpdated", None)
        text = msgspec.json.decode(version, type=str) if version is not None else None
    except msgspec.MsgspecError:
        return None  # odd, and kept as it is
    if not meta:
        del members["meta"]
    elif version is not None or updated is not None:
        members["meta"] = msgspec.Raw(msgspec.json.encode(meta))
    return text


# --- values to text ---------------------------------------------------------------------------------------------------


def assemble(
    type_: str, id_: str, view: Mapping[str, bytes], version: str | None = None, updated: str | None = None
) -> bytes:
    """A view as FHIR JSON: `resourceType`, `id`, `meta`, then members by key. The inverse of `split`."""
    parts = [b'"resourceType":' + _quote(type_), b'"id":' + _quote(id_)]
    meta = _assemble_meta(view, version, updated)
    if meta:
        parts.append(meta)
    lists: set[str] = set()
    for key in sorted(view):
        name, bar, _ = key.partition("|")
        if not bar:
            if key != "meta":
                parts.append(view[key][1:-1])
        elif name not in lists:
            lists.add(name)
            items = entries(name, view)
            if items:
                parts.append(_quote(name) + b":[" + b",".join(value for _, value in items) + b"]")
    return b"{" + b",".join(parts) + b"}"


def _assemble_meta(view: Mapping[str, bytes], version: str | None, updated: str | None) -> bytes:
    kept = view.get("meta", b'{"meta":{}}')
    if version is None and updated is None:
        return kept[1:-1] if "meta" in view else b""
    inner = kept[8:-1]  # what stands after {"meta": and before the last brace
    if not inner.startswith(b"{"):
        return kept[1:-1]
    server = b",".join(
        b'"%b":%b' % (name, _quote(text))
        for name, text in ((b"versionId", version), (b"lastUpdated", updated))
        if text is not None
    )
    rest = inner[1:-1]
    return b'"meta":{' + server + (b"," + rest if rest else b"") + b"}"


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
        hidden = frozenset(shown(seen)) - {DELETION}
        values = split(parsed)
        changes: dict[str, bytes | None] = {**dict.fromkeys(hidden), **values, DELETION: ALIVE}
        return _write_values(current, seen, changes, frozenset(changes), parsed.type, id_, stamp)
    view = shown(seen)
    values = split(parsed, view)
    kept = {key for key in view if key not in values and not known(key.partition("|")[0].removesuffix("[x]"))}
    changes = {**{key: None for key in view if key not in values and key not in kept}, **values}
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
    view = shown(seen) if seen is not None else {}
    written: dict[str, Register] = {}
    for key, value in values.items():
        if key in always or not same(value, view.get(key)):
            written[key] = _written(current, seen, key, stamp, value)
    if current is None:
        return Resource(type_, id_, written), frozenset(written)
    if not written:
        return current, frozenset()
    return Resource(current.type, current.id, {**current.elements, **written}), frozenset(written)


def _written(current: Resource | None, seen: Resource | None, key: str, stamp: Stamp, value: bytes | None) -> Register:
    before = current.elements.get(key) if current is not None else None
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
