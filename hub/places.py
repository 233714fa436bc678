"""The shards as this process works with them: each a place with its database, its standbys and its own timeline.

What a process remembers of where things are is a hint. The truth is on the shards: `scope.home`, read under the row's lock.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final, TypeVar

from msgspec import Struct

from hub.ahead import Ahead
from hub.blobs.stores import Stores
from hub.errors import FacilityMoved, HubError, NotFound, PostgresFault, ShardWrong, Unauthorised
from hub.keys import Keys, ScopeSeal
from hub.load import Load
from hub.postgres.engine import Connection, Database
from hub.postgres.migrate import migrate
from hub.postgres.standbys import Reading, Standbys
from hub.settings import Settings
from hub.store import shard_map
from hub.store.nodes import NodeRow, find_node
from hub.store.rings import all_rings
from hub.store.shard import PostgresShard, Shard
from hub.store.shard_map import FIRST, ShardMap, ShardRow

EPOCH_BITS: Final = 62
SLICE: Final = 200
_Thing = TypeVar("_Thing")
NODES_REMEMBERED_MAX: Final = 100_000
ADDRESS_PURPOSE: Final = b"shard address"


class Positions(Struct, frozen=True):
    """A scope's resources by position, as they were at `seq`: `(position, hash)` ascending, and position → key."""

    seq: int
    items: list[tuple[int, bytes]]
    keys: dict[int, int]


class Place:
    """A shard, open. `epoch` is this process's own there: the timeline it writes under."""

    def __init__(self, id_: int, hub_id: str, database: Database, keys: Keys, settings: Settings) -> None:
        self.id = id_
        self._hub_id = hub_id
        self.database = database
        self.keys = keys
        self.settings = settings
        self.epoch = secrets.randbits(EPOCH_BITS) | 1
        self.standbys = Standbys(database, settings)
        self.positions: dict[int, Positions] = {}
        """Scope → its resources by position, as a reconciliation last found them (`hub.reconciling`)."""
        self.ahead = Ahead()
        self.stores = Stores(settings)
        self.referred = False
        """Whether a referral was noted that nobody has carried out yet (`hub.referring`)."""
        self.sends = False
        """Whether something was written down for another shard that nobody has carried over yet (`hub.relaying`)."""
        self.shared = False
        """Whether something was written that is mirrored on other shards, and nobody has brought their copies up to date yet."""
        self.others: Places
        """All places, this one among them."""
        self.recalled: dict[str, int] = {}
        """People that nodes reminded this shard of, with the revision, of whom the hub's sessions were not told yet (`hub.people`)."""
        self._counters = count(1)
        self._ready = False
        self._readying = asyncio.Lock()

    async def prepare(self, hub_id: str) -> None:
        """Brings the database to this program's schema and claims it. Raises `ShardWrong`, or what a migration does."""
        async with self._readying:
            if not self._ready:
                await migrate(self.database)
                await self.claim(hub_id)

    async def claim(self, hub_id: str) -> None:
        """Says whose database this is. Raises `ShardWrong` when it is another shard's, or another hub's."""
        async with self.database.transaction() as connection:
            claimed = await shard_map.claim(connection, hub_id, self.id)
            if claimed != (hub_id, self.id):
                raise ShardWrong(f"The database given for shard {self.id} is shard {claimed[1]} of {claimed[0]}.")
            await self._open_keys(connection)
        self._ready = True

    async def _open_keys(self, connection: Connection) -> None:
        """Has the data keys of all scopes at hand, if they come from where they could not be had later. Raises KmsFault."""
        if self.keys.masters.asked_elsewhere:
            await self.keys.data.prepare((await all_rings(connection)).values())

    def next_counter(self) -> int:
        """The counter of the next thing that this process writes here in its own name (`hub.authoring`)."""
        return next(self._counters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction on the primary. Raises what `Database.transaction` and `prepare` do."""
        if not self._ready:
            await self.prepare(self._hub_id)
        async with self.database.transaction() as connection:
            yield connection

    @asynccontextmanager
    async def shard(self) -> AsyncIterator[Shard]:
        """The same, as the exchange sees it."""
        async with self.transaction() as connection:
            shard = self.on(connection)
            yield shard
        self.note(shard)

    def on(self, connection: Connection) -> PostgresShard:
        """The shard on a connection that there is."""
        return PostgresShard(connection, self.keys.data)

    def note(self, shard: Shard) -> None:
        """What a transaction wrote has to go on to other shards. After its commit: whoever carries it on finds it."""
        self.sends |= shard.sends
        self.shared |= shard.shared

    @asynccontextmanager
    async def reading(self, seen: str = "") -> AsyncIterator[Reading]:
        """A transaction for reading, on a standby that is fresh enough, or on the primary. `seen`: where one's own last write ended."""
        async with self.standbys.reading(seen) as reading:
            yield reading

    async def breathe(self) -> None:
        """Lets others of this process have a turn, in the middle of something long."""
        await asyncio.sleep(0)

    async def paced(self, things: Sequence[_Thing]) -> AsyncIterator[Sequence[_Thing]]:
        """These in slices, letting others have a turn after each: for work of some 10 µs with one."""
        for start in range(0, len(things), SLICE):
            yield things[start : start + SLICE]
            await self.breathe()

    @property
    def load(self) -> Load:
        """What this process works on, of all shards."""
        return self.others.load

    def seal(self, data_key: bytes) -> ScopeSeal:
        """The seal of a scope, from its ring of data keys as its row has it."""
        return self.keys.seal_of(data_key)

    async def close(self) -> None:
        """Closes all connections."""
        await self.standbys.close()
        await self.database.close()


class Places:
    """All shards of the map, opened when they are first asked for. The first is the hub's own database."""

    def __init__(self, hub_id: str, central: Database, keys: Keys, settings: Settings) -> None:
        self._hub_id, self._keys, self._settings = hub_id, keys, settings
        self.load = Load()
        self._open: dict[int, Place] = {}
        self._addresses: dict[int, bytes | None] = {}
        self._nodes: dict[str, int] = {}
        self._take(FIRST, None, central)
        self.map = ShardMap(0, {FIRST: ShardRow(FIRST, None, True, 0)}, {})

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._open.values()))

    @property
    def first(self) -> Place:
        """The hub's own database."""
        return self._open[FIRST]

    def at(self, shard: int) -> Place:
        """The place of a shard. Raises `NotFound`."""
        if shard not in self._open:
            raise shard_map.no_shard(shard)
        return self._open[shard]

    async def refresh(self) -> bool:
        """Takes the map as it is now: places that are new are opened, those whose address changed are opened anew. Whether it changed."""
        async with self.first.transaction() as connection:
            if await shard_map.map_version(connection) == self.map.version:
                return False
            found = await shard_map.read_map(connection)
        for row in found.shards.values():
            if row.id not in self._open or row.address != self._addresses[row.id]:
                await self._reopen(row)
            self._open[row.id].database.heard_of(row.timeline)
        self.map = found
        return True

    async def tell_timeline(self, place: Place) -> None:
        """Puts the timeline of a shard's primary into the map, if it is not there: whoever comes later knows an old primary by it."""
        timeline = place.database.timeline
        if timeline <= self.map.shards[place.id].timeline:
            return
        await self.refresh()
        if timeline <= self.map.shards[place.id].timeline:
            return
        async with self.first.transaction() as connection:
            await shard_map.lock_map(connection)
            await shard_map.note_timeline(connection, place.id, timeline)
        await self.refresh()

    async def _reopen(self, row: ShardRow) -> None:
        assert row.address is not None
        database = self.database_at(self.opened_address(row.id, row.address))
        earlier = self._open.get(row.id)
        self._take(row.id, row.address, database)
        if earlier is not None:
            await earlier.close()

    def _take(self, shard: int, address: bytes | None, database: Database) -> None:
        place = Place(shard, self._hub_id, database, self._keys, self._settings)
        place.others = self
        self._open[shard], self._addresses[shard] = place, address

    def database_at(self, address: str) -> Database:
        """The database at an address, by this process's settings."""
        settings = self._settings
        return Database(address, connections_max=settings.connections_max, pooled=settings.dsn_pooled)

    def sealed_address(self, shard: int, address: str) -> bytes:
        """An address, which may hold a password, as it rests in the map."""
        return self._keys.own_seal.seal(address.encode(), ADDRESS_PURPOSE + b" %d" % shard)

    def opened_address(self, shard: int, sealed: bytes) -> str:
        """The inverse."""
        return self._keys.own_seal.open(sealed, ADDRESS_PURPOSE + b" %d" % shard).decode()

    def within(self, region: str) -> list[Place]:
        """The places where something of a region may be, the hub's own database first; '' is all of them."""
        if not region:
            return list(self)
        row = self.map.regions.get(region)
        return [place for place in self if place is self.first or (row is not None and place.id in row.shards)]

    def of_region(self, region: str) -> list[Place]:
        """The places of a region, where its reference data are at home first. Raises `NotFound`."""
        row = self.map.regions.get(region)
        if row is None:
            raise NotFound(f"There is no region {region}.", hint="`medtech-hub shard list` names those there are.")
        return [self.at(row.home), *(self.at(shard) for shard in row.shards if shard != row.home)]

    async def of_facility(self, facility: str) -> Place:
        """Where a facility is at home. Raises `NotFound`."""
        async with self.first.transaction() as connection:
            _region, shard = await shard_map.read_place(connection, facility)
        if shard not in self._open:
            await self.refresh()
        return self.at(shard)

    async def with_node(self, node: str) -> Place:
        """Where a node is. Raises `NotFound`, or what `of_node` does."""
        try:
            return (await self.of_node(node))[0]
        except Unauthorised as error:
            raise NotFound(
                f"There is no node {node}.", hint="`medtech-hub node list` names those there are."
            ) from error

    async def of_node(self, node: str) -> tuple[Place, NodeRow]:
        """Where a node is known, and what is known of it: asked of those that there are, where it was last time first.

        Raises `Unauthorised` when nobody knows it, `PostgresFault` when somebody who may know it does not answer.
        """
        found = await self._asked(node)
        if found is None and await self.refresh():  # a shard that came since
            found = await self._asked(node)
        if found is None:
            raise Unauthorised
        self._remember(node, found[0].id)
        return found

    async def _asked(self, node: str) -> tuple[Place, NodeRow] | None:
        """Where it was last time first; else all at once, so that a shard that is away holds up nobody whom another knows."""
        known = self._open.get(self._nodes.get(node, 0))
        if known is not None and (found := await _known_at(known, node)) is not None:
            return found
        asking = [asyncio.ensure_future(_known_at(place, node)) for place in self if place is not known]
        away: HubError | None = None
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    found = await answer
                except (FacilityMoved, PostgresFault) as error:
                    away = error
                    continue
                if found is not None:
                    return found
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if away is not None:
            raise away
        return None

    def _remember(self, node: str, shard: int) -> None:
        if len(self._nodes) >= NODES_REMEMBERED_MAX:
            self._nodes.clear()
        self._nodes[node] = shard

    async def close(self) -> None:
        """Closes all."""
        for place in self:
            await place.close()


async def _known_at(place: Place, node: str) -> tuple[Place, NodeRow] | None:
    """What a place knows of a node. Raises `FacilityMoved`, `PostgresFault`."""
    async with place.transaction() as connection:
        found = await find_node(connection, node)
    return (place, found) if found is not None else None
