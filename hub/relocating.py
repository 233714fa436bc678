"""A facility moves to another shard of its region while it works.

    copied in slices   each a transaction on the target; the facility works on where it is
    followed           until little is left
    handed over        its nodes and its scope locked at the source: the rest copied, its nodes, people and counts carried, digests
                       compared, committed at the target; then the source says where it is at home. That commit is the decision
    taken              the target says that it is at home here, and the map; what is left at the source is taken away

It may end anywhere, and whoever goes on finds from the source's word where to go on. Between decision and taking, seconds at most, nobody
serves the facility: who asks is told to come again.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from msgspec import Struct

from hub.errors import BadRequest, Busy, HubError
from hub.facilities import share_scopes, tell_siblings
from hub.mirroring import Copy, begun
from hub.postgres.engine import Connection
from hub.relaying import deliver
from hub.runtime import Hub
from hub.states import States
from hub.store import carrying, copying, facts, key_rotations, nodes, shard_map
from hub.store.audit import note_act
from hub.store.scopes import ScopeRow, facility_scope, named_scopes, rebuild_digest
from hub.store.shard_map import Move

log = structlog.get_logger()

LITTLE: Final = 2_000
"""With so few pointers left the facility is handed over, in the time that copying them takes."""
ROWS_A_PURGE: Final = 1_000

Told = Callable[[int, int], None]
"""Called with the position that was reached, and the one to reach."""


async def move_facility(hub: Hub, actor: str, facility: str, target: int, told: Told) -> dict[str, object]:
    """Moves a facility to a shard of its region. It may be repeated, and goes on where it was. Raises what `begin` does."""
    move = await begin(hub, actor, facility, target)
    if move is not None:
        await _Relocation(hub, move).run(told)
    return {"facility": facility, "shard": target, "moved": move is not None}


async def begin(hub: Hub, actor: str, facility: str, target: int) -> Move | None:
    """Notes that a facility is to be moved to a shard of its region: whoever keeps the hub in order does it (`go_on`). None when it is
    there.

    Raises `NotFound`, `BadRequest` when the region is not there or the facility is being moved elsewhere, `PostgresFault`, `Busy`.
    """
    async with hub.database.transaction() as central:
        region, source = await shard_map.read_place(central, facility)
        known = await shard_map.read_map(central)
        if target not in known.regions[region].shards:
            raise BadRequest(
                f"The region {region} is not on shard {target}.", hint="`medtech-hub shard serve` puts it there."
            )
        if source == target:
            return None
        move = await shard_map.begin_move(central, facility, source, target)
        if move.target != target:
            raise BadRequest(f"The facility {facility} is being moved to another shard.", hint="Let that end first.")
        await note_act(central, actor, "facility.move", f"{facility} {source} {target}")
    await hub.shards.refresh()
    return move


class Progress(Struct, frozen=True):
    """How far a move is. `copied` of `changes` are at the target, as far as is noted; `handed_over`: the source has let go."""

    move: Move
    copied: int
    changes: int
    handed_over: bool


async def progress(hub: Hub, facility: str) -> Progress | None:
    """How far a facility is on its way; None when it is not being moved. Raises `PostgresFault`."""
    async with hub.database.transaction() as central:
        move = next((one for one in await shard_map.moves(central) if one.facility == facility), None)
    if move is None:
        return None
    name = facility_scope(facility)
    async with hub.shards.at(move.source).reading() as reading:
        theirs = await named_scopes(reading.connection, [name])
    async with hub.shards.at(move.target).reading() as reading:
        mine = await named_scopes(reading.connection, [name])
    handed_over = any(scope.home == move.target for scope in theirs)
    changes = sum(scope.seq for scope in theirs)
    return Progress(
        move, changes if handed_over else min(changes, sum(scope.seq for scope in mine)), changes, handed_over
    )


async def go_on(hub: Hub) -> int:
    """Goes on with the moves that a process left in the middle. Returns how many."""
    async with hub.database.transaction() as central:
        moves = await shard_map.moves(central)
    for move in moves:
        await _Relocation(hub, move).run(lambda _seq, _of: None)
    return len(moves)


class _Relocation:
    """One facility on its way from shard to shard."""

    def __init__(self, hub: Hub, move: Move) -> None:
        self._hub, self._move = hub, move
        self._facility, self._region = move.facility, move.region
        self._source, self._target = hub.shards.at(move.source), hub.shards.at(move.target)
        self._name = facility_scope(move.facility)

    async def run(self, told: Told) -> None:
        await share_scopes(self._hub, self._region)
        await tell_siblings(self._hub, self._source, self._region, self._facility)
        if await self._begin():
            while not await self._slice(told):
                continue
            await self._verify()
            await self._hand_over()
        await self._take()
        await self._clear()
        for place in self._hub.shards.of_region(self._region):  # what was on its way to where it is no more
            await deliver(place)

    @asynccontextmanager
    async def _going_on(self) -> AsyncIterator[Connection | None]:
        """A transaction in the hub's own database in which nobody ends this move; None when somebody has.

        Who was held up may come back long after: the facility may be on its way again then, even back.
        """
        async with self._hub.database.transaction() as central:
            yield central if await shard_map.lock_move(central, self._move.id) else None

    async def _begin(self) -> bool:
        """No patient comes or goes from now on. False when it was handed over before."""
        async with self._source.transaction() as at_source:
            scope = await self._locked(at_source)
            if scope.home is not None:
                return False
            await copying.set_moving(at_source, scope.id, self._target.id)
            return True

    async def _locked(self, connection: Connection) -> ScopeRow:
        scope = await copying.lock_scope(connection, self._name)
        assert scope is not None, "every shard of the region knows of its facilities"
        return scope

    async def _slice(self, told: Told) -> bool:
        """Copies the next slice. Whether little is left."""
        async with self._target.transaction() as at_target, self._source.transaction() as at_source:
            mine = await self._locked(at_target)
            await at_source.execute(copying.SNAPSHOT)
            copy = await begun(self._source, self._target, at_source, at_target, mine)
            if copy.theirs.seq - copy.seq > LITTLE:
                await copy.take_slice()
                await copy.keep()
            told(copy.seq, copy.theirs.seq)
            return copy.theirs.seq - copy.seq <= LITTLE

    async def _hand_over(self) -> None:
        """Everything that is left, with the facility held still; then the source's word that it is at home elsewhere."""
        async with self._source.transaction() as at_source:
            await nodes.lock_nodes_of(at_source, self._facility)
            theirs = await self._locked(at_source)
            if theirs.home is not None:
                return
            async with self._target.transaction() as at_target:
                mine = await self._locked(at_target)
                await self._check_counted(at_source, at_target)
                copy = await begun(self._source, self._target, at_source, at_target, mine)
                await self._rest(copy, at_source, at_target)
            await copying.set_home(at_source, theirs.id, self._target.id)
            await carrying.leave(at_source, self._facility, theirs.id)

    async def _check_counted(self, *connections: Connection) -> None:
        """Raises `Busy` while records are counted anew: its counts are not whole there, or would be added to here."""
        for connection in connections:
            if await facts.waits_for_recount(connection):
                raise Busy("Records of the shard are being counted anew.", hint="Go on when that is over.")

    async def _verify(self) -> None:
        """The rows at the target are what was kept count of: looked at whole, before anybody is held still. Raises `HubError`."""
        async with self._target.transaction() as at_target:
            mine = await self._locked(at_target)
            if mine.home is not None and await rebuild_digest(at_target, mine.id) != mine.digest:
                raise HubError(f"The rows of {self._name} on shard {self._target.id} are not what came there.")

    async def _rest(self, copy: Copy, at_source: Connection, at_target: Connection) -> None:
        while not copy.is_whole:
            await copy.take_slice()
        await copy.settle()
        numbering = self._numbering(copy, at_source, at_target)
        await carrying.carry(at_source, at_target, self._facility, (copy.theirs.id, copy.mine.id), numbering)
        await nodes.give_scopes(at_target, self._facility)
        await copying.note_move(at_source, at_target, (copy.theirs.id, copy.mine.id))

    def _numbering(self, copy: Copy, at_source: Connection, at_target: Connection) -> carrying.Numbering:
        states, before = States(self._source), States(self._target)

        async def keys(wanted: Sequence[int]) -> Mapping[int, int]:
            return await copying.numbers_here(at_target, copy.mine.id, wanted)

        async def scopes(wanted: Sequence[int]) -> Mapping[int, int]:
            return await copying.scopes_here(at_source, at_target, wanted)

        async def rkeys(wanted: Sequence[bytes]) -> Mapping[bytes, bytes]:
            return await copying.rkeys_here(at_source, at_target, copy.mine.id, wanted)

        def reseal(rkey: bytes, after: bytes, sealed: bytes) -> bytes:
            return before.resealed(copy.mine, after, states.plain(copy.theirs, rkey, sealed))

        return carrying.Numbering(keys, scopes, rkeys, reseal)

    async def _take(self) -> None:
        """The target takes the facility, and the map says so.

        What was being sealed anew here may have been joined by rows behind it: that begins from the front (`begin_by_itself`).
        """
        async with self._going_on() as central:
            if central is None:
                return
            async with self._target.transaction() as at_target:
                mine = await self._locked(at_target)
                await copying.set_home(at_target, mine.id, None)
                await key_rotations.end(at_target, [mine.id])
            await shard_map.lock_map(central)
            await shard_map.move_place(central, self._facility, self._target.id)
        await self._hub.shards.refresh()
        await tell_siblings(self._hub, self._target, self._region, self._facility)

    async def _clear(self) -> None:
        """What is left at the source goes, in slices; of records that another facility there had once, their names stay."""
        while await self._clear_slice():
            continue
        log.info("a facility has moved", facility=self._facility, source=self._source.id, target=self._target.id)

    async def _clear_slice(self) -> bool:
        """Whether there is more."""
        states = States(self._source)
        async with self._going_on() as central:
            if central is None:
                return False
            async with self._source.transaction() as at_source:
                scope = await self._locked(at_source)
                assert scope.home == self._target.id, "a move ends before the facility goes on to another shard"
                rows = await copying.left_behind(at_source, scope.id, ROWS_A_PURGE)
                if rows:
                    names = {row.key: states.name_of(scope, row.rkey, row.state) for row in rows}
                    stubs = {row.key: states.stub(scope, row.rkey, names[row.key]) for row in rows}
                    await copying.forget(at_source, scope.id, stubs)
                    return True
                await copying.forget_feed(at_source, scope.id)
            await shard_map.end_move(central, self._move.id)
            return False
