"""A view, element key → shown value, as FHIR JSON: text for people and programs, or decoded for whoever derives something of it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sync_protocol.errors import MalformedJson

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_HASHES = msgspec.json.Decoder(list[str])
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

NOTHING = b'{"meta":{}}'
"""What stands for a resource that has no members: it exists, and a write of it needs an element to be known by. Never shown."""


def assemble(
    type_: str, id_: str, view: Mapping[str, bytes], version: str | None = None, updated: str | None = None
) -> bytes:
    """A view as FHIR JSON: `resourceType`, `id`, `meta`, then members by key. The inverse of `split`."""
    parts = [b'"resourceType":' + quote(type_), b'"id":' + quote(id_)]
    meta = _assemble_meta(view, version, updated)
    if meta:
        parts.append(meta)
    lists = {key.partition("|")[0] for key in view if "|" in key}
    for key in sorted(view):
        name, bar, _ = key.partition("|")
        if not bar:
            if key != "meta" and not (key in lists and hidden(key, view)):
                parts.append(view[key][1:-1])
        elif name in lists:
            lists.remove(name)
            items = entries(name, view)
            if items:
                parts.append(quote(name) + b":[" + b",".join(value for _, value in items) + b"]")
    return b"{" + b",".join(parts) + b"}"


def shown_object(type_: str, id_: str, view: Mapping[str, bytes]) -> dict[str, Any]:
    """A view decoded: what `assemble` gives, without making text only to read it again.

    Raises MalformedJson when the values make no such resource.
    """
    keys = sorted(view)
    lists = {key.partition("|")[0] for key in keys if "|" in key}
    found: dict[str, Any] = {}
    try:
        decoded = dict(zip(keys, _ANY.decode(b"[%b]" % b",".join([view[key] for key in keys])), strict=True))
        for key, value in decoded.items():
            if "|" not in key:
                if not (key in lists and hidden(key, view)):
                    found.update(value)
            elif (name := key.partition("|")[0]) in lists:
                lists.remove(name)
                if items := [decoded[entry] for entry, _ in entries(name, view)]:
                    found[name] = items
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise MalformedJson("values that make up no resource") from error
    if found.get("resourceType", type_) != type_ or found.get("id", id_) != id_:
        raise MalformedJson("values that name another resource")
    if found.get("meta") == {}:
        del found["meta"]
    return {"resourceType": type_, "id": id_, **found}


def _assemble_meta(view: Mapping[str, bytes], version: str | None, updated: str | None) -> bytes:
    members = _MEMBERS.decode(view["meta"]) if "meta" in view else {}
    inner = bytes(members.get("meta", b"{}"))
    if inner.startswith(b"{"):
        server = [
            b'"%b":%b' % (name, quote(text))
            for name, text in ((b"versionId", version), (b"lastUpdated", updated))
            if text is not None
        ]
        own = [inner[1:-1]] if inner != b"{}" else []
        inner = b"{" + b",".join(server + own) + b"}"
    members.pop("meta", None)
    others = [b"%b:%b" % (quote(name), bytes(raw)) for name, raw in members.items()]
    return b",".join(([b'"meta":' + inner] if inner != b"{}" else []) + others)


def hidden(key: str, view: Mapping[str, bytes]) -> bool:
    """Whether a view has this element without showing it, so that its absence from what comes back removes nothing: an order
    of no entries, a list's other form (`[]`, null) that someone wrote beside its entries, and what stands for nothing."""
    if key.endswith("|"):
        return not entries(key[:-1], view)
    if key == "meta":
        return view[key] == NOTHING
    return view[key].startswith(b'{"%b":' % key.encode()) and bool(entries(key, view))


def entries(name: str, view: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """The entries of a keyed list in a view, in the order people see: as the order register says, then by key."""
    prefix = f"{name}|"
    found = {key: value for key, value in view.items() if key.startswith(prefix) and key != prefix}
    ordered = [prefix + h for h in _HASHES.decode(view[prefix])] if prefix in view else []
    first = [(key, found.pop(key)) for key in dict.fromkeys(ordered) if key in found]
    return first + sorted(found.items())


def quote(name: str) -> bytes:
    return _ENCODER.encode(name)
