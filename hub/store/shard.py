"""A shard, as the exchange sees it: every operation of one transaction, and Postgres behind them.

The seam between what an exchange means and where it is kept. `hub.exchange`, `hub.ingest`, `hub.pulling`, `hub.moving` speak to a `Shard`;
`PostgresShard` binds the functions of this package to a connection. One contract suite runs on every implementation.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from hub.keys.data_keys import DataKeys
from hub.postgres.engine import Connection
from hub.store import (
    audit,
    blobs,
    clues,
    exchanges,
    facts,
    feed,
    held,
    nodes,
    people,
    pregnancies,
    referrals,
    relay,
    resources,
    scopes,
)
from hub.store.blobs import BlobRow
from hub.store.exchanges import Exchange
from hub.store.facts import FactKey
from hub.store.feed import Pointer, Position
from hub.store.held import Parked, ParkedRow, Quarantined
from hub.store.nodes import FacilityRow, IncarnationRow, Report, Standings
from hub.store.pregnancies import StatementRow
from hub.store.referrals import ReferralRow
from hub.store.relay import Sending
from hub.store.resources import ChangedRow, NewRow, ResourceRow
from hub.store.scopes import Advance, Epoch, ScopeRow
from sync_protocol.exchange.people import Person


class Shard(Protocol):
    """One transaction in a shard. What each operation means is told where Postgres does it; locks last until the end."""

    sends: bool
    """Whether something was written down for another shard (`hub.relaying`)."""
    shared: bool
    """Whether something was written that is mirrored on other shards (`hub.mirroring`)."""

    async def lock_nodes(self, nodes: Sequence[str], /) -> set[str]: ...
    async def standings(self, nodes: Sequence[str], /, lives: Sequence[int]) -> Standings: ...
    async def incarnations(self, lives: Sequence[int]) -> dict[int, IncarnationRow]: ...
    async def reached(self, nodes: Sequence[str], /) -> dict[str, int]: ...
    async def write_incarnations(self, incarnations: Sequence[IncarnationRow]) -> None: ...
    async def incarnations_of(self, nodes: Sequence[str], /) -> dict[str, list[IncarnationRow]]: ...
    async def note_reports(self, reports: Mapping[str, Report]) -> None: ...

    async def read_scopes(self, scopes: Sequence[int], /) -> list[ScopeRow]: ...
    async def named_scopes(self, names: Sequence[str]) -> list[ScopeRow]: ...
    async def read_lineage(self, scopes: Sequence[int], /, epochs_max: int) -> dict[int, list[Epoch]]: ...
    async def advance_scopes(self, advances: Sequence[Advance], epoch: int) -> dict[int, int]: ...
    async def former_scopes(self, keys: Sequence[int]) -> dict[int, frozenset[int]]: ...
    async def note_former(self, keys: Sequence[int], scope: int) -> None: ...

    async def insert_fresh(self, rows: Sequence[NewRow]) -> dict[bytes, int]: ...
    async def lock_present(self, rkeys: Sequence[bytes]) -> list[ResourceRow]: ...
    async def at_home(self, rkeys: Sequence[bytes]) -> dict[bytes, str]: ...
    async def update_rows(self, rows: Sequence[ChangedRow]) -> None: ...
    async def read_states(self, keys: Sequence[int]) -> dict[int, ResourceRow]: ...
    async def scan_scope(self, scope: int, after_key: int, limit: int) -> list[ResourceRow]: ...

    async def append_feed(self, pointers: Sequence[Pointer]) -> None: ...
    async def read_feed(self, scope: int, after_seq: int, not_source: int | None, limit: int) -> list[Pointer]: ...
    async def read_feeds(self, positions: Sequence[Position], limit: int) -> list[list[Pointer]]: ...

    async def park(self, parked: Sequence[Parked]) -> None: ...
    async def parked_for(self, rkeys: Sequence[bytes]) -> list[ParkedRow]: ...
    async def count_parked(self, nodes: Sequence[str], /) -> dict[str, int]: ...
    async def unpark(self, ids: Sequence[int]) -> None: ...
    async def quarantine(self, quarantined: Sequence[Quarantined]) -> None: ...
    async def note_conflicts(self, counts: Sequence[tuple[bytes, int, int]]) -> None: ...
    async def add_counts(
        self, deltas: Mapping[FactKey, int], arrivals: Mapping[tuple[int, date], int], /, *, regardless: bool = False
    ) -> tuple[int, int] | None: ...
    async def write_statements(self, written: Sequence[StatementRow], gone: Sequence[int], /) -> None: ...
    async def note_exchanges(self, exchanges: Mapping[str, Exchange], /) -> None: ...

    async def people_of(self, facilities: Collection[str]) -> dict[str, list[Person]]: ...
    async def recall_people(self, people: Sequence[Person], /) -> list[str]: ...
    async def facilities_of(self, region: str) -> list[FacilityRow]: ...
    async def facilities_at_home(self, region: str) -> list[FacilityRow]: ...
    async def regions_of(self, scopes: Sequence[int], /) -> dict[int, str]: ...
    async def unlisted_facilities(self) -> list[FacilityRow]: ...
    async def note_listed(self, facilities: Sequence[str]) -> None: ...
    async def replace_clues(self, clues: Mapping[int, frozenset[int]], /) -> None: ...
    async def keys_by_clues(self, weights: Mapping[int, int], limit: int) -> list[int]: ...
    async def count_patients(self, scopes: Sequence[int], /) -> int: ...
    async def begin_backfill(self, version: int) -> tuple[int, int] | None: ...
    async def note_backfill(self, version: int, after_key: int) -> None: ...
    async def scan_from(self, after_key: int, upto_key: int, limit: int) -> list[ResourceRow]: ...
    async def note_question(self, node: str, at: datetime, who: str, found: int) -> None: ...
    async def questions_since(self, node: str, since: datetime) -> list[datetime]: ...
    async def note_act(self, actor: str, action: str, object_: str) -> None: ...
    async def send(self, messages: Sequence[Sending], /) -> None: ...
    async def note_referrals(self, referrals: Sequence[tuple[int, int]], /) -> None: ...
    async def close_referrals(self, keys: Sequence[int]) -> None: ...
    async def open_referrals(self, limit: int) -> list[int]: ...
    async def lock_referral(self, key: int) -> ReferralRow | None: ...
    async def settle_referral(self, key: int, state: str) -> None: ...
    async def bring_referral(self, referral: ReferralRow, /) -> None: ...
    async def blobs_named(self, names: Sequence[bytes], scope: int) -> list[BlobRow]: ...
    async def add_blobs(self, rows: Sequence[BlobRow]) -> set[bytes]: ...


class PostgresShard:
    """A `Shard` on a connection that is in a transaction. The data keys of scopes that it tells of are at hand then."""

    def __init__(self, connection: Connection, data_keys: DataKeys) -> None:
        self.connection, self._data_keys = connection, data_keys
        self.sends = self.shared = False

    async def lock_nodes(self, nodes_: Sequence[str], /) -> set[str]:
        return await nodes.lock_nodes(self.connection, nodes_)

    async def standings(self, nodes_: Sequence[str], /, lives: Sequence[int]) -> Standings:
        found = await nodes.standings(self.connection, nodes_, lives)
        await self._data_keys.prepare(row.data_key for rows in found.scopes.values() for row in rows)
        return found

    async def incarnations(self, lives: Sequence[int]) -> dict[int, IncarnationRow]:
        return await nodes.incarnations(self.connection, lives)

    async def reached(self, nodes_: Sequence[str], /) -> dict[str, int]:
        return await nodes.reached(self.connection, nodes_)

    async def write_incarnations(self, incarnations: Sequence[IncarnationRow]) -> None:
        await nodes.write_incarnations(self.connection, incarnations)

    async def incarnations_of(self, nodes_: Sequence[str], /) -> dict[str, list[IncarnationRow]]:
        return await nodes.incarnations_of(self.connection, nodes_)

    async def note_reports(self, reports: Mapping[str, Report]) -> None:
        await nodes.note_reports(self.connection, reports)

    async def read_scopes(self, scopes_: Sequence[int], /) -> list[ScopeRow]:
        return await self._with_keys(await scopes.read_scopes(self.connection, scopes_))

    async def named_scopes(self, names: Sequence[str]) -> list[ScopeRow]:
        return await self._with_keys(await scopes.named_scopes(self.connection, names))

    async def _with_keys(self, rows: list[ScopeRow]) -> list[ScopeRow]:
        await self._data_keys.prepare(row.data_key for row in rows)
        return rows

    async def read_lineage(self, scopes_: Sequence[int], /, epochs_max: int) -> dict[int, list[Epoch]]:
        return await scopes.read_lineage(self.connection, scopes_, epochs_max)

    async def advance_scopes(self, advances: Sequence[Advance], epoch: int) -> dict[int, int]:
        return await scopes.advance_scopes(self.connection, advances, epoch)

    async def former_scopes(self, keys: Sequence[int]) -> dict[int, frozenset[int]]:
        return await scopes.former_scopes(self.connection, keys)

    async def note_former(self, keys: Sequence[int], scope: int) -> None:
        await scopes.note_former(self.connection, keys, scope)

    async def insert_fresh(self, rows: Sequence[NewRow]) -> dict[bytes, int]:
        return await resources.insert_fresh(self.connection, rows)

    async def lock_present(self, rkeys: Sequence[bytes]) -> list[ResourceRow]:
        return await resources.lock_present(self.connection, rkeys)

    async def at_home(self, rkeys: Sequence[bytes]) -> dict[bytes, str]:
        return await resources.at_home(self.connection, rkeys)

    async def update_rows(self, rows: Sequence[ChangedRow]) -> None:
        await resources.update_rows(self.connection, rows)

    async def read_states(self, keys: Sequence[int]) -> dict[int, ResourceRow]:
        return await resources.read_states(self.connection, keys)

    async def scan_scope(self, scope: int, after_key: int, limit: int) -> list[ResourceRow]:
        return await resources.scan_scope(self.connection, scope, after_key, limit)

    async def append_feed(self, pointers: Sequence[Pointer]) -> None:
        await feed.append_feed(self.connection, pointers)

    async def read_feed(self, scope: int, after_seq: int, not_source: int | None, limit: int) -> list[Pointer]:
        return await feed.read_feed(self.connection, scope, after_seq, not_source, limit)

    async def read_feeds(self, positions: Sequence[Position], limit: int) -> list[list[Pointer]]:
        return await feed.read_feeds(self.connection, positions, limit)

    async def park(self, parked: Sequence[Parked]) -> None:
        await held.park(self.connection, parked)

    async def parked_for(self, rkeys: Sequence[bytes]) -> list[ParkedRow]:
        return await held.parked_for(self.connection, rkeys)

    async def count_parked(self, nodes_: Sequence[str], /) -> dict[str, int]:
        return await held.count_parked(self.connection, nodes_)

    async def unpark(self, ids: Sequence[int]) -> None:
        await held.unpark(self.connection, ids)

    async def quarantine(self, quarantined: Sequence[Quarantined]) -> None:
        await held.quarantine(self.connection, quarantined)

    async def note_conflicts(self, counts: Sequence[tuple[bytes, int, int]]) -> None:
        await held.note_conflicts(self.connection, counts)

    async def add_counts(
        self, deltas: Mapping[FactKey, int], arrivals: Mapping[tuple[int, date], int], /, *, regardless: bool = False
    ) -> tuple[int, int] | None:
        return await facts.add_counts(self.connection, deltas, arrivals, regardless=regardless)

    async def write_statements(self, written: Sequence[StatementRow], gone: Sequence[int], /) -> None:
        await pregnancies.write_statements(self.connection, written, gone)

    async def note_exchanges(self, exchanges_: Mapping[str, Exchange], /) -> None:
        await exchanges.note_exchanges(self.connection, exchanges_)

    async def people_of(self, facilities: Collection[str]) -> dict[str, list[Person]]:
        return await people.people_of(self.connection, facilities)

    async def recall_people(self, people_: Sequence[Person], /) -> list[str]:
        return await people.recall(self.connection, people_)

    async def facilities_of(self, region: str) -> list[FacilityRow]:
        return await nodes.facilities_of(self.connection, region)

    async def facilities_at_home(self, region: str) -> list[FacilityRow]:
        return await nodes.facilities_at_home(self.connection, region)

    async def regions_of(self, scopes_: Sequence[int], /) -> dict[int, str]:
        return await nodes.regions_of(self.connection, scopes_)

    async def unlisted_facilities(self) -> list[FacilityRow]:
        return await nodes.unlisted_facilities(self.connection)

    async def note_listed(self, facilities: Sequence[str]) -> None:
        await nodes.note_listed(self.connection, facilities)

    async def replace_clues(self, clues_: Mapping[int, frozenset[int]], /) -> None:
        await clues.replace_clues(self.connection, clues_)

    async def keys_by_clues(self, weights: Mapping[int, int], limit: int) -> list[int]:
        return await clues.keys_by_clues(self.connection, weights, limit)

    async def count_patients(self, scopes_: Sequence[int], /) -> int:
        return await facts.count_patients(self.connection, scopes_)

    async def begin_backfill(self, version: int) -> tuple[int, int] | None:
        return await clues.begin_backfill(self.connection, version)

    async def note_backfill(self, version: int, after_key: int) -> None:
        await clues.note_backfill(self.connection, version, after_key)

    async def scan_from(self, after_key: int, upto_key: int, limit: int) -> list[ResourceRow]:
        return await clues.scan_from(self.connection, after_key, upto_key, limit)

    async def note_question(self, node: str, at: datetime, who: str, found: int) -> None:
        await audit.note_question(self.connection, node, at, who, found)

    async def questions_since(self, node: str, since: datetime) -> list[datetime]:
        return await audit.questions_since(self.connection, node, since)

    async def note_act(self, actor: str, action: str, object_: str) -> None:
        await audit.note_act(self.connection, actor, action, object_)

    async def send(self, messages: Sequence[Sending], /) -> None:
        self.sends |= bool(messages)
        await relay.send(self.connection, messages)

    async def note_referrals(self, referrals_: Sequence[tuple[int, int]], /) -> None:
        await referrals.note_referrals(self.connection, referrals_)

    async def close_referrals(self, keys: Sequence[int]) -> None:
        await referrals.close_referrals(self.connection, keys)

    async def open_referrals(self, limit: int) -> list[int]:
        return await referrals.open_referrals(self.connection, limit)

    async def lock_referral(self, key: int) -> ReferralRow | None:
        return await referrals.lock_referral(self.connection, key)

    async def settle_referral(self, key: int, state: str) -> None:
        await referrals.settle_referral(self.connection, key, state)

    async def bring_referral(self, referral: ReferralRow, /) -> None:
        await referrals.bring_referral(self.connection, referral)

    async def blobs_named(self, names: Sequence[bytes], scope: int) -> list[BlobRow]:
        return await blobs.blobs_named(self.connection, names, scope)

    async def add_blobs(self, rows: Sequence[BlobRow]) -> set[bytes]:
        return await blobs.add_blobs(self.connection, rows)
