"""Between rows of `resource` and registers: type numbers, packed states, and what is shown of them."""

import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from edge_node.fhir.definitions import resource_types, type_number
from edge_node.store.connection import Connection
from edge_node.store.model import CONFLICT, GONE, Stored
from sync_protocol import bounds, compression, pack, showing
from sync_protocol.resource import Resource, shown

FIRST_UNKNOWN_TYPE = 1000
"""Numbers below are places in FHIR R4's list of types; types that R4 does not have are numbered here, by this node."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECODER = msgspec.json.Decoder()


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.codec = compression.Codec()


_per_thread = _PerThread()


def squeeze(state: bytes) -> bytes:
    """A packed state as it is stored: the dictionary's number, then zstd."""
    codec = _per_thread.codec
    return bytes((codec.version,)) + codec.compress(state)


def expand(stored: bytes) -> bytes:
    """The inverse. Raises MalformedData or UnknownDictionary."""
    codec = _per_thread.codec
    if stored[0] != codec.version:
        codec = compression.Codec(stored[0])
    return codec.decompress(stored[1:], 2 * bounds.RESOURCE_STATE_BYTES_MAX)


def resource_of(type_: str, id_: str, stored: bytes) -> Resource:
    """The registers in a stored state."""
    return pack.unpack(type_, id_, expand(stored))


def instant(ms: int) -> str:
    """A FHIR instant, UTC, with milliseconds."""
    return f"{(_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec='milliseconds')[:-6]}Z"


def shown_of(resource: Resource) -> dict[str, Any]:
    """What is shown, decoded, without this server's version and time. Raises MalformedJson when it is no resource."""
    return showing.shown_object(resource.type, resource.id, shown(resource))


def object_of(text: bytes) -> dict[str, Any]:
    """FHIR JSON as the indexes read it: numbers as floats, since only their order counts there."""
    decoded: dict[str, Any] = _DECODER.decode(text)
    return decoded


def stored_of(key: int, type_: str, id_: str, updated: int, hash_: bytes, flags: int, state: bytes) -> Stored:
    """A row as it is shown."""
    return present(key, resource_of(type_, id_, state), updated, hash_, flags)


def present(key: int, resource: Resource, updated: int, hash_: bytes, flags: int) -> Stored:
    """Registers as they are shown."""
    version = pack.version_of(hash_)
    gone = bool(flags & GONE)
    body = None
    if not gone:
        body = showing.assemble(resource.type, resource.id, shown(resource), version, instant(updated))
    return Stored(key, resource.type, resource.id, version, updated, gone, bool(flags & CONFLICT), body)


def version_state(connection: Connection, key: int, version: str) -> bytes | None:
    """The stored state of an earlier version, None when it never was here."""
    if len(version) != pack.VERSION_CHARS:
        return None
    try:
        prefix = bytes.fromhex(version)
    except ValueError:
        return None
    statement = "SELECT state FROM history WHERE key = ? AND substr(hash, 1, ?) = ? LIMIT 1"
    row = connection.execute(statement, (key, len(prefix), prefix)).fetchone()
    return row[0] if row is not None else None


# --- types ------------------------------------------------------------------------------------------------------------


@cache
def _published() -> tuple[str, ...]:
    return ("", *resource_types())


def find_type(connection: Connection, name: str) -> int | None:
    """The number of a type, None when nothing of it was ever here."""
    number = type_number(name)
    if number:
        return number
    row = connection.execute("SELECT id FROM type WHERE name = ?", (name,)).fetchone()
    return row[0] if row is not None else None


def make_type(connection: Connection, name: str) -> int:
    """The number of a type, given to it now when it has none. Within a write transaction."""
    number = find_type(connection, name)
    if number is None:
        statement = "INSERT INTO type (id, name) SELECT max(?, coalesce(max(id), 0) + 1), ? FROM type RETURNING id"
        number = int(connection.execute(statement, (FIRST_UNKNOWN_TYPE, name)).fetchone()[0])
    return number


def type_name(connection: Connection, number: int) -> str:
    """The name of a type that is stored here."""
    if number < FIRST_UNKNOWN_TYPE:
        return _published()[number]
    return str(connection.execute("SELECT name FROM type WHERE id = ?", (number,)).fetchone()[0])
