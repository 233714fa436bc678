"""A patient moves to another clinic: with the whole compartment, out of one facility's scope into another's, in one transaction.

What moves is sealed anew with the other scope's key and pointed to in both feeds: in the new scope's with all elements, in the old one's so
that whoever pulls it is told to let go. To a facility on another shard it goes by `hub.relaying`. The old scope is remembered (`former`):
late edits from there are still taken (`hub.ingest`).
"""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from hub import clues, counting, relayed
from hub.blobs.following import leaving, mentioned, share
from hub.compartment import patients
from hub.counting import Change
from hub.errors import FacilityMoved, IdShared, NotFound
from hub.places import Place
from hub.relayed import Underway
from hub.states import NOTHING, States
from hub.store.feed import Pointer
from hub.store.resources import ChangedRow, ResourceRow
from hub.store.scopes import Advance, ScopeRow
from hub.store.shard import Shard
from sync_protocol import digest, pack, policy
from sync_protocol.exchange.hub import one_record
from sync_protocol.resource import Resource, disagreements

ROWS_A_SCAN: Final = 1_000


class Moved(Struct, frozen=True):
    """How many resources went from which scope to which; none when the patient was there already."""

    source: str
    target: str
    resources: int


async def move_patient(hub: Place, patient: str, target: str) -> Moved:
    """Moves `Patient/{patient}` and all that is about her into the scope `target`. It may be repeated.

    Raises `NotFound` when the hub has no such patient or no such scope.
    """
    name = f"Patient/{patient}"
    rkey = hub.keys.resource_key(name)
    async with hub.shard() as shard:
        # The patient's lock is what new resources about her wait for (`hub.ingest`): nothing is left behind by a scan.
        rows = await shard.lock_present([rkey])
        wanted = await shard.named_scopes([target])
        if not rows or not wanted:
            raise NotFound("There is no such patient." if not rows else f"There is no scope {target}.")
        (new,), source = wanted, rows[0].scope
        if source == new.id:
            return Moved(target, target, 0)
        (old,) = await shard.read_scopes([source])
        return await move_compartment(hub, shard, name, old, new)


async def move_compartment(
    hub: Place, shard: Shard, name: str, old: ScopeRow, new: ScopeRow, *, careful: bool = False
) -> Moved:
    """The same within a transaction, for who knows where `Patient/{id}` is and where she belongs.

    `careful`: raises IdShared when the new scope has other records under ids of hers; a node there would make one of two.
    """
    move = _Move(hub, shard, old, new)
    await move.run(name, careful)
    return Moved(old.name, new.name, move.moved)


async def follow(
    hub: Place, shard: Shard, offered: Sequence[Resource], held: Collection[int], target: ScopeRow
) -> None:
    """Moves again into `target` what had moved there before this hub went back and forgot it, unless it was brought elsewhere since.

    Who offers a record that is elsewhere, and never was in a scope that she has `held`, can only have it from us: she names a value
    of it by its stamp, to the millisecond, which is in no other record.
    """
    of_key = {hub.keys.resource_key(part.name): part for part in offered}
    rows = [row for row in await shard.lock_present(list(of_key)) if row.scope not in held]
    former = await shard.former_scopes([row.key for row in rows]) if rows else {}
    sources = {scope.id: scope for scope in await shard.read_scopes(sorted({row.scope for row in rows}))}
    wanted: set[tuple[str, int]] = set()
    for row in rows:
        part = of_key[row.rkey]
        here = States(hub).open(sources[row.scope], row.rkey, row.state)
        # Whom it is about is for the hub to say: a node could name whom it likes.
        names = [here.name] if here.type == "Patient" else sorted(patients(here))
        if not former.get(row.key) and len(names) == 1 and one_record(here, part):
            wanted.add((names[0], row.scope))
    for name, source in sorted(wanted):
        await move_compartment(hub, shard, name, sources[source], target)


class _Move:
    def __init__(self, hub: Place, shard: Shard, old: ScopeRow, new: ScopeRow) -> None:
        self._hub, self._shard, self._old, self._new = hub, shard, old, new
        self._states = States(hub)
        self.moved = 0

    async def run(self, name: str, careful: bool) -> None:
        found = await self._scan(name)
        rows = [row for row in await self._shard.lock_present(found) if row.scope == self._old.id]
        opened = [(row, self._states.open(self._old, row.rkey, row.state)) for row in rows]
        going = [(row, resource) for row, resource in opened if _about(resource, name)]
        if careful:
            await self._check_ids(going)
        if self._new.home is not None:
            await self._send_off(going)
            return
        await self._reseal(going)
        await self._share_files(going)
        people = [(row.key, self._new.id, resource) for row, resource in going if resource.type == clues.PATIENT]
        await clues.index(self._hub, self._shard, people)
        await self._count(going)
        await self._publish([row for row, _ in going])
        self.moved = len(going)

    async def _scan(self, name: str) -> list[bytes]:
        """The keys of what is about her. A scope may be larger than memory: nothing else of it is kept, and little is unpacked."""
        found: list[bytes] = []
        after = 0
        while rows := await self._shard.scan_scope(self._old.id, after, ROWS_A_SCAN):
            found += [row.rkey for row in rows if self._is_about(name, row)]
            after = rows[-1].key
        return found

    def _is_about(self, name: str, row: ResourceRow) -> bool:
        sealed = self._old, row.rkey, row.state
        return self._states.mentions(name, *sealed) and _about(self._states.open(*sealed), name)

    async def _check_ids(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        """Two facilities may use one id, and the hub keeps them apart by keys (`hub.ingest`): within one facility an id is one record."""
        own = {row.rkey: self._hub.keys.resource_key(resource.name) for row, resource in going}
        theirs = [self._hub.keys.own_key(self._new.name, resource.name) for _, resource in going]
        if any(rkey != usual for rkey, usual in own.items()) or await self._has_any(theirs, list(own.values())):
            raise IdShared

    async def _has_any(self, own: Sequence[bytes], usual: Sequence[bytes]) -> bool:
        """Whether the new scope has records of its own for these names; on another shard those may have the usual keys, too."""
        if self._new.home is None:
            return bool(await self._shard.lock_present(own))
        async with self._hub.others.at(self._new.home).shard() as there:
            rows = await there.lock_present([*own, *usual])
            (scope,) = await there.named_scopes([self._new.name])
        return any(row.scope == scope.id for row in rows)

    async def _send_off(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        """To another shard: all of it by `relay`, with what waits for it; here stubs stay, by which late edits follow."""
        if self._old.moving is not None or self._new.moving is not None:
            raise FacilityMoved("One of the two facilities is being moved to another shard.")
        former = await self._shard.former_scopes([row.key for row, _ in going])
        requests = [(r.name, found) for row, r in going if (found := await self._shard.lock_referral(row.key))]
        named = {s for of in former.values() for s in of} | {found.source for _, found in requests if found.source > 0}
        names = {scope.id: scope.name for scope in await self._shard.read_scopes(sorted(named))}
        were = [[self._old.name, *(names[s] for s in sorted(former.get(row.key, ())))] for row, _ in going]
        referrals = [Underway(name, found.state, names.get(found.source, found.source)) for name, found in requests]
        records = [resource for _, resource in going]
        files = await leaving(self._hub, self._shard, records, self._old)
        await self._shard.send(relayed.moved(self._hub, self._new, records, were, referrals, files))
        await self._send_waiting([row.rkey for row, _ in going])
        stubs = [
            ChangedRow(row.key, self._new.id, NOTHING, self._states.stub(self._new, row.rkey, resource.name))
            for row, resource in going
        ]
        await self._shard.update_rows(stubs)
        await self._shard.note_former([row.key for row, _ in going], self._old.id)
        await self._shard.replace_clues({row.key: frozenset() for row, r in going if r.type == clues.PATIENT})
        await self._take_counts(going)
        total = digest.total(row.hash for row, _ in going)
        advance = Advance(self._old.id, len(going), -total % digest.MODULUS)
        first = (await self._shard.advance_scopes([advance], self._hub.epoch))[self._old.id]
        pointers = [Pointer(self._old.id, first + at, row.key, None, None) for at, (row, _) in enumerate(going)]
        await self._shard.append_feed(pointers)
        self.moved = len(going)

    async def _send_waiting(self, rkeys: Sequence[bytes]) -> None:
        """What waits for another author's change waits there from now on."""
        waiting = await self._shard.parked_for(rkeys)
        scopes = {scope.id: scope for scope in await self._shard.read_scopes(sorted({row.scope for row in waiting}))}
        lives = await self._shard.incarnations_of(sorted({row.node for row in waiting}))
        parts = [(row.node, self._states.open(scopes[row.scope], row.rkey, row.state)) for row in waiting]
        await self._shard.send([relayed.waited(self._hub, self._new, node, lives[node], part) for node, part in parts])
        await self._shard.unpark([row.id for row in waiting])

    async def _take_counts(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        gone = [Change(row.key, self._old.id, resource, self._old.id, None) for row, resource in going]
        await counting.note(self._hub, self._shard, gone, {self._old.id: self._old.name})
        await self._shard.note_conflicts([(row.rkey, self._old.id, 0) for row, _ in going])

    async def _reseal(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        changed = [
            ChangedRow(row.key, self._new.id, row.hash, self._states.seal(self._new, row.rkey, pack.named(resource)))
            for row, resource in going
        ]
        await self._shard.update_rows(changed)
        await self._shard.note_former([row.key for row, _ in going], self._old.id)

    async def _share_files(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        names = {name for _, resource in going for name in mentioned(self._hub.keys, pack.pack(resource))}
        await share(self._hub, self._shard, names, self._old, self._new)

    async def _count(self, going: Sequence[tuple[ResourceRow, Resource]]) -> None:
        """What is counted and what waits for a review goes along."""
        conflicts: list[tuple[bytes, int, int]] = []
        for row, resource in going:
            waiting = sum(policy.needs_review(resource.type, c.element) for c in disagreements(resource))
            if waiting:
                conflicts.append((row.rkey, self._new.id, waiting))
        moved = [Change(row.key, self._old.id, resource, self._new.id, resource) for row, resource in going]
        await counting.note(self._hub, self._shard, moved, {self._new.id: self._new.name})
        if conflicts:
            await self._shard.note_conflicts(conflicts)

    async def _publish(self, rows: Sequence[ResourceRow]) -> None:
        total = digest.total(row.hash for row in rows)
        advances = [
            Advance(self._old.id, len(rows), -total % digest.MODULUS),
            Advance(self._new.id, len(rows), total),
        ]
        places = await self._shard.advance_scopes(advances, self._hub.epoch)
        await self._shard.append_feed(
            [
                Pointer(scope, places[scope] + at, row.key, None, None)
                for scope in (self._old.id, self._new.id)
                for at, row in enumerate(rows)
            ]
        )


def _about(resource: Resource, name: str) -> bool:
    return resource.name == name or name in patients(resource)
