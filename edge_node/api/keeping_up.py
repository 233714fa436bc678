"""Keeping work lists up to date beside everything else: small slices with pauses, on the thread of writes.

A slice is a transaction of some hundredths of a second, then three times as long a pause is left for others; so catching up after an
import takes a quarter of a processor, and a write waits for one slice at most. When nothing changed, one look-up every few seconds is
all: other processes (an import, the exchange) write too, and nobody tells this one.

Whoever reads a list waits a moment for what changed just before (`a_little`), and is told how much is left.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from edge_node.api.threads import Threads
from edge_node.store import due
from edge_node.store.collector import without_collector
from edge_node.store.due import Rules
from edge_node.store.store import Store

LOOK_SECONDS: Final = 5.0
SLICE_SECONDS: Final = 0.03
"""For so long others cannot write; one patient with a record of years may take longer."""
PAUSE_SLICES: Final = 3
AFTER_FAILURE_SECONDS: Final = 60.0
A_LITTLE_SECONDS: Final = 0.1

log = structlog.get_logger("edge_node.api")


class KeepingUp:
    """The lists of one server. Made at any time; `start` and `stop` belong to its event loop."""

    def __init__(self, store: Store, threads: Threads, now_ms: Callable[[], int], rules: Rules) -> None:
        self._store = store
        self._threads = threads
        self._now_ms = now_ms
        self.rules = rules
        self._task: asyncio.Task[None] | None = None

    def today(self) -> date:
        """The day of this machine's zone."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._now_ms())
        return moment.astimezone().date()

    async def start(self) -> None:
        """Goes on by itself from now on."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends that; a slice that is being done is finished by its thread."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def a_little(self, seconds: float = A_LITTLE_SECONDS) -> int:
        """Looks at what changed, for so long at most; how much is left (`due.waiting`)."""
        end = time.monotonic() + seconds
        while await self._slice() and time.monotonic() < end:
            pass
        return await self._threads.search(self._waiting)

    async def _run(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                more = await self._slice()
            except Exception as error:  # noqa: BLE001 - a full disk passes; until then the pages say how much is left
                log.warning("work lists could not be brought up to date", error=type(error).__name__)
                await asyncio.sleep(AFTER_FAILURE_SECONDS)
                continue
            await asyncio.sleep(PAUSE_SLICES * (time.monotonic() - begun) if more else LOOK_SECONDS)

    async def _slice(self) -> bool:
        """Looks at the next changes; whether there may be more."""
        if await self._threads.search(self._is_current):
            return False
        return await self._threads.write(self._catch_up)

    def _is_current(self) -> bool:
        with self._store.reading() as connection:
            return due.is_current(connection, self.rules, self.today())

    def _catch_up(self) -> bool:
        with without_collector(), self._store.transaction() as connection:
            end = time.monotonic() + SLICE_SECONDS  # from when the others let it
            return due.catch_up(connection, self.rules, self.today(), enough=lambda: time.monotonic() > end)

    def _waiting(self) -> int:
        with self._store.reading() as connection:
            if due.is_current(connection, self.rules, self.today()):
                return 0
            return due.waiting(connection, self.rules, self.today())
