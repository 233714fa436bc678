"""The store: sets in, sets out, and positions in a feed that are in the order of commits."""

import asyncio
import os
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from hub.postgres.engine import COPY_ROWS_MIN, Connection
from hub.runtime import Hub
from hub.store import held
from hub.store.facts import FactKey, add_counts, read_facts, read_stats
from hub.store.feed import Pointer, append_feed, read_feed
from hub.store.nodes import (
    IncarnationRow,
    NodeRow,
    Report,
    add_node,
    find_node,
    incarnations,
    incarnations_of,
    lock_nodes,
    note_reports,
    reached,
    read_facility,
    write_incarnations,
)
from hub.store.resources import (
    ChangedRow,
    NewRow,
    insert_fresh,
    lock_present,
    read_states,
    scan_scope,
    update_rows,
)
from hub.store.scopes import Advance, advance_scope, advance_scopes, read_lineage, read_scopes, rebuild_digest
from tests.hub.test_enrolment import time_ms

EPOCH = 7


def fresh(scope: int, count: int) -> list[NewRow]:
    return [NewRow(os.urandom(16), scope, os.urandom(16), os.urandom(50)) for _ in range(count)]


async def scope_of(connection: Connection, facility: str = "f0") -> int:
    return (await read_facility(connection, facility)).scope


async def a_node(hub: Hub, connection: Connection, name: str = "n-1") -> NodeRow:
    now = datetime.fromtimestamp(time_ms() / 1000, UTC)
    node = NodeRow(name, "f0", "clinic", "west", "active", "", now, None, None, None, None, b"hash", None)
    await add_node(connection, hub.keys, node)
    return node


@pytest.mark.parametrize("count", [10, 4 * COPY_ROWS_MIN])
async def test_fresh_rows_are_stored_once_and_present_ones_are_left(hub: Hub, count: int) -> None:
    async with hub.database.transaction() as connection:
        rows = fresh(await scope_of(connection), count)
        some = count // 2
        stored = await insert_fresh(connection, rows[:some])
        assert stored.keys() == {row.rkey for row in rows[:some]}
        # In one order, so that two transactions with the same rows never wait for each other.
        assert [stored[rkey] for rkey in sorted(stored)] == sorted(stored.values())
        more = await insert_fresh(connection, [*rows[some - 2 : some], *rows[some:]])
        assert more.keys() == {row.rkey for row in rows[some:]}
        present = await lock_present(connection, [row.rkey for row in rows] + [b"absent"])
        assert [row.key for row in present] == sorted((stored | more).values())
        assert {row.rkey: row.state for row in present} == {row.rkey: row.state for row in rows}


async def test_updates_change_what_they_name_and_nothing_else(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope, other = await scope_of(connection), await scope_of(connection, "f1")
        rows = fresh(scope, 3)
        keys = await insert_fresh(connection, rows)
        rows.sort(key=lambda row: keys[row.rkey])
        first, second, third = (keys[row.rkey] for row in rows)
        await update_rows(
            connection, [ChangedRow(first, scope, b"h" * 16, b"one"), ChangedRow(third, other, b"i" * 16, b"three")]
        )
        found = await read_states(connection, [first, second, third, 10**9])
        assert {key: (row.scope, row.state) for key, row in found.items()} == {
            first: (scope, b"one"),
            second: (scope, rows[1].state),
            third: (other, b"three"),
        }
        assert [row.key for row in await scan_scope(connection, scope, 0, 10)] == sorted([first, second])
        assert [row.key for row in await scan_scope(connection, scope, first, 10)] == [second]


async def test_hot_updates_touch_no_index(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        rows = fresh(await scope_of(connection), 20)
        keys = await insert_fresh(connection, rows)
        changed = [ChangedRow(keys[row.rkey], row.scope, os.urandom(16), os.urandom(50)) for row in rows]
        await update_rows(connection, changed)
        updated, hot = await connection.fetchrow(
            "SELECT pg_stat_get_xact_tuples_updated('resource'::regclass), pg_stat_get_xact_tuples_hot_updated('resource'::regclass)"
        )
    assert (updated, hot) == (20, 20)


async def test_the_digest_is_the_sum_of_the_rows(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
        rows = fresh(scope, 50)
        keys = await insert_fresh(connection, rows)
        total = sum(int.from_bytes(row.hash, "big") for row in rows)
        await advance_scope(connection, scope, 50, total, EPOCH)
        new = b"\xff" * 16
        await update_rows(connection, [ChangedRow(keys[rows[0].rkey], scope, new, b"")])
        delta = int.from_bytes(new, "big") - int.from_bytes(rows[0].hash, "big")
        await advance_scope(connection, scope, 1, delta, EPOCH)
        (row,) = await read_scopes(connection, [scope])
        assert row.digest == await rebuild_digest(connection, scope)
        assert row.seq == 51


async def test_a_feed_gives_others_changes_in_order(hub: Hub) -> None:
    count = COPY_ROWS_MIN + 10  # some by COPY, some by a statement
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
        elements = b"aaaabbbb"
        many = [Pointer(scope, seq, seq, seq % 2, None) for seq in range(1, count + 1)]
        few = [Pointer(scope, count + 1, 5, None, elements), Pointer(scope, count + 2, 6, 1, b"")]
        await append_feed(connection, many)
        await append_feed(connection, few)
        await append_feed(connection, [])
        everything = await read_feed(connection, scope, 0, 99, count + 9)
        assert everything == [*many, *few]
        mine = await read_feed(connection, scope, 0, 1, 10**6)
        assert [pointer.seq for pointer in mine] == [*range(2, count + 1, 2), count + 1]
        assert mine[-1].elements == b"aaaabbbb"
        assert [pointer.seq for pointer in await read_feed(connection, scope, count - 1, 99, 2)] == [count, count + 1]
        assert await read_feed(connection, scope + 1, 0, 99, 10) == []


async def test_order_of_positions_is_order_of_commits(hub: Hub) -> None:
    """Many writers at once: a reader who has come to a position never misses one below it."""
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
    written = 12 * 5
    read: list[int] = []

    async def write(source: int) -> None:
        for _ in range(5):
            async with hub.database.transaction() as connection:
                (key,) = (await insert_fresh(connection, fresh(scope, 1))).values()
                seq = await advance_scope(connection, scope, 1, 1, EPOCH)
                await append_feed(connection, [Pointer(scope, seq, key, source, None)])
                await asyncio.sleep(0)

    async def follow() -> None:
        cursor = 0
        while cursor < written:
            async with hub.database.transaction() as connection:
                found = await read_feed(connection, scope, cursor, -1, 1000)
            read.extend(pointer.seq for pointer in found)
            cursor = read[-1] if read else 0

    async with asyncio.timeout(60):
        await asyncio.gather(follow(), *(write(source) for source in range(12)))
    assert read == list(range(1, written + 1))


async def test_two_transactions_store_a_resource_once(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        rows = fresh(await scope_of(connection), 40)

    async def store(part: list[NewRow]) -> set[bytes]:
        async with hub.database.transaction() as connection:
            stored = await insert_fresh(connection, part)
            present = await lock_present(connection, [row.rkey for row in part])
            assert len(present) == len(part)
            return set(stored)

    async with asyncio.timeout(60):
        results = await asyncio.gather(*(store(rows if turn % 2 else rows[::-1]) for turn in range(8)))
    assert Counter(rkey for stored in results for rkey in stored) == Counter(row.rkey for row in rows)


async def test_scopes_are_advanced_together_without_deadlock(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        a, b = await scope_of(connection, "f0"), await scope_of(connection, "f1")

    async def advance(turn: int) -> None:
        async with hub.database.transaction() as connection:
            order = [Advance(a, 2, 1), Advance(b, 3, -1)]
            await advance_scopes(connection, order if turn % 2 else order[::-1], EPOCH)

    async with asyncio.timeout(60):
        await asyncio.gather(*(advance(turn) for turn in range(20)))
    async with hub.database.transaction() as connection:
        first, second = await read_scopes(connection, [a, b])
    assert (first.seq, first.digest) == (40, 20)
    assert (second.seq, second.digest) == (60, 2**128 - 20)


async def test_a_rolled_back_transaction_takes_no_position(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)

    async def fail() -> None:
        async with hub.database.transaction() as connection:
            assert await advance_scope(connection, scope, 5, 0, EPOCH) == 1
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with hub.database.transaction() as connection:
        assert await advance_scope(connection, scope, 5, 0, EPOCH) == 1


async def test_an_epoch_begins_where_the_one_before_ended(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope, other = await scope_of(connection), await scope_of(connection, "f1")
        for epoch, count in ((7, 3), (7, 2), (8, 1), (9, 4)):
            await advance_scope(connection, scope, count, 0, epoch)
        lineage = await read_lineage(connection, [scope, other], 2)
        assert [(epoch.epoch, epoch.start_seq) for epoch in lineage[scope]] == [(8, 5), (9, 6)]
        assert lineage[other] == []
        (row,) = await read_scopes(connection, [scope])
        assert (row.epoch, row.seq) == (9, 10)


async def test_an_incarnation_is_remembered(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        for name in ("n-1", "n-2"):
            await a_node(hub, connection, name)
        assert await incarnations(connection, [2**62]) == {}
        assert await reached(connection, ["n-1"]) == {"n-1": 0}
        row = IncarnationRow(2**62, "n-1", 4, 5, 3, b"token", 9)
        await write_incarnations(connection, [IncarnationRow(2**62, "n-1", 4, 4, 0, b"", 1)])
        await write_incarnations(connection, [row])
        assert await incarnations(connection, [2**62, 1]) == {2**62: row}
        assert await reached(connection, ["n-1", "n-2"]) == {"n-1": 5, "n-2": 0}
        assert await incarnations_of(connection, ["n-1", "n-2"]) == {"n-1": [row], "n-2": []}


async def test_exchanges_of_one_node_come_one_after_the_other(hub: Hub) -> None:
    """Even for an incarnation that the hub sees for the first time."""
    async with hub.database.transaction() as connection:
        await a_node(hub, connection)
    inside = 0

    async def exchange() -> bool:
        nonlocal inside
        async with hub.database.transaction() as connection:
            await lock_nodes(connection, ["n-1"])
            known = await incarnations(connection, [1])
            inside += 1
            assert inside == 1
            await write_incarnations(connection, [IncarnationRow(1, "n-1", 0, 0, 0, b"", 1)])
            inside -= 1
            return not known

    async with asyncio.timeout(60):
        assert sum(await asyncio.gather(*(exchange() for _ in range(8)))) == 1


async def test_what_a_node_reports_is_kept(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        await a_node(hub, connection)
        await note_reports(connection, {"n-1": Report(-250, "0.1.0", 12, '{"disk": 1}')})
        await note_reports(connection, {"n-1": Report(pending=3)})
        node = await find_node(connection, "n-1")
        assert node is not None
        assert (node.clock_offset_ms, node.version, node.pending) == (-250, "0.1.0", 3)
        assert node.last_seen is not None


async def test_parked_registers_wait_and_are_taken_up(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
        await held.park(
            connection, [held.Parked("n-1", scope, key, b"state" + key, "why") for key in (b"a", b"b", b"a")]
        )
        waiting = await held.parked_for(connection, [b"a", b"c"])
        assert [(row.rkey, row.state) for row in waiting] == [(b"a", b"statea")] * 2
        await held.unpark(connection, [row.id for row in waiting])
        assert await held.parked_for(connection, [b"a"]) == []
        assert await held.count_parked(connection, ["n-1", "n-2"]) == {"n-1": 1, "n-2": 0}


async def test_quarantine_is_listed_until_resolved(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
        await held.quarantine(
            connection,
            [
                held.Quarantined("n-1", scope, b"k", "forged", "a detail", b"sealed"),
                held.Quarantined("n-1", scope, None, "odd", "", b""),
            ],
        )
        first, second = await held.list_quarantine(connection)
        assert (first.scope, first.reason, first.bytes, second.reason) == ("facility/f0", "forged", 6, "odd")
        await held.resolve_quarantine(connection, first.id)
        assert [row.id for row in await held.list_quarantine(connection)] == [second.id]


async def test_conflicts_open_and_close(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
        await held.note_conflicts(connection, [(b"a", scope, 2), (b"b", scope, 1), (b"c", scope, 0)])
        await held.note_conflicts(connection, [(b"a", scope, 1), (b"b", scope, 0)])
        (count,) = await held.count_conflicts(connection)
        assert (count.scope, count.resources, count.elements) == ("facility/f0", 1, 1)


async def test_facts_add_up_whoever_comes_first(hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        scope = await scope_of(connection)
    keys = [FactKey(scope, date(2026, 1, day), "encounter", code) for day in (1, 2) for code in ("AMB", "HH")]

    async def add(turn: int) -> None:
        async with hub.database.transaction() as connection:
            await add_counts(connection, dict.fromkeys(keys if turn % 2 else keys[::-1], 2), {})
            await add_counts(connection, {keys[0]: -2, keys[1]: 0}, {})

    async with asyncio.timeout(60):
        await asyncio.gather(*(add(turn) for turn in range(10)))
    async with hub.database.transaction() as connection:
        assert await read_facts(connection, "encounter", date(2026, 1, 1)) == dict.fromkeys(keys[1:], 20)
        assert await read_facts(connection, "encounter", date(2026, 1, 3)) == {}
        assert (await read_stats(connection)).facilities == 2
