"""Which of this node's scopes a resource is in, as the hub says: it comes into one, goes over into another, or leaves them all."""

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_node.store import digests, rows
from edge_node.store.connection import Connection
from edge_node.store.saving import Batch
from sync_protocol import digest
from sync_protocol.resource import Resource

LEAVING: Final = "leaving"
"""Reason in `held`: the hub says that the resource left our scope; it goes when nothing of it waits in the outbox."""
UNOFFERED: Final = "leaving, not offered"
"""The same by a hub that lost something since we last found it equal: it may lack what we have of it, and is given that first."""
REFUSED: Final = f"held WHERE reason NOT IN ('{LEAVING}', '{UNOFFERED}')"
"""In SQL, what the hub did not take; all else in `held` is about to leave."""


def settle(connection: Connection, parts: Sequence[Resource], scope: int) -> None:
    """What the hub sends for a scope is in that scope, though it was in another one of ours before, or about to leave."""
    names = msgspec.json.encode([[rows.find_type(connection, part.type), part.id] for part in parts]).decode()
    sent = connection.execute(
        "SELECT resource.key, scope, hash FROM json_each(?) AS wanted JOIN resource"
        " ON resource.type = wanted.value ->> 0 AND resource.id = wanted.value ->> 1"
        " WHERE scope <> ? OR EXISTS (SELECT 1 FROM held WHERE held.key = resource.key AND reason IN (?, ?))",
        (names, scope, LEAVING, UNOFFERED),
    ).fetchall()
    moved: dict[int, int] = {}
    for key, before, hash_ in sent:
        connection.execute("DELETE FROM held WHERE key = ? AND reason IN (?, ?)", (key, LEAVING, UNOFFERED))
        if before != scope:
            connection.execute("UPDATE resource SET scope = ? WHERE key = ?", (scope, key))
            moved[before] = digest.add(moved.get(before, 0), old=hash_)
            moved[scope] = digest.add(moved.get(scope, 0), new=hash_)
    for one, difference in moved.items():
        digests.shift(connection, one, difference)


def let_go(
    connection: Connection, evicted: Sequence[tuple[str, str]], scope: int, now_ms: int, *, doubted: bool = False
) -> bool:
    """Resources that left the scope go; later, when something of them still waits to be pushed, or when the hub is `doubted` and has
    not been given what we have of them. Whether any went."""
    batch = Batch(connection, now_ms)
    leaving = [batch.row(name) for name in evicted]
    keys = {row.key for row in leaving if row is not None and row.here and row.scope == scope}
    if doubted:
        reason = "INSERT INTO held (key, reason) VALUES (?, ?) ON CONFLICT DO NOTHING"
        connection.executemany(reason, [(key, UNOFFERED) for key in sorted(keys)])
        keys.clear()
    keys |= {key for (key,) in connection.execute("SELECT key FROM held WHERE reason = ?", (LEAVING,))}
    if not keys:
        return False
    acked = connection.execute("SELECT acked FROM sync").fetchone()[0]
    busy = {key for (key,) in connection.execute("SELECT DISTINCT key FROM outbox WHERE counter > ?", (acked,))}
    connection.executemany(
        "INSERT INTO held (key, reason) VALUES (?, ?) ON CONFLICT DO NOTHING", [(key, LEAVING) for key in keys & busy]
    )
    for key in sorted(keys - busy):
        type_, id_ = connection.execute("SELECT type, id FROM resource WHERE key = ?", (key,)).fetchone()
        row = batch.row((rows.type_name(connection, type_), id_))
        if row is not None and row.here:
            batch.evict(row)
        connection.execute("DELETE FROM held WHERE key = ?", (key,))
    batch.flush()
    return bool(keys - busy)


def unoffered(connection: Connection) -> list[int]:
    """The keys of what the hub has to be given before it goes."""
    return [key for (key,) in connection.execute("SELECT key FROM held WHERE reason = ?", (UNOFFERED,))]


def were_offered(connection: Connection, keys: Sequence[int]) -> None:
    """The hub has these now: they go with the next answer."""
    connection.executemany(
        "UPDATE held SET reason = ? WHERE key = ? AND reason = ?", [(LEAVING, key, UNOFFERED) for key in keys]
    )
