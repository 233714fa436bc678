"""Entries of the audit that the disk had no room for.

Who treats somebody must see her record, on a full disk too. That somebody read or logged in is then kept in memory, and written down
with the next entry that finds room, or when the process ends in order; pages and the log say so meanwhile. If there is no room then, or it
is killed before, it is lost. Everything else that should be audited is refused, as a write is.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Final

import msgspec
import structlog

from edge_node.errors import DiskFull, StorageFault
from edge_node.store import trail
from edge_node.store.connection import Connection
from edge_node.store.model import Author

ALLOWED: Final[frozenset[trail.Action]] = frozenset(
    {"read", "history", "list", "login", "logout", "lock", "unlock-pin", "unlock-password"}
)
"""What may go on although it cannot be written down at once."""
KEPT_MAX: Final = 10_000
"""Then reading is refused, too: a month of a busy clinic."""

log = structlog.get_logger()


class Entry(msgspec.Struct, frozen=True):
    """One entry, as `trail.record` takes it."""

    at_ms: int
    author: Author
    action: trail.Action
    key: int | None
    detail: trail.Detail | None


class Unwritten:
    """Those of one process. `transaction` is the store's: only one at a time."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction
        self._kept: list[Entry] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def record(self, entry: Entry) -> None:
        """Writes it down, and all that was kept before it. Raises DiskFull when it is not one that may be kept."""
        with self._lock:
            try:
                self._write([*self._kept, entry])
            except DiskFull:
                if entry.action not in ALLOWED or len(self._kept) >= KEPT_MAX:
                    raise
                if not self._kept:
                    log.warning(
                        "disk full: who reads is noted in memory, and lost if this process ends before there is room"
                    )
                self._kept.append(entry)
            else:
                self._kept.clear()

    def write_down(self) -> None:
        """Writes down what was kept, if there is room now; the log says what is lost otherwise. Before the process ends."""
        with self._lock:
            if not self._kept:
                return
            try:
                self._write(self._kept)
            except StorageFault:
                log.error("entries of the audit are lost: there was no room for them", entries=len(self._kept))
            self._kept.clear()

    def _write(self, entries: Sequence[Entry]) -> None:
        with self._transaction() as connection:
            for each in entries:
                trail.record(connection, each.at_ms, each.author, each.action, key=each.key, detail=each.detail)
