"""What a serving hub does by itself: what an upgrade left to be done, in slices, what another process did not get to, and older keys.

Each step is a transaction of its own, and begins where the last one ended, in whichever process. Exchanges go first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog

from hub import counting
from hub.blobs.sweeping import sweep
from hub.clues import backfill
from hub.directory import publish
from hub.duplicates import look
from hub.errors import HubError
from hub.mirroring import mirror_shared
from hub.people import spread
from hub.places import Place
from hub.postgres.standbys import beat
from hub.referring import carry_out
from hub.relaying import deliver, forget_taken
from hub.relocating import go_on
from hub.rotation import copies
from hub.rotation import data as data_rotation
from hub.runtime import Hub
from hub.sessions.desk import forget_sessions
from hub.store import rings
from sync_protocol.errors import ProtocolError

ROUND_SECONDS: Final = 60.0
BEAT_SECONDS: Final = 1.0
BREATH_SECONDS: Final = 0.05
"""Between two slices: whoever asks meanwhile is answered."""
log = structlog.get_logger()


@asynccontextmanager
async def upkeep(hub: Hub, now_ms: Callable[[], int]) -> AsyncIterator[None]:
    """Keeps at it in the background for as long as this lasts."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_keep_at_it(hub, now_ms)), loop.create_task(_beat(hub))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _keep_at_it(hub: Hub, now_ms: Callable[[], int]) -> None:
    while True:
        try:
            await tidy(hub, now_ms())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next round comes
            log.error("a round of upkeep ended early", error=type(error).__name__)
        await asyncio.sleep(ROUND_SECONDS)


async def tidy(hub: Hub, now_ms: int) -> None:
    """One round: the map as it is now, regions told of facilities, people of no facility told to all shards, sessions that are long over
    forgotten; then each shard's own."""
    steps: tuple[Callable[[], Coroutine[Any, Any, object]], ...] = (
        hub.shards.refresh,
        partial(publish, hub.shards, now_ms),
        partial(spread, hub),
        partial(go_on, hub),
        partial(mirror_shared, hub.shards),
        partial(forget_sessions, hub.desk, now_ms),
    )
    for step in steps:
        await _told(step())
    for place in hub.shards:
        await _told(_tidy_place(place, now_ms))


async def _tidy_place(place: Place, now_ms: int) -> None:
    """Referrals are carried out, what is for other shards is carried over, records get the clues that they are found by and are counted,
    who is registered twice is looked for, scopes whose data key has sealed much get another, what is under an older one is sealed anew,
    and files that nothing needs any more are erased: last, since a store that is away holds up what comes after."""
    await carry_out(place, now_ms)
    await carry_over(place)
    await forget_taken(place)
    await counting.begin(place)
    for slice_ in (backfill, counting.recount, counting.follow, look):
        while await slice_(place):
            await asyncio.sleep(BREATH_SECONDS)
    async with place.transaction() as connection:
        await data_rotation.begin_by_itself(connection, place.keys)
        homes = await rings.homes(connection)
    for home in homes:
        await _told(copies.refresh(place, home))
    while await rotate(place):
        await asyncio.sleep(BREATH_SECONDS)
    while await sweep(place, now_ms):
        await asyncio.sleep(BREATH_SECONDS)


async def rotate(place: Place) -> bool:
    """One step of what `hub.rotation.data` has to do. Whether there is more to do without waiting for others."""
    async with place.transaction() as connection:
        return await data_rotation.step(connection, place.keys)


async def carry_over(place: Place) -> None:
    """What is for other shards; of what all nodes hold, the copies follow."""
    shared, place.shared = place.shared, False
    told = await deliver(place)
    if shared or any(not name.startswith("facility/") for name in told):
        await mirror_shared(place.others)


async def _told(step: Coroutine[Any, Any, object]) -> None:
    """One shard that is away, or a row that is damaged, is told, and tried again in the next round; the others' work goes on."""
    try:
        await step
    except (HubError, ProtocolError) as error:
        log.warning("upkeep was interrupted", error=type(error).__name__)


async def _beat(hub: Hub) -> None:
    """The map is taken as it is now; each primary says that it is there, and is looked for anew where it is not. None waits for another."""
    running: dict[tuple[str, int], asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            steps: dict[tuple[str, int], Callable[[], Coroutine[Any, Any, object]]] = {("map", 0): hub.shards.refresh}
            for place in hub.shards:
                steps["beat", place.id] = partial(beat_at, place)
                steps["look", place.id] = partial(look_around_at, place)
            for name, step in steps.items():
                if name not in running or running[name].done():
                    running[name] = group.create_task(_told(step()))
            await asyncio.sleep(BEAT_SECONDS)


async def beat_at(place: Place) -> None:
    """The primary writes down the time, by which its standbys tell how far behind they are. Nobody to tell: nothing is written."""
    if len(place.database.servers) > 1:
        async with place.transaction() as connection:
            at = await beat(connection)
        place.standbys.note_beat(at)


async def look_around_at(place: Place) -> None:
    """Whether another server is the primary now. Connections to the one that was are not used again, also when it comes back."""
    await place.standbys.look_around()
    await place.others.tell_timeline(place)
