"""What nodes pushed, going into a shard: the pushes of many requests together, inside one transaction.

`take` locks the present rows of all in one statement, finds out where each belongs, and merges push by push in the order of arrival,
each by its own node's rule, in memory; `write` (`hub.storing`) stores what came of it set-based. What is new belongs to the scope of the
patient that it is about, else to its node's facility; what a clinic says about a patient who has moved away goes to where she is, and
the clinic is told to let go of it.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from hub import relayed
from hub.blobs.following import share_late
from hub.compartment import patients
from hub.errors import HubError
from hub.moving import follow
from hub.places import Place
from hub.pushed import FACILITY, Held, Key, Rule, Said, Speaker, Work, readable
from hub.states import NOTHING, States
from hub.store.held import Quarantined
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from hub.storing import Storing
from sync_protocol import elements, pack
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Note
from sync_protocol.resource import Resource


class Entangled(HubError):
    """Two requests of one transaction bring something new that they have to be told apart about: they are carried out one by one.

    Nobody is told of it: `hub.exchange` does so.
    """


class _Turn(Struct):
    """One push. `about`: of each resource the patient; `works`: where each belongs, and who has to let go of it."""

    number: int
    speaker: Speaker
    wanted: dict[Key, list[Resource]]
    about: dict[Key, Key]
    works: dict[Key, tuple[Work, frozenset[int]]]


class Ingest:
    """The pushes of one transaction."""

    def __init__(self, hub: Place, shard: Shard) -> None:
        self._hub, self._shard = hub, shard
        self._states = States(hub)
        self._scopes: dict[int, ScopeRow] = {}
        self._rows: dict[Key, ResourceRow] = {}
        self._works: dict[Key, Work] = {}
        self._former: dict[int, frozenset[int]] = {}
        self._waiting: dict[Key, list[Held]] = {}
        self._settled: list[int] = []
        self._refused: list[Quarantined] = []
        self._lives: dict[str, frozenset[int]] = {}
        self._spoke: dict[str, frozenset[int]] = {}
        """Node → the lives in whose names it has spoken here: some are not written yet."""
        self._elsewhere: dict[Key, int] = {}
        """What is at home on another shard and has no stub here, though its node holds its scope: key → the scope."""
        self._patients: dict[str, Key] = {}
        """The keys of patients by their names: hundreds of resources are about one."""
        self._pushes = 0
        self._storing = Storing(hub, shard, self._states, self._scopes)

    @property
    def referred(self) -> bool:
        """Whether there is a referral among it that is to be carried out after the commit."""
        return self._storing.referred

    async def take(self, pushes: Iterable[tuple[Speaker, Sequence[Resource]]]) -> None:
        """Merge these. What cannot be merged is parked or put into quarantine, and blocks nothing else. Raises `Entangled`."""
        turns = [await self._turn(speaker, parts) for speaker, parts in pushes if parts]
        await self._read(turns)
        strange: list[tuple[_Turn, Key]] = []
        for turn in turns:
            strange += [(turn, rkey) for rkey in await self._placed(turn)]
        await self._beside(strange)
        await self._read_parked([work.rkey for turn in turns for work, _ in turn.works.values()])
        for turn in turns:
            await self._merged(turn)

    async def recover(self, speaker: Speaker, offered: Sequence[Resource], scope: str) -> None:
        """Take whole states that a reconciliation says a scope lacks, others' values included, as far as they can be true."""
        await self.write()  # whom it may have to move has to be stored as it is
        for part in offered:
            speaker.place(part.name, scope)
        here = next(row for row in speaker.scopes.values() if row.name == scope)
        if speaker.forgetful and here.kind == FACILITY:
            await follow(self._hub, self._shard, offered, speaker.held, here)
        authors = {node for part in offered for register in part.elements.values() for node in register.context}
        speaker.recovering = await self._shard.incarnations(sorted(authors))
        try:
            await self.take([(speaker, offered)])
            await self.write()
        finally:
            speaker.recovering = None
        speaker.notes += [Note("recovered", part.type, part.id, "the hub had lost it") for part in offered]

    async def write(self) -> None:
        """Store what has been taken. Raises `hub.storing.Overtaken`."""
        works, waiting = list(self._works.values()), [one for held in self._waiting.values() for one in held]
        await self._storing.keep(waiting, self._settled, self._refused)
        self._settled, self._refused = [], []
        for known in (self._works, self._rows, self._waiting):
            known.clear()
        await self._storing.write(works)

    async def publish(self) -> None:
        """Take places in the feeds, and point to what changed. The last writes of the transaction."""
        await self._storing.publish()

    # --- reading ---

    async def _turn(self, speaker: Speaker, parts: Sequence[Resource]) -> _Turn:
        self._pushes += 1
        self._scopes.update(speaker.scopes)
        key_of = self._hub.keys.resource_key
        wanted: dict[Key, list[Resource]] = {}
        async for some in self._hub.paced(parts):
            for part in some:
                wanted.setdefault(key_of(part.name), []).append(part)
        about: dict[Key, Key] = {}
        async for pairs in self._hub.paced(list(wanted.items())):
            about.update([(rkey, self._patient_of(of_one)) for rkey, of_one in pairs])
        return _Turn(self._pushes, speaker, wanted, about, {})

    def _patient_of(self, parts: Sequence[Resource]) -> Key:
        """The key of the patient that a resource is about, nothing when it names none or several."""
        names = patients(parts[0]) if len(parts) == 1 else {name for part in parts for name in patients(part)}
        if len(names) != 1:
            return b""
        (name,) = names
        if (key := self._patients.get(name)) is None:
            key = self._patients[name] = self._hub.keys.resource_key(name)
        return key

    async def _read(self, turns: Sequence[_Turn]) -> None:
        """All that is here of what is pushed, and of the patients whom it is about, locked in one statement."""
        keys = {key for turn in turns for key in (*turn.wanted, *turn.about.values()) if key}
        await self._lock(keys)
        for turn in turns:
            await self._look_abroad(turn)
        elsewhere = {
            row.key
            for turn in turns
            for key in {*turn.wanted, *turn.about.values()}
            if (row := self._rows.get(key)) is not None and row.scope not in turn.speaker.held
        }
        if elsewhere:  # mostly none
            self._former.update(await self._shard.former_scopes(sorted(elsewhere)))

    async def _look_abroad(self, turn: _Turn) -> None:
        """A point of presence may hold facilities of other shards: what is not here may be there."""
        abroad = [scope for scope in turn.speaker.scopes.values() if scope.home is not None and scope.kind == FACILITY]
        wanted = {key for key in (*turn.wanted, *turn.about.values()) if key and key not in self._rows}
        for home in sorted({scope.home for scope in abroad if scope.home is not None} if wanted else ()):
            ours = {scope.name: scope.id for scope in abroad if scope.home == home}
            async with self._hub.others.at(home).shard() as there:
                found = await there.at_home(sorted(wanted))
            self._elsewhere.update({rkey: ours[name] for rkey, name in found.items() if name in ours})

    async def _lock(self, keys: Iterable[Key]) -> None:
        if wanted := [key for key in keys if key not in self._rows]:
            rows = await self._shard.lock_present(wanted)
            self._rows.update({row.rkey: row for row in rows})
            await self._know({row.scope for row in rows})

    async def _know(self, scopes: set[int]) -> None:
        if unknown := scopes - self._scopes.keys():
            self._scopes.update({scope.id: scope for scope in await self._shard.read_scopes(sorted(unknown))})

    async def _read_parked(self, keys: Sequence[Key]) -> None:
        """What waits for these resources."""
        unread = [key for key in keys if key not in self._waiting]
        rows = await self._shard.parked_for(unread) if unread else []
        await self._know({row.scope for row in rows})
        for row in rows:
            part = self._states.open(self._scopes[row.scope], row.rkey, row.state)
            held = Held(row.id, row.node, row.scope, row.rkey, part, row.reason)
            self._waiting.setdefault(row.rkey, []).append(held)

    async def _lives_of(self, nodes: Iterable[str]) -> dict[str, frozenset[int]]:
        """All lives of these nodes."""
        if unread := sorted(set(nodes) - self._lives.keys()):
            for node, rows in (await self._shard.incarnations_of(unread)).items():
                self._lives[node] = frozenset(row.id for row in rows)
        return {node: self._lives[node] | self._spoke.get(node, frozenset()) for node in nodes}

    # --- finding out where it belongs ---

    async def _placed(self, turn: _Turn) -> list[Key]:
        """Finds where what is pushed belongs. Returns what stands under these names for somebody else."""
        strange: list[Key] = []
        async for some in self._hub.paced(list(turn.wanted.items())):
            strange += [rkey for rkey, parts in some if not self._is_placed(turn, rkey, parts)]
        return strange

    def _is_placed(self, turn: _Turn, rkey: Key, parts: Sequence[Resource]) -> bool:
        work = self._works.get(rkey) or self._present(rkey)
        if work is None or work.made_by >= 0:
            turn.works[rkey] = self._fresh(turn, rkey, parts, work)
            return True
        left = self._let_in(work, turn.speaker, parts)
        if left is not None:
            turn.works[rkey] = work, left
        return left is not None

    def _present(self, rkey: Key) -> Work | None:
        if (row := self._rows.get(rkey)) is None:
            return None
        scope = self._scopes[row.scope]
        if scope.home is not None:  # a stub, or a mirrored record
            work = Work(row.rkey, row.scope, None, None, None, row.key, [], abroad=True)
        elif row.hash == NOTHING:  # a stub of what is on its way here
            work = Work(row.rkey, row.scope, None, None, None, row.key, [])
        else:
            present = self._states.open(scope, row.rkey, row.state)
            work = Work(row.rkey, row.scope, present, present, row.hash, row.key, [])
        self._works[rkey] = work
        return work

    def _fresh(
        self, turn: _Turn, rkey: Key, parts: Sequence[Resource], before: Work | None
    ) -> tuple[Work, frozenset[int]]:
        """What was never here: in its patient's scope, when this node has or had a part in that.

        It may be `before` us in this transaction, and so may its patient; whether they are going to be stored is not known yet, so
        nothing may depend on them. (A patient who is new in a scope that this node does not hold changes nothing.)
        """
        speaker = turn.speaker
        scope, left = speaker.places.get(parts[0].name, speaker.home), frozenset[int]()
        about = turn.about[rkey]
        if (there := self._elsewhere.get(rkey, self._elsewhere.get(about))) is not None:
            scope = there
        elif (patient := self._rows.get(about)) is not None and patient.scope != scope:
            moved = patient.scope not in speaker.held
            if not moved or self._former.get(patient.key, frozenset()) & speaker.held:
                scope, left = patient.scope, self._at_home(frozenset({scope}))
            if moved and scope == patient.scope:
                speaker.notes += [_moved(part) for part in parts]
        brought = self._works.get(about)
        if brought is not None and -1 < brought.made_by < turn.number and scope != brought.scope in speaker.held:
            raise Entangled
        if before is None:
            abroad = self._scopes[scope].home is not None
            before = self._works[rkey] = Work(rkey, scope, None, None, None, None, [], turn.number, abroad)
        elif before.scope != scope or left:
            raise Entangled
        return before, left

    def _let_in(self, work: Work, speaker: Speaker, parts: Sequence[Resource]) -> frozenset[int] | None:
        """Whether the node may write this resource: it holds its scope, or held it before the patient moved. None when not, else the
        scopes of it that have to let go."""
        if speaker.brought and self._scopes[work.scope].name in speaker.brought[parts[0].name] and work.before is None:
            work.scope, work.abroad = speaker.home, False  # a stub of this very record, from when it went away
        if work.scope in speaker.held:
            return frozenset()
        if work.key is None:
            return None
        left = self._former.get(work.key, frozenset()) & speaker.held
        reminds = speaker.recovering is not None and speaker.forgetful and work.before is not None
        if (
            not left
            and reminds
            and work.before is not None
            and any(rules.one_record(work.before, part) for part in parts)
        ):
            left = frozenset({speaker.places.get(parts[0].name, speaker.home)})
        if not left:
            return None
        speaker.notes += [_moved(part) for part in parts]
        return self._at_home(left)

    def _at_home(self, scopes: frozenset[int]) -> frozenset[int]:
        """Of these those in whose feeds this shard writes; a point of presence is told of the others by theirs."""
        return frozenset(scope for scope in scopes if self._scopes[scope].home is None)

    async def _beside(self, strange: Sequence[tuple[_Turn, Key]]) -> None:
        """Records of a facility whose ids another facility uses too, for records of its own.

        FHIR ids are unique within one server, and old registers number their patients from 1. Such a record is kept under a
        key of its facility, and neither ever sees or changes the other.
        """
        own_keys = [
            self._hub.keys.own_key(turn.speaker.scopes[turn.speaker.home].name, turn.wanted[rkey][0].name)
            for turn, rkey in strange
        ]
        await self._lock(own_keys)
        for (turn, rkey), own in zip(strange, own_keys, strict=True):
            work = self._works.get(own) or self._present(own)
            if work is None:
                work = self._works[own] = Work(own, turn.speaker.home, None, None, None, None, [], turn.number)
            turn.works[rkey] = work, frozenset()

    # --- merging ---

    async def _merged(self, turn: _Turn) -> None:
        """Merges one push, then tries again what waited for these resources."""
        speaker, rule = turn.speaker, turn.speaker.rule()
        self._spoke[speaker.node.id] = self._spoke.get(speaker.node.id, frozenset()) | speaker.own
        wanted = list(turn.wanted.items())
        for start in range(0, len(wanted), elements.PARTS_TOGETHER):
            some = wanted[start : start + elements.PARTS_TOGETHER]
            faults = iter(elements.check_each([part for _, of_one in some for part in of_one]))
            for rkey, of_one in some:
                work, left = turn.works[rkey]
                said = Said(turn.number, speaker, left, work.after is None)
                work.said.append(said)
                if work.abroad:
                    said.parts = [whole for part in of_one if (whole := self._usable(work, said, part, next(faults)))]
                    continue
                for part in of_one:
                    self._merge(work, said, rule, part, next(faults))
                said.after = work.after
            await self._hub.breathe()
        for work, _ in turn.works.values():
            if self._waiting and work.rkey in self._waiting:
                await (self._send_parked(work) if work.abroad else self._retry_parked(work, work.said[-1]))
        late = [(left, work.scope, turn.wanted[rkey]) for rkey, (work, left) in turn.works.items() if left]
        await share_late(self._hub, self._shard, late, self._scopes)

    def _merge(self, work: Work, said: Said, rule: Rule, part: Resource, fault: ProtocolError | None) -> None:
        if (whole := self._usable(work, said, part, fault)) is None:
            return
        merged = rule(work.after, whole)
        if merged.changed:
            work.after = merged.after
            said.changed = said.changed | merged.changed if said.changed else merged.changed
        if said.speaker.earlier:
            said.others |= rules.left_behind(merged, whole, said.speaker.earlier)
        if merged.parked is not None:
            self._park(work, said, merged.parked)
        if merged.refused is not None:
            self._refuse(work, said, merged.refused, merged.reason, "forged")

    def _usable(self, work: Work, said: Said, part: Resource, fault: ProtocolError | None) -> Resource | None:
        """The registers that can be read; the others go into quarantine."""
        if fault is None:
            return part
        whole, broken = readable(part)
        self._refuse(work, said, broken, "a value that is not JSON within bounds", "unreadable")
        return whole

    def _park(self, work: Work, said: Said, part: Resource) -> None:
        reason = "waits for another author's change"
        held = Held(0, said.speaker.node.id, work.scope, work.rkey, part, reason)
        self._waiting.setdefault(work.rkey, []).append(held)
        said.speaker.notes.append(Note("parked", part.type, part.id, reason))

    def _refuse(self, work: Work, said: Said, part: Resource, detail: str, reason: str) -> None:
        speaker = said.speaker
        payload = self._states.seal(self._scopes[speaker.home], work.rkey, pack.named(part))
        entry = Quarantined(speaker.node.id, speaker.home, work.rkey, reason, detail, payload)
        self._refused.append(entry)
        speaker.notes.append(Note("quarantined", part.type, part.id, detail))

    async def _send_parked(self, work: Work) -> None:
        """What waits for a record that is at home on another shard waits there from now on: its dependency comes there."""
        held = self._waiting.pop(work.rkey)
        scope = self._scopes[work.scope]
        lives = await self._shard.incarnations_of(sorted({one.node for one in held}))
        await self._shard.send([relayed.waited(self._hub, scope, one.node, lives[one.node], one.part) for one in held])
        self._settled += [one.id for one in held if one.id]

    async def _retry_parked(self, work: Work, said: Said) -> None:
        """What waits for a resource is tried again, each part in the name of the node that it came from."""
        if not (held := self._waiting[work.rkey]):
            return
        lives = await self._lives_of({one.node for one in held})
        tried = [rules.waiting(one.part, lives[one.node]) for one in held]
        after, settled = rules.settle(work.after, tried)
        left: list[Held] = []
        for one, merged in zip(held, settled, strict=True):
            if merged.parked == one.part:
                left.append(one)
                continue
            self._settled += [one.id] if one.id else []
            work.after, said.others = after, True
            said.changed = said.changed | merged.changed
            if merged.refused is not None:
                self._refuse(work, said, merged.refused, merged.reason, "forged")
            if merged.parked is not None:
                left.append(Held(0, one.node, one.scope, one.rkey, merged.parked, one.reason))
        said.after = work.after
        self._waiting[work.rkey] = left


def _moved(part: Resource) -> Note:
    return Note("late-moved", part.type, part.id, "the patient is now elsewhere")
