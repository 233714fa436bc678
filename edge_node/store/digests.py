"""The digest of each scope, as it is kept.

A person's write moves that of the home scope. The sum of such moves stands in the outbox's last row, which each write adds anyway: a page
of `scope` less to write. Each row has the sum up to it, and rows go from below only, so the last one says all; `fold` puts it into `scope`
before that row goes. Everything else moves the digest in `scope` itself (`shift`): the two are added, so their order does not matter.
"""

from typing import Final

from edge_node.store.connection import Connection
from edge_node.store.schema import HOME_SCOPE
from sync_protocol import digest

MOVED: Final = "(SELECT moved FROM outbox ORDER BY counter DESC LIMIT 1)"
"""How far writes in the outbox moved the home scope's digest, in SQL; NULL: not at all."""


def kept(connection: Connection) -> dict[str, bytes]:
    """Scope → digest, as bytes."""
    rows = connection.execute(f"SELECT name, digest, iif(id = {HOME_SCOPE}, {MOVED}, NULL) FROM scope ORDER BY id")
    return {name: _sum(present, moved) if moved is not None else present for name, present, moved in rows}


def shift(connection: Connection, scope: int, difference: int) -> None:
    """Moves the digest of a scope, by its key. Within a write transaction."""
    present = connection.execute("SELECT digest FROM scope WHERE id = ?", (scope,)).fetchone()[0]
    total = (digest.from_bytes(present) + difference) % digest.MODULUS
    connection.execute("UPDATE scope SET digest = ? WHERE id = ?", (digest.to_bytes(total), scope))


def fold(connection: Connection, upto: int) -> None:
    """Before the outbox's rows up to a counter go: if the last is among them, `scope` takes over what it says."""
    last = connection.execute("SELECT counter, moved FROM outbox ORDER BY counter DESC LIMIT 1").fetchone()
    if last is not None and last[0] <= upto and last[1] is not None:
        shift(connection, HOME_SCOPE, digest.from_bytes(last[1]))


def _sum(present: bytes, moved: bytes) -> bytes:
    return digest.to_bytes((digest.from_bytes(present) + digest.from_bytes(moved)) % digest.MODULUS)
