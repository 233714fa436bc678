"""The console's numbers kept fresh: pregnancies follow changes, then the views are refreshed one after the other (APScheduler 3).

Every serving process has a scheduler; the one that holds an advisory lock does the work, so none does it twice and none has to be chosen.
A view that takes long is refreshed more rarely: it takes at most a tenth of the time (`share`), however large the facts have grown.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from hub import counting
from hub.errors import HubError
from hub.places import Place
from hub.postgres.engine import Database
from hub.runtime import Hub
from hub.store import views
from hub.store.views import VIEWS, Refreshed

log = structlog.get_logger()

SHARE: Final = 10
"""A view is not refreshed again before it rested so many times as long as it took."""


@asynccontextmanager
async def refreshing(hub: Hub) -> AsyncIterator[None]:
    """Keeps the numbers fresh for as long as this lasts."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    running: dict[asyncio.Task[Any], asyncio.Task[None]] = {}
    """The scheduler's tasks, each with the round that it waits for: cancelled themselves, they would be told as failures."""

    async def told() -> None:
        job, rounds = asyncio.current_task(), asyncio.create_task(_round(hub))
        assert job is not None
        running[job] = rounds
        await asyncio.wait([rounds])
        del running[job]
        if not rounds.cancelled():
            rounds.result()

    scheduler.add_job(
        told,
        "interval",
        seconds=hub.settings.refresh_seconds,
        next_run_time=datetime.now(scheduler.timezone),
        # One round at a time: a long one is not joined by another, and those that were missed meanwhile are one.
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.remove_all_jobs()
        for rounds in running.values():
            rounds.cancel()
        if running:
            await asyncio.wait(list(running))
        scheduler.shutdown(wait=False)


async def _round(hub: Hub) -> None:
    for place in hub.shards:
        try:
            await follow_and_refresh(place)
        except HubError as error:  # this shard is away: pages say how old its numbers are, and it is tried again
            log.warning("numbers were not refreshed", shard=place.id, error=type(error).__name__)


async def follow_and_refresh(place: Place) -> list[str]:
    """What changed is followed, and every view that is due is refreshed. Returns the names of those that were."""
    while await counting.follow(place):
        continue
    # A large view takes longer than any command of an exchange may.
    unhurried = place.database.unhurried()
    try:
        return await _refresh_due(unhurried, place.settings.refresh_seconds)
    finally:
        await unhurried.close()


async def _refresh_due(database: Database, seconds: int) -> list[str]:
    """Each view in a transaction of its own. Who finds another process at it leaves the rest to that one, which goes on."""
    done: list[str] = []
    for view in VIEWS:
        async with database.transaction() as connection:
            if not await views.lock_refreshing(connection):
                return done
            last = {row.view: row for row in await views.read_refreshed(connection)}
            now: datetime = await connection.fetchval("SELECT now()")
            if is_due(last, view, now, seconds):
                await views.refresh(connection, view)
                done.append(view)
    return done


def is_due(last: Mapping[str, Refreshed], view: str, now: datetime, seconds: int) -> bool:
    """Whether a view is to be refreshed again: after most of a round, and after it rested `SHARE` times as long as it took."""
    if (row := last.get(view)) is None:
        return True
    return (now - row.at).total_seconds() >= max(seconds / 2, row.ms / 1000 * SHARE)
