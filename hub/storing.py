"""What was merged, written set-based: resources, what waits, counts, clues, referrals; and, last, the feeds that point to it."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from hub import clues, counting, referring, relayed
from hub.counting import Change
from hub.errors import HubError
from hub.places import Place
from hub.pushed import FACILITY, Held, Key, Said, Speaker, Work
from hub.states import NOTHING, States
from hub.store.feed import Pointer
from hub.store.held import Parked, Quarantined
from hub.store.resources import ChangedRow, NewRow
from hub.store.scopes import Advance, ScopeRow
from hub.store.shard import Shard
from sync_protocol import digest, pack, policy
from sync_protocol.one_write import OneWrite
from sync_protocol.register import Register
from sync_protocol.resource import DELETION, Resource, disagreements


class Overtaken(HubError):
    """Another transaction stored first what was new here: all has to be merged again, into what it stored."""


class Storing:
    """The writes of one transaction."""

    def __init__(self, hub: Place, shard: Shard, states: States, scopes: Mapping[int, ScopeRow]) -> None:
        self._hub, self._shard, self._states, self._scopes = hub, shard, states, scopes
        self._pointers: list[tuple[int, int, int | None, bytes | None]] = []
        """Scope, resource, source, elements: in the order of their places."""
        self._digests: Counter[int] = Counter()
        self._element_hashes: dict[str, bytes] = {}
        self.referred = False

    async def keep(self, waiting: Sequence[Held], settled: Sequence[int], refused: Sequence[Quarantined]) -> None:
        """Writes what waits since this transaction, what waits no more, and what nobody can use."""
        parked = [
            Parked(one.node, one.scope, one.rkey, self._sealed(one.scope, one.rkey, one.part), one.reason)
            for one in waiting
            if not one.id
        ]
        if settled:
            await self._shard.unpark(settled)
        if parked:
            await self._shard.park(parked)
        if refused:
            await self._shard.quarantine(refused)

    async def write(self, works: Sequence[Work]) -> None:
        """Stores what changed. Raises `Overtaken` when somebody else stored any of what is new meanwhile."""
        await self._send([work for work in works if work.abroad])
        works = [work for work in works if not work.abroad]
        fresh: list[tuple[Work, NewRow]] = []
        known: list[tuple[Work, ChangedRow]] = []
        async for some in self._hub.paced([work for work in works if work.changed]):
            for work in some:
                named = pack.named(_after(work))
                hash_, sealed = pack.hash_named(named), self._states.seal(self._scopes[work.scope], work.rkey, named)
                if work.key is None:
                    fresh.append((work, NewRow(work.rkey, work.scope, hash_, sealed)))
                else:
                    known.append((work, ChangedRow(work.key, work.scope, hash_, sealed)))
        stored = await self._shard.insert_fresh([row for _, row in fresh]) if fresh else {}
        if len(stored) < len(fresh):
            raise Overtaken
        if known:
            await self._shard.update_rows([row for _, row in known])
        written = [(work, row.hash, stored[work.rkey]) for work, row in fresh]
        await self._note_former(written, works)
        written += [(work, row.hash, row.key) for work, row in known]
        self._point(written, works)
        await self._count(written)
        await self._note_people(written)

    async def _send(self, works: Sequence[Work]) -> None:
        """What is said of records that are at home on another shard goes there; a stub of what is new stays, and who had it lets go."""
        spoken = [work for work in works if any(said.parts for said in work.said)]
        fresh = [
            NewRow(work.rkey, work.scope, NOTHING, self._states.stub(self._scopes[work.scope], work.rkey, _name(work)))
            for work in spoken
            if work.key is None
        ]
        stored = await self._shard.insert_fresh(fresh) if fresh else {}
        if len(stored) < len(fresh):
            raise Overtaken
        of_one: dict[tuple[int, int], tuple[Speaker, list[Resource]]] = {}
        for work in spoken:
            key = stored[work.rkey] if work.key is None else work.key
            for said in work.said:
                of_one.setdefault((work.scope, id(said.speaker)), (said.speaker, []))[1].extend(said.parts)
                for scope in sorted(said.left) if said.parts else ():
                    await self._shard.note_former([key], scope)
                    self._pointers.append((scope, key, None, None))
        for (scope, _), (speaker, parts) in of_one.items():
            lives = await self._shard.incarnations(sorted(speaker.own))
            await self._shard.send(relayed.said(self._hub, self._scopes[scope], speaker, list(lives.values()), parts))

    def _sealed(self, scope: int, rkey: Key, part: Resource) -> bytes:
        return self._states.seal(self._scopes[scope], rkey, pack.named(part))

    async def _note_former(self, inserted: Sequence[tuple[Work, bytes, int]], works: Sequence[Work]) -> None:
        """Where what was written had been, for who says more of it from there."""
        former: dict[int, set[int]] = {}
        keys = {work.rkey: key for work, _, key in inserted}
        for work in works:
            key = keys.get(work.rkey, work.key)
            for said in work.said:
                if said.left and key is not None and (said.changed or said.speaker.recovering is not None):
                    for scope in said.left:
                        former.setdefault(scope, set()).add(key)
            # What is recovered is where it was last, as far as anybody remembers, and is not moved again by who remembers less.
            if work.rkey in keys and work.said[0].speaker.recovering is not None:
                former.setdefault(work.scope, set()).add(keys[work.rkey])
        for scope in sorted(former):
            await self._shard.note_former(sorted(former[scope]), scope)

    # --- what follows from it ---

    def _point(self, written: Sequence[tuple[Work, bytes, int]], works: Sequence[Work]) -> None:
        """Pointers to what each push changed, push by push, and digests."""
        placed: list[tuple[int, Work, int, Said]] = []
        for work, hash_, key in written:
            old = int.from_bytes(work.hash, "big") if work.hash is not None else 0
            self._digests[work.scope] += int.from_bytes(hash_, "big") - old
            placed += [(said.push, work, key, said) for said in work.said if said.changed]
        # Who offers in a reconciliation what has moved away has it by some other way than us: it is told again to let go.
        for work in works:
            for said in work.said:
                if said.left and not said.changed and said.speaker.recovering is not None and work.key is not None:
                    placed.append((said.push, work, work.key, said))
        placed.sort(key=lambda one: one[0])
        for _, work, key, said in placed:
            if said.changed:
                # What its own node has in another scope is sent back to it, so that it is in the same scope there.
                source = said.speaker.incarnation if not said.left and not said.others else None
                self._pointers.append((work.scope, key, source, None if said.fresh else self._hashes(said.changed)))
            if said.left:
                self._pointers += [(scope, key, None, None) for scope in sorted(said.left)]

    def _hashes(self, changed: Set[str]) -> bytes:
        known = self._element_hashes
        for element in changed - known.keys():
            known[element] = self._hub.keys.element_hash(element)
        return b"".join(sorted([known[element] for element in changed]))

    async def _count(self, written: Sequence[tuple[Work, bytes, int]]) -> None:
        conflicts: list[tuple[Key, int, int]] = []
        async for some in self._hub.paced(written):
            for work, _, _ in some:
                if (waiting := _reviewed(work.after)) != _reviewed(work.before):
                    conflicts.append((work.rkey, work.scope, waiting))
        changed = [
            Change(key, work.scope, work.before, work.scope, work.after, _has_arrived(work)) for work, _, key in written
        ]
        scopes = {scope.id: scope.name for scope in self._scopes.values()}
        await counting.note(self._hub, self._shard, changed, scopes)
        if conflicts:
            await self._shard.note_conflicts(conflicts)

    async def _note_people(self, written: Sequence[tuple[Work, bytes, int]]) -> None:
        """By what changed patients are found, and who is referred to another clinic."""
        after = [(key, work.scope, _after(work)) for work, _, key in written]
        await clues.index(self._hub, self._shard, [one for one in after if one[2].type == clues.PATIENT])
        said = [
            referring.Uttered(
                key, work.scope, one.after, one.speaker.refers_from, one.speaker.recovering is not None, one.push
            )
            for work, _, key in written
            if _after(work).type == referring.TYPE
            for one in work.said
            if one.changed and one.after is not None
        ]
        self.referred |= await referring.note(self._shard, said)

    async def publish(self) -> None:
        """Take places in the feeds, and point to what changed. The last writes of the transaction."""
        if not self._pointers:
            return
        per_scope = Counter(scope for scope, *_ in self._pointers)
        self._shard.shared |= any(self._scopes[scope].kind != FACILITY for scope in per_scope)
        advances = [Advance(scope, n, self._digests[scope] % digest.MODULUS) for scope, n in per_scope.items()]
        places = await self._shard.advance_scopes(advances, self._hub.epoch)
        placed: list[Pointer] = []
        for scope, key, source, hashes in self._pointers:
            placed.append(Pointer(scope, places[scope], key, source, hashes))
            places[scope] += 1
        await self._shard.append_feed(placed)


def _has_arrived(work: Work) -> bool:
    """Whether it was never here, nor at another shard, nor lost by the hub."""
    if work.before is not None:
        return False
    speaker = work.said[0].speaker
    return speaker.brought is None and speaker.recovering is None


def _name(work: Work) -> str:
    return next(part.name for said in work.said for part in said.parts)


def _after(work: Work) -> Resource:
    assert work.after is not None
    return work.after


def _reviewed(resource: Resource | None) -> int:
    """How many elements of a resource wait for a review."""
    if resource is None or not (DELETION in resource.elements or _mixed(resource.elements)):
        return 0
    return sum(policy.needs_review(resource.type, conflict.element) for conflict in disagreements(resource))


def _mixed(elements: Mapping[str, Register]) -> bool:
    if type(elements) is OneWrite:
        return False
    return bool([1 for register in elements.values() if len(register.siblings) != 1])
