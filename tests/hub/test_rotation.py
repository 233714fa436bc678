"""Another data key: nobody sees a change, nothing is left under the old one, and nothing is lost however it is interrupted."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from hub.authoring import put
from hub.errors import KeyNotHere, SealBroken
from hub.keys import LocalMaster
from hub.keys import rings as ring_rules
from hub.keys.rings import Ring
from hub.keys.seals import marked_version
from hub.places import Place
from hub.postgres.engine import Connection
from hub.rotation import data as data_rotation
from hub.runtime import Hub, opened
from hub.settings import Settings
from hub.states import States
from hub.store import blobs, key_rotations, relay, rings
from hub.store.blobs import BlobRow, UploadRow
from hub.store.held import Parked, Quarantined
from hub.store.relay import Sending
from hub.store.scopes import ScopeRow
from hub.upkeep import rotate, tidy
from sync_protocol import pack
from sync_protocol.resource import Resource
from tests.hub.conftest import NOW_MS

SCOPE = "facility/f0"
WHOLE = """
    SELECT 'resource', key, rkey, scope, hash, stored, NULL::bytea, NULL::bigint FROM resource
    UNION ALL SELECT 'feed', key, elements, scope, NULL, NULL, NULL, seq FROM feed
    UNION ALL SELECT 'scope', id, digest, NULL, NULL, NULL, NULL, seq FROM scope ORDER BY 1, 2, 8
"""
"""All that a node could see, but what is sealed."""


@pytest.fixture
async def filled(hub: Hub) -> Place:
    """f0 has 12 patients, one waits, one is in quarantine; f1 has one. All under keys without versions, as they were made once."""
    place = hub.shards.first
    await make_old(place)
    await write(place, SCOPE, range(12))
    await write(place, "facility/f1", [99])
    async with place.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        row = (await shard.scan_scope(scope.id, 0, 1))[0]
        resource = States(place).open(scope, row.rkey, row.state)
        sealed = States(place).seal(scope, row.rkey, pack.named(resource))
        await shard.park([Parked("n", scope.id, row.rkey, sealed, "waits")])
        await shard.quarantine([Quarantined("n", scope.id, row.rkey, "forged", "why", sealed)])
    async with place.transaction() as connection:
        await relay.send(connection, [Sending(row.rkey, 2, scope.id, sealed)])
        now = datetime.now(UTC)
        await blobs.add_blobs(connection, [BlobRow(row.rkey, scope.id, "object", sealed, 1, "image/png", now, now)])
        key = States(place).seal(scope, b"upload", pack.named(resource))
        await blobs.add_upload(connection, UploadRow("upload", scope.id, "n", row.rkey, key, 1, 0, 0, now))
    return place


async def make_old(hub: Place) -> None:
    """The rings of scopes as they were before there were versions."""
    (master,) = hub.keys.masters.all
    async with hub.database.transaction() as connection:
        for scope in await rings.all_rings(connection):
            (wrapped,) = await master.wrap([bytes([scope % 256]) * 32])
            await rings.write_rings(connection, {scope: wrapped})


async def write(hub: Place, scope: str, numbers: Any) -> None:
    async with hub.shard() as shard:
        (row,) = await shard.named_scopes([scope])
        await put(hub, shard, row, [patient(number) for number in numbers], NOW_MS)


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"Okafor{number}"}]}


async def begin(hub: Place) -> int:
    async with hub.database.transaction() as connection:
        scopes = await rings.scopes_matching(connection, "f0", None)
        (scope,) = await data_rotation.begin(connection, hub.keys, scopes, "test")
        return scope


async def until_done(hub: Place) -> None:
    while await rotate(hub):
        pass


async def ring_of(hub: Place, name: str = SCOPE) -> Ring:
    return ring_rules.read((await scope_row(hub, name)).data_key)


async def scope_row(hub: Place, name: str = SCOPE) -> ScopeRow:
    async with hub.shard() as shard:
        (row,) = await shard.named_scopes([name])
    return row


async def stored(hub: Place, name: str = SCOPE) -> list[tuple[int, Resource]]:
    """The version that each record of a scope is under, and the record."""
    async with hub.shard() as shard:
        (scope,) = await shard.named_scopes([name])
        rows = await shard.scan_scope(scope.id, 0, 1000)
        seal, states = hub.seal(scope.data_key), States(hub)
        # The version by opening it: one of 256 states of version 0 looks like another.
        return [(seal.opened(row.state, row.rkey)[0], states.open(scope, row.rkey, row.state)) for row in rows]


async def whole(hub: Place) -> list[Any]:
    async with hub.database.transaction() as connection:
        return [tuple(row) for row in await connection.fetch(WHOLE)]


async def step(hub: Place) -> str:
    async with hub.database.transaction() as connection:
        found = await key_rotations.list_rotations(connection)
    return found[0].step if found else "over"


async def test_all_that_was_sealed_is_sealed_anew_and_nobody_sees_a_change(
    filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.rotation.data.ROWS_A_SLICE", 5)
    before, records = await whole(filled), await stored(filled)
    assert {version for version, _ in records} == {0}
    await begin(filled)
    await until_done(filled)
    assert await step(filled) == "over"
    assert await whole(filled) == before
    after = await stored(filled)
    assert {version for version, _ in after} == {1}
    assert [record for _, record in after] == [record for _, record in records]
    ring = await ring_of(filled)
    assert [key.version for key in ring.keys] == [1]
    assert ring.of_current.begun_seq == (await scope_row(filled)).seq
    assert {version for version, _ in await stored(filled, "facility/f1")} == {0}
    async with filled.shard() as shard, filled.database.transaction() as connection:
        (scope,) = await shard.named_scopes([SCOPE])
        for table in key_rotations.SEALED_TABLES[1:]:
            (row,) = await connection.fetch(f"SELECT {table.about}, {table.sealed} FROM {table.name}")
            assert marked_version(row[1]) == 1
            assert States(filled).open(scope, row[0], row[1]) == records[0][1]


async def test_a_second_one_follows_the_first(filled: Place) -> None:
    for version in (1, 2, 3):
        await begin(filled)
        await until_done(filled)
        assert {found for found, _ in await stored(filled)} == {version}


async def test_the_old_key_is_gone_for_whoever_reads_the_database_later(filled: Place, settings: Settings) -> None:
    async with filled.database.transaction() as connection:
        old = await connection.fetchval("SELECT state FROM resource ORDER BY key LIMIT 1")
    await begin(filled)
    await until_done(filled)
    async with opened(settings) as hub, hub.shards.first.shard() as shard:
        (scope,) = await shard.named_scopes([SCOPE])
        row = (await shard.scan_scope(scope.id, 0, 1))[0]
        States(hub.shards.first).open(scope, row.rkey, row.state)
        with pytest.raises(SealBroken):
            States(hub.shards.first).open(scope, row.rkey, old)


async def test_whoever_runs_meanwhile_is_waited_for_at_each_step(filled: Place, settings: Settings) -> None:
    async def begun() -> Connection:
        """Somebody else's transaction that takes its time."""
        connection = await asyncpg.connect(settings.dsn)
        await connection.execute("BEGIN")
        return connection

    running = await begun()
    await begin(filled)
    for expected, current in (("announced", 0), ("used", 1), ("sealed", 1)):
        await until_done(filled)
        assert await step(filled) == expected
        assert (await ring_of(filled)).current == current
        after = await begun()
        await running.close()
        running = after
    await running.close()
    await until_done(filled)
    assert await step(filled) == "over"


async def test_who_has_read_the_ring_before_loses_nothing(filled: Place) -> None:
    """A write that began before the new key was there seals with the old one, and commits when the new one is long in use."""
    async with filled.shard() as late:
        (scope,) = await late.named_scopes([SCOPE])
        await begin(filled)
        await until_done(filled)
        assert await step(filled) == "announced"
        await put(filled, late, scope, [patient(500)], NOW_MS)
    await until_done(filled)
    assert await step(filled) == "over"
    found = await stored(filled)
    assert len(found) == 13
    assert {version for version, _ in found} == {1}


async def test_reads_and_writes_meet_only_keys_that_they_know(filled: Place) -> None:
    """Readers and writers go on while one rotation follows the other; each reads the ring and then the rows, in one transaction."""
    ended = asyncio.Event()

    async def read() -> int:
        count = 0
        while not ended.is_set():
            await stored(filled)
            count += 1
        return count

    async def write_on() -> int:
        count = 0
        while not ended.is_set():
            await write(filled, SCOPE, [1000 + count % 40])
            count += 1
        return count

    async def rotate_on() -> None:
        try:
            for _ in range(4):
                await begin(filled)
                while await step(filled) != "over":
                    await rotate(filled)
        finally:
            ended.set()

    read_count, write_count, _ = await asyncio.gather(read(), write_on(), rotate_on())
    assert read_count > 3
    assert write_count > 3
    assert {version for version, _ in await stored(filled)} == {4}
    async with filled.shard() as shard:
        row = await scope_row(filled)
        total = sum(int.from_bytes(one.hash, "big") for one in await shard.scan_scope(row.id, 0, 1000)) % (1 << 128)
    assert total == row.digest


async def test_two_processes_seal_together(filled: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.rotation.data.ROWS_A_SLICE", 1)
    async with opened(settings) as other:
        async with filled.database.transaction() as connection:
            await data_rotation.begin(
                connection, filled.keys, await rings.scopes_matching(connection, None, None), "test"
            )

        async def carry_on(one: Place) -> None:
            while await step(one) != "over":
                await rotate(one)

        await asyncio.gather(carry_on(filled), carry_on(other.shards.first), carry_on(other.shards.first))
    assert {version for version, _ in await stored(filled)} == {1}
    async with filled.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'key.retire'") == len(
            await rings.all_rings(connection)
        )


async def interrupted(hub: Place) -> None:
    """A step that is not committed."""
    async with hub.database.transaction() as connection:
        await data_rotation.step(connection, hub.keys)
        raise InterruptedError


@pytest.mark.parametrize("after", range(9))
async def test_a_process_that_ends_anywhere_is_followed_by_another(
    filled: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("hub.rotation.data.ROWS_A_SLICE", 6)
    records = [record for _, record in await stored(filled)]
    await begin(filled)
    for _ in range(after):
        await rotate(filled)
    with pytest.raises(InterruptedError):
        await interrupted(filled)
    async with opened(settings) as hub:
        later = hub.shards.first
        await until_done(later)
        assert await step(later) == "over"
        assert [record for _, record in await stored(later)] == records


async def test_what_does_not_open_keeps_its_key(filled: Place) -> None:
    async with filled.database.transaction() as connection:
        key = await connection.fetchval(
            "SELECT max(key) FROM resource WHERE scope = (SELECT id FROM scope WHERE name = $1)", SCOPE
        )
        good = await connection.fetchval("SELECT state FROM resource WHERE key = $1", key)
        await connection.execute("UPDATE resource SET state = 'damaged' WHERE key = $1", key)
    await begin(filled)
    await until_done(filled)
    assert await step(filled) == "stuck"
    assert [one.version for one in (await ring_of(filled)).keys] == [0, 1]
    async with filled.database.transaction() as connection:
        await connection.execute("UPDATE resource SET state = $2 WHERE key = $1", key, good)
    await until_done(filled)
    assert await step(filled) == "stuck"
    await begin(filled)  # somebody has mended it
    await until_done(filled)
    assert await step(filled) == "over"
    assert {version for version, _ in await stored(filled)} == {2}


async def test_begun_twice_is_once(filled: Place) -> None:
    await begin(filled)
    async with filled.database.transaction() as connection:
        scopes = await rings.scopes_matching(connection, "f0", None)
        assert await data_rotation.begin(connection, filled.keys, scopes, "test") == []
    assert len((await ring_of(filled)).keys) == 2


async def test_large_rows_are_sealed_a_few_at_a_time(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.rotation.data.BYTES_A_SLICE", 1)
    slices: list[int] = []
    real = key_rotations.lock_rows

    async def counted(*arguments: Any) -> Any:
        slices.append(len(arguments[3]))
        return await real(*arguments)

    monkeypatch.setattr(key_rotations, "lock_rows", counted)
    await begin(filled)
    await until_done(filled)
    assert slices == [1] * 17
    assert await step(filled) == "over"


async def test_a_key_that_has_sealed_much_is_exchanged_by_itself(
    hub: Hub, filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.rotation.data.SEALS_MAX", 12)
    await tidy(hub, NOW_MS)
    assert [key.version for key in (await ring_of(filled)).keys] == [1]
    assert [key.version for key in (await ring_of(filled, "facility/f1")).keys] == [0]
    await write(filled, SCOPE, range(100, 111))
    await tidy(hub, NOW_MS)
    assert (await ring_of(filled)).current == 1  # 11 since then
    await write(filled, SCOPE, [111])
    await tidy(hub, NOW_MS)
    assert (await ring_of(filled)).current == 2


async def test_updates_of_seals_touch_no_index(filled: Place) -> None:
    """An index on what is sealed, or on the time, would have every row written into all indexes anew."""
    async with filled.database.transaction() as connection:
        for table in key_rotations.SEALED_TABLES:
            columns = await connection.fetch(
                """
                SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
                WHERE indrelid = $1::regclass
                """,
                table.name,
            )
            assert table.sealed not in {row["attname"] for row in columns}
            assert "scope" in {row["attname"] for row in columns}


async def test_a_ring_that_is_older_than_a_row_is_told_so(filled: Place) -> None:
    """Whoever keeps a scope's row beyond its transaction is told to come again, rather than that the row is damaged."""
    await begin(filled)
    await until_done(filled)
    old = await scope_row(filled)
    await begin(filled)
    await until_done(filled)
    async with filled.shard() as shard:
        row = (await shard.scan_scope(old.id, 0, 1))[0]
    with pytest.raises(KeyNotHere):
        States(filled).open(old, row.rkey, row.state)


async def test_new_keys_are_under_the_master_key_that_the_database_names(filled: Place, settings: Settings) -> None:
    await begin(filled)
    (master,) = filled.keys.masters.all
    assert isinstance(master, LocalMaster)
    assert {key.master for key in (await ring_of(filled)).keys} == {b"", master.id}
    async with filled.database.transaction() as connection:
        assert await connection.fetchval("SELECT id FROM key_master") == master.id
