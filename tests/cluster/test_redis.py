"""The Redis Cluster: a master that dies comes back as one of the three, also when it has lost who it was."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from redis import Redis, RedisCluster
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException, RedisError

from hub.cluster.redis_cluster import Known, Step, View, ranges, steps, view_of
from hub.cluster.shape import read
from tests.cluster.shape import Cluster
from tests.processes.programs import wait_until

FAULTS = (RedisError, RedisClusterException, OSError)
"""The second is no kind of the first in redis-py."""
KEYS = [f"key-{number}" for number in range(64)]


@pytest.fixture
def client(cluster: Cluster) -> Iterator["RedisCluster"]:
    ports = read(cluster.data).redis_ports
    password = (cluster.data / "redis.password").read_text().strip()
    nodes = [ClusterNode("127.0.0.1", port) for port in ports]  # type: ignore[no-untyped-call]
    with RedisCluster(startup_nodes=nodes, password=password) as one:
        yield one


def write(client: "RedisCluster", value: str) -> bool:
    """Whether all keys, which are spread over all masters, could be written and read."""
    try:
        for key in KEYS:
            client.set(key, value)
        return {client.get(key) for key in KEYS} == {value.encode()}
    except FAULTS:
        return False


def test_a_master_that_is_killed_comes_back(cluster: Cluster, client: "RedisCluster") -> None:
    assert write(client, "before")
    cluster.redis(0).kill()
    wait_until(lambda: write(client, "after"), 60, "all slots served")


def test_a_master_that_lost_all_it_had_comes_back(cluster: Cluster, client: "RedisCluster") -> None:
    assert write(client, "before")
    cluster.redis(1).kill(lose_data=True)
    wait_until(lambda: write(client, "after"), 60, "all slots served")


def test_without_one_master_the_others_go_on(cluster: Cluster, client: "RedisCluster") -> None:
    assert write(client, "before")
    cluster.redis(2).kill(stay_away=True)

    def some() -> int:
        served = 0
        for key in KEYS:
            try:
                served += client.set(key, "meanwhile") is True
            except FAULTS:
                continue
        return served

    wait_until(lambda: 16 < some() < len(KEYS), 30, "the others serve")


def test_nobody_gets_in_without_the_password(cluster: Cluster) -> None:
    port = read(cluster.data).redis_ports[0]
    with pytest.raises(FAULTS):
        Redis(port=port).get("key")


def test_what_has_to_be_said_to_become_one() -> None:
    alone = [View(Known(name, ()), ()) for name in "abc"]
    first = steps(alone, (1, 2, 3))
    assert [step.words[1] for step in first] == ["ADDSLOTSRANGE"] * 3 + ["MEET"] * 3
    slots = ranges(3)
    assert (slots[0][0], slots[-1][1]) == (0, 16_383)
    assert all(one[1] + 1 == other[0] for one, other in pairwise(slots))
    members = [Known(name, (slot,)) for name, slot in zip("abc", slots, strict=True)]
    whole = [View(one, tuple(other for other in members if other is not one)) for one in members]
    assert steps(whole, (1, 2, 3)) == []
    reborn = [View(Known("x", ()), ()), *whole[1:]]
    assert steps(reborn, (1, 2, 3)) == [
        Step(1, ("CLUSTER", "FORGET", "a")),
        Step(2, ("CLUSTER", "FORGET", "a")),
        Step(0, ("CLUSTER", "ADDSLOTSRANGE", "0", "5460")),
        Step(0, ("CLUSTER", "MEET", "127.0.0.1", "2")),
        Step(0, ("CLUSTER", "MEET", "127.0.0.1", "3")),
    ]


def test_a_member_s_list_is_read() -> None:
    text = (
        "aa 127.0.0.1:1@10001 myself,master - 0 0 1 connected 0-5460 7000\n"
        "bb 127.0.0.1:2@10002 master,fail - 1 2 2 disconnected 5461-6999 [7001->-cc]\n"
        "dd :0@0 handshake - 0 0 0 disconnected\n"
    )
    assert view_of(text) == View(Known("aa", ((0, 5460), (7000, 7000))), (Known("bb", ((5461, 6999),)),))
