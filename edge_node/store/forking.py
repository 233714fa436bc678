"""Lives: a new one for each process that writes, after a restore, after a fork, after letting go of records, after a hub lost some.

A dot means one write for ever, so nobody gives dots in a life that may also go on elsewhere, or has forgotten what it wrote: a disk
may have been copied before this process began, and a record that was let go of may be entered again.
"""

from edge_node.store import digests, rows
from edge_node.store.connection import Connection
from edge_node.store.standing import FORK, RESTART, RESTORE, lives_of
from sync_protocol import digest, pack
from sync_protocol.exchange import edge as rules
from sync_protocol.exchange.edge import Standing
from sync_protocol.identity import Renaming, rename
from sync_protocol.resource import Resource


def fork(connection: Connection, before: Standing, incarnation: int, lives: frozenset[int]) -> Standing:
    """Begin a new incarnation, and rename these lives' dots above the acknowledged counter, in the present and in the history.

    All of it in the caller's transaction. Those dots stand only in what the outbox names past `acked`.
    """
    ours = {**lives_of(connection).unfinished, before.incarnation: before.counter}
    renaming = Renaming({life: ours[life] for life in lives & ours.keys()}, incarnation, before.acked, ours)
    touched = [
        key for (key,) in connection.execute("SELECT DISTINCT key FROM outbox WHERE counter > ?", (before.acked,))
    ]
    for key in touched:
        _rename_history(connection, key, renaming)
        _rename_present(connection, key, renaming)
    after = rules.restarted(before, incarnation)
    _begin(connection, before, after, RESTART)
    connection.executemany("UPDATE own SET ended = ? WHERE incarnation = ?", [(FORK, life) for life in sorted(lives)])
    return after


def restart(connection: Connection, before: Standing, incarnation: int) -> Standing:
    """A life that goes on from the one before, with its tokens."""
    after = rules.restarted(before, incarnation)
    _begin(connection, before, after, RESTART)
    return after


def restore(connection: Connection, before: Standing, incarnation: int) -> Standing:
    """After an explicit restore: a new incarnation, the old dots as they are, to be pushed again from `acked`."""
    after = rules.restored(before, incarnation)
    _begin(connection, before, after, RESTORE)
    connection.execute("UPDATE own SET ended = ? WHERE ended = ?", (RESTORE, RESTART))
    return after


def lost(connection: Connection, before: Standing, incarnation: int) -> Standing:
    """After the hub lost what it had acknowledged: what it remembers of the old lives' counters stays what it was, and is no proof
    that it has had the rest from us. It took us for the node it knows, so their changes are offered as they are."""
    after = restart(connection, before, incarnation)
    connection.execute("UPDATE own SET ended = ? WHERE ended = ?", (RESTORE, RESTART))
    return after


def _begin(connection: Connection, before: Standing, after: Standing, ended: str) -> None:
    connection.execute(
        "INSERT INTO own (incarnation, upto, ended) VALUES (?, ?, ?)", (before.incarnation, before.counter, ended)
    )
    connection.execute(
        "UPDATE sync SET incarnation = ?, confirmed_token = ?, receipt = ?",
        (after.incarnation, after.confirmed, after.receipt),
    )
    if not after.sent:
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
    digests.shift(connection, scope, digest.add(0, new=new_hash, old=old_hash))


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
