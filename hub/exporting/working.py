"""How an export is made: rows by key, opened, as lines into files; what a process leaves, another goes on with.

    claim     one process works on an export at a time, under a lease that it renews; so many at once at the whole hub
    begin     the instant and the last key of each shard are noted once
    round     rows are read in slices, each a short transaction; when a round is full, its files are written, and in one transaction they
              become the export's and the place in the scan moves on. A process that was overtaken, or whose export was deleted, finds
              that out there

A facility may move to another shard meanwhile, from one that was not read yet to one that was, or the other way. So it is noted with the
beginning which scopes were at home where, and looked at again at the end: when one is not, the export begins anew.

Present states are exported: what existed at the instant and was changed since is there as it is now (and once more in the next export by
`_since`); what was made after it is not.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import structlog

from hub.blobs.keeping import keep
from hub.blobs.uploading import own
from hub.errors import FacilityMoved, HubError, KeyFault, SealBroken
from hub.exporting import jobs
from hub.exporting.lines import Line, Wanted, damaged, line_of
from hub.exporting.round import File, Round
from hub.logs import where
from hub.places import Place
from hub.postgres.engine import Connection
from hub.postgres.standbys import position
from hub.runtime import Hub
from hub.states import States
from hub.store import exports
from hub.store.exports import JobRow, PartRow, PlaceRow, Reach, ScopeHome, Slice
from hub.store.scopes import facility_scope
from sync_protocol.errors import ProtocolError

log = structlog.get_logger()

ROWS_A_SLICE: Final = 500
"""Opened and written as lines, some 10 ms; others are answered in between."""
BYTES_A_SLICE: Final = 4 << 20
LEASE_SECONDS: Final = 60.0
RENEW_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 15.0
"""How long an export that could not go on is left alone, and how often is looked for those of other processes."""
TRIES_MAX: Final = 20


def about(object_: str) -> bytes:
    """What the key of an exported file is sealed with."""
    return b"export " + object_.encode()


class _Overtaken(Exception):
    """The export is not this process's any more."""


@asynccontextmanager
async def exporting(hub: Hub, now_ms: Callable[[], int]) -> AsyncIterator[None]:
    """Makes exports in the background for as long as this lasts."""
    task = asyncio.get_running_loop().create_task(_keep_at_it(hub, now_ms))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_at_it(hub: Hub, now_ms: Callable[[], int]) -> None:
    while True:
        hub.export_asked.clear()
        try:
            while await work(hub, now_ms()):
                pass
        except HubError as error:  # the database is away: tried again
            log.warning("exports were interrupted", error=type(error).__name__)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await hub.export_asked.wait()
        except TimeoutError:
            continue


async def work(hub: Hub, now_ms: int) -> bool:
    """Makes the next export that nobody makes, to its end. Whether there was one that came to its end."""
    holder = f"{hub.shards.first.epoch:x}"
    async with hub.database.transaction() as connection:
        job = await exports.claim_job(connection, holder, hub.settings.exports_max, LEASE_SECONDS)
    if job is None:
        return False
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    try:
        if job.tries > TRIES_MAX:
            raise HubError("An export did not come on for too long.")
        await _Work(hub, job, holder, now).run()
    except _Overtaken:
        return True
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, tried again, and in the end given up
        log.warning("an export was interrupted", error=type(error).__name__, where=where(error), tries=job.tries)
        async with hub.database.transaction() as connection:
            if job.tries > TRIES_MAX:
                await exports.end_job(connection, job.id, holder, "failed", now)
            else:
                await exports.put_back(connection, job.id, holder, WAIT_SECONDS)
        return False
    return True


class _Work:
    """One export, worked on by this process."""

    def __init__(self, hub: Hub, job: JobRow, holder: str, now: datetime) -> None:
        self._hub, self._job, self._holder, self._now = hub, job, holder, now
        self._seal = hub.keys.own_seal
        self._round = Round()
        self._renewed = monotonic()
        self._looked = 0

    async def run(self) -> None:
        while not await self._made():
            log.info("an export begins anew, since a facility has moved")
            async with self._hub.database.transaction() as connection:
                await self._still_ours(connection)
                await exports.begin_anew(connection, self._job.id)
        async with self._hub.database.transaction() as connection:
            await exports.end_job(connection, self._job.id, self._holder, "done", self._now)

    async def _made(self) -> bool:
        """Whether all is in files; no, when a facility has moved since the export began."""
        places = await self._begun()
        for place, row in places:
            await self._export(place, row)
        return await self._at_home(places)

    async def _at_home(self, places: Sequence[tuple[Place, PlaceRow]]) -> bool:
        """Whether all scopes are still where they were, and were nowhere else in between."""
        for place, row in places:
            async with place.transaction() as connection:
                moves = {one.id: one.moves for one in await self._scopes_at(connection) if one.here}
            if not row.homes.items() <= moves.items():
                return False
        return True

    async def _scopes_at(self, connection: Connection) -> list[ScopeHome]:
        """The scopes that are wanted and known on a shard."""
        known = await exports.scopes_of_region(connection, self._job.region)
        facility = self._job.facility
        return [one for one in known if not facility or one.name == facility_scope(facility)]

    async def _begun(self) -> list[tuple[Place, PlaceRow]]:
        """How far the export is on each shard; it begins now, if it has not."""
        async with self._hub.database.transaction() as central:
            found = await exports.read_places(central, self._job.id)
        if not found:
            found = await self._begin(await jobs.places_of(self._hub, self._job))
        return [(self._hub.shards.at(row.place), row) for row in found.values()]

    async def _begin(self, places: Sequence[Place]) -> dict[int, PlaceRow]:
        """Notes what is where; the instant is the earliest of all. Raises `FacilityMoved` while a facility is at home nowhere."""
        reaches: dict[int, Reach] = {}
        homes: dict[int, dict[int, int]] = {}
        known, at_home = set[str](), set[str]()
        for place in places:
            async with place.transaction() as connection:
                scopes = await self._scopes_at(connection)
                reaches[place.id] = await exports.reach_of(connection)
            homes[place.id] = {one.id: one.moves for one in scopes if one.here}
            known |= {one.name for one in scopes if one.name.startswith("facility/")}
            at_home |= {one.name for one in scopes if one.here}
        if not known <= at_home:
            raise FacilityMoved
        async with self._hub.database.transaction() as central:
            instant = min(reach.instant for reach in reaches.values())
            upto = {place: reach.upto_key for place, reach in reaches.items()}
            await exports.begin_job(central, self._job.id, instant, upto, homes)
            return await exports.read_places(central, self._job.id)

    async def _export(self, place: Place, row: PlaceRow) -> None:
        """What a shard has, from where it was left."""
        await self._know(place)
        after = row.after_key
        while self._scopes and (rows := await self._slice(place, after, row.upto_key)):
            for one in rows:
                await self._take(place, one)
            after = rows[-1].key
            self._looked += len(rows)
            if self._round.full:
                await self._flush(place.id, after)
            await self._renew()
        await self._flush(place.id, row.upto_key)

    async def _know(self, place: Place) -> None:
        """Which scopes are wanted there, and who is in the Group."""
        self._states = States(place)
        async with place.transaction() as connection:
            homes = {one.id: one for one in await self._scopes_at(connection) if one.here}
            scopes = await place.on(connection).read_scopes(sorted(homes))
            members = await jobs.members_of(place, connection, self._job.members) if self._job.members else None
            self._seen = await position(connection)
        self._scopes = {scope.id: scope for scope in scopes}
        self._regions = {scope.id: homes[scope.id].region for scope in scopes}
        self._wanted = Wanted(frozenset(self._job.types), members, deletions=self._job.since is not None)

    async def _slice(self, place: Place, after: int, upto: int) -> list[Slice]:
        """The next rows, from a standby that has all that there was when the export began here."""
        async with place.reading(self._seen) as reading:
            return await exports.scan(
                reading.connection, list(self._scopes), self._job.since, after, upto, ROWS_A_SLICE, BYTES_A_SLICE
            )

    async def _take(self, place: Place, row: Slice) -> None:
        """Adds a row's line."""
        if row.state is None:
            return
        try:
            line = self._line(row, row.state)
        except (KeyFault, ProtocolError):
            row, line = await self._looked_at_again(place, row)
        if line is not None:
            self._round.add(self._regions[row.scope], line)

    async def _looked_at_again(self, place: Place, row: Slice) -> tuple[Slice, Line | None]:
        """A row that did not open, read anew with its scope's keys, in one transaction: since it was read it may have been sealed with
        another one, or the one that it is under may have come."""
        async with place.transaction() as connection:
            found = await exports.scan(
                connection, list(self._scopes), self._job.since, row.key - 1, row.key, 1, BYTES_A_SLICE
            )
            if not found or found[0].state is None:
                return row, None
            row, state = found[0], found[0].state
            (self._scopes[row.scope],) = await place.on(connection).read_scopes([row.scope])
        try:
            return row, self._line(row, state)
        except (SealBroken, ProtocolError) as error:
            log.error("a record does not open", key=row.key, error=type(error).__name__)
            return row, damaged(row.key)

    def _line(self, row: Slice, state: bytes) -> Line | None:
        resource = self._states.open(self._scopes[row.scope], row.rkey, state)
        return line_of(resource, row.hash, row.stored, self._wanted)

    async def _renew(self) -> None:
        if monotonic() - self._renewed < RENEW_SECONDS:
            return
        async with self._hub.database.transaction() as connection:
            await self._still_ours(connection)

    async def _still_ours(self, connection: Connection) -> None:
        """Renews the lease and says how far it is. Raises `_Overtaken`."""
        looked, self._looked = self._looked, 0
        if not await exports.renew_lease(connection, self._job.id, self._holder, looked, LEASE_SECONDS):
            raise _Overtaken
        self._renewed = monotonic()

    async def _flush(self, place: int, after: int) -> None:
        """The round's files become the export's, and the place in the scan moves on with them."""
        parts = []
        for number, file in enumerate(self._round.files(), 1):
            parts.append(await self._kept(number, file))
            async with self._hub.database.transaction() as connection:
                await self._still_ours(connection)
        async with self._hub.database.transaction() as connection:
            await self._still_ours(connection)
            await exports.add_parts(connection, self._job.id, parts)
            for part in parts:
                await own(connection, part.object)
            await exports.note_place(connection, self._job.id, place, after)

    async def _kept(self, number: int, file: File) -> PartRow:
        kept = await keep(self._hub.shards.first, file.key.region, file.content(), self._now)
        key = self._seal.seal(kept.key, about(kept.object))
        return PartRow(number, file.key.kind, file.key.type, file.count, kept.object, key, kept.size)
