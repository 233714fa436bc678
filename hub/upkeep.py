"""What a serving hub does by itself: what an upgrade left to be done, in slices, and what another process did not get to.

Each step is a transaction of its own, and begins where the last one ended, in whichever process. Exchanges go first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from hub.clues import backfill
from hub.directory import publish
from hub.errors import HubError
from hub.referring import carry_out
from hub.runtime import Hub
from sync_protocol.errors import ProtocolError

ROUND_SECONDS: Final = 60.0
BREATH_SECONDS: Final = 0.05
"""Between two slices: whoever asks meanwhile is answered."""
log = structlog.get_logger()


@asynccontextmanager
async def upkeep(hub: Hub, now_ms: Callable[[], int]) -> AsyncIterator[None]:
    """Keeps at it in the background for as long as this lasts."""
    task = asyncio.get_running_loop().create_task(_keep_at_it(hub, now_ms))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_at_it(hub: Hub, now_ms: Callable[[], int]) -> None:
    while True:
        try:
            await tidy(hub, now_ms())
        except (HubError, ProtocolError) as error:  # the database is away, or a row is damaged: told, and tried again
            log.warning("upkeep was interrupted", error=type(error).__name__)
        await asyncio.sleep(ROUND_SECONDS)


async def tidy(hub: Hub, now_ms: int) -> None:
    """One round: regions are told of facilities, referrals are carried out, records get the clues that they are found by."""
    await publish(hub, now_ms)
    await carry_out(hub, now_ms)
    while await backfill(hub):
        await asyncio.sleep(BREATH_SECONDS)
