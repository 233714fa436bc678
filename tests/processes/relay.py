"""A TCP relay in front of a server: a fixed address that outlives it, bytes counted, a link that can be cut, slowed and lossy.

It passes a byte stream, so loss is what a stream shows of it: a lost segment comes one round trip later, and all behind it wait.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, TypeVar

from msgspec import Struct

T = TypeVar("T")
SEGMENT_BYTES: Final = 1400
HEADER_BYTES: Final = 40
"""What IPv4 and TCP put before a segment: it takes its time on a slow link too."""
QUEUE_SEGMENTS: Final = 16


class Shape(Struct, frozen=True):
    """How bad a link is. Each direction has its own rate; the delay is that of one way."""

    delay_seconds: float = 0.0
    bits_per_second: float = 0.0
    loss: float = 0.0
    seed: int = 0

    @property
    def round_trip_seconds(self) -> float:
        return 2 * self.delay_seconds


FREE: Final = Shape()


class Relay:
    """Listens on a free port of this machine for as long as the `with` lasts, and passes everything to `target`, a port."""

    def __init__(self, target: int = 0, shape: Shape = FREE) -> None:
        self.target = target
        self.shape = shape
        self.port = 0
        self.up = True
        self.bytes_to_target = 0
        self.bytes_from_target = 0
        self._random = random.Random(shape.seed)
        self._free_at = [0.0, 0.0]
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._held = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Relay":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        """As a broken cable: open connections end at once, and no new one is passed on."""
        self.up = False
        self._do(self._close_all())

    def mend(self) -> None:
        """The link is there again."""
        self.up = True

    def hold(self) -> None:
        """As a lost signal: nothing passes in either direction, connections stay open."""
        self._loop.call_soon_threadsafe(self._held.clear)

    def let_go(self) -> None:
        """What was held passes."""
        self._loop.call_soon_threadsafe(self._held.set)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._held.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self.up = False
        # Nobody more is accepted; who was in the last round gets somebody who closes it, which a task that never began would not.
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        self._loop.run_until_complete(asyncio.sleep(0))
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._close_all())
        self._loop.close()

    async def _close_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Known from its first moment: one that the end overtakes before it is served has to be closed, too."""
        self._open.add(writer)
        serving = self._loop.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            if self.up:
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
                self._open.add(back)
                ends.append(back)
                await asyncio.gather(self._pass(reader, back, 0), self._pass(there, writer, 1))
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            for end in ends:
                self._open.discard(end)
                end.transport.abort() if not self.up else end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: int) -> None:
        """One direction: segments leave at the link's rate, and arrive after its delay, in order."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE_SEGMENTS)
        arriving = asyncio.create_task(self._arrive(queue, writer))
        try:
            while segment := await reader.read(SEGMENT_BYTES if self.shape is not FREE else 1 << 16):
                if direction:
                    self.bytes_from_target += len(segment)
                else:
                    self.bytes_to_target += len(segment)
                await queue.put((self._arrival(len(segment), direction), segment))
            await queue.put((0.0, b""))
            await arriving
        finally:
            arriving.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await arriving

    async def _arrive(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            at, segment = await queue.get()
            await asyncio.sleep(max(0.0, at - self._loop.time()))
            await self._held.wait()
            if not segment:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(segment)
            await writer.drain()

    def _arrival(self, size: int, direction: int) -> float:
        shape = self.shape
        if shape is FREE:
            return 0.0
        leaves = max(self._loop.time(), self._free_at[direction])
        while True:
            leaves += (size + HEADER_BYTES) * 8 / shape.bits_per_second
            if self._random.random() >= shape.loss:
                break
            leaves += shape.round_trip_seconds
        self._free_at[direction] = leaves
        return leaves + shape.delay_seconds
