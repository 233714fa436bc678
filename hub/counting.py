"""Counts follow what is stored: in the transaction that stores it, again for all records after other rules, pregnancies soon after.

In the transaction: facts by their difference, how late something new came, and what a resource says of a pregnancy. What a pregnancy then
*is* crosses resources: it is worked out in the background, from the list of those of which something changed. So an exchange pays one small
write for it, and waits for nobody.

**Counting anew** (`facts.VERSION`, or the command `medtech-hub facts recount`): all counts are thrown away, and records are counted in
slices by key. `recount` says between which keys it still has to: a record there that changes is not counted in its own transaction, since
its slice will count it as it then is. Both hold the record's lock when they look, so each record is counted once.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import structlog
from msgspec import Struct

from hub import clues, facts, maternal
from hub.errors import Busy
from hub.facts import VERSION, Counted, Fact, counted
from hub.places import Place
from hub.states import NOTHING
from hub.store import facts as fact_rows
from hub.store import pregnancies, shard_map
from hub.store.facts import FactKey
from hub.store.pregnancies import StatementRow
from hub.store.resources import ResourceRow
from hub.store.shard import Shard
from sync_protocol.resource import Resource

log = structlog.get_logger()

PREGNANCIES_A_SLICE = 500


class Change(Struct, frozen=True):
    """A resource that was written, under its number: what it was, in which scope, and what it is now. `arrived`: it is new to the
    whole hub, and not brought from another shard, or back."""

    key: int
    old_scope: int
    before: Resource | None
    scope: int
    after: Resource | None
    arrived: bool = False


async def note(place: Place, shard: Shard, written: Sequence[Change], scopes: Mapping[int, str]) -> None:
    """Brings counts up to date with resources that this transaction wrote; their rows are locked. `scopes`: names of those they are in."""
    derived: list[Derived] = []
    async for some in place.paced(written):
        derived += [(one, counted(one.before), counted(one.after)) for one in some]
    derived = [row for row in derived if row[1] != row[2] or (row[2] != Counted() and row[0].old_scope != row[0].scope)]
    arrivals = _arrivals(derived)
    if (anew := await shard.add_counts(_deltas(derived), arrivals)) is not None:
        after, upto = anew
        rest = [row for row in derived if not after < row[0].key <= upto]
        await shard.add_counts(_deltas(rest), arrivals, regardless=True)
    await _note_statements(place, shard, derived, scopes)


Derived = tuple[Change, Counted, Counted]


def _deltas(derived: Sequence[Derived]) -> dict[FactKey, int]:
    by_scope: defaultdict[int, Counter[Fact]] = defaultdict(Counter)
    for one, before, after in derived:
        for sign, scope, found in ((-1, one.old_scope, before), (1, one.scope, after)):
            for fact in found.facts:
                by_scope[scope][fact] += sign
    return {
        FactKey(scope, fact.day, fact.kind, fact.code): n
        for scope, of_it in by_scope.items()
        for fact, n in of_it.items()
    }


def _arrivals(derived: Sequence[Derived]) -> Counter[tuple[int, date]]:
    """What has arrived, by the day it is about."""
    return Counter(
        (one.scope, found.facts[0].day)
        for one, _, found in derived
        if one.arrived
        and found.facts
        and found.facts[0].kind in facts.HAPPENED
        and found.facts[0].day.year
        in maternal.YEARS  # of others no lateness can be told, and Postgres cannot subtract the last day of all
    )


async def _note_statements(place: Place, shard: Shard, derived: Sequence[Derived], scopes: Mapping[int, str]) -> None:
    said = [
        (one, before.statement, after.statement)
        for one, before, after in derived
        if before.statement != after.statement or (after.statement is not None and one.old_scope != one.scope)
    ]
    if said:
        stated = [(one.key, one.scope, now) for one, _, now in said if now is not None]
        rows = _statement_rows(place, stated, scopes)
        await shard.write_statements(rows, [one.key for one, _, now in said if now is None])


def _statement_rows(
    place: Place, stated: Sequence[tuple[int, int, maternal.Statement]], scopes: Mapping[int, str]
) -> list[StatementRow]:
    """Statements, `(key, scope, what is said)`, as they are kept. References are named within their scope: two clinics may use one id for
    two pregnancies. By the scope's name, which is the same on every shard."""

    def named(scope: int, reference: str) -> bytes | None:
        return place.keys.resource_key(f"{scopes[scope]} {reference}") if reference else None

    return [
        StatementRow(key, scope, said, named(scope, said.episode), named(scope, said.visit))
        for key, scope, said in stated
    ]


# --- counting anew --------------------------------------------------------------------------------------------------------


async def begin(place: Place, *, anew: bool = False) -> bool:
    """Has everything counted again if the rules are others than those it was counted by; `anew`: in any case. Whether it begins.

    Not while a facility is on its way from or to this shard: its records stand on both then, and its counts go over at one moment between.
    No move begins meanwhile, and what one copies later is not among what is counted. Raises `Busy` when it was to begin in any case.
    """
    async with place.transaction() as connection:
        if not anew and await fact_rows.counted_by(connection) == VERSION:
            return False
    async with place.others.first.transaction() as central:
        await shard_map.hold_moves(central)
        if any(place.id in (move.source, move.target) for move in await shard_map.moves(central)):
            if anew:
                raise Busy("A facility is being moved from or to the shard.", hint="Count anew when that is over.")
            return False
        async with place.transaction() as connection:
            return await fact_rows.begin_recount(connection, VERSION, anew=anew)


async def recount(place: Place) -> bool:
    """One slice of counting anew. Whether anything was done. A record that does not open holds nobody up."""
    async with place.transaction() as connection:
        span = await fact_rows.lock_recount(connection)
        if span is None:
            return False
        shard = place.on(connection)
        rows = await shard.scan_from(*span, clues.ROWS_A_SLICE)
        # Read again under their locks: who changes one meanwhile is waited for, and leaves the counting to us.
        locked = await shard.lock_present([row.rkey for row in rows])
        await count(place, shard, await clues.opened(place, shard, locked, None))
        await fact_rows.note_recount(connection, rows[-1].key if len(rows) == clues.ROWS_A_SLICE else span[1])
        return True


async def waits(place: Place) -> bool:
    """Whether records still wait to be counted, though a slice was not to be had just now."""
    async with place.transaction() as connection:
        return await fact_rows.waits_for_recount(connection)


async def count(place: Place, shard: Shard, opened: Sequence[tuple[ResourceRow, Resource | None]]) -> None:
    """Counts resources as they are, that were not counted here before: of a slice, or of a facility that was brought here."""
    deltas: Counter[FactKey] = Counter()
    said: list[tuple[int, int, maternal.Statement]] = []
    for row, resource in opened:
        found = counted(resource if row.hash != NOTHING else None)  # of what is at home elsewhere there is a name alone
        for fact in found.facts:
            deltas[FactKey(row.scope, fact.day, fact.kind, fact.code)] += 1
        if found.statement is not None:
            said.append((row.key, row.scope, found.statement))
    await shard.add_counts(deltas, {}, regardless=True)
    stated = {key for key, _, _ in said}
    scopes = {row.id: row.name for row in await shard.read_scopes(sorted({scope for _, scope, _ in said}))}
    await shard.write_statements(
        _statement_rows(place, said, scopes), [row.key for row, _ in opened if row.key not in stated]
    )


# --- what follows, in the background ----------------------------------------------------------------------------------------


async def follow(place: Place) -> bool:
    """One slice of pregnancies of which something changed. Whether more may wait."""
    async with place.transaction() as connection:
        if not await pregnancies.lock_following(connection):
            return False
        episodes = await pregnancies.take_stale(connection, PREGNANCIES_A_SLICE)
        found = await pregnancies.statements_of(connection, episodes)
        await pregnancies.write_courses(connection, {episode: _course(rows) for episode, rows in found.items()})
        return await pregnancies.any_stale(connection)


def _course(rows: Sequence[StatementRow]) -> tuple[int, maternal.Course] | None:
    found = maternal.course([row.said for row in rows])
    scope = next((row.scope for row in rows if row.said.kind == "episode"), 0)
    return (scope, found) if found is not None else None
