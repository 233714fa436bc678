"""A shard in memory: the operations of `hub.store.shard`, on dictionaries, with transactions that can be taken back.

Nothing here waits, so the hub's coroutines run from start to end in one `send(None)` (`finish`).
"""

import copy
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from hub.keys import Keys
from hub.load import Load
from hub.places import Place, Places
from hub.postgres.engine import Database
from hub.settings import Settings
from hub.store.feed import Pointer, Position
from hub.store.held import Parked, ParkedRow, Quarantined
from hub.store.nodes import FacilityRow, IncarnationRow, NodeRow, Report, Standings
from hub.store.people import counts, is_told, leaves
from hub.store.referrals import ReferralRow
from hub.store.relay import Sending
from hub.store.resources import ChangedRow, NewRow, ResourceRow
from hub.store.scopes import DIGEST_MODULUS, GLOBAL, Advance, Epoch, ScopeRow, facility_scope, region_scope
from sync_protocol.exchange.people import Person
from sync_protocol.passwords import EVERYWHERE
from tests.simulation.memory_counts import Counts, MemoryCounts
from tests.simulation.memory_files import Files, MemoryFiles

_T = TypeVar("_T")
_EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC)


def finish(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(_T, done.value)
    coroutine.close()
    raise AssertionError("a coroutine on a shard in memory waited")


class Tables:
    """What a shard holds. Values are never changed in place, so that a copy of the containers is a snapshot."""

    def __init__(self) -> None:
        self.node_scopes: dict[str, tuple[int, ...]] = {}
        self.scopes: dict[int, ScopeRow] = {}
        self.lineage: dict[int, tuple[Epoch, ...]] = {}
        self.incarnations: dict[int, IncarnationRow] = {}
        self.reports: dict[str, Report] = {}
        self.resources: dict[int, ResourceRow] = {}
        self.keys: dict[bytes, int] = {}
        self.former: dict[int, tuple[int, ...]] = {}
        self.feed: dict[int, list[Pointer]] = {}
        self.parked: dict[int, ParkedRow] = {}
        self.quarantined: list[Quarantined] = []
        self.conflicts: dict[bytes, tuple[int, int]] = {}
        self.counts = Counts()
        self.people: dict[str, Person] = {}
        self.left: dict[tuple[str, str], Person] = {}
        self.facilities: dict[str, FacilityRow] = {}
        self.listed: dict[str, bool] = {}
        self.clues: dict[int, frozenset[int]] = {}
        self.backfill: dict[int, tuple[int, int]] = {}
        self.audit: list[tuple[datetime, str, str, str]] = []
        self.referrals: dict[int, ReferralRow] = {}
        self.files: Files = {}
        self.number = 0

    def snapshot(self) -> "Tables":
        """The same, apart from what comes."""
        taken = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (dict, list, Counts)):
                setattr(taken, name, copy.copy(value))
        taken.feed = {scope: list(pointers) for scope, pointers in self.feed.items()}
        return taken

    def next_number(self) -> int:
        """A number that nothing has had."""
        self.number += 1
        return self.number


class MemoryShard(MemoryFiles, MemoryCounts):
    """A `hub.store.shard.Shard` on `Tables`."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables.files)
        self.tables: Tables = tables
        self.sends = self.shared = False

    async def lock_nodes(self, nodes: Sequence[str], /) -> set[str]:
        """Nobody else is here."""
        return set(nodes)

    async def standings(self, nodes: Sequence[str], /, lives: Sequence[int]) -> Standings:
        held = {node: sorted(self.tables.node_scopes.get(node, ())) for node in nodes}
        scopes = {node: [self.tables.scopes[scope] for scope in of_node] for node, of_node in held.items()}
        return Standings(await self.incarnations(lives), scopes)

    async def incarnations(self, lives: Sequence[int]) -> dict[int, IncarnationRow]:
        return {life: self.tables.incarnations[life] for life in lives if life in self.tables.incarnations}

    async def reached(self, nodes: Sequence[str], /) -> dict[str, int]:
        rows = self.tables.incarnations.values()
        return {node: max((row.acked for row in rows if row.node == node), default=0) for node in nodes}

    async def write_incarnations(self, incarnations: Sequence[IncarnationRow]) -> None:
        for row in incarnations:
            before = self.tables.incarnations.get(row.id, row)
            self.tables.incarnations[row.id] = replace(row, node=before.node, base_counter=before.base_counter)

    async def incarnations_of(self, nodes: Sequence[str], /) -> dict[str, list[IncarnationRow]]:
        return {node: [row for row in self.tables.incarnations.values() if row.node == node] for node in nodes}

    async def note_reports(self, reports: Mapping[str, Report]) -> None:
        self.tables.reports.update(reports)

    async def send(self, messages: Sequence[Sending], /) -> None:
        assert not messages, "there is no other shard"

    # --- scopes ---

    async def read_scopes(self, scopes: Sequence[int], /) -> list[ScopeRow]:
        return [self.tables.scopes[scope] for scope in sorted(set(scopes)) if scope in self.tables.scopes]

    async def named_scopes(self, names: Sequence[str]) -> list[ScopeRow]:
        return [row for _, row in sorted(self.tables.scopes.items()) if row.name in names]

    async def read_lineage(self, scopes: Sequence[int], /, epochs_max: int) -> dict[int, list[Epoch]]:
        return {scope: list(self.tables.lineage.get(scope, ())[-epochs_max:]) for scope in scopes}

    async def advance_scopes(self, advances: Sequence[Advance], epoch: int) -> dict[int, int]:
        first = {}
        for advance in sorted(advances, key=lambda a: a.scope):
            row = self.tables.scopes[advance.scope]
            known = self.tables.lineage.get(row.id, ())
            if row.epoch != epoch and all(one.epoch != epoch for one in known):
                self.tables.lineage[row.id] = (*known, Epoch(epoch, row.seq))
            total = (row.digest + advance.digest_delta) % DIGEST_MODULUS
            self.tables.scopes[row.id] = replace(row, seq=row.seq + advance.count, epoch=epoch, digest=total)
            first[row.id] = row.seq + 1
        return first

    async def former_scopes(self, keys: Sequence[int]) -> dict[int, frozenset[int]]:
        return {key: frozenset(self.tables.former[key]) for key in keys if key in self.tables.former}

    async def note_former(self, keys: Sequence[int], scope: int) -> None:
        for key in keys:
            self.tables.former[key] = tuple(dict.fromkeys((*self.tables.former.get(key, ()), scope)))

    # --- resources ---

    async def insert_fresh(self, rows: Sequence[NewRow]) -> dict[bytes, int]:
        stored = {}
        for row in sorted(rows, key=lambda row: row.rkey):
            if row.rkey not in self.tables.keys:
                key = stored[row.rkey] = self.tables.keys[row.rkey] = self.tables.next_number()
                self.tables.resources[key] = ResourceRow(key, row.rkey, row.scope, row.hash, row.state)
        return stored

    async def lock_present(self, rkeys: Sequence[bytes]) -> list[ResourceRow]:
        keys = sorted({self.tables.keys[rkey] for rkey in rkeys if rkey in self.tables.keys})
        return [self.tables.resources[key] for key in keys]

    async def at_home(self, rkeys: Sequence[bytes]) -> dict[bytes, str]:
        rows = [self.tables.resources[self.tables.keys[rkey]] for rkey in rkeys if rkey in self.tables.keys]
        return {row.rkey: self.tables.scopes[row.scope].name for row in rows}

    async def update_rows(self, rows: Sequence[ChangedRow]) -> None:
        for row in rows:
            if (present := self.tables.resources.get(row.key)) is not None:
                self.tables.resources[row.key] = replace(present, scope=row.scope, hash=row.hash, state=row.state)

    async def read_states(self, keys: Sequence[int]) -> dict[int, ResourceRow]:
        return {key: self.tables.resources[key] for key in keys if key in self.tables.resources}

    async def scan_scope(self, scope: int, after_key: int, limit: int) -> list[ResourceRow]:
        rows = [row for key, row in sorted(self.tables.resources.items()) if row.scope == scope and key > after_key]
        return rows[:limit]

    # --- the feed ---

    async def append_feed(self, pointers: Sequence[Pointer]) -> None:
        for pointer in pointers:
            self.tables.feed.setdefault(pointer.scope, []).append(pointer)

    async def read_feed(self, scope: int, after_seq: int, not_source: int | None, limit: int) -> list[Pointer]:
        ahead = (p for p in self.tables.feed.get(scope, ()) if p.seq > after_seq)
        return sorted((p for p in ahead if not_source is None or p.source != not_source), key=lambda p: p.seq)[:limit]

    async def read_feeds(self, positions: Sequence[Position], limit: int) -> list[list[Pointer]]:
        return [await self.read_feed(one.scope, one.after_seq, one.not_source, limit) for one in positions]

    # --- what waits ---

    async def park(self, parked: Sequence[Parked]) -> None:
        for one in parked:
            number = self.tables.next_number()
            self.tables.parked[number] = ParkedRow(
                number, one.node, one.scope, one.rkey, one.state, one.reason, _EPOCH_DAY
            )

    async def parked_for(self, rkeys: Sequence[bytes]) -> list[ParkedRow]:
        return [row for _, row in sorted(self.tables.parked.items()) if row.rkey in rkeys]

    async def count_parked(self, nodes: Sequence[str], /) -> dict[str, int]:
        return {node: sum(row.node == node for row in self.tables.parked.values()) for node in nodes}

    async def unpark(self, ids: Sequence[int]) -> None:
        for number in ids:
            self.tables.parked.pop(number, None)

    async def quarantine(self, quarantined: Sequence[Quarantined]) -> None:
        self.tables.quarantined.extend(quarantined)

    async def note_conflicts(self, counts: Sequence[tuple[bytes, int, int]]) -> None:
        for rkey, scope, elements in counts:
            if elements:
                self.tables.conflicts[rkey] = (scope, elements)
            else:
                self.tables.conflicts.pop(rkey, None)

    # --- people ---

    async def people_of(self, facilities: Collection[str]) -> dict[str, list[Person]]:
        return {facility: self._people_of(facility) for facility in facilities}

    def _people_of(self, facility: str) -> list[Person]:
        everywhere = (one for one in self.tables.people.values() if not one.facility and one.role in EVERYWHERE)
        here = {one.name: one for one in self.tables.people.values() if one.facility == facility}
        here |= {one.name: one for one in everywhere}
        left = [one for (name, at), one in self.tables.left.items() if at in ("", facility) and name not in here]
        gone = {one.name: one for one in sorted(left, key=lambda one: one.revision)}
        return [*here.values(), *gone.values()]

    async def recall_people(self, people: Sequence[Person], /) -> list[str]:
        taken = []
        for person in sorted(people, key=lambda one: (one.name, one.revision)):
            held = self.tables.people.get(person.name)
            if held is not None and not counts(person, held.facility, held.revision):
                continue
            if person.gone:
                left = self.tables.left.get((person.name, person.facility))
                if held is not None and held.facility == person.facility:
                    self.tables.people[held.name] = replace(held, disabled=True, revision=person.revision)
                if left is not None and left.revision >= person.revision:
                    continue
                self.tables.left[person.name, person.facility] = person
            else:
                self.put_person(person)
            taken.append(person.name)
        return taken

    def put_person(self, person: Person) -> None:
        """What `hub.store.people.put_account` does."""
        before = self.tables.people.get(person.name)
        self.tables.people[person.name] = person
        if is_told(person.facility, person.role):
            self.tables.left.pop((person.name, person.facility), None)
        if before is not None and leaves(before.facility, before.role, person):
            gone = Person(before.name, before.facility, "", "", person.revision, disabled=True, gone=True)
            self.tables.left[before.name, before.facility] = gone

    # --- finding ---

    async def facilities_of(self, region: str) -> list[FacilityRow]:
        return [row for _, row in sorted(self.tables.facilities.items()) if row.region == region]

    async def facilities_at_home(self, region: str) -> list[FacilityRow]:
        return await self.facilities_of(region)

    async def regions_of(self, scopes: Sequence[int], /) -> dict[int, str]:
        return {row.scope: row.region for row in self.tables.facilities.values() if row.scope in scopes}

    async def unlisted_facilities(self) -> list[FacilityRow]:
        return [row for name, row in sorted(self.tables.facilities.items()) if name not in self.tables.listed]

    async def note_listed(self, facilities: Sequence[str]) -> None:
        self.tables.listed.update(dict.fromkeys(facilities, True))

    async def replace_clues(self, clues: Mapping[int, frozenset[int]], /) -> None:
        self.tables.clues.update(clues)

    async def keys_by_clues(self, weights: Mapping[int, int], limit: int) -> list[int]:
        found = {key: sum(weights.get(token, 0) for token in tokens) for key, tokens in self.tables.clues.items()}
        return sorted((key for key in found if found[key]), key=lambda key: (-found[key], key))[:limit]

    async def begin_backfill(self, version: int) -> tuple[int, int] | None:
        after, upto = self.tables.backfill.setdefault(version, (0, max(self.tables.resources, default=0)))
        return (after, upto) if after < upto else None

    async def note_backfill(self, version: int, after_key: int) -> None:
        self.tables.backfill[version] = (after_key, self.tables.backfill[version][1])

    async def scan_from(self, after_key: int, upto_key: int, limit: int) -> list[ResourceRow]:
        rows = [row for key, row in sorted(self.tables.resources.items()) if after_key < key <= upto_key]
        return rows[:limit]

    async def note_question(self, node: str, at: datetime, who: str, found: int) -> None:
        self.tables.audit.append((at, node, "person.find", f"{who}: {found}"))

    async def questions_since(self, node: str, since: datetime) -> list[datetime]:
        asked = (at for at, actor, action, _ in self.tables.audit if (actor, action) == (node, "person.find"))
        return sorted(at for at in asked if at > since)

    async def note_act(self, actor: str, action: str, object_: str) -> None:
        self.tables.audit.append((_EPOCH_DAY, actor, action, object_))

    async def note_referrals(self, referrals: Sequence[tuple[int, int]], /) -> None:
        for key, source in referrals:
            self.tables.referrals.setdefault(key, ReferralRow(key, source, "waiting"))

    async def close_referrals(self, keys: Sequence[int]) -> None:
        for row in [self.tables.referrals[key] for key in keys if key in self.tables.referrals]:
            if row.state == "moved":
                self.tables.referrals[row.key] = replace(row, state="closing")

    async def open_referrals(self, limit: int) -> list[int]:
        return [row.key for row in self.tables.referrals.values() if row.state in ("waiting", "closing")][:limit]

    async def lock_referral(self, key: int) -> ReferralRow | None:
        return self.tables.referrals.get(key)

    async def settle_referral(self, key: int, state: str) -> None:
        self.tables.referrals[key] = replace(self.tables.referrals[key], state=state)

    async def bring_referral(self, referral: ReferralRow, /) -> None:
        self.tables.referrals[referral.key] = referral


class Alone:
    """The places of a hub that has one."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.load = Load()

    def __iter__(self) -> Iterator[Place]:
        return iter([self.place])

    def of_region(self, region: str) -> list[Place]:
        return [self.place]


class MemoryHub(Place):
    """A hub whose shard is in memory. `committing` is called before a transaction's commit, `committed` after it; what
    either raises is the end of the process there."""

    def __init__(self, keys: Keys, epoch: int) -> None:
        no_database = cast(Database, None)  # nothing asks for it: `shard` is answered here
        super().__init__(1, "hub", no_database, keys, Settings())
        self.others = cast(Places, Alone(self))
        self.epoch = epoch
        self.tables = Tables()
        self.committing: Callable[[], None] = lambda: None
        self.committed: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def shard(self) -> AsyncIterator[MemoryShard]:
        """One transaction: what it did is there afterwards, or nothing."""
        working = self.tables.snapshot()
        yield MemoryShard(working)
        self.committing()
        self.tables = working
        self.committed()

    async def breathe(self) -> None:
        """Nobody else is here."""

    def add_scope(self, name: str) -> int:
        """The id of a scope, made when it is not there."""
        for row in self.tables.scopes.values():
            if row.name == name:
                return row.id
        number = self.tables.next_number()
        kind = name.partition("/")[0]
        self.tables.scopes[number] = ScopeRow(
            number, name, kind, 0, 0, 0, finish(self.keys.data.new_ring(self.keys.masters.first.id, 0))
        )
        return number

    def add_facility(self, facility: str, region: str = "west") -> FacilityRow:
        """A facility with its scope, made when it is not there."""
        row = FacilityRow(facility, f"Clinic {facility}", region, self.add_scope(facility_scope(facility)), _EPOCH_DAY)
        return self.tables.facilities.setdefault(facility, row)

    def add_node(self, name: str, facility: str, region: str = "west", facilities: Sequence[str] = ()) -> NodeRow:
        """A node of a facility, and of others when it is a point of presence."""
        homes = [self.add_facility(one, region).scope for one in dict.fromkeys((facility, *facilities))]
        scopes = [*homes, *(self.add_scope(one) for one in (region_scope(region), GLOBAL))]
        self.tables.node_scopes[name] = tuple(sorted(scopes))
        role = "pop" if facilities else "clinic"
        return NodeRow(name, facility, role, region, "active", "", _EPOCH_DAY, None, None, None, None, b"", None)
