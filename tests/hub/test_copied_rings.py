"""A scope that two shards know: what is sealed on either opens on either, however its keys are exchanged and whoever is late."""

import asyncio
import os
from collections.abc import Iterator

import asyncpg
import pytest

from hub.facilities import add_facility
from hub.keys import rings as ring_rules
from hub.keys.seals import marked_version
from hub.places import Place
from hub.postgres.embedded import SocketAddress
from hub.rotation import copies
from hub.rotation import data as data_rotation
from hub.runtime import Hub
from hub.sharding import add_shard
from hub.store import rings
from hub.store.held import Parked
from hub.store.scopes import ScopeRow, put_foreign
from hub.upkeep import rotate, tidy
from tests.hub.conftest import NOW_MS, administer

REGION = "region/west"
RKEY = bytes(16)


@pytest.fixture
def second_dsn(postgres: SocketAddress) -> Iterator[str]:
    asyncio.run(administer(postgres, "CREATE DATABASE copied"))
    yield f"postgresql://{postgres.user}@/copied?host={os.path.realpath(postgres.folder)}"
    asyncio.run(administer(postgres, "DROP DATABASE copied WITH (FORCE)"))


@pytest.fixture
async def second(hub: Hub, second_dsn: str) -> Place:
    """A second shard of the region, which knows its scope from the first."""
    await add_facility(hub, "test", "f0", "Clinic f0", "west", NOW_MS)
    await add_shard(hub, "test", 2, second_dsn, ("west",))
    return hub.shards.at(2)


async def scope_at(place: Place) -> ScopeRow:
    async with place.shard() as shard:
        (row,) = await shard.named_scopes([REGION])
    return row


async def park_at(place: Place, plain: bytes) -> None:
    """Something that is sealed with the scope's key as it is known there."""
    async with place.shard() as shard:
        (row,) = await shard.named_scopes([REGION])
        await shard.park([Parked("n", row.id, RKEY, place.seal(row.data_key).seal(plain, RKEY), "waits")])


async def parked_at(place: Place) -> list[tuple[int, bytes]]:
    """The version that each is under, and what it is."""
    async with place.shard() as shard:
        (row,) = await shard.named_scopes([REGION])
        rows = await shard.parked_for([RKEY])
        return [(marked_version(one.state), place.seal(row.data_key).open(one.state, RKEY)) for one in rows]


async def versions_at(place: Place) -> list[int]:
    return [key.version for key in ring_rules.read((await scope_at(place)).data_key).keys]


async def rotate_at(place: Place) -> None:
    async with place.transaction() as connection:
        wanted = [(await scope_at(place)).id]
        assert await data_rotation.begin(connection, place.keys, wanted, "test") == wanted
    await carry_on(place)


async def carry_on(place: Place) -> None:
    while await rotate(place):
        pass


async def test_a_copy_follows_its_home_and_keeps_what_it_needs(hub: Hub, second: Place) -> None:
    first = hub.shards.first
    await park_at(second, b"before")
    await rotate_at(first)
    assert (await versions_at(first), await versions_at(second)) == ([2], [1])
    await park_at(second, b"late")  # it does not know yet
    await copies.refresh(second, 1)
    assert await versions_at(second) == [1, 2]
    await park_at(second, b"after")
    assert [version for version, _ in await parked_at(second)] == [1, 1, 2]
    await tidy(hub, NOW_MS)
    assert await versions_at(second) == [2]
    assert await parked_at(second) == [(2, b"before"), (2, b"late"), (2, b"after")]
    await tidy(hub, NOW_MS)
    async with second.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM key_rotation") == 0


async def test_a_copy_waits_until_its_home_has_done_with_its_own_rows(hub: Hub, second: Place) -> None:
    first = hub.shards.first
    await park_at(second, b"before")
    async with first.transaction() as connection:
        await data_rotation.begin(connection, first.keys, [(await scope_at(first)).id], "test")
    while ring_rules.read((await scope_at(first)).data_key).current == 1:
        await rotate(first)
    await copies.refresh(second, 1)
    await carry_on(second)
    assert await versions_at(second) == [1, 2]
    await carry_on(first)
    await copies.refresh(second, 1)
    await carry_on(second)
    assert await versions_at(second) == [2]
    assert await parked_at(second) == [(2, b"before")]


async def test_rows_that_come_late_bring_their_key(hub: Hub, second: Place) -> None:
    """Read at home before a rotation, with the ring; written to the other shard when that has let go of the old key."""
    first = hub.shards.first
    early = await scope_at(first)
    carried = first.seal(early.data_key).seal(b"carried", RKEY)
    await rotate_at(first)
    await tidy(hub, NOW_MS)
    assert await versions_at(second) == [2]
    async with second.shard() as shard, second.transaction() as connection:
        scope = await put_foreign(connection, early, 1)
        await shard.park([Parked("n", scope, RKEY, carried, "waits")])
    assert await versions_at(second) == [1, 2]
    assert ring_rules.read((await scope_at(second)).data_key).current == 1
    assert await parked_at(second) == [(1, b"carried")]
    for _ in range(2):
        await tidy(hub, NOW_MS)
    assert await versions_at(second) == [2]
    assert await parked_at(second) == [(2, b"carried")]


async def test_a_scope_that_came_in_the_middle_is_finished_where_it_is_now(hub: Hub, second: Place) -> None:
    first = hub.shards.first
    await park_at(second, b"before")
    await rotate_at(first)
    await copies.refresh(second, 1)
    async with second.transaction() as connection, first.transaction() as other:
        await connection.execute("DELETE FROM key_rotation")
        await connection.execute("UPDATE scope SET home = NULL WHERE name = $1", REGION)
        await other.execute("UPDATE scope SET home = 2 WHERE name = $1", REGION)
    await tidy(hub, NOW_MS)
    assert (await versions_at(second), await parked_at(second)) == ([2], [(2, b"before")])


async def test_nobody_rotates_but_at_home(hub: Hub, second: Place) -> None:
    async with second.transaction() as connection:
        assert await rings.scopes_matching(connection, None, "west") == []
        assert await rings.resting_rings(connection) == []
        assert await rings.homes(connection) == [1]


async def test_a_home_that_is_away_holds_nobody_up(hub: Hub, second: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> object:
        raise asyncpg.CannotConnectNowError("no")

    await rotate_at(hub.shards.first)
    with monkeypatch.context() as patched:
        patched.setattr("hub.store.rings.rings_at_home", away)
        await tidy(hub, NOW_MS)
    assert 1 in await versions_at(second)
    await tidy(hub, NOW_MS)
    assert await versions_at(second) == [2]
