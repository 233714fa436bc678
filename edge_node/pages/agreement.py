"""When this node last knew that its hub holds the same: written after an exchange that compared digests, void as soon as anything differs.

Kept in the store, so that every process and a restart know it: the digests that were found equal, and when. They vouch for the
present only while each scope's digest is still that one.
"""

import msgspec

from edge_node.store import digests
from edge_node.store.connection import Connection
from edge_node.store.store import Store

_NAME = "hub_agreed"


class Agreed(msgspec.Struct, frozen=True):
    """Scope → digest (hex) as the hub had it too, and when (ms since 1970 UTC)."""

    at_ms: int
    digests: dict[str, str]


def note(store: Store, equal: bool, now_ms: int) -> None:
    """What an exchange found: `equal` when nothing waited and every scope's digest was the hub's."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE name = ?", (_NAME,))
        if equal and not _pending(connection):
            agreed = msgspec.json.encode(Agreed(now_ms, _digests(connection)))
            connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (_NAME, agreed))


def agreed_ms(connection: Connection) -> int | None:
    """When the hub was last found to hold just what is here now; None when that is not known."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
    if row is None:
        return None
    agreed = msgspec.json.decode(row[0], type=Agreed)
    return agreed.at_ms if agreed.digests == _digests(connection) else None


def _digests(connection: Connection) -> dict[str, str]:
    return {name: kept.hex() for name, kept in digests.kept(connection).items()}


def _pending(connection: Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM outbox WHERE counter > (SELECT acked FROM sync))"
    return bool(connection.execute(query).fetchone()[0])
