"""How often: one suite for every place where decisions are made, a model that it is compared to, and what holds while Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from time import monotonic, monotonic_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import RedisFault, SettingsWrong, TooManyRequests, TooManyTries
from hub.keys import KEY_BYTES, SECRETS_COUNT, Keys, LocalMaster, Masters
from hub.limits.gcra import SECOND, Decision, Limit, Take, decide, per
from hub.limits.in_process import InProcess
from hub.limits.in_redis import InRedis
from hub.limits.limits import Limits, household, rules
from hub.redis.client import Client, connect, read_address
from hub.settings import Settings
from tests.hub.redis_servers import Server, one_server, redis_cluster, redis_server

__all__ = ["redis_cluster", "redis_server"]

HOUR = 3_600 * SECOND
SLOW = Limit(3, HOUR)
"""Three, and then nothing during a test."""
KEYS = Keys(Masters(lambda: [LocalMaster(bytes(KEY_BYTES))]), bytes(KEY_BYTES * SECRETS_COUNT))


def now_us() -> int:
    return monotonic_ns() // 1_000


@pytest.fixture(params=["process", "redis", "cluster"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Where decisions are made: each as it is used."""
    if request.param == "process":
        yield InProcess(now_us)
        return
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    else:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in request.getfixturevalue("redis_cluster"))
    client = Client(read_address(url))
    yield InRedis(client, f"hub-{now_us()}")
    await client.close()


async def test_a_burst_is_let_through_and_then_one_waits(place: Any) -> None:
    take = [Take("{a}:x", SLOW, "x")]
    assert [await place.decide(take) for _ in range(3)] == [Decision()] * 3
    refused = await place.decide(take)
    assert 0.99 * HOUR < refused.wait_us <= HOUR
    assert (await place.decide(take)).wait_us <= refused.wait_us  # asking makes nobody wait longer


async def test_what_is_given_back_can_be_taken_again(place: Any) -> None:
    take, back = Take("{a}:x", SLOW, "x"), Take("{a}:x", SLOW, "x", -1)
    for _ in range(5):
        assert await place.decide([take]) == Decision()
        assert await place.decide([back]) == Decision()
    for _ in range(3):
        assert await place.decide([back]) == Decision()  # nothing is saved up by it
    assert [(await place.decide([take])).wait_us > 0 for _ in range(4)] == [False, False, False, True]


async def test_several_limits_are_taken_from_all_or_none(place: Any) -> None:
    narrow, wide = Take("{a}:n", Limit(1, HOUR), "narrow"), Take("{a}:w", SLOW, "wide")
    assert await place.decide([wide, narrow]) == Decision()
    for _ in range(5):
        refused = await place.decide([wide, narrow])
        assert (refused.wait_us > 0, refused.refused_by) == (True, 1)
    assert [(await place.decide([wide])).wait_us > 0 for _ in range(3)] == [False, False, True]


async def test_keys_do_not_disturb_each_other(place: Any) -> None:
    for number in range(20):
        assert await place.decide([Take(f"{{{number}}}:x", Limit(1, HOUR), "x")]) == Decision()


async def test_those_who_ask_at_the_same_time_get_no_more_than_there_is(place: Any) -> None:
    take = [Take("{a}:x", Limit(7, HOUR), "x")]
    found = await asyncio.gather(*(place.decide(take) for _ in range(50)))
    assert sum(decision.wait_us == 0 for decision in found) == 7


async def test_it_comes_back_with_time(place: Any) -> None:
    take = [Take("{a}:x", Limit(1, 50_000), "x")]
    begun = monotonic()
    allowed = 0
    while allowed < 4:
        decision = await place.decide(take)
        allowed += decision.wait_us == 0
        assert decision.wait_us <= 50_000
    assert monotonic() - begun >= 3 * 0.05


@given(
    st.integers(1, 5),
    st.integers(1, 1_000),
    st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from([1, 1, 1, -1])), max_size=60),
)
def test_never_more_than_the_burst_and_what_came_back(burst: int, interval: int, steps: list[tuple[int, int]]) -> None:
    """Compared to a bucket that is filled by time, counted in whole numbers."""
    limit, moments, now, level = Limit(burst, interval), dict[str, int](), 0, 0
    for passed, cost in steps:
        now += passed
        level = max(0, level - passed)
        decision, after = decide([Take("k", limit, "x", cost)], moments, now)
        fits = cost < 0 or level + interval <= burst * interval
        assert (decision.wait_us == 0) == fits
        if fits:
            level = max(0, level + cost * interval)
            moments |= after
        else:
            assert decision.wait_us == level + interval - burst * interval


def test_a_clock_that_was_put_back_makes_nobody_wait_for_more_than_a_burst() -> None:
    limit = Limit(3, SECOND)
    _, moments = decide([Take("k", limit, "x")], {}, 10**15)
    decision, _ = decide([Take("k", limit, "x")], moments, 5)
    assert decision.wait_us == SECOND


async def test_a_moment_far_ahead_in_redis_makes_nobody_wait_for_long(redis_server: Server) -> None:
    client = Client(read_address(redis_server.url))
    redis_server.call("SET", "far:limit:{a}", str(10**17))
    decision = await InRedis(client, "far").decide([Take("{a}", Limit(3, SECOND), "x")])
    assert decision.wait_us == SECOND
    await client.close()


async def test_redis_keeps_no_limit_that_is_made_up_for(redis_server: Server) -> None:
    client = Client(read_address(redis_server.url))
    await InRedis(client, "gone").decide([Take("{a}", Limit(3, 20_000_000), "x")])
    left = redis_server.call("PTTL", "gone:limit:{a}")
    assert isinstance(left, int)
    assert 19_000 < left <= 20_001
    await InRedis(client, "gone").decide([Take("{a}", Limit(3, 20_000_000), "x", -1)])
    assert redis_server.call("EXISTS", "gone:limit:{a}") == 0
    await client.close()


async def test_one_process_s_limits_stay_bounded_and_remember_the_worst() -> None:
    clock = [0]
    place = InProcess(lambda: clock[0], kept_max=100)
    worst = [Take("worst", Limit(3, HOUR), "x")]
    for _ in range(3):
        await place.decide(worst)
    for number in range(1_000):
        await place.decide([Take(str(number), Limit(1, SECOND), "x")])
        assert len(place._moments) <= 100
    assert (await place.decide(worst)).wait_us > 0


def limits(shared: Any, **changed: int) -> Limits:
    return Limits(shared, InProcess(now_us), KEYS, rules(replace(Settings(), **changed)))


async def tries(work: Callable[[], Awaitable[Any]], error: type[Exception], most: int = 100) -> int:
    """How often it is let through before it is refused."""
    for count in range(most):
        try:
            await work()
        except error:
            return count
    return most


async def test_each_limit_is_of_whom_it_says(place: Any) -> None:
    hub = limits(
        place,
        login_failures_per_hour=2,
        login_failures_per_address_per_minute=5,
        requests_per_user_per_minute=3,
        requests_per_address_per_minute=5,
        record_reads_per_hour=2,
        exchanges_per_node_per_minute=2,
    )
    assert await tries(lambda: hub.login("ama", "192.0.2.1"), TooManyTries) == 2
    assert await tries(lambda: hub.login("esi", "192.0.2.1"), TooManyTries) == 2
    assert await tries(lambda: hub.login("kofi", "192.0.2.1"), TooManyTries) == 1  # five from there in all
    assert await tries(lambda: hub.login("kofi", "192.0.2.2"), TooManyTries) == 1
    assert await tries(lambda: hub.code("ama"), TooManyTries) == 5
    assert await tries(lambda: hub.requests("ama", "192.0.2.3"), TooManyRequests) == 3
    assert await tries(lambda: hub.requests("", "192.0.2.3"), TooManyRequests) == 2
    assert await tries(lambda: hub.record("ama", "p1"), TooManyRequests) == 2
    assert await tries(lambda: hub.record("ama", "p2"), TooManyRequests) == 2
    assert await tries(lambda: hub.record("esi", "p1"), TooManyRequests) == 2
    assert await tries(lambda: hub.exchange("n-1"), TooManyRequests) == 2
    with pytest.raises(TooManyTries, match="this name") as caught:
        await hub.login("ama", "192.0.2.9")
    assert caught.value.retry_after_seconds is not None
    assert 1_700 < caught.value.retry_after_seconds <= 1_800


def test_an_address_is_counted_as_one_household_has_it() -> None:
    assert household("2001:db8:1:2:3:4:5:6") == household("2001:db8:1:2:ffff::1") == "2001:db8:1:2::"
    assert household("2001:db8:1:3::1") != household("2001:db8:1:2::1")
    assert household("::ffff:192.0.2.1") == household("192.0.2.1") == "192.0.2.1"
    assert household("") == ""


async def test_names_and_addresses_do_not_stand_in_redis(redis_server: Server) -> None:
    client = Client(read_address(redis_server.url))
    hub = limits(InRedis(client, "hub-1"))
    await hub.login("Adaeze", "192.0.2.77")
    await hub.record("Adaeze", "Patient/ngozi")
    keys = str(redis_server.call("KEYS", "*"))
    assert "hub-1:limit:{login}" in keys
    assert not [text for text in ("Adaeze", "192.0.2.77", "ngozi") if text in keys]
    await client.close()


async def test_without_redis_nobody_logs_in_and_nodes_and_people_are_served(tmp_path: Any) -> None:
    with one_server(tmp_path) as server:
        clock = [0.0]
        client = Client(read_address(server.url), lambda: clock[0])
        hub = limits(InRedis(client, "hub-1"), requests_per_user_per_minute=3, record_reads_per_hour=2)
        await hub.login("ama", "192.0.2.1")
        server.kill()
        for work in (hub.login("ama", "192.0.2.1"), hub.code("ama"), hub.enrolling("192.0.2.1")):
            with pytest.raises(RedisFault):
                await work
        assert await tries(lambda: hub.exchange("n-1"), TooManyRequests) == 100
        assert await tries(lambda: hub.requests("ama", "192.0.2.1"), TooManyRequests) == 3  # as this process counts
        assert await tries(lambda: hub.record("ama", "p1"), TooManyRequests) == 2
        server.start()
        with pytest.raises(RedisFault):  # it rests for a second
            await hub.login("ama", "192.0.2.1")
        clock[0] = 2.0
        await hub.login("ama", "192.0.2.1")
        await client.close()


async def test_a_redis_that_does_not_answer_holds_nobody_up_for_long(tmp_path: Any) -> None:
    with one_server(tmp_path) as server:
        client = Client(read_address(server.url))
        hub = limits(InRedis(client, "hub-1"))
        await hub.exchange("n-1")
        server.process.send_signal(19)
        begun = monotonic()
        for _ in range(50):
            await hub.exchange("n-1")
        assert monotonic() - begun < 10
        server.process.send_signal(18)
        await client.close()


async def test_a_cluster_s_master_that_is_away_is_a_fault_and_comes_back(tmp_path: Any) -> None:
    from tests.hub.redis_servers import three_masters, whole

    with three_masters(tmp_path) as servers:
        client = Client(
            read_address("redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in servers)), lambda: 0
        )
        client._clock = iter(range(0, 10**6, 10)).__next__  # it never rests
        place = InRedis(client, "hub")
        takes = [[Take(f"{{{number}}}", SLOW, "x")] for number in range(12)]
        assert [await place.decide(take) for take in takes] == [Decision()] * 12
        servers[1].kill()
        found = [await tries(partial(place.decide, take), RedisFault, 1) for take in takes]
        assert 0 in found
        servers[1].start()
        until = monotonic() + 30
        while not all(whole(server) for server in servers):
            assert monotonic() < until
            await asyncio.sleep(0.05)
        while await tries(lambda: place.decide(takes[0]), RedisFault, 1) == 0:
            assert monotonic() < until
        await client.close()


async def test_redis_may_be_emptied_at_any_time(redis_server: Server) -> None:
    client = Client(read_address(redis_server.url))
    place = InRedis(client, "emptied")
    take = [Take("{a}:x", Limit(1, HOUR), "x")]
    assert await place.decide(take) == Decision()
    redis_server.call("FLUSHALL")
    redis_server.call("SCRIPT", "FLUSH")
    assert await place.decide(take) == Decision()
    assert (await place.decide(take)).wait_us > 0
    await client.close()


@pytest.mark.parametrize(
    ("url", "hosts", "cluster", "tls"),
    [
        ("redis://h", (("h", 6379),), False, False),
        ("rediss://u:p%40ss@h:7/3", (("h", 7),), False, True),
        ("redis+cluster://h1:1,h2:2", (("h1", 1), ("h2", 2)), True, False),
        ("redis://h1:1,h2:2", (("h1", 1), ("h2", 2)), True, False),
        ("rediss+cluster://[2001:db8::1]:5", (("2001:db8::1", 5),), True, True),
    ],
)
async def test_addresses_of_redis(url: str, hosts: Any, cluster: bool, tls: bool) -> None:
    address = read_address(url)
    assert (address.hosts, address.cluster, address.tls) == (hosts, cluster, tls)
    if "@" in url:
        assert (address.username, address.password, address.database) == ("u", "p@ss", 3)
    await connect(address).aclose()  # redis-py takes it


@pytest.mark.parametrize(
    "url", ["redis:h", "http://h", "redis://", "redis://h:x", "redis+cluster://h/3", "redis://u:sesame@h:99999"]
)
def test_an_address_that_means_nothing_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        read_address(url)
    assert "sesame" not in str(caught.value)


def test_what_per_means() -> None:
    assert per(60, 30) == Limit(30, 2 * SECOND)
    assert per(3_600, 60, 10) == Limit(10, 60 * SECOND)
