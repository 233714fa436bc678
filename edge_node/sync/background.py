"""Exchanges in threads that nobody waits for at the end.

On a silent link an exchange may hang for minutes. The threads of executors are joined when a program ends, so that a server that is
told to stop would hang with them; daemon threads are not. An exchange may be cut off at any point: what it did is in transactions.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def begin(work: Callable[[], object]) -> None:
    """Does the work in a thread of its own, and forgets it."""
    threading.Thread(target=work, name="exchange", daemon=True).start()


async def apart(work: Callable[[], T]) -> T:
    """The work's result, or what it raises; when this is cancelled, the work goes on unheard."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        def settled() -> None:
            if not future.done():
                settle(outcome)

        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(settled)

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            tell(future.set_exception, error)
        else:
            tell(future.set_result, result)

    begin(run)
    return await future
