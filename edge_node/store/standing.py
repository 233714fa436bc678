"""What a node knows of its present life and of those before it, as rows."""

from typing import Final

import msgspec

from edge_node.store import digests
from edge_node.store.connection import Connection
from sync_protocol import bounds
from sync_protocol.exchange.edge import Standing

COUNTER: Final = "max(sync.counter, coalesce((SELECT max(outbox.counter) FROM outbox), 0))"
"""The last counter that was given, in SQL. Each write puts it into the outbox; `sync` is a page that it need not change."""

RESTART: Final = "restart"
"""How a life ended. Nobody else went on in that one, as far as anybody knows: the hub asks for its tokens while some of it is not
acknowledged."""
RESTORE: Final = "restore"
"""Its changes are pushed as they are, whoever else has them."""
FORK: Final = "fork"
"""Somebody else goes on in it; contexts that name it say a little more than was seen, so it is named for ever."""


def standing(connection: Connection) -> Standing:
    """What the node knows of its own life."""
    row = connection.execute(
        f"SELECT incarnation, {COUNTER}, acked, safe, confirmed_token, receipt FROM sync"
    ).fetchone()
    incarnation, counter, acked, safe, confirmed, receipt = row
    sent = connection.execute("SELECT token, highest FROM token").fetchone() or (b"", 0)
    return Standing(incarnation, counter, acked, safe, confirmed or b"", sent[0], sent[1], receipt or b"")


def store_standing(connection: Connection, after: Standing) -> None:
    """Write a standing down. The counter is the writers': it is noted only before the outbox is cut.

    `settled` follows `acked` when nothing waits: until then an element that was written again may wait for that write's row, with
    what it holds of writes that are acknowledged.
    """
    connection.execute(
        "UPDATE sync SET incarnation = ?, acked = ?, safe = ?, confirmed_token = ?, receipt = ?,"
        f" counter = {COUNTER}, settled = CASE WHEN ? >= {COUNTER} THEN {COUNTER} ELSE min(settled, ?) END",
        (after.incarnation, after.acked, after.safe, after.confirmed, after.receipt, after.acked, after.acked),
    )
    connection.execute("DELETE FROM token")
    if after.sent:
        connection.execute("INSERT INTO token (token, highest) VALUES (?, ?)", (after.sent, after.highest))
    digests.fold(connection, after.safe)
    connection.execute("DELETE FROM outbox WHERE counter <= ?", (after.safe,))


class Lives(msgspec.Struct, frozen=True):
    """The node's earlier lives that have a part in an exchange; see `forking`. Each with its last counter."""

    unfinished: dict[int, int]
    others: dict[int, int]

    @property
    def names(self) -> frozenset[int]:
        return frozenset(self.unfinished) | frozenset(self.others)

    @property
    def reach(self) -> int:
        """Up to which counter a request can name all lives: the later ones wait for the next."""
        told = [*self.unfinished.values(), *self.others.values()]
        return max(told) if len(told) == bounds.REQUEST_LIVES_MAX else bounds.COUNTER_MAX


def lives_of(connection: Connection) -> Lives:
    """Those with something that is not settled at the hub, and those that it forked from."""
    found: dict[bool, dict[int, int]] = {True: {}, False: {}}
    query = (
        "SELECT incarnation, upto, ended FROM own WHERE upto > (SELECT settled FROM sync) OR ended = ?"
        " ORDER BY upto LIMIT ?"
    )
    for life, upto, ended in connection.execute(query, (FORK, bounds.REQUEST_LIVES_MAX)):
        found[ended == RESTART][life] = upto
    return Lives(found[True], found[False])


def own_incarnations(connection: Connection) -> frozenset[int]:
    """This life's and all earlier ones' names."""
    return frozenset(
        number for (number,) in connection.execute("SELECT incarnation FROM own UNION SELECT incarnation FROM sync")
    )
