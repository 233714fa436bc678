"""The canonical bytes of a resource's registers: equal states have equal bytes on every replica.

A msgpack array `[stamps, contexts, keys, layout, values]`:

| column   | content                                                                                                     |
|----------|-------------------------------------------------------------------------------------------------------------|
| stamps   | the distinct live stamps, each `[node, counter, ts, device_ts, user, role]`, ascending                      |
| contexts | the distinct contexts, each a flat `[node, counter, …]` ascending by node; the list ascending               |
| keys     | element keys, ascending                                                                                     |
| layout   | nil when every element has one sibling, of stamp 0, and context 0; else for each key                        |
|          | `[context, stamp, …]`, the siblings ascending by dot                                                        |
| values   | the siblings' values in that order: bin, or nil for absent                                                  |
"""

import hashlib
from collections.abc import Mapping

import msgspec

from sync_protocol import bounds
from sync_protocol.errors import MalformedState
from sync_protocol.register import Context, Register, Sibling, Stamp
from sync_protocol.resource import Resource

HASH_BYTES = 16
VERSION_CHARS = 16


class _State(msgspec.Struct, frozen=True, array_like=True):
    stamps: list[Stamp]
    contexts: list[list[int]]
    keys: list[str]
    layout: list[list[int]] | None
    values: list[bytes | None]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_State)


def pack(resource: Resource) -> bytes:
    """Canonical bytes of all registers (type and id apart)."""
    registers = resource.elements
    keys = sorted(registers)
    first = registers[keys[0]] if keys else None
    if first is not None and len(first.siblings) == 1:
        stamp, context = first.siblings[0].stamp, first.context
        values: list[bytes | None] = []
        for key in keys:
            register = registers[key]
            siblings = register.siblings
            if len(siblings) != 1:
                break
            sibling, its = siblings[0], register.context
            # Identity first: elements written together share both, and comparing structs costs more than all else here.
            if (sibling.stamp is not stamp and sibling.stamp != stamp) or (its is not context and its != context):
                break
            values.append(sibling.value)
        else:
            return _ENCODER.encode(([stamp], [flat(context)], keys, None, values))
    return _pack_mixed(registers, keys)


def _pack_mixed(registers: Mapping[str, Register], keys: list[str]) -> bytes:
    # By identity first: most registers share their stamp and context with others, and neither is quick to hash.
    stamp_of = {id(s.stamp): s.stamp for r in registers.values() for s in r.siblings}
    flat_of = {
        id(context): tuple(flat(context)) for context in {id(r.context): r.context for r in registers.values()}.values()
    }
    stamps = sorted(set(stamp_of.values()))
    contexts = sorted(set(flat_of.values()))
    stamp_at = {identity: stamps.index(stamp) for identity, stamp in stamp_of.items()}
    context_at = {identity: contexts.index(context) for identity, context in flat_of.items()}
    layout = [
        [context_at[id(registers[key].context)], *(stamp_at[id(s.stamp)] for s in registers[key].siblings)]
        for key in keys
    ]
    values = [s.value for key in keys for s in registers[key].siblings]
    return _ENCODER.encode((stamps, contexts, keys, layout, values))


def unpack(type_: str, id_: str, state: bytes) -> Resource:
    """The inverse of `pack`. Raises MalformedState."""
    try:
        packed = _DECODER.decode(state)
        return Resource(type_, id_, dict(_registers(packed)))
    except (msgspec.MsgspecError, ValueError, IndexError, RuntimeError) as error:
        raise MalformedState("packed registers that do not unpack") from error


def _registers(packed: _State) -> list[tuple[str, Register]]:
    contexts = [unflat(context) for context in packed.contexts]
    if packed.layout is None:
        stamp, context = packed.stamps[0], contexts[0]
        pairs = zip(packed.keys, packed.values, strict=True)
        return [(key, Register((Sibling(stamp, value),), context)) for key, value in pairs]
    values = iter(packed.values)
    found = []
    for key, (context_at, *stamps_at) in zip(packed.keys, packed.layout, strict=True):
        if not stamps_at or min(stamps_at) < 0 or context_at < 0:
            raise ValueError("a register without siblings")
        siblings = tuple(Sibling(packed.stamps[i], next(values)) for i in stamps_at)
        found.append((key, Register(siblings, contexts[context_at])))
    return found


def flat(context: Context) -> list[int]:
    """A context as `[node, counter, …]`, ascending by node."""
    if len(context) == 1:
        for node, counter in context.items():
            return [node, counter]
    return [number for node in sorted(context) for number in (node, context[node])]


def unflat(numbers: list[int]) -> dict[int, int]:
    """The inverse of `flat`. Raises ValueError for odd lengths, negative numbers or too many nodes."""
    if len(numbers) % 2 or len(numbers) > 2 * bounds.CONTEXT_NODES_MAX or (numbers and min(numbers) < 0):
        raise ValueError("not a context")
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def hash_of(type_: str, id_: str, state: bytes) -> bytes:
    """blake2b-128 of the name and the canonical state: what the digest sums."""
    return hashlib.blake2b(f"{type_}/{id_}\0".encode() + state, digest_size=HASH_BYTES).digest()


def version_of(hash_: bytes) -> str:
    """`meta.versionId`: equal states have equal versions everywhere."""
    return hash_.hex()[:VERSION_CHARS]
