"""A scope copied from the shard where it is at home to another: its rows, feed, epochs and digest as they are there.

What all nodes of a region hold is mirrored on each shard of the region for good; a facility that moves is copied the same way before it
changes its home (`hub/relocating.py`). A copy goes on from the position that it has; when its home went back behind that, it is made
anew. The digest is kept by what each row changes, and has to be that of the home.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from hub import clues
from hub.errors import HubError
from hub.places import Place, Places
from hub.postgres.engine import Connection
from hub.states import NOTHING, States
from hub.store import copying
from hub.store.copying import Arriving
from hub.store.resources import NewRow, ResourceRow, insert_fresh, read_states
from hub.store.scopes import (
    GLOBAL,
    ScopeRow,
    former_scopes,
    join_ring,
    named_scopes,
    note_former,
    read_scopes,
    region_scope,
)
from sync_protocol import digest
from sync_protocol.exchange.messages import Cursor
from sync_protocol.exchange.pulling import pull_from

log = structlog.get_logger()

POINTERS_A_SLICE: Final = 2_000


async def mirror_shared(places: Places) -> int:
    """Brings what all nodes of a region hold up to date on each of its shards. Returns how many scopes changed."""
    changed = 0
    for region in places.map.regions:
        home, *others = places.of_region(region)
        changed += sum([await mirror(home, other, region_scope(region)) for other in others])
        for other in (home, *others):
            if other is not places.first:
                changed += await mirror(places.first, other, GLOBAL)
    return changed


async def mirror(source: Place, target: Place, name: str) -> bool:
    """Brings a scope's copy at `target` up to date, in one transaction: who reads it sees all of it or nothing. Whether it changed."""
    async with target.transaction() as there:
        mine = await copying.lock_scope(there, name)
        if mine is None or mine.home != source.id:
            return False
        async with source.transaction() as here:
            await here.execute(copying.SNAPSHOT)
            copy = await begun(source, target, here, there, mine)
            if copy.is_whole:
                return False
            while not copy.is_whole:
                await copy.take_slice()
            await copy.settle()
            return True


async def begun(source: Place, target: Place, here: Connection, there: Connection, mine: ScopeRow) -> "Copy":
    """A copy that goes on where it stands: from its position, or from nothing when its home went back behind it.

    It has all keys that rows from its home may be under.
    """
    (theirs,) = await named_scopes(here, [mine.name])
    mine = replace(mine, data_key=await join_ring(there, theirs, mine))
    await target.keys.data.prepare([mine.data_key, theirs.data_key])
    lineage = await copying.epochs(here, theirs.id)
    if mine.seq and pull_from(Cursor(mine.name, mine.epoch, mine.seq), theirs.seq, lineage) < mine.seq:
        log.warning("a scope's home went back; it is copied anew", scope=mine.name, shard=target.id)
        await copying.empty(there, mine.id)
        mine = replace(mine, seq=0, epoch=0, digest=0)
    return Copy(source, target, here, there, mine, theirs, lineage)


class _Present(Struct, frozen=True):
    """What stands here already: number there → number here of what came before; rows by number and by key. `copied`: the scope."""

    copied: int
    came: Mapping[int, int]
    by_key: Mapping[int, ResourceRow]
    by_rkey: Mapping[bytes, ResourceRow]

    def of(self, source: int, scope: int, rkeys: Iterable[bytes]) -> ResourceRow | None:
        """The row here of a resource there: as it came before, else as its scope here has it, by any of its keys; else the name that
        stayed here when the copied scope went away, of what has left it elsewhere."""
        if source in self.came:
            return self.by_key.get(self.came[source])
        held = [self.by_rkey[rkey] for rkey in rkeys if rkey in self.by_rkey]
        stayed = (row for row in held if row.scope == self.copied and row.hash == NOTHING)
        return next((row for row in held if row.scope == scope), next(stayed, None))


class Copy:
    """One scope on its way, within a transaction on each side. `mine` is it where it is copied to, `theirs` where it is at home."""

    def __init__(
        self,
        source: Place,
        target: Place,
        here: Connection,
        there: Connection,
        mine: ScopeRow,
        theirs: ScopeRow,
        lineage: Sequence[tuple[int, int]],
    ) -> None:
        self._source, self._target, self._here, self._there = source, target, here, there
        self.mine, self.theirs, self._lineage = mine, theirs, lineage
        self._from, self._to = States(source), States(target)
        self.seq, self.digest = mine.seq, mine.digest

    @property
    def is_whole(self) -> bool:
        """Whether it has come to where its home stands."""
        return self.seq == self.theirs.seq

    async def take_slice(self) -> None:
        """The next pointers, and the present rows that they name."""
        pointers = await copying.pointers_between(
            self._here, self.theirs.id, self.seq, self.theirs.seq, POINTERS_A_SLICE
        )
        keys = await self._rows(sorted({pointer.key for pointer in pointers}))
        await copying.append_pointers(self._there, self.mine.id, pointers, keys)
        self.seq = pointers[-1].seq if len(pointers) == POINTERS_A_SLICE else self.theirs.seq

    async def settle(self) -> None:
        """It stands here as at home. Raises `HubError` when its digest is another."""
        if self.digest % digest.MODULUS != self.theirs.digest:
            raise HubError(
                f"The copy of {self.mine.name} on shard {self._target.id} is not what shard {self._source.id} has."
            )
        await copying.set_position(self._there, self.mine.id, self.theirs, self._lineage)

    async def keep(self) -> None:
        """Notes how far it has come, to go on from there in another transaction. Nobody reads it before it has settled."""
        await copying.set_position(
            self._there,
            self.mine.id,
            replace(self.theirs, seq=self.seq, digest=self.digest % digest.MODULUS),
            self._lineage,
        )

    async def _rows(self, sources: Sequence[int]) -> dict[int, int]:
        """Brings the rows of these numbers here. Number there → number here."""
        rows = await read_states(self._here, sources)
        scopes = await self._scopes_of(rows.values())
        arriving: list[tuple[ScopeRow, str, ResourceRow]] = []
        for row in rows.values():
            there, here = scopes[row.scope]
            arriving.append((here, self._from.name_of(there, row.rkey, row.state), row))
        numbers = await self._write(arriving, await self._present(arriving), scopes)
        await self._note_former(numbers)
        return numbers

    async def _scopes_of(self, rows: Iterable[ResourceRow]) -> dict[int, tuple[ScopeRow, ScopeRow]]:
        """Scope's number there → the scope there and here, of all that these rows are in."""
        wanted = sorted({row.scope for row in rows})
        there = await self._source.on(self._here).read_scopes(wanted)
        ours = self._target.on(self._there)
        here = {scope.name: scope for scope in await ours.named_scopes([scope.name for scope in there])}
        return {scope.id: (scope, here[scope.name]) for scope in there}

    async def _present(self, arriving: Sequence[tuple[ScopeRow, str, ResourceRow]]) -> "_Present":
        """What stands here that may be these: what came before, and what has any of the keys that they may have; locked."""
        keys = self._target.keys
        came = await copying.numbers_here(self._there, self.mine.id, [row.key for _, _, row in arriving])
        usual = [keys.resource_key(name) for _, name, _ in arriving]
        own = [keys.own_key(scope.name, name) for scope, name, _ in arriving]
        there = [row.rkey for _, _, row in arriving]
        rows = await copying.lock_any(self._there, [*usual, *own, *there], list(came.values()))
        return _Present(self.mine.id, came, {row.key: row for row in rows}, {row.rkey: row for row in rows})

    async def _write(
        self,
        arriving: Sequence[tuple[ScopeRow, str, ResourceRow]],
        present: "_Present",
        scopes: Mapping[int, tuple[ScopeRow, ScopeRow]],
    ) -> dict[int, int]:
        keys = self._target.keys
        numbers: dict[int, int] = {}
        over: list[tuple[int, Arriving]] = []
        fresh: list[tuple[int, NewRow]] = []
        for scope, name, row in arriving:
            usual, own = keys.resource_key(name), keys.own_key(scope.name, name)
            held = present.of(row.key, scope.id, (row.rkey, usual, own))
            if held is not None and held.scope == scope.id != self.mine.id:
                numbers[row.key] = held.key  # whoever has it keeps it as it is
                continue
            rkey = held.rkey if held is not None else own if usual in present.by_rkey else usual
            one = self._arrived(scopes[row.scope][0], scope, rkey, name, row)
            mine = held is not None and held.scope == self.mine.id
            self.digest = digest.add(self.digest, new=one.hash, old=held.hash if held is not None and mine else None)
            if held is not None:
                numbers[row.key] = held.key
                over.append((held.key, one))
            else:
                fresh.append((row.key, NewRow(rkey, scope.id, one.hash, one.state)))
        if over:
            await copying.put_rows(self._there, over)
        stored = await insert_fresh(self._there, [row for _, row in fresh]) if fresh else {}
        numbers |= {source: stored[row.rkey] for source, row in fresh}
        await copying.note_numbers(self._there, self.mine.id, numbers)
        await self._index(arriving, numbers)
        return numbers

    def _arrived(self, there: ScopeRow, here: ScopeRow, rkey: bytes, name: str, row: ResourceRow) -> Arriving:
        """The row as it is to be here. Of what has left the scope its name is enough."""
        if here.id != self.mine.id:
            return Arriving(here.id, rkey, NOTHING, self._to.stub(here, rkey, name))
        return Arriving(here.id, rkey, row.hash, self._resealed(there, here, rkey, row))

    def _resealed(self, there: ScopeRow, here: ScopeRow, rkey: bytes, row: ResourceRow) -> bytes:
        """The state as it stands there, sealed anew only under another name: its ring is joined to the one here (`begun`)."""
        if rkey == row.rkey:
            return row.state
        return self._to.resealed(here, rkey, self._from.plain(there, row.rkey, row.state))

    async def _index(self, arriving: Sequence[tuple[ScopeRow, str, ResourceRow]], numbers: Mapping[int, int]) -> None:
        """By what patients among them are found."""
        (there,) = await read_scopes(self._here, [self.theirs.id])
        patients = [
            (numbers[row.key], scope.id, self._from.open(there, row.rkey, row.state))
            for scope, name, row in arriving
            if scope.id == self.mine.id and name.startswith(f"{clues.PATIENT}/")
        ]
        await clues.index(self._target, self._target.on(self._there), patients)

    async def _note_former(self, numbers: Mapping[int, int]) -> None:
        """Where they were before they moved."""
        former = await former_scopes(self._here, list(numbers))
        names = {
            scope.id: scope.name
            for scope in await read_scopes(self._here, sorted({s for of in former.values() for s in of}))
        }
        here = {scope.name: scope.id for scope in await named_scopes(self._there, list(names.values()))}
        for scope, name in names.items():
            of_scope = [numbers[key] for key, scopes in former.items() if scope in scopes]
            await note_former(self._there, of_scope, here[name])
