"""Which work runs on which thread.

Reads of one resource are quicker than handing them over, and run on the event loop. Writes take turns on one thread: what a
condition found still holds when its write begins. Searches share a few. Passwords have their own, since each takes 64 MiB.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from edge_node.store.connection import READERS_MAX

SEARCHING_MAX = READERS_MAX - 2
"""Of the store's readers one is left to the writer's thread and one to the event loop, which must not wait for a search."""
PASSWORDS_MAX = 2

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

    def close(self) -> None:
        """Waits for what is being done; what waits is given up, and nobody was told that it was done."""
        for pool in (self._passwords, self._searching, self._writing):
            pool.shutdown(wait=True, cancel_futures=True)


async def _on(pool: Executor, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    # In the request's context: whoever makes words there makes them in the reader's language.
    within = copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: within.run(do, *args, **kwargs))
