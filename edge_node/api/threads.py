"""Which work runs on which thread.

Reads of one resource are quicker than handing them over, and run on the event loop. Writes take turns on one thread: what a
condition found still holds when its write begins. Searches share a few. Passwords have their own, since each takes 64 MiB.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

import structlog

from edge_node.store.connection import READERS_MAX

SEARCHING_MAX = READERS_MAX - 2
"""Of the store's readers one is left to the writer's thread and one to the event loop, which must not wait for a search."""
PASSWORDS_MAX = 2

log = structlog.get_logger("edge_node.api")

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """The threads of one server."""

    def __init__(self) -> None:
        self._writing = ThreadPoolExecutor(1, "write")
        self._searching = ThreadPoolExecutor(SEARCHING_MAX, "search")
        self._passwords = ThreadPoolExecutor(PASSWORDS_MAX, "password")

    async def write(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Does it after all writes that were asked for before."""
        return await _on(self._writing, do, *args, **kwargs)

    async def search(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Does something that only reads."""
        return await _on(self._searching, do, *args, **kwargs)

    async def password(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Checks a password."""
        return await _on(self._passwords, do, *args, **kwargs)

    def later(self, do: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Writes something that nobody waits for; a failure is told to the log."""
        self._writing.submit(do, *args, **kwargs).add_done_callback(_tell_failure)

    def close(self) -> None:
        """Waits for what is being done; what waits is given up, and nobody was told that it was done."""
        for pool in (self._passwords, self._searching, self._writing):
            pool.shutdown(wait=True, cancel_futures=True)


def _tell_failure(done: "Future[object]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("a write that nobody waits for failed", error=type(error).__name__)


async def _on(pool: Executor, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    # In the request's context: whoever makes words there makes them in the reader's language.
    within = copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: within.run(do, *args, **kwargs))
