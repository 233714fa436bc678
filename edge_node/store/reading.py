"""Reading: a resource, its versions, and many of them. Every function takes a connection and changes nothing."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from edge_node.fhir.search_sql import TYPE_SLOT
from edge_node.store import rows
from edge_node.store.connection import Connection
from edge_node.store.model import GONE, Stored, Version
from sync_protocol import pack, register
from sync_protocol.register import Context, Stamp
from sync_protocol.resource import Resource, gone

COLUMNS = "key, type, id, updated, hash, flags, state"
KEYS_A_QUERY = 500


def read(connection: Connection, type_: str, id_: str) -> Stored | None:
    """A resource as it is now (a deleted one too), None when it never was here."""
    number = rows.find_type(connection, type_)
    if number is None:
        return None
    statement = "SELECT key, updated, hash, flags, state FROM resource WHERE type = ? AND id = ? AND state IS NOT NULL"
    row = connection.execute(statement, (number, id_)).fetchone()
    return rows.stored_of(row[0], type_, id_, *row[1:]) if row is not None else None


def key_of(connection: Connection, type_: str, id_: str) -> int | None:
    """The key of a name: of a resource, or of what is only referred to."""
    number = rows.find_type(connection, type_)
    row = connection.execute("SELECT key FROM resource WHERE type = ? AND id = ?", (number, id_)).fetchone()
    return row[0] if row is not None else None


def read_many(connection: Connection, keys: Iterable[int]) -> list[Stored]:
    """Resources by key, in the order of the keys; what is not here any more is left out."""
    wanted = list(keys)
    found: dict[int, Stored] = {}
    for start in range(0, len(wanted), KEYS_A_QUERY):
        some = wanted[start : start + KEYS_A_QUERY]
        question = ",".join("?" * len(some))
        query = f"SELECT {COLUMNS} FROM resource WHERE key IN ({question}) AND state IS NOT NULL"
        for key, type_, id_, *rest in connection.execute(query, some).fetchall():
            found[key] = rows.stored_of(key, rows.type_name(connection, type_), id_, *rest)
    return [found[key] for key in wanted if key in found]


def each(connection: Connection, type_: str | None = None) -> Iterator[Stored]:
    """Every resource that is not deleted, in the order in which they first came. Within a snapshot."""
    where, values = f"state IS NOT NULL AND NOT flags & {GONE}", []
    if type_ is not None:
        of_type = f"key IN (SELECT key FROM search WHERE slot = {TYPE_SLOT} AND value = ?)"
        where, values = f"{of_type} AND {where}", [rows.find_type(connection, type_)]
    for key, number, id_, *rest in connection.execute(
        f"SELECT {COLUMNS} FROM resource WHERE {where} ORDER BY key", values
    ):
        yield rows.stored_of(key, rows.type_name(connection, number), id_, *rest)


def states(connection: Connection, scope: int) -> Iterator[Resource]:
    """The registers of all resources of a scope, deleted ones too."""
    query = "SELECT type, id, state FROM resource WHERE scope = ? AND state IS NOT NULL"
    for number, id_, state in connection.execute(query, (scope,)):
        yield rows.resource_of(rows.type_name(connection, number), id_, state)


# --- history ----------------------------------------------------------------------------------------------------------

_OF_ONE = """
SELECT r.key, r.type, r.id, 1 + coalesce((SELECT max(number) FROM history WHERE key = r.key), 0) AS number,
       r.updated AS updated, r.hash, r.flags, r.state
FROM resource r WHERE r.key = ?1 AND r.state IS NOT NULL
UNION ALL
SELECT h.key, r.type, r.id, h.number, h.updated, h.hash, NULL, h.state
FROM history h JOIN resource r ON r.key = h.key WHERE h.key = ?1
"""

_OF_MANY = """
SELECT r.key, r.type, r.id, 1 + coalesce((SELECT max(number) FROM history WHERE key = r.key), 0) AS number,
       r.updated AS updated, r.hash, r.flags, r.state
FROM resource r WHERE r.state IS NOT NULL AND r.updated BETWEEN ?2 AND ?3 AND (?1 IS NULL OR r.type = ?1)
UNION ALL
SELECT h.key, r.type, r.id, h.number, h.updated, h.hash, NULL, h.state
FROM history h CROSS JOIN resource r ON r.key = h.key WHERE h.updated BETWEEN ?2 AND ?3 AND (?1 IS NULL OR r.type = ?1)
"""

Entry: TypeAlias = tuple[int, int, str, int, int, bytes, int | None, bytes]


def history_of(
    connection: Connection, key: int, *, since_ms: int = 0, count: int = 100, before: int = 1 << 62
) -> list[Version]:
    """Versions of one resource that were here, newest first; those before a number."""
    query = f"SELECT * FROM ({_OF_ONE}) WHERE number < ?2 AND updated >= ?3 ORDER BY number DESC LIMIT ?4"
    return [
        _version(connection, entry) for entry in connection.execute(query, (key, before, since_ms, count)).fetchall()
    ]


def history(
    connection: Connection,
    type_: str | None = None,
    *,
    since_ms: int = 0,
    count: int = 100,
    before: tuple[int, int, int] | None = None,
) -> list[Version]:
    """Versions that were here, of a type or of all, newest first.

    `before` continues after an entry: its `(updated_ms, key, number)`. `since_ms`: stored then or later.
    """
    number = rows.find_type(connection, type_) if type_ is not None else None
    if type_ is not None and number is None:
        return []
    last = before if before is not None else (1 << 62, 0, 0)
    query = (
        f"SELECT * FROM ({_OF_MANY}) WHERE (updated, key, number) < (?3, ?4, ?5)"
        " ORDER BY updated DESC, key DESC, number DESC LIMIT ?6"
    )
    entries = connection.execute(query, (number, since_ms, *last, count)).fetchall()
    return [_version(connection, entry) for entry in entries]


def _version(connection: Connection, entry: Entry) -> Version:
    key, type_, id_, number, updated, hash_, flags, state = entry
    resource = rows.resource_of(rows.type_name(connection, type_), id_, state)
    if flags is None:
        flags = GONE if gone(resource) else 0
    query = "SELECT state FROM history WHERE key = ? AND number = ?"
    earlier = connection.execute(query, (key, number - 1)).fetchone()
    previous = rows.resource_of(resource.type, id_, earlier[0]) if earlier is not None else None
    made_by = _made_by(previous, resource)
    shown = rows.present(key, resource, updated, hash_, flags)
    return Version(number, shown, has_gap(previous, resource), made_by.user, made_by.role, made_by.ts)


def _made_by(previous: Resource | None, present: Resource) -> Stamp:
    """Who made a version out of the one before: the latest of the writes that the earlier did not have."""
    before = register.dots_in(previous.elements.values()) if previous is not None else {}
    now = register.dots_in(present.elements.values())
    new = [stamp for dot, stamp in now.items() if dot not in before] or list(now.values())
    return max(new, key=lambda stamp: (stamp.ts, stamp.node, stamp.counter))


def has_gap(previous: Resource | None, present: Resource) -> bool:
    """Whether somebody's write between two versions never came here: the later has seen it, and does not hold it."""
    for key, element in present.elements.items():
        before: Context = {}
        if previous is not None and key in previous.elements:
            before = previous.elements[key].context
        live = {(s.stamp.node, s.stamp.counter) for s in element.siblings}
        if any(
            counter > before.get(node, 0) and (node, counter) not in live for node, counter in element.context.items()
        ):
            return True
    return False


def read_version(connection: Connection, type_: str, id_: str, version: str) -> Stored | None:
    """One version of a resource, None when it never was here."""
    current = read(connection, type_, id_)
    if current is None or current.version == version:
        return current
    query = "SELECT updated, hash, state FROM history WHERE key = ?"
    for updated, hash_, state in connection.execute(query, (current.key,)):
        if pack.version_of(hash_) == version:
            resource = rows.resource_of(type_, id_, state)
            return rows.present(current.key, resource, updated, hash_, GONE if gone(resource) else 0)
    return None
