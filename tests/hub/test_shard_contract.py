"""Every implementation of a shard does the same: the cases run on Postgres and on the one that the simulator uses."""

import os
from datetime import UTC, date, datetime

import pytest

from hub.keys import KEY_BYTES, SECRETS_COUNT, Keys, LocalMaster, Masters
from hub.places import Place
from hub.runtime import Hub
from hub.store.facts import FactKey
from hub.store.feed import Pointer, Position
from hub.store.held import Parked, Quarantined
from hub.store.nodes import IncarnationRow, NodeRow, Report, add_node
from hub.store.referrals import ReferralRow
from hub.store.resources import ChangedRow, NewRow
from hub.store.scopes import Advance, Epoch
from sync_protocol.exchange.people import Person
from tests.simulation.memory_shard import MemoryHub

EPOCH = 11


@pytest.fixture(params=["postgres", "memory"])
async def shards(request: pytest.FixtureRequest, hub: Hub) -> Place:
    """A hub with nodes n-0 and n-1 of the clinics f0 and f1."""
    nodes = (("n-0", "f0"), ("n-1", "f1"))
    if request.param == "memory":
        master = LocalMaster(os.urandom(KEY_BYTES))
        memory = MemoryHub(Keys(Masters(lambda: [master]), os.urandom(KEY_BYTES * SECRETS_COUNT)), EPOCH)
        for name, facility in nodes:
            memory.add_node(name, facility)
        return memory
    enrolled = datetime(2026, 1, 1, tzinfo=UTC)
    async with hub.database.transaction() as connection:
        for name, facility in nodes:
            row = NodeRow(name, facility, "clinic", "west", "active", "", enrolled, None, None, None, None, b"", None)
            await add_node(connection, hub.keys, row)
    return hub.shards.first


async def scope_ids(hub: Place) -> dict[str, int]:
    async with hub.shard() as shard:
        standings = await shard.standings(["n-0", "n-1"], [])
    return {row.name: row.id for rows in standings.scopes.values() for row in rows}


def fresh(scope: int, count: int) -> list[NewRow]:
    return [NewRow(os.urandom(16), scope, os.urandom(16), os.urandom(20)) for _ in range(count)]


async def test_a_node_has_the_scopes_of_its_clinic_and_those_of_all(shards: Place) -> None:
    async with shards.shard() as shard:
        scopes = (await shard.standings(["n-0", "n-1", "nobody"], [])).scopes
        held = scopes["n-0"]
        assert {row.name for row in scopes["n-1"]} == {"facility/f1", "region/west", "global"}
        assert {row.name for row in held} == {"facility/f0", "region/west", "global"}
        assert [row.id for row in held] == sorted(row.id for row in held)
        assert scopes["nobody"] == []
        assert await shard.read_scopes([row.id for row in held]) == held
        assert await shard.read_scopes([-1]) == []
        assert [row.name for row in await shard.named_scopes(["facility/f0", "facility/none"])] == ["facility/f0"]


async def test_what_failed_left_nothing(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    rows = fresh(scope, 2)

    async def fail() -> None:
        async with shards.shard() as shard:
            await shard.insert_fresh(rows)
            await shard.advance_scopes([Advance(scope, 2, 5)], EPOCH)
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        await fail()
    async with shards.shard() as shard:
        assert await shard.lock_present([row.rkey for row in rows]) == []
        (after,) = await shard.read_scopes([scope])
        assert (after.seq, after.digest) == (0, 0)


async def test_the_beginning_of_an_incarnation_stays(shards: Place) -> None:
    row = IncarnationRow(5, "n-0", 3, 3, 0, b"t" * 12, 1)
    async with shards.shard() as shard:
        await shard.lock_nodes(["n-1", "n-0"])
        assert await shard.incarnations([5, 6]) == {}
        assert await shard.reached(["n-0"]) == {"n-0": 0}
        await shard.write_incarnations([IncarnationRow(6, "n-1", 0, 4, 0, b"v" * 12, 1), row])
        await shard.write_incarnations([IncarnationRow(5, "n-0", 99, 7, 2, b"u" * 12, 2)])
        await shard.note_reports({"n-0": Report(5, "1.0", 2), "n-1": Report()})
    async with shards.shard() as shard:
        found = (await shard.incarnations([5, 7]))[5]
        assert found == IncarnationRow(5, "n-0", 3, 7, 2, b"u" * 12, 2)
        assert await shard.reached(["n-0", "n-1", "nobody"]) == {"n-0": 7, "n-1": 4, "nobody": 0}
        both = (await shard.standings(["n-0"], [5, 6, 7])).lives
        assert both == {5: found, 6: IncarnationRow(6, "n-1", 0, 4, 0, b"v" * 12, 1)}
        assert await shard.incarnations_of(["n-0", "n-1"]) == {"n-0": [found], "n-1": [both[6]]}


async def test_fresh_rows_are_stored_once_updates_change_what_they_name(shards: Place) -> None:
    ids = await scope_ids(shards)
    scope, other = ids["facility/f0"], ids["facility/f1"]
    rows = fresh(scope, 5)
    async with shards.shard() as shard:
        stored = await shard.insert_fresh(rows[:3])
        assert (await shard.insert_fresh(rows)).keys() == {row.rkey for row in rows[3:]}
        present = await shard.lock_present([row.rkey for row in rows] + [b"none"])
        assert [row.key for row in present] == sorted(row.key for row in present)
        assert {row.rkey: (row.hash, row.state) for row in present} == {row.rkey: (row.hash, row.state) for row in rows}
        moved = stored[rows[0].rkey]
        await shard.update_rows([ChangedRow(moved, other, b"h" * 16, b"new"), ChangedRow(-1, other, b"h" * 16, b"")])
        states = await shard.read_states([moved, -1])
        assert {key: (row.scope, row.hash, row.state) for key, row in states.items()} == {
            moved: (other, b"h" * 16, b"new")
        }
        scanned = await shard.scan_scope(scope, 0, 3)
        rest = await shard.scan_scope(scope, scanned[-1].key, 3)
        assert [row.key for row in scanned + rest] == sorted(row.key for row in present if row.key != moved)


async def test_places_in_a_feed_follow_one_another_and_name_their_epoch(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    async with shards.shard() as shard:
        assert await shard.advance_scopes([Advance(scope, 2, 5)], EPOCH) == {scope: 1}
        assert await shard.advance_scopes([Advance(scope, 1, (1 << 128) - 6)], EPOCH) == {scope: 3}
        assert await shard.advance_scopes([Advance(scope, 1, 0)], EPOCH + 1) == {scope: 4}
        (row,) = await shard.read_scopes([scope])
        assert (row.seq, row.epoch, row.digest) == (4, EPOCH + 1, (1 << 128) - 1)
        assert await shard.read_lineage([scope], 16) == {scope: [Epoch(EPOCH, 0), Epoch(EPOCH + 1, 3)]}
        assert await shard.read_lineage([scope], 1) == {scope: [Epoch(EPOCH + 1, 3)]}


async def test_a_reader_gets_what_others_made_in_order(shards: Place) -> None:
    ids = await scope_ids(shards)
    scope = ids["facility/f0"]
    pointers = [
        Pointer(scope, 1, 10, 5, None),
        Pointer(scope, 2, 11, 6, b"abcd"),
        Pointer(scope, 3, 12, None, b""),
        Pointer(scope, 4, 10, 6, b"efgh"),
    ]
    async with shards.shard() as shard:
        await shard.append_feed([Pointer(ids["facility/f1"], 1, 9, 5, None), *pointers])
        await shard.append_feed([])
        assert await shard.read_feed(scope, 0, 6, 10) == [pointers[0], pointers[2]]
        assert await shard.read_feed(scope, 1, None, 10) == pointers[1:]
        assert await shard.read_feed(scope, 0, 5, 2) == pointers[1:3]
        assert await shard.read_feed(scope, 4, None, 10) == []
        asked = [(scope, 0, 6), (scope, 1, None), (scope, 0, 5), (scope, 4, None), (ids["facility/f1"], 0, 6)]
        limit = 2
        each = [await shard.read_feed(*one, limit) for one in asked]
        assert await shard.read_feeds([Position(*one) for one in asked], limit) == each
        assert [len(one) for one in each] == [2, 2, 2, 0, 1]


async def test_former_scopes_are_noted_once(shards: Place) -> None:
    ids = await scope_ids(shards)
    async with shards.shard() as shard:
        await shard.note_former([1, 2], ids["facility/f0"])
        await shard.note_former([2], ids["facility/f0"])
        await shard.note_former([2], ids["facility/f1"])
        first, second = ids["facility/f0"], ids["facility/f1"]
        assert await shard.former_scopes([1, 2, 3]) == {1: frozenset({first}), 2: frozenset({first, second})}
        assert await shard.former_scopes([]) == {}


async def test_what_waits_is_found_in_order_until_it_is_taken(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    async with shards.shard() as shard:
        await shard.park(
            [Parked("n-0", scope, b"x" * 16, b"1", "waits"), Parked("n-1", scope, b"y" * 16, b"2", "waits")]
        )
        await shard.park([Parked("n-0", scope, b"x" * 16, b"3", "waits")])
        found = await shard.parked_for([b"x" * 16])
        assert [(row.node, row.state) for row in found] == [("n-0", b"1"), ("n-0", b"3")]
        assert await shard.count_parked(["n-0", "n-1", "nobody"]) == {"n-0": 2, "n-1": 1, "nobody": 0}
        await shard.unpark([found[0].id])
        assert [row.state for row in await shard.parked_for([b"x" * 16, b"y" * 16])] == [b"2", b"3"]


async def test_what_only_people_read_is_taken(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    key = FactKey(scope, date(2026, 1, 1), "encounter", "AMB")
    async with shards.shard() as shard:
        await shard.quarantine([Quarantined("n-0", scope, None, "forged", "detail", b"sealed")])
        await shard.note_conflicts([(b"x" * 16, scope, 2), (b"y" * 16, scope, 0)])
        await shard.note_conflicts([(b"x" * 16, scope, 0)])
        await shard.add_counts({key: 2}, {})
        await shard.add_counts({key: -1}, {})


def person(name: str, revision: int, facility: str = "f0", role: str = "midwife", disabled: bool = False) -> Person:
    return Person(name, facility, role, "$argon2id$x", revision, disabled=disabled)


async def test_people_are_recalled_where_that_is_newer_and_told_to_those_they_concern(shards: Place) -> None:
    ama, root = person("ama", 5), person("root", 6, "", "admin")
    async with shards.shard() as shard:
        assert await shard.recall_people([ama, root, person("kofi", 7, "", "clinician")]) == ["ama", "kofi", "root"]
        assert await shard.recall_people([person("ama", 4, disabled=True)]) == []
    async with shards.shard() as shard:
        assert sorted((await shard.people_of(["f0"]))["f0"], key=lambda one: one.name) == [ama, root]
        assert (await shard.people_of(["f1"]))["f1"] == [root]


async def test_who_moved_is_gone_from_where_she_was(shards: Place) -> None:
    async with shards.shard() as shard:
        await shard.recall_people([person("ama", 5), person("root", 6, "", "admin")])
        await shard.recall_people([person("ama", 8, "f1"), person("root", 9, "", "clinician")])
        left = {one.name: (one.revision, one.gone, one.secret) for one in (await shard.people_of(["f0"]))["f0"]}
        assert left == {"ama": (8, True, ""), "root": (9, True, "")}
        assert {one.name: one.gone for one in (await shard.people_of(["f1"]))["f1"]} == {"ama": False, "root": True}
        await shard.recall_people([person("ama", 10)])
        assert {one.name: one.gone for one in (await shard.people_of(["f0"]))["f0"]} == {"ama": False, "root": True}


async def test_who_is_recalled_as_gone_does_not_log_in_there(shards: Place) -> None:
    gone = Person("ama", "f0", "", "", 9, disabled=True, gone=True)
    async with shards.shard() as shard:
        await shard.recall_people([person("ama", 5)])
        assert await shard.recall_people([gone]) == ["ama"]
        (told,) = (await shard.people_of(["f0"]))["f0"]
        assert (told.revision, told.disabled) == (9, True)
        assert await shard.recall_people([gone]) == []


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("first", ["where she went", "where she was"])
async def test_who_moved_is_where_she_went_whichever_clinic_reminds_the_hub_first(
    shards: Place, first: str, known: bool
) -> None:
    went, gone = person("ama", 8, "f1"), Person("ama", "f0", "", "", 8, disabled=True, gone=True)
    async with shards.shard() as shard:
        if known:
            await shard.recall_people([person("ama", 5)])
        for one in (went, gone) if first == "where she went" else (gone, went):
            await shard.recall_people([one])
        assert (await shard.people_of(["f0"]))["f0"] == [gone]
        assert (await shard.people_of(["f1"]))["f1"] == [went]
        assert await shard.recall_people([gone, went]) == []


async def test_a_region_s_facilities_are_told_of_once(shards: Place) -> None:
    async with shards.shard() as shard:
        both = await shard.facilities_of("west")
        assert [(row.id, row.name, row.region) for row in both] == [
            ("f0", "Clinic f0", "west"),
            ("f1", "Clinic f1", "west"),
        ]
        assert await shard.facilities_of("east") == []
        assert await shard.regions_of([both[0].scope, -1]) == {both[0].scope: "west"}
        assert [row.id for row in await shard.unlisted_facilities()] == ["f0", "f1"]
        await shard.note_listed(["f0"])
        assert [row.id for row in await shard.unlisted_facilities()] == ["f1"]


async def test_who_shares_the_heaviest_clues_comes_first(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    async with shards.shard() as shard:
        await shard.replace_clues({1: frozenset({10, 11}), 2: frozenset({11, -12}), 3: frozenset({13})})
        assert await shard.keys_by_clues({10: 2, 11: 1, -12: 5}, 9) == [2, 1]
        assert await shard.keys_by_clues({10: 2, 11: 1, -12: 5}, 1) == [2]
        await shard.replace_clues({2: frozenset({13}), 3: frozenset()})
        assert await shard.keys_by_clues({11: 1, -12: 5, 13: 1}, 9) == [1, 2]
        assert await shard.keys_by_clues({}, 9) == []
        await shard.add_counts({FactKey(scope, date(1, 1, 1), "patient", "female"): 3}, {})
        assert (await shard.count_patients([scope]), await shard.count_patients([-1])) == (3, 0)


async def test_a_backfill_goes_on_where_it_ended_and_ends_where_it_began_to_be_needless(shards: Place) -> None:
    scope = (await scope_ids(shards))["facility/f0"]
    async with shards.shard() as shard:
        stored = sorted((await shard.insert_fresh(fresh(scope, 3))).values())
        assert await shard.begin_backfill(1) == (0, stored[-1])
        await shard.insert_fresh(fresh(scope, 1))
        found = await shard.scan_from(0, stored[-1], 2)
        assert [row.key for row in found] == stored[:2]
        await shard.note_backfill(1, stored[1])
    async with shards.shard() as shard:
        assert await shard.begin_backfill(1) == (stored[1], stored[-1])
        await shard.note_backfill(1, stored[-1])
        assert await shard.begin_backfill(1) is None
        assert await shard.begin_backfill(2) is not None


async def test_questions_of_a_node_are_counted_by_their_time(shards: Place) -> None:
    times = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(3)]
    async with shards.shard() as shard:
        for at in times:
            await shard.note_question("n-0", at, "ama (midwife)", 2)
        await shard.note_act("n-0", "person.admit", "ama")
        assert await shard.questions_since("n-0", times[0]) == times[1:]
        assert await shard.questions_since("n-1", datetime(2025, 1, 1, tzinfo=UTC)) == []


async def test_a_referral_is_noted_once_and_closed_only_after_it_was_carried_out(shards: Place) -> None:
    async with shards.shard() as shard:
        await shard.note_referrals([(8, 1), (7, 2)])
        await shard.note_referrals([(7, 9)])
        assert await shard.open_referrals(9) == [8, 7]
        assert await shard.open_referrals(1) == [8]
        await shard.close_referrals([7, 99])
        found = await shard.lock_referral(7)
        assert found is not None
        assert (found.key, found.source, found.state) == (7, 2, "waiting")
        await shard.settle_referral(7, "moved")
        await shard.settle_referral(8, "there")
        assert await shard.open_referrals(9) == []
        await shard.close_referrals([7, 8])
        assert await shard.open_referrals(9) == [7]
        assert await shard.lock_referral(99) is None
        for brought in (ReferralRow(7, 0, "waiting"), ReferralRow(6, 2, "moved")):
            await shard.bring_referral(brought)
            assert await shard.lock_referral(brought.key) == brought
