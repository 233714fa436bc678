"""Resources out of files: FHIR Bundles of any type, one a file or one a line, and NDJSON, compressed or not.

Files are streamed twice: once for what `urn:uuid:` addresses stand for, once for the resources. Ids are kept. A resource
without one gets that of its `fullUrl`, or one made from its content, so that an import may be repeated.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

import msgspec

from edge_node.errors import InvalidResource
from edge_node.fhir.primitives import is_id
from edge_node.fhir.validation import Issue

_GZIP_MARK = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHITE = b" \t\r\n"
_URN = "urn:uuid:"
_reference = re.compile(rb'("reference"\s*:\s*")(urn:uuid:[^"\\]*)(")')


class Item(msgspec.Struct, frozen=True):
    """A resource out of a file. `id` when its body has none. `only_new`: it states what was, and replaces nothing."""

    body: bytes
    id: str | None = None
    only_new: bool = False


_NOTHING = msgspec.Raw(b"null")


class _Request(msgspec.Struct):
    url: str = ""
    method: str = ""


class _Search(msgspec.Struct):
    mode: str = ""


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = _NOTHING
    fullUrl: str = ""
    request: _Request | None = None
    search: _Search | None = None

    @property
    def is_record(self) -> bool:
        """Whether it brings a record: not a bare request, nor what a server says about a search."""
        return bytes(self.resource) != b"null" and (self.search is None or self.search.mode != "outcome")


class _Document(msgspec.Struct):
    resourceType: str = ""
    type: str = ""
    id: str | None = None
    entry: list[_Entry] = []


class _Name(msgspec.Struct):
    resourceType: str = ""
    id: str | None = None


_DOCUMENT = msgspec.json.Decoder(_Document)
_NAME = msgspec.json.Decoder(_Name)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder(msgspec.Raw)


def resources(path: Path, read: Callable[[int], None] = lambda count: None) -> Iterator[Item]:
    """The resources of a file, references within it rewritten to `Type/id`. `read` hears of bytes read from disk.

    What is no JSON comes as it is, so that it can be put aside with the rest. Raises InvalidResource when the whole file
    is not JSON, OSError when it cannot be read.
    """
    meaning: dict[bytes, bytes] = {}
    for text in documents(path):
        meaning.update(addresses(text))
    for text in documents(path, read):
        for item in items(text):
            yield _rewritten(item, meaning)


def _rewritten(item: Item, meaning: dict[bytes, bytes]) -> Item:
    if not meaning or b"urn:uuid:" not in item.body:
        return item
    body = _reference.sub(lambda m: m[1] + meaning.get(m[2], m[2]) + m[3], item.body)
    return Item(body, item.id, item.only_new)


# --- one document -----------------------------------------------------------------------------------------------------


def items(text: bytes) -> Iterator[Item]:
    """The resources of one JSON document: a Bundle's entries, or the resource itself.

    A document Bundle with an id is a resource as well as its entries, which state what was when it was made. A history has
    the newest version first; it is taken in from the oldest on.
    """
    found = _read(text)
    if found is None or found.resourceType != "Bundle":
        yield Item(text, None if found is None or found.id is not None else _id_of_content(text))
        return
    document = found.type == "document" and found.id is not None
    for entry in _versions(found.entry) if found.type == "history" else found.entry:
        if entry.is_record:
            body = bytes(entry.resource)
            name = _name(body)
            yield Item(body, None if name is None or name.id is not None else _id_of_entry(entry, body), document)
    if document:
        yield Item(text)


def _versions(newest_first: list[_Entry]) -> list[_Entry]:
    """A history's entries, oldest first, without those before a deletion: what its sender deleted does not come back."""
    deleted: set[str] = set()
    kept = []
    for entry in newest_first:
        name = _name(bytes(entry.resource))
        if entry.request is not None and entry.request.method == "DELETE":
            deleted.add("/".join(entry.request.url.split("/")[-2:]))
        elif name is None or f"{name.resourceType}/{name.id}" not in deleted:
            kept.append(entry)
    return kept[::-1]


def addresses(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`urn:uuid:` address → `Type/id`, for the entries of a Bundle."""
    if b"urn:uuid:" not in text:
        return
    found = _read(text)
    for entry in found.entry if found is not None and found.resourceType == "Bundle" else ():
        if entry.fullUrl.startswith(_URN):
            name = _name(bytes(entry.resource))
            if name is not None and name.resourceType:
                id_ = name.id if name.id is not None else _id_of_entry(entry, bytes(entry.resource))
                yield entry.fullUrl.encode(), f"{name.resourceType}/{id_}".encode()


def _read(text: bytes) -> _Document | None:
    try:
        return _DOCUMENT.decode(text)
    except msgspec.MsgspecError:
        return None


def _name(body: bytes) -> _Name | None:
    try:
        return _NAME.decode(body)
    except msgspec.MsgspecError:
        return None


def _id_of_entry(entry: _Entry, body: bytes) -> str:
    """The id that an entry's address gives, or one made from the content."""
    for address in (entry.fullUrl.removeprefix(_URN), entry.request.url if entry.request is not None else ""):
        last = address.rpartition("/")[2]
        if is_id(last) and ("/" in address or address != entry.fullUrl):
            return last
    return _id_of_content(body)


def _id_of_content(body: bytes) -> str:
    return str(UUID(bytes=hashlib.blake2b(body, digest_size=16).digest(), version=5))


# --- files to documents -----------------------------------------------------------------------------------------------


def documents(path: Path, read: Callable[[int], None] = lambda count: None) -> Iterator[bytes]:
    """The JSON documents of a file: one a line where the first line is one, else the whole file, or its entries."""
    with path.open("rb") as raw:
        counted = _Counted(raw, read)
        packed = raw.peek(2)[:2] == _GZIP_MARK
        plain = gzip.GzipFile(fileobj=cast(BinaryIO, counted)) if packed else counted
        try:
            yield from _documents(path, io.BufferedReader(cast(io.RawIOBase, plain), 1 << 20))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _unreadable(path, "The compressed file is damaged or not whole") from error


def _unreadable(path: Path, why: str) -> InvalidResource:
    return InvalidResource([Issue("error", "structure", path.name, why)])


def _documents(path: Path, file: io.BufferedReader) -> Iterator[bytes]:
    first = b""
    while not first.strip(_WHITE):
        first = file.readline()
        if not first:
            return
    first = first.removeprefix(_BYTE_ORDER_MARK).strip(_WHITE)
    if _is_json(first) and not first.startswith(b"["):
        yield first
        for line in file:
            line = line.strip(_WHITE)
            if line:
                yield line
        return
    whole = first + b"\n" + file.read()
    if not _is_json(whole):
        raise _unreadable(path, "The file is not JSON and not NDJSON")
    if whole.startswith(b"["):
        yield from (bytes(entry) for entry in _ARRAY.decode(whole))
    else:
        yield whole


def _is_json(text: bytes) -> bool:
    try:
        _ANY.decode(text)
    except msgspec.MsgspecError:
        return False
    return True


class _Counted(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, read: Callable[[int], None]) -> None:
        self._file, self._read = file, read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._read(len(data))
        return len(data)
