"""What changed: type, id and version of each resource that this node stored, for those who listen.

Listeners are told after the commit. Other processes (a command, the exchange) write too, so the feed looks into the store, at once after
a write of this server and every few seconds otherwise. It looks back a little each time, because a transaction may commit later than
one that began after it. An event's id is the time at which the resource was stored, so a listener can go on where it was, after a
restart too; it may be told a thing twice, never not at all.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from edge_node.api.threads import Threads
from edge_node.store import rows
from edge_node.store.store import Store
from sync_protocol import pack

POLL_SECONDS = 2.0
LOOK_BACK_MS = 10_000
CHANGES_MAX = 1_000
"""Of one look and one listener's queue; where there are more, the listener is told to look for herself."""


class Change(msgspec.Struct, frozen=True):
    """One resource as it is now. `at_ms`: when this node stored it."""

    type: str
    id: str
    version: str
    at_ms: int


class Many(msgspec.Struct, frozen=True):
    """More changed than is worth telling one by one."""

    at_ms: int


Event = Change | Many


class Feed:
    """The changes of a store, for any number of listeners in one event loop."""

    def __init__(
        self, store: Store, now_ms: Callable[[], int], threads: Threads, wrote: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._threads = threads
        self._wrote = wrote
        self._wake = asyncio.Event()
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._told: dict[tuple[str, str], Change] = {}
        self._since_ms = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def changed(self) -> None:
        """Something was committed here: look at once, and tell whoever sends it on."""
        self._wake.set()
        self._wrote()

    def close(self) -> None:
        """Ends all listening."""
        self._closed = True
        for queue in self._listeners:
            _put(queue, None)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def listen(self, after_ms: int | None, heartbeat_seconds: float) -> AsyncGenerator[Event | None, None]:
        """Events from now on, after those stored since `after_ms`; None when for so long there was nothing to tell."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(CHANGES_MAX + 1)
        if self._task is None and not self._closed:
            self._since_ms = self._now_ms()
            self._told = {
                (change.type, change.id): change for change in await self._look(self._since_ms - LOOK_BACK_MS)
            }
            self._task = asyncio.create_task(self._run())
        self._listeners.add(queue)
        try:
            if after_ms is not None:
                for event in await self._missed(after_ms):
                    yield event
            while not self._closed:
                try:
                    event_or_end = await asyncio.wait_for(queue.get(), heartbeat_seconds)
                except TimeoutError:
                    yield None
                    continue
                if event_or_end is None:
                    return
                yield event_or_end
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _missed(self, after_ms: int) -> list[Event]:
        found = await self._look(after_ms)
        return list(found) if len(found) <= CHANGES_MAX else [Many(self._now_ms())]

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            except TimeoutError:
                self._wake.clear()
            self._wake.clear()
            self._tell(await self._look(self._since_ms - LOOK_BACK_MS))

    def _tell(self, found: list[Change]) -> None:
        new = [change for change in found if self._told.get((change.type, change.id)) != change]
        horizon = max((change.at_ms for change in found), default=self._since_ms)
        self._since_ms = min(max(self._since_ms, horizon), self._now_ms())
        self._told = {
            (change.type, change.id): change for change in found if change.at_ms >= self._since_ms - LOOK_BACK_MS
        }
        events: list[Event] = list(new)
        if len(found) > CHANGES_MAX and new:
            events = [Many(self._since_ms)]
        for queue in self._listeners:
            for event in events:
                _put(queue, event)

    async def _look(self, since_ms: int) -> list[Change]:
        return await self._threads.search(changes, self._store, since_ms, CHANGES_MAX + 1)


def changes(store: Store, since_ms: int, limit: int) -> list[Change]:
    """What was stored since then, oldest first; the newest when there are more than `limit`."""
    query = "SELECT type, id, hash, updated FROM resource WHERE updated >= ? AND state IS NOT NULL ORDER BY updated DESC, key DESC LIMIT ?"
    with store.snapshot() as connection:
        found = connection.execute(query, (since_ms, limit)).fetchall()
        return [
            Change(rows.type_name(connection, number), id_, pack.version_of(hash_), updated)
            for number, id_, hash_, updated in reversed(found)
        ]


def _put(queue: "asyncio.Queue[Event | None]", event: Event | None) -> None:
    """Puts it into a listener's queue; one that does not keep up loses the rest and is told so."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(Many(event.at_ms if event is not None else 0))
    queue.put_nowait(event)
