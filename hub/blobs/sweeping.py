"""What is erased by itself: objects that got no row, files that were not sent whole, files that nothing speaks of any more.

Mark and sweep: each scope with older files is looked through now and then, in slices, and what its records speak of is noted with the day.
A file that was not spoken of, made, or asked for since `blob_unused_days` goes. (References are not counted in the ingest: a look through
100,000 records takes some seconds of a month, and cannot be wrong by one.)
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from hub.blobs.following import mentioned
from hub.errors import SealBroken
from hub.places import Place
from hub.states import States
from hub.store import blobs
from hub.store.blobs import Mark
from hub.store.exports import drop_jobs, stale_jobs
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import PostgresShard
from hub.store.shard_map import FIRST
from sync_protocol.errors import ProtocolError

log = structlog.get_logger()

ROWS_A_SLICE: Final = 500
OBJECTS_A_SLICE: Final = 200
WRITING_HOURS_MAX: Final = 24
"""An object that is not named by then is not going to be."""
LOOKS_A_PERIOD: Final = 4
ENDING_DAYS_MAX: Final = timedelta(days=14)
"""An export that has not ended by then is given up."""


async def sweep(place: Place, now_ms: int) -> bool:
    """One slice of everything. Whether more is waiting. Raises `StoreFault` when a store is away."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    await end_stale_uploads(place, now)
    if place.id == FIRST:  # the hub's own database, where exports are
        await forget_exports(place, now)
    deleted = await delete_loose(place, now)
    return await mark(place, now) or deleted == OBJECTS_A_SLICE


async def end_stale_uploads(place: Place, now: datetime) -> None:
    """Forgets uploads for which nothing has come for long."""
    before = now - timedelta(hours=place.settings.upload_hours)
    async with place.transaction() as connection:
        if stale := await blobs.stale_uploads(connection, before, OBJECTS_A_SLICE):
            await blobs.drop_uploads(connection, stale)


async def forget_exports(place: Place, now: datetime) -> None:
    """Forgets exports whose time is over; those that never came to an end too."""
    kept = timedelta(hours=place.settings.export_hours)
    async with place.transaction() as connection:
        if stale := await stale_jobs(connection, now - kept, now - kept - ENDING_DAYS_MAX, OBJECTS_A_SLICE):
            await drop_jobs(connection, stale)


async def delete_loose(place: Place, now: datetime) -> int:
    """Deletes objects that nothing names. Returns how many were looked at.

    A patient who moved, and the facility that she is at, may have brought a file's row to another shard: what any shard names stays.
    """
    async with place.transaction() as connection:
        names = await blobs.take_loose(connection, now - timedelta(hours=WRITING_HOURS_MAX), OBJECTS_A_SLICE)
        kept = await _named_elsewhere(place, names)
        for name in set(names) - kept:
            await place.stores.of(name).delete([name])
        await blobs.drop_loose(connection, names)
    return len(names)


async def _named_elsewhere(place: Place, names: list[str]) -> set[str]:
    found: set[str] = set()
    for other in place.others if names else ():
        if other is not place:
            async with other.transaction() as connection:
                found |= await blobs.objects_named(connection, names)
    return found


async def mark(place: Place, now: datetime) -> bool:
    """Looks through the next records of a scope; at its end the files go that nothing spoke of. Whether there is more to do."""
    period = timedelta(days=place.settings.blob_unused_days)
    async with place.shard() as shard:
        assert isinstance(shard, PostgresShard)
        found = await blobs.next_mark(shard.connection, now, now - period, now - period / LOOKS_A_PERIOD)
        if found is None:
            return False
        (scope,) = await shard.read_scopes([found.scope])
        rows = await shard.scan_scope(scope.id, found.after_key, ROWS_A_SLICE)
        await _note(place, shard, scope, found, rows)
        ended = len(rows) < ROWS_A_SLICE
        await blobs.note_mark(shard.connection, scope.id, rows[-1].key if rows else found.after_key, ended=ended)
        if ended:
            gone = await blobs.remove_unreferred(shard.connection, scope.id, found.begun - period)
            if gone:
                log.info("files that nothing speaks of were erased", scope=scope.id, files=gone)
        return True


async def _note(place: Place, shard: PostgresShard, scope: ScopeRow, found: Mark, rows: list[ResourceRow]) -> None:
    """Notes what records speak of."""
    states = States(place)
    spoken: set[bytes] = set()
    for row in rows:
        try:
            spoken |= mentioned(place.keys, states.values(scope, row.rkey, row.state))
        except (SealBroken, ProtocolError) as error:
            log.error("a record does not open", key=row.key, error=type(error).__name__)
    if spoken:
        await blobs.note_referred(shard.connection, scope.id, sorted(spoken), found.begun)
