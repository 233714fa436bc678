"""Live counters: one reading a second for all who look on, whatever their number, and none while nobody does.

A stream ends by itself after a while and the browser opens the next one, which is let in anew: so a login that has ended sees no more
than that, and the server's end waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

import structlog
from msgspec import Struct

from hub.console import sums
from hub.console.reading import Reader, Seen
from hub.errors import Busy, HubError
from hub.runtime import Hub
from hub.store import overview
from hub.store.overview import Live

log = structlog.get_logger()

READ_SECONDS: Final = 1.0
RATE_SECONDS: Final = 60.0
"""Over so long a time exchanges are counted."""
RATE_SECONDS_MIN: Final = 3.0
STREAM_SECONDS: Final = 60.0
LISTENERS_MAX: Final = 500


class Counters(Struct, frozen=True):
    """What one listener is told. `exchanges`: a minute; None until enough time has passed to tell."""

    exchanges: int | None
    online: int
    nodes: int
    pending: int


class Pulse:
    """The readings of one process. `read` gives all regions; `clock` seconds of its own."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[Live]]], clock: Callable[[], float] = monotonic) -> None:
        self._read, self._clock = read, clock
        self._kept: deque[tuple[float, dict[str, Live]]] = deque()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._listeners = 0
        self._turn = 0
        self._closed = False

    async def listen(self, region: str) -> AsyncIterator[Counters]:
        """What is to be told to who sees a region ('': all), after each reading, for `STREAM_SECONDS`. Raises `Busy`."""
        if self._listeners >= LISTENERS_MAX or self._closed:
            raise Busy("Too many look on at this moment.", retry_after_seconds=10)
        self._listeners += 1
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._keep_reading())
            ends, turn = self._clock() + STREAM_SECONDS, 0
            while self._clock() < ends:
                async with self._news:
                    await self._news.wait_for(lambda: self._turn > turn or self._closed)  # noqa: B023 -- awaited at once
                if self._closed:
                    return
                turn = self._turn
                if self._kept:
                    yield self.counters(region)
        finally:
            self._listeners -= 1

    def counters(self, region: str) -> Counters:
        """The counters of a region as last read."""
        at, last = self._kept[-1]
        then, first = self._kept[0]
        here = [one for name, one in last.items() if region in ("", name)]
        seconds = at - then
        before = sum(first[one.region].exchanges if one.region in first else one.exchanges for one in here)
        rate = (sum(one.exchanges for one in here) - before) * 60 / seconds if seconds >= RATE_SECONDS_MIN else None
        return Counters(
            exchanges=None if rate is None else max(round(rate), 0),
            online=sum(one.online for one in here),
            nodes=sum(one.nodes for one in here),
            pending=sum(one.pending for one in here),
        )

    async def _keep_reading(self) -> None:
        try:
            while self._listeners and not self._closed:
                try:
                    rows = await self._read()
                except HubError as error:  # the database is away: the counters stand still, and are read again
                    log.warning("live counters were not read", error=type(error).__name__)
                else:
                    self._keep(rows)
                async with self._news:
                    self._turn += 1
                    self._news.notify_all()
                await asyncio.sleep(READ_SECONDS)
        finally:
            self._kept.clear()
            self._task = None

    def _keep(self, rows: Sequence[Live]) -> None:
        now = self._clock()
        self._kept.append((now, {row.region: row for row in rows}))
        while now - self._kept[0][0] > RATE_SECONDS:
            self._kept.popleft()

    async def close(self) -> None:
        """Ends all streams."""
        self._closed = True
        async with self._news:
            self._news.notify_all()
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait([task])


def new_pulse(hub: Hub) -> Pulse:
    """The pulse of a hub."""

    async def read() -> list[Live]:
        (rows,) = await Reader(hub, "", Seen()).all(overview.live)
        return sums.added(rows, ("exchanges", "nodes", "online", "pending"))

    return Pulse(read)
