"""A new life: after a fork (this node found that it is a copy) or an explicit restore."""

from edge_node.store import rows
from edge_node.store.connection import Connection
from sync_protocol import digest, pack
from sync_protocol.exchange import edge as rules
from sync_protocol.exchange.edge import Standing
from sync_protocol.identity import Renaming, rename
from sync_protocol.resource import Resource


def fork(connection: Connection, before: Standing, incarnation: int) -> Standing:
    """Begin a new incarnation, and rename this life's dots above the acknowledged counter, in the present and in the history.

    All of it in the caller's transaction. Those dots stand only in what the outbox names past `acked`.
    """
    renaming = Renaming(before.incarnation, incarnation, before.acked)
    touched = [
        key for (key,) in connection.execute("SELECT DISTINCT key FROM outbox WHERE counter > ?", (before.acked,))
    ]
    for key in touched:
        _rename_history(connection, key, renaming)
        _rename_present(connection, key, renaming)
    after = rules.forked(before, incarnation)
    _begin(connection, before, after)
    return after


def restart(connection: Connection, before: Standing, incarnation: int) -> Standing:
    """After an explicit restore: a new incarnation, the old dots as they are, to be pushed again from `acked`."""
    after = rules.restored(before, incarnation)
    _begin(connection, before, after)
    return after


def _begin(connection: Connection, before: Standing, after: Standing) -> None:
    connection.execute("INSERT INTO own (incarnation) VALUES (?) ON CONFLICT DO NOTHING", (before.incarnation,))
    connection.execute(
        "UPDATE sync SET incarnation = ?, base_counter = ?, confirmed_token = NULL, receipt = NULL",
        (after.incarnation, after.base),
    )
    connection.execute("DELETE FROM token")


def _rename_present(connection: Connection, key: int, renaming: Renaming) -> None:
    query = "SELECT type, id, scope, hash, state, updated FROM resource WHERE key = ? AND state IS NOT NULL"
    row = connection.execute(query, (key,)).fetchone()
    if row is None:
        return
    type_, id_, scope, old_hash, state, updated = row
    resource = rename(rows.resource_of(rows.type_name(connection, type_), id_, state), renaming)
    new_hash, stored = _packed(resource)
    if new_hash == old_hash:
        return
    connection.execute("UPDATE resource SET hash = ?, state = ? WHERE key = ?", (new_hash, stored, key))
    connection.execute(
        "INSERT INTO history (key, number, updated, hash, state)"
        " SELECT ?, 1 + coalesce((SELECT max(number) FROM history WHERE key = ?), 0), ?, ?, ?",
        (key, key, updated, old_hash, stored),
    )
    kept = connection.execute("SELECT digest FROM scope WHERE id = ?", (scope,)).fetchone()[0]
    total = digest.add(digest.from_bytes(kept), new=new_hash, old=old_hash)
    connection.execute("UPDATE scope SET digest = ? WHERE id = ?", (digest.to_bytes(total), scope))


def _rename_history(connection: Connection, key: int, renaming: Renaming) -> None:
    """Earlier versions too, under the names that they have on somebody's screen: she may still write against one of them."""
    type_, id_ = connection.execute("SELECT type, id FROM resource WHERE key = ?", (key,)).fetchone()
    name = rows.type_name(connection, type_)
    versions = connection.execute("SELECT number, state FROM history WHERE key = ?", (key,)).fetchall()
    for number, state in versions:
        _, stored = _packed(rename(rows.resource_of(name, id_, state), renaming))
        connection.execute("UPDATE history SET state = ? WHERE key = ? AND number = ?", (stored, key, number))


def _packed(resource: Resource) -> tuple[bytes, bytes]:
    state = pack.pack(resource)
    return pack.hash_of(resource.type, resource.id, state), rows.squeeze(state)
