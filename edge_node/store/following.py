"""How far each follower has looked at resources, in the order in which they were stored: what it derives is brought up to date for those
beyond its position. Writing a resource costs one look at these few positions, which a writer whose clock went back lowers (`went_back`).

A follower that looks within one write transaction keeps its position there. One that looks in a snapshot, so that others may write
meanwhile, marks first how far everything has been stored (`begin`). A write below the mark lowers it, as it lowers positions, and another
look replaces it; the position is raised at the end only if the mark stands as it was made (`finish`). So nothing is passed over, and what
was not finished is looked at again.
"""

from typing import Final

import msgspec

from edge_node.store import rows
from edge_node.store.connection import Connection
from sync_protocol.resource import Resource

_BEYOND: Final = "(updated, key) >= (?, ?) AND state IS NOT NULL"
_CHANGED: Final = f"SELECT key, type, id, updated, state FROM resource WHERE {_BEYOND} ORDER BY updated, key LIMIT ?"


class Position(msgspec.Struct, frozen=True):
    """All before it was looked at: a time at which resources were stored, and a key among those of that time."""

    updated: int
    key: int


class Changed(msgspec.Struct, frozen=True):
    """A resource that was stored, with its state."""

    key: int
    type: str
    id: str
    updated: int
    state: bytes

    @property
    def after(self) -> Position:
        """The position behind it."""
        return Position(self.updated, self.key + 1)


def at(connection: Connection, name: str) -> Position:
    """How far a follower is; at the beginning if it never looked."""
    row = connection.execute("SELECT updated, key FROM follower WHERE name = ?", (name,)).fetchone()
    return Position(*row) if row is not None else Position(0, 0)


def keep(connection: Connection, name: str, position: Position) -> None:
    """Keeps how far a follower is. Within a write transaction."""
    values = (name, position.updated, position.key)
    connection.execute("INSERT OR REPLACE INTO follower (name, updated, key) VALUES (?, ?, ?)", values)


def went_back(connection: Connection, now_ms: int) -> None:
    """A resource is being stored at a time that was looked at already: it is looked at again. Changes nothing otherwise."""
    connection.execute("UPDATE follower SET updated = ?, key = 0 WHERE updated >= ?", (now_ms, now_ms))


def changed(connection: Connection, position: Position, count: int) -> list[Changed]:
    """The next resources from a position on."""
    found = connection.execute(_CHANGED, (position.updated, position.key, count)).fetchall()
    return [Changed(key, rows.type_name(connection, type_), *rest) for key, type_, *rest in found]


def number(connection: Connection, position: Position, most: int) -> int:
    """How many resources lie beyond a position; not counted further than `most`."""
    query = f"SELECT count(*) FROM (SELECT 1 FROM resource WHERE {_BEYOND} LIMIT ?)"
    return int(connection.execute(query, (position.updated, position.key, most)).fetchone()[0])


def latest(connection: Connection) -> Position:
    """The position behind all that is stored. What comes then is stored at this time or later, or lowers positions (`went_back`)."""
    updated = connection.execute("SELECT max(updated) FROM resource WHERE state IS NOT NULL").fetchone()[0]
    return Position((updated or 0) + 1, 0)


def versions(connection: Connection, one: Changed) -> list[Resource]:
    """A changed resource as it is and, where it was here already, as it was before: what it said of somebody else counts, too."""
    query = "SELECT state FROM history WHERE key = ? ORDER BY number DESC LIMIT 1"
    earlier = connection.execute(query, (one.key,)).fetchone() or ()
    return [rows.resource_of(one.type, one.id, state) for state in (one.state, *earlier)]


# --- looking in a snapshot --------------------------------------------------------------------------------------------


def begin(connection: Connection, name: str) -> Position:
    """Marks how far everything is stored, before a look in a snapshot. Within a write transaction."""
    (token,) = connection.execute("SELECT random()").fetchone()  # its own, by chance: nothing else depends on it
    mark = Position(latest(connection).updated, token)
    keep(connection, _mark(name), mark)
    return mark


def finish(connection: Connection, name: str, mark: Position) -> bool:
    """Keeps that all below the mark was looked at; whether that is so: not if something was written below it meanwhile, or if another
    look began. Within a write transaction, before it writes anything itself."""
    if at(connection, _mark(name)) != mark:
        return False
    connection.execute("DELETE FROM follower WHERE name = ?", (_mark(name),))
    keep(connection, name, Position(mark.updated, 0))
    return True


def _mark(name: str) -> str:
    return f"{name}: looking"
