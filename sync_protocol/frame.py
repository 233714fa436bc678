"""The frame: many resources, or parts of them, as columns.

Bytes on the wire, integers big-endian:

| bytes | content                                                                     |
|-------|-----------------------------------------------------------------------------|
| 4     | mark and version of the format: `MTF1`                                      |
| 1     | number of the zstd dictionary (`compression`)                               |
| 4     | size of the payload when decompressed; at most `bounds.FRAME_RAW_BYTES_MAX` |
| 4     | CRC-32 of the bytes before it and of the compressed payload                 |
| rest  | zstd(payload)                                                               |

The payload is one msgpack array of columns. Dictionaries first, numbers next, values last, each column's equals side by side:

| column   | content                                                                                                      |
|----------|--------------------------------------------------------------------------------------------------------------|
| types    | distinct resource types                                                                                      |
| nodes    | distinct incarnations                                                                                        |
| authors  | distinct `[user, role]`                                                                                      |
| shapes   | distinct `[type, mixed, key, …]`: keys ascending; `mixed` 0 when every element has the same one stamp        |
| shape    | shape of each resource                                                                                       |
| uuids    | 16 bytes for each id that is an RFC 4122 UUID in lower case, one after the other                             |
| ids      | id of each resource, nil where it is the next of `uuids`                                                     |
| node, counter, ts, device, author | each stamp: node; counter and ts less the ones before; `device_ts − ts`; author                |
| context  | each resource that is not mixed: nil for `{node: counter}` of its stamp, else `[node, counter, …]`           |
| contexts | each mixed resource: its distinct contexts, each `[node, counter, …]`                                        |
| layout   | each mixed resource: `[number of stamps]`, then for each key `[context, stamp, …]`                           |
| values   | for each shape, for each key, the values of its resources in order: bin, nil for absent, empty bin for        |
|          | "the receiver has it": a foreign sibling sent by dot alone                                                   |

CRC and bounds guard against accidents and bombs; who may write what is decided by `exchange.hub`.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from struct import Struct as Layout
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from sync_protocol import bounds
from sync_protocol.compression import FRAME_LEVEL, LATEST, Codec
from sync_protocol.errors import MalformedData, MalformedFrame, TooLarge
from sync_protocol.one_write import OneWrite, one_write
from sync_protocol.pack import numbered, unflat
from sync_protocol.register import WITHHELD as WITHHELD
from sync_protocol.register import Context, Register, Sibling, Stamp
from sync_protocol.resource import Resource

_MARK = b"MTF1"
_HEADER = Layout(">4sBII")
_CHECKED_BYTES = 9
"""The header up to its CRC."""
_Thing = TypeVar("_Thing")
_ENCODER = msgspec.msgpack.Encoder()


# A byte of msgpack may stand for an object of a hundred bytes, and zstd packs a million of them into a few hundred: lists are
# bounded before they are built, and columns of lists of lists are cut out and built resource by resource.
_OfResources: TypeAlias = Annotated[list[_Thing], msgspec.Meta(max_length=bounds.FRAME_RESOURCES_MAX)]
_OfValues: TypeAlias = Annotated[list[_Thing], msgspec.Meta(max_length=bounds.FRAME_VALUES_MAX)]
_OfElements: TypeAlias = Annotated[list[_Thing], msgspec.Meta(max_length=bounds.RESOURCE_ELEMENTS_MAX + 2)]


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    types: _OfResources[str]
    nodes: _OfValues[int]
    authors: _OfValues[tuple[str, str]]
    shapes: _OfResources[msgspec.Raw]
    shape: _OfResources[int]
    uuids: bytes
    ids: _OfResources[str | None]
    node: _OfValues[int]
    counter: _OfValues[int]
    ts: _OfValues[int]
    device: _OfValues[int]
    author: _OfValues[int]
    context: _OfResources[list[int] | None]
    contexts: _OfResources[msgspec.Raw]
    layout: _OfResources[msgspec.Raw]
    values: _OfValues[bytes | None]


class _Shape(msgspec.Struct):
    """`single`, `several`: its resources, by their place in the frame, with what stands of them before their values."""

    type: str
    mixed: bool
    keys: list[str]
    single: list[tuple[int, Stamp, Context]] = []
    several: list[tuple[int, list[Stamp], list[dict[int, int]], list[list[int]]]] = []


_END = object()
_COLUMNS = msgspec.msgpack.Decoder(_Columns)
_SHAPE = msgspec.msgpack.Decoder(_OfElements[int | str])
_LISTS = msgspec.msgpack.Decoder(_OfElements[list[int]])


class _Dictionary(dict[_Thing, int]):
    """Distinct things numbered in order of appearance."""

    def __missing__(self, thing: _Thing) -> int:
        self[thing] = number = len(self)
        return number


class _Writer:
    """Collects columns, resource by resource."""

    def __init__(self) -> None:
        self.types: _Dictionary[str] = _Dictionary()
        self.nodes: _Dictionary[int] = _Dictionary()
        self.authors: _Dictionary[tuple[str, str]] = _Dictionary()
        self.shapes: _Dictionary[tuple[int | str, ...]] = _Dictionary()
        self.columns: list[list[object]] = [[] for _ in range(10)]
        self.uuids = bytearray()
        self.cells: list[list[list[bytes | None]]] = []
        self.counter = self.ts = 0

    def add(self, resource: Resource) -> None:
        shape, ids, _, _, _, _, _, context_column, contexts, layouts = self.columns
        registers = resource.elements
        if not registers:
            raise TooLarge("a resource without elements cannot be sent")
        one = one_write(registers)
        keys = list(one.said) if one is not None else sorted(registers)
        number = self.shapes[(self.types[resource.type], int(one is None), *keys)]
        if number == len(self.cells):
            self.cells.append([[] for _ in keys])
        shape.append(number)
        as_uuid = _uuid_bytes(resource.id)
        ids.append(resource.id if as_uuid is None else None)
        self.uuids += as_uuid or b""
        if one is not None:
            self._stamp(one.stamp)
            own = len(one.context) == 1 and one.context.get(one.stamp.node) == one.stamp.counter
            context_column.append(None if own else self._flat(one.context))
            for cell, value in zip(self.cells[number], one.said.values(), strict=True):
                cell.append(value)
            return
        ordered = [registers[key] for key in keys]
        stamps, distinct, layout = numbered(ordered)
        contexts.append([self._flat(unflat(list(context))) for context in distinct])
        layouts.append([(len(stamps),), *layout])
        for stamp in stamps:
            self._stamp(stamp)
        for cell, register in zip(self.cells[number], ordered, strict=True):
            cell.extend([sibling.value for sibling in register.siblings])

    def _stamp(self, stamp: Stamp) -> None:
        _, _, node, counter, ts, device, author, *_ = self.columns
        node.append(self.nodes[stamp.node])
        counter.append(stamp.counter - self.counter)
        ts.append(stamp.ts - self.ts)
        device.append(stamp.device_ts - stamp.ts)
        author.append(self.authors[(stamp.user, stamp.role)])
        self.counter, self.ts = stamp.counter, stamp.ts

    def _flat(self, context: Context) -> list[int]:
        return [number for node in sorted(context) for number in (self.nodes[node], context[node])]

    def payload(self) -> bytes:
        shapes = [list(shape) for shape in self.shapes]
        shape, *rest = self.columns
        values = [value for cells in self.cells for cell in cells for value in cell]
        _bound("resources", len(shape), bounds.FRAME_RESOURCES_MAX)
        _bound("values", len(values), bounds.FRAME_VALUES_MAX)
        return _ENCODER.encode(
            [list(self.types), list(self.nodes), list(self.authors), shapes, shape, bytes(self.uuids), *rest, values]
        )


def encode(resources: Iterable[Resource], codec: Codec | None = None) -> bytes:
    """One frame of these resources. Raises TooLarge when the payload is over the bound: send fewer."""
    writer = _Writer()
    for resource in resources:
        writer.add(resource)
    payload = writer.payload()
    _bound("bytes when decompressed", len(payload), bounds.FRAME_RAW_BYTES_MAX)
    codec = codec or Codec(LATEST, FRAME_LEVEL)
    packed = codec.compress(payload)
    _bound("bytes", _HEADER.size + len(packed), bounds.FRAME_BYTES_MAX)
    checked = _HEADER.pack(_MARK, codec.version, len(payload), 0)[:_CHECKED_BYTES]
    return checked + zlib.crc32(packed, zlib.crc32(checked)).to_bytes(4, "big") + packed


def _bound(what: str, number: int, most: int) -> None:
    if number > most:
        raise TooLarge(f"a frame of {number} {what}; at most {most}")


def decode(frame: bytes) -> list[Resource]:
    """The resources of a frame. Raises MalformedFrame, TooLarge or UnknownDictionary, whatever the bytes, and nothing else."""
    payload = _open(frame)
    try:
        columns = _COLUMNS.decode(payload)
        return list(_read(columns))
    except (msgspec.MsgspecError, ValueError, IndexError, KeyError, StopIteration, RuntimeError, TypeError) as error:
        raise MalformedFrame("a frame whose columns do not fit together") from error


def _open(frame: bytes) -> bytes:
    _bound("bytes", len(frame), bounds.FRAME_BYTES_MAX)
    if len(frame) < _HEADER.size:
        raise MalformedFrame("a frame without its header")
    mark, version, size, crc = _HEADER.unpack_from(frame)
    packed = frame[_HEADER.size :]
    if mark != _MARK:
        raise MalformedFrame("a frame of another format")
    if zlib.crc32(packed, zlib.crc32(frame[:_CHECKED_BYTES])) != crc:
        raise MalformedFrame("a frame damaged on the way")
    _bound("bytes when decompressed", size, bounds.FRAME_RAW_BYTES_MAX)
    try:
        payload = Codec(version).decompress(packed, size)
    except MalformedData as error:
        raise MalformedFrame("a frame that does not decompress") from error
    if len(payload) != size:
        raise MalformedFrame("a frame of another size than it says")
    return payload


def _read(columns: _Columns) -> Iterator[Resource]:
    left = len(columns.values)  # every key of a shape, every context and every stamp has a value of its own
    shapes: list[_Shape] = []
    for shape in columns.shapes:
        shapes.append(_check_shape(columns, _SHAPE.decode(shape)))
        left = _used(left, len(shapes[-1].keys))
    left = len(columns.values)
    if columns.nodes and not (min(columns.nodes) > 0 and max(columns.nodes) <= bounds.NODE_ID_MAX):
        raise ValueError("an incarnation out of range")
    if columns.shape:
        _index(min(columns.shape))
    nodes, stamps, context = columns.nodes, _stamps(columns), iter(columns.context)
    contexts, layouts = iter(columns.contexts), iter(columns.layout)
    for i, number in enumerate(columns.shape):
        shape_ = shapes[number]
        if not shape_.mixed:
            stamp, seen = next(stamps), next(context)
            its = {stamp.node: stamp.counter} if seen is None else _own_context(nodes, seen, stamp)
            shape_.single.append((i, stamp, its))
            continue
        (count,), *layout = _LISTS.decode(next(layouts))
        distinct = _LISTS.decode(next(contexts))
        left = _used(left, max(len(layout), len(distinct)))
        if not 0 < count <= bounds.SIBLINGS_MAX * max(1, len(layout)):
            raise ValueError("a number of stamps out of range")
        of_row = [next(stamps) for _ in range(count)]
        shape_.several.append((i, of_row, [_context(nodes, c) for c in distinct], layout))
    for column in (stamps, context, contexts, layouts):
        if next(column, _END) is not _END:
            raise ValueError("more columns than resources use")
    elements = _fill(columns, shapes)
    return (
        Resource(shapes[number].type, id_, of_one)
        for number, id_, of_one in zip(columns.shape, _ids(columns), elements, strict=True)
    )


def _used(left: int, number: int) -> int:
    if number > left:
        raise ValueError("fewer values than elements")
    return left - number


def _fill(columns: _Columns, shapes: Sequence[_Shape]) -> list[Mapping[str, Register]]:
    """Values stand shape by shape and key by key: hand them out in that order. The elements of each resource, in theirs."""
    elements: list[Mapping[str, Register]] = [{} for _ in columns.shape]
    values = iter(columns.values)
    for shape in shapes:
        if not shape.mixed:
            of_keys = [list(islice(values, len(shape.single))) for _ in shape.keys]
            for (i, stamp, context), said in zip(shape.single, zip(*of_keys, strict=True), strict=True):
                elements[i] = OneWrite(stamp, context, dict(zip(shape.keys, said, strict=True)))
            continue
        of_shape: list[dict[str, Register]] = [{} for _ in shape.several]
        for at, key in enumerate(shape.keys):
            for (_, stamps, contexts, layout), of_one in zip(shape.several, of_shape, strict=True):
                context_at, *stamps_at = layout[at]
                siblings = tuple(Sibling(stamps[_index(s)], next(values)) for s in stamps_at)
                of_one[key] = _register(siblings, contexts[_index(context_at)])
        for (i, *_), of_one in zip(shape.several, of_shape, strict=True):
            elements[i] = of_one
    if next(values, _END) is not _END:
        raise ValueError("more values than elements")
    return elements


def _register(siblings: tuple[Sibling, ...], context: Context) -> Register:
    dots = [(s.stamp.node, s.stamp.counter) for s in siblings]
    if not dots or dots != sorted(set(dots)):
        raise ValueError("siblings out of order")
    if any(context.get(node, 0) < counter for node, counter in dots):
        raise ValueError("a context that has not seen its own siblings")
    return Register(siblings, context)


def _own_context(nodes: list[int], column: list[int], stamp: Stamp) -> dict[int, int]:
    context = _context(nodes, column)
    if context.get(stamp.node, 0) < stamp.counter:
        raise ValueError("a context that has not seen its own stamp")
    return context


def _context(nodes: list[int], numbers: list[int]) -> dict[int, int]:
    context = {nodes[node]: counter for node, counter in unflat(numbers).items()}
    if any(not 0 < counter <= bounds.COUNTER_MAX for counter in context.values()):
        raise ValueError("a counter out of range")
    return context


def _stamps(columns: _Columns) -> Iterator[Stamp]:
    counter = ts = 0
    rows = zip(columns.node, columns.counter, columns.ts, columns.device, columns.author, strict=True)
    for node, counter_delta, ts_delta, device, author in rows:
        counter += counter_delta
        ts += ts_delta
        user, role = columns.authors[_index(author)]
        device_ts = ts + device
        if not (
            0 < counter <= bounds.COUNTER_MAX
            and 0 <= ts <= bounds.CLOCK_MS_MAX
            and 0 <= device_ts <= bounds.CLOCK_MS_MAX
        ):
            raise ValueError("a stamp out of range")
        yield Stamp(columns.nodes[_index(node)], counter, ts, device_ts, user, role)


def _check_shape(columns: _Columns, shape: list[int | str]) -> _Shape:
    type_, mixed, *keys = shape
    if not isinstance(type_, int) or mixed not in (0, 1):
        raise ValueError("not a shape")
    names = [key for key in keys if isinstance(key, str) and 0 < len(key) <= bounds.ELEMENT_KEY_BYTES_MAX]
    if len(names) != len(keys) or names != sorted(set(names)) or len(names) > bounds.RESOURCE_ELEMENTS_MAX:
        raise ValueError("element keys out of order")
    name = columns.types[_index(type_)]
    if not 0 < len(name) <= bounds.TYPE_CHARS_MAX:
        raise ValueError("a type of impossible length")
    return _Shape(name, bool(mixed), names)


def _index(number: int) -> int:
    if number < 0:
        raise IndexError("a negative index")
    return number


def _uuid_bytes(id_: str) -> bytes | None:
    if len(id_) != 36 or not id_[8] == id_[13] == id_[18] == id_[23] == "-":
        return None
    try:
        raw = bytes.fromhex(id_.replace("-", ""))
    except ValueError:
        return None
    return raw if _uuid_text(raw) == id_ else None


def _uuid_text(raw: bytes) -> str:
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _ids(columns: _Columns) -> Iterator[str]:
    at = 0
    for id_ in columns.ids:
        if id_ is None:
            if at + 16 > len(columns.uuids):
                raise ValueError("fewer uuids than resources use")
            yield _uuid_text(columns.uuids[at : at + 16])
            at += 16
        elif 0 < len(id_) <= bounds.ID_CHARS_MAX:
            yield id_
        else:
            raise ValueError("an id of impossible length")
    if at != len(columns.uuids):
        raise ValueError("more uuids than resources use")
