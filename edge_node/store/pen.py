"""What a person writes with: stamps for one transaction, and the outbox in which they wait to be sent."""

from collections.abc import Collection

import msgspec

from edge_node.store.connection import Connection
from edge_node.store.digests import MOVED
from edge_node.store.model import Author
from edge_node.store.standing import COUNTER
from sync_protocol import bounds, digest
from sync_protocol.register import Stamp


def _within_time(ms: int) -> int:
    """A clock may show any year; a stamp that no other node takes would keep a frame from being taken."""
    return max(0, min(ms, bounds.CLOCK_MS_MAX))


class Pen:
    """Stamps for one transaction: this node's incarnation and its rising counter, written down by `close`."""

    incarnation: int
    counter: int
    """The last that was given."""

    def __init__(self, connection: Connection, author: Author, now_ms: int) -> None:
        self._connection = connection
        self.author = author
        self.device_ms = _within_time(now_ms)
        row = connection.execute(
            f"SELECT incarnation, {COUNTER}, coalesce(clock_offset_ms, 0), {MOVED} FROM sync"
        ).fetchone()
        self.incarnation, self.counter, offset, moved = row
        self.ts = _within_time(now_ms + offset)
        self._moved = digest.from_bytes(moved) if moved is not None else 0
        self._outbox: list[tuple[int, int, str | None, bytes | None]] = []

    def stamp(self) -> Stamp:
        """The stamp that the next resource would have; `used` makes it so."""
        author = self.author
        return Stamp(self.incarnation, self.counter + 1, self.ts, self.device_ms, author.user, author.role)

    def used(self, key: int, keys: Collection[str] | None) -> None:
        """The stamp was used for these elements (None: for all that there are) of a resource; it waits to be pushed."""
        self.counter += 1
        text = msgspec.json.encode(sorted(keys)).decode() if keys is not None else None
        self._outbox.append((self.counter, key, text, None))

    def close(self, moved: int) -> None:
        """Writes the outbox down, and with it the counter; by how much all of it moved the home scope's digest stands in its last row
        (`digests`)."""
        if not self._outbox:
            return
        self._moved = (self._moved + moved) % digest.MODULUS
        self._outbox[-1] = (*self._outbox[-1][:3], digest.to_bytes(self._moved))
        statement = "INSERT INTO outbox (counter, key, elements, moved) VALUES (?, ?, ?, ?)"
        self._connection.executemany(statement, self._outbox)
        self._outbox.clear()
