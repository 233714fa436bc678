"""What a node pushed, going into the shard: set-based, inside one transaction.

`take` locks the present rows, merges, and writes; `publish`, last before the commit, takes places in the feeds of the
scopes that changed and points to what did. What is new belongs to the scope of the patient that it is about, else to its node's
facility; what a clinic says about a patient who has moved away goes to where she is, and the clinic is told to let go of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from hub import clues, referring
from hub.compartment import patients
from hub.facts import changes
from hub.moving import follow
from hub.runtime import Hub
from hub.states import States
from hub.store.facts import FactKey
from hub.store.feed import Pointer
from hub.store.held import Parked, ParkedRow, Quarantined
from hub.store.nodes import IncarnationRow, NodeRow
from hub.store.resources import ChangedRow, NewRow, ResourceRow
from hub.store.scopes import Advance, ScopeRow
from hub.store.shard import Shard
from sync_protocol import digest, elements, pack, policy
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Note
from sync_protocol.resource import Resource, disagreements

_FACILITY: Final = "facility"
"""Kind of the scopes that clinics write into."""

Key = bytes
"""A resource's `rkey`."""


Rule = Callable[[Resource | None, Resource], rules.Merge]
"""How what arrives is joined to what is here."""


class Work(Struct):
    """One resource while it is merged."""

    rkey: Key
    scope: int
    before: Resource | None
    after: Resource | None
    hash: bytes | None
    key: int | None
    changed: set[str]
    others: bool = False
    """Whether something is among it that waited here, or stood here, and that this node does not know: a copy of it may have sent it."""
    left: frozenset[int] = frozenset()
    """Scopes of this node that have to let go of it: the patient is elsewhere now."""


class Ingest:
    """The pushed parts of one request."""

    def __init__(
        self,
        hub: Hub,
        shard: Shard,
        node: NodeRow,
        incarnation: int,
        own: frozenset[int],
        scopes: Sequence[ScopeRow],
        *,
        forgetful: bool = False,
    ) -> None:
        self._hub, self._shard, self._node = hub, shard, node
        self._incarnation, self._own, self._earlier = incarnation, own, own - {incarnation}
        self._scopes = {scope.id: scope for scope in scopes}
        self._held = frozenset(self._scopes)
        self._home = next(scope.id for scope in scopes if scope.name == f"facility/{node.facility}")
        self._states = States(hub)
        self._pointers: list[Pointer] = []
        self._digests: Counter[int] = Counter()
        self._rule: Rule = lambda present, part: rules.merge(present, part, own)
        self._places: dict[str, int] = {}
        self._recovering = False
        self._forgetful = forgetful
        """Whether the node has proved that this hub went back: nobody else is believed to know of a move better than the hub."""
        self.notes: list[Note] = []
        self.referred = False
        """Whether there is a referral among it that is to be carried out after the commit."""

    def place(self, name: str, scope: str) -> None:
        """Where the node has a resource, in case that it is new here: in one of its facilities, else it is not believed. What all
        hold no clinic adds to."""
        self._places.update(
            (name, row.id)
            for row in self._scopes.values()
            if row.name == scope and row.id in self._held and row.kind == _FACILITY
        )

    async def recover(self, offered: Sequence[Resource], scope: str) -> None:
        """Take whole states that a reconciliation says a scope lacks, others' values included, as far as they can be true."""
        for part in offered:
            self.place(part.name, scope)
        here = [row for row in self._scopes.values() if row.name == scope]
        if self._forgetful and here[0].kind == _FACILITY:
            await follow(self._hub, self._shard, offered, self._held, here[0])
        authors = {node for part in offered for register in part.elements.values() for node in register.context}
        remembered = {life: memory(row) for life, row in (await self._shard.incarnations(sorted(authors))).items()}
        usual = self._rule
        self._recovering = True
        self._rule = lambda present, part: rules.recover(present, part, self._own, remembered)
        try:
            await self.take(offered)
        finally:
            self._rule, self._recovering = usual, False
        self.notes += [Note("recovered", part.type, part.id, "the hub had lost it") for part in offered]

    async def take(self, parts: Sequence[Resource]) -> None:
        """Merge these parts. What cannot be merged is parked or put into quarantine, and blocks nothing else."""
        wanted: dict[Key, list[Resource]] = {}
        for part in parts:
            wanted.setdefault(self._hub.keys.resource_key(part.name), []).append(part)
        about = {rkey: self._patient_of(of_one) for rkey, of_one in wanted.items()}
        rows = await self._shard.lock_present([*wanted, *{key for key in about.values() if key and key not in wanted}])
        await self._know({row.scope for row in rows})
        present = {row.rkey: row for row in rows}
        former = await self._former(rows)
        works = {rkey: self._work(present[rkey]) for rkey in wanted if rkey in present}
        strange = [rkey for rkey, work in works.items() if not self._admitted(work, former, wanted[rkey])]
        works |= await self._beside(strange, wanted)
        for rkey, of_one in wanted.items():
            if rkey not in works:
                works[rkey] = self._fresh(rkey, present.get(about[rkey]), former, of_one)
            for part in of_one:
                await self._merge(works[rkey], part)
        await self._retry_parked({work.rkey: work for work in works.values()})
        await self._remind([work for work in works.values() if work.left and not work.changed])
        lost = set(await self._write([work for work in works.values() if work.changed and work.after is not None]))
        if lost:  # another node's transaction stored them first: they are here now, and locked
            await self.take([part for rkey, work in works.items() if work.rkey in lost for part in wanted[rkey]])

    async def _remind(self, works: Sequence[Work]) -> None:
        """Who offers in a reconciliation what has moved away has it by some other way than us: it is told again to let go."""
        for work in works:
            for scope in sorted(work.left):
                if self._recovering and work.key is not None:
                    self._pointers.append(Pointer(scope, 0, work.key, None, None))
                    await self._shard.note_former([work.key], scope)

    # --- reading ---

    def _patient_of(self, parts: Sequence[Resource]) -> Key:
        """The key of the patient that a resource is about, nothing when it names none or several."""
        names = {name for part in parts for name in patients(part)}
        return self._hub.keys.resource_key(names.pop()) if len(names) == 1 else b""

    async def _former(self, rows: Sequence[ResourceRow]) -> dict[int, frozenset[int]]:
        """For what is in others' scopes: the scopes that it was in before. One question for all, mostly none."""
        elsewhere = [row.key for row in rows if row.scope not in self._held]
        return await self._shard.former_scopes(elsewhere) if elsewhere else {}

    def _fresh(
        self,
        rkey: Key,
        patient: ResourceRow | None,
        former: dict[int, frozenset[int]],
        parts: Sequence[Resource],
    ) -> Work:
        """What was never here: in its patient's scope, when this node has or had a part in that."""
        work = Work(rkey, self._places.get(parts[0].name, self._home), None, None, None, None, set())
        if patient is not None and patient.scope != work.scope:
            moved = patient.scope not in self._held
            if not moved or former.get(patient.key, frozenset()) & self._held:
                work.scope, work.left = patient.scope, frozenset({work.scope})
            if moved and work.left:
                self.notes += [_moved(part) for part in parts]
        return work

    async def _beside(self, strange: Sequence[Key], wanted: dict[Key, list[Resource]]) -> dict[Key, Work]:
        """Records of this facility whose ids another facility uses too, for records of its own.

        FHIR ids are unique within one server, and old registers number their patients from 1. Such a record is kept under a
        key of its facility, and neither ever sees or changes the other.
        """
        if not strange:
            return {}
        home = self._scopes[self._home].name
        keys = {rkey: self._hub.keys.own_key(home, wanted[rkey][0].name) for rkey in strange}
        present = {row.rkey: row for row in await self._shard.lock_present(list(keys.values()))}
        await self._know({row.scope for row in present.values()})
        return {
            rkey: self._work(present[own]) if own in present else Work(own, self._home, None, None, None, None, set())
            for rkey, own in keys.items()
        }

    async def _know(self, scopes: set[int]) -> None:
        unknown = scopes - self._scopes.keys()
        if unknown:
            self._scopes.update({scope.id: scope for scope in await self._shard.read_scopes(sorted(unknown))})

    def _work(self, row: ResourceRow) -> Work:
        present = self._states.open(self._scopes[row.scope], row.rkey, row.state)
        return Work(row.rkey, row.scope, present, present, row.hash, row.key, set())

    # --- merging ---

    def _admitted(self, work: Work, former: dict[int, frozenset[int]], parts: Sequence[Resource]) -> bool:
        """Whether the node may write this resource: it holds its scope, or held it before the patient moved."""
        if work.scope in self._held:
            return True
        if work.key is not None and work.before is not None:
            work.left = former.get(work.key, frozenset()) & self._held
            reminds = self._recovering and self._forgetful
            if not work.left and reminds and any(rules.one_record(work.before, part) for part in parts):
                work.left = frozenset({self._places.get(parts[0].name, self._home)})
        if work.left:
            self.notes += [_moved(part) for part in parts]
        return bool(work.left)

    async def _merge(self, work: Work, part: Resource) -> None:
        whole, broken = _readable(part)
        if broken is not None:
            await self._refuse(work, broken, "a value that is not JSON within bounds", "unreadable")
        if whole is None:
            return
        merged = self._rule(work.after, whole)
        self._apply(work, merged)
        work.others |= rules.left_behind(merged, whole, self._earlier)
        if merged.parked is not None:
            await self._park(work, merged.parked)
        if merged.refused is not None:
            await self._refuse(work, merged.refused, merged.reason, "forged")

    def _apply(self, work: Work, merged: rules.Merge) -> None:
        if merged.changed:
            work.after = merged.after
            work.changed |= merged.changed

    async def _park(self, work: Work, part: Resource) -> None:
        state = self._states.seal(self._scopes[work.scope], work.rkey, part, pack.pack(part))
        await self._shard.park(
            [Parked(self._node.id, work.scope, work.rkey, state, "waits for another author's change")]
        )
        self.notes.append(Note("parked", part.type, part.id, "waits for another author's change"))

    async def _refuse(self, work: Work, part: Resource, detail: str, reason: str) -> None:
        payload = self._states.seal(self._scopes[self._home], work.rkey, part, pack.pack(part))
        entry = Quarantined(self._node.id, self._home, work.rkey, reason, detail, payload)
        await self._shard.quarantine([entry])
        self.notes.append(Note("quarantined", part.type, part.id, detail))

    async def _retry_parked(self, works: dict[Key, Work]) -> None:
        """What waited for these resources is tried again, each in the name of the node that it came from."""
        waiting = await self._shard.parked_for(list(works))
        if not waiting:
            return
        lives = await self._shard.incarnations_of(sorted({row.node for row in waiting}))
        await self._know({row.scope for row in waiting})
        of_one: dict[Key, list[ParkedRow]] = {}
        for row in waiting:
            of_one.setdefault(row.rkey, []).append(row)
        for rkey, rows in of_one.items():
            tried = []
            for row in rows:
                own = {life.id for life in lives[row.node]} | (self._own if row.node == self._node.id else set())
                part = self._states.open(self._scopes[row.scope], row.rkey, row.state)
                tried.append(rules.waiting(part, frozenset(own)))
            await self._settle(works[rkey], rows, tried)

    async def _settle(self, work: Work, rows: Sequence[ParkedRow], tried: Sequence[rules.Waiting]) -> None:
        after, settled = rules.settle(work.after, tried)
        moved = [
            (row, merged) for row, merged, one in zip(rows, settled, tried, strict=True) if merged.parked != one.part
        ]
        if not moved:
            return
        await self._shard.unpark([row.id for row, _ in moved])
        work.after, work.others = after, True
        for row, merged in moved:
            work.changed |= merged.changed
            if merged.refused is not None:
                await self._refuse(work, merged.refused, merged.reason, "forged")
            if merged.parked is not None:
                state = self._states.seal(self._scopes[row.scope], row.rkey, merged.parked, pack.pack(merged.parked))
                await self._shard.park([Parked(row.node, row.scope, row.rkey, state, row.reason)])

    # --- writing ---

    async def _write(self, works: Sequence[Work]) -> list[Key]:
        """Store what changed. Returns the keys of fresh resources that someone else stored meanwhile."""
        fresh: list[tuple[Work, NewRow]] = []
        known: list[tuple[Work, ChangedRow]] = []
        for work in works:
            resource = work.after
            if resource is None:
                continue
            state = pack.pack(resource)
            hash_ = pack.hash_of(resource.type, resource.id, state)
            sealed = self._states.seal(self._scopes[work.scope], work.rkey, resource, state)
            if work.key is None:
                fresh.append((work, NewRow(work.rkey, work.scope, hash_, sealed)))
            else:
                known.append((work, ChangedRow(work.key, work.scope, hash_, sealed)))
        stored = await self._shard.insert_fresh([row for _, row in fresh]) if fresh else {}
        if known:
            await self._shard.update_rows([row for _, row in known])
        inserted = [(work, row.hash, stored[work.rkey]) for work, row in fresh if work.rkey in stored]
        # What is recovered is where it was last, as far as anybody remembers, and is not moved again by who remembers less.
        for scope in sorted({work.scope for work, _, _ in inserted} if self._recovering else ()):
            await self._shard.note_former([key for work, _, key in inserted if work.scope == scope], scope)
        updated = [(work, row.hash, row.key) for work, row in known]
        await self._note(inserted + updated)
        return [work.rkey for work, _ in fresh if work.rkey not in stored]

    async def _note(self, written: Sequence[tuple[Work, bytes, int]]) -> None:
        """Pointers, digests, conflicts and counts of what was written."""
        counts: Counter[FactKey] = Counter()
        conflicts: list[tuple[Key, int, int]] = []
        for work, hash_, key in written:
            hashes = (
                None
                if work.before is None
                else b"".join(sorted(self._hub.keys.element_hash(key) for key in work.changed))
            )
            # What its own node has in another scope is sent back to it, so that it is in the same scope there.
            source = self._incarnation if not work.left and not work.others else None
            self._pointers.append(Pointer(work.scope, 0, key, source, hashes))
            for scope in sorted(work.left):
                self._pointers.append(Pointer(scope, 0, key, None, None))
                await self._shard.note_former([key], scope)  # more may come from there, and is about the same resource
            self._digests[work.scope] += digest.add(0, new=hash_, old=work.hash)
            for fact, n in changes(work.before, work.after).items():
                counts[FactKey(work.scope, fact.day, fact.kind, fact.code)] += n
            if work.after is not None and (work.before is not None or _mixed(work.after)):
                conflicts.append((work.rkey, work.scope, len(_reviewed(work.after))))
        await self._shard.add_facts(counts)
        if conflicts:
            await self._shard.note_conflicts(conflicts)
        await self._note_people(written)

    async def _note_people(self, written: Sequence[tuple[Work, bytes, int]]) -> None:
        """By what changed patients are found, and who is referred to another clinic."""
        after = [(key, work.scope, work.after) for work, _, key in written if work.after is not None]
        await clues.index(self._hub, self._shard, [one for one in after if one[2].type == clues.PATIENT])
        said = [one for one in after if one[2].type == referring.TYPE]
        self.referred |= await referring.note(self._shard, said, self._held, recovered=self._recovering)

    async def publish(self) -> None:
        """Take places in the feeds, and point to what changed. The last writes of the transaction."""
        if not self._pointers:
            return
        per_scope = Counter(pointer.scope for pointer in self._pointers)
        advances = [Advance(scope, n, self._digests[scope] % digest.MODULUS) for scope, n in per_scope.items()]
        places = await self._shard.advance_scopes(advances, self._hub.epoch)
        placed: list[Pointer] = []
        for pointer in self._pointers:
            placed.append(Pointer(pointer.scope, places[pointer.scope], pointer.key, pointer.source, pointer.elements))
            places[pointer.scope] += 1
        await self._shard.append_feed(placed)

    async def parked_count(self) -> int:
        """How many of this node's changes wait."""
        return await self._shard.count_parked(self._node.id)


def memory(row: IncarnationRow) -> rules.Incarnation:
    """A life's row, for the decisions of the protocol."""
    return rules.Incarnation(row.id, row.base_counter, row.acked, row.safe, row.token or b"", row.exchanges)


def _moved(part: Resource) -> Note:
    return Note("late-moved", part.type, part.id, "the patient is now elsewhere")


def _readable(part: Resource) -> tuple[Resource | None, Resource | None]:
    """The registers whose values are JSON, and those whose are not."""
    try:
        elements.check_values(part)
    except ProtocolError:
        broken = {key for key in part.elements if not _is_readable(part.part([key]))}
        rest = part.part(key for key in part.elements if key not in broken)
        return (rest if rest.elements else None), part.part(broken)
    return part, None


def _is_readable(part: Resource) -> bool:
    try:
        elements.check_values(part)
    except ProtocolError:
        return False
    return True


def _mixed(resource: Resource) -> bool:
    return any(len(register.siblings) > 1 for register in resource.elements.values())


def _reviewed(resource: Resource) -> list[str]:
    return [c.element for c in disagreements(resource) if policy.needs_review(resource.type, c.element)]
