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
from collections.abc import Mapping, Sequence

import msgspec

from sync_protocol import bounds
from sync_protocol.errors import MalformedState
from sync_protocol.one_write import OneWrite, one_write
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
    if (one := one_write(resource.elements)) is not None:
        return _ENCODER.encode(([one.stamp], [flat(one.context)], list(one.said), None, list(one.said.values())))
    return _pack_mixed(resource.elements)


def _pack_mixed(registers: Mapping[str, Register]) -> bytes:
    keys = sorted(registers)
    ordered = [registers[key] for key in keys]
    stamps, contexts, layout = numbered(ordered)
    values = [sibling.value for register in ordered for sibling in register.siblings]
    return _ENCODER.encode((stamps, contexts, keys, layout, values))


def numbered(registers: Sequence[Register]) -> tuple[list[Stamp], list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The distinct stamps and flat contexts of some registers, ascending, and of each register the places of its own among them:
    the context's, then the siblings' stamps'."""
    # By identity first: most registers share their stamp and context with others, and neither is quick to hash.
    stamp_of = {id(stamp): stamp for stamp in [s.stamp for register in registers for s in register.siblings]}
    context_of = {id(context): context for context in [register.context for register in registers]}
    flat_of = {identity: tuple(flat(context)) for identity, context in context_of.items()}
    stamps = sorted(set(stamp_of.values()))
    contexts = sorted(set(flat_of.values()))
    stamp_at = {identity: stamps.index(stamp) for identity, stamp in stamp_of.items()}
    context_at = {identity: contexts.index(context) for identity, context in flat_of.items()}
    layout: list[tuple[int, ...]] = [
        (context_at[id(register.context)], stamp_at[id(register.siblings[0].stamp)])
        if len(register.siblings) == 1
        else (context_at[id(register.context)], *[stamp_at[id(sibling.stamp)] for sibling in register.siblings])
        for register in registers
    ]
    return stamps, contexts, layout


def unpack(type_: str, id_: str, state: bytes) -> Resource:
    """The inverse of `pack`. Raises MalformedState."""
    try:
        packed = _DECODER.decode(state)
        return Resource(type_, id_, _registers(packed))
    except (msgspec.MsgspecError, ValueError, IndexError, StopIteration) as error:
        raise MalformedState("packed registers that do not unpack") from error


def _registers(packed: _State) -> Mapping[str, Register]:
    contexts = [unflat(context) for context in packed.contexts]
    if packed.layout is None:
        if not packed.keys:
            raise ValueError("one write of nothing")
        return OneWrite(packed.stamps[0], contexts[0], dict(zip(packed.keys, packed.values, strict=True)))
    stamps, values = packed.stamps, iter(packed.values)
    found: dict[str, Register] = {}
    for key, cell in zip(packed.keys, packed.layout, strict=True):
        if len(cell) == 2 and cell[0] >= 0 and cell[1] >= 0:  # one sibling, as nearly always
            found[key] = Register((Sibling(stamps[cell[1]], next(values)),), contexts[cell[0]])
            continue
        if len(cell) < 2 or min(cell) < 0:
            raise ValueError("a register without siblings")
        found[key] = Register(tuple([Sibling(stamps[at], next(values)) for at in cell[1:]]), contexts[cell[0]])
    return found


def flat(context: Context) -> list[int]:
    """A context as `[node, counter, …]`, ascending by node."""
    if len(context) == 1:
        for node, counter in context.items():
            return [node, counter]
    return [number for node in sorted(context) for number in (node, context[node])]


def unflat(numbers: list[int]) -> dict[int, int]:
    """The inverse of `flat`. Raises ValueError for odd lengths, negative numbers or too many nodes."""
    if len(numbers) == 2 and numbers[0] >= 0 and numbers[1] >= 0:  # one author, as nearly always
        return {numbers[0]: numbers[1]}
    if len(numbers) % 2 or len(numbers) > 2 * bounds.CONTEXT_NODES_MAX or (numbers and min(numbers) < 0):
        raise ValueError("not a context")
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def named(resource: Resource) -> bytes:
    """Name and canonical bytes: what the hash is of, and what a hub keeps sealed."""
    return resource.name.encode() + b"\0" + pack(resource)


def hash_of(type_: str, id_: str, state: bytes) -> bytes:
    """blake2b-128 of the name and the canonical state: what the digest sums."""
    return hash_named(f"{type_}/{id_}\0".encode() + state)


def hash_named(whole: bytes) -> bytes:
    """The same, of what `named` made."""
    return hashlib.blake2b(whole, digest_size=HASH_BYTES).digest()


def version_of(hash_: bytes) -> str:
    """`meta.versionId`: equal states have equal versions everywhere."""
    return hash_.hex()[:VERSION_CHARS]
