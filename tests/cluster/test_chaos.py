"""Every part of the full shape is killed outright while clinics write and exchange, and a facility moves: nothing that was acknowledged
is missing, every digest is equal, and no region's records are on another region's servers."""

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from msgspec import Struct

from hub import enrolment, facilities, sharding
from hub.cluster.postgres import direct
from hub.cluster.program import DOWN
from hub.cluster.shape import DATABASE, Server, read
from hub.runtime import Hub, now_ms, opened
from hub.settings import load
from tests.cluster.clinics import Clinic, missing, settle
from tests.cluster.shape import Cluster, running_cluster
from tests.processes.digests import digests_at
from tests.processes.programs import BIN, environment, wait_until

REGIONS: Final = {"south": (1,), "east": (2,), "west": (1, 2)}
FACILITIES: Final = {"south": ("south", 1), "east": ("east", 2), "west": ("west", 1)}
"""Where clinics work all the time: region, and shard at first."""
CLINICS_EACH: Final = 2
SECONDS_MAX: Final = 60.0
HELD: Final = """
    SELECT scope.name, count(resource.key) FROM scope LEFT JOIN resource ON resource.scope = scope.id AND hash <> $1
    WHERE name LIKE 'facility/%' GROUP BY scope.name
"""
"""Facility → its records; only the name stays of what went elsewhere."""


class World:
    """The clinics at work on a cluster, and nodes that are enrolled as they are needed."""

    def __init__(self, cluster: Cluster, root: Path, seed: int, stack: ExitStack) -> None:
        self.cluster = cluster
        self.codes: dict[str, list[str]] = {}
        self.working: list[Clinic] = []
        self.witnesses: list[Clinic] = []
        self._root, self._seed, self._stack = root, seed, stack
        self._nodes = 0

    async def found(self) -> None:
        """Regions, facilities, and codes for all nodes that will be."""
        async with opened(load({}, {"data": str(self.cluster.data)})) as hub:
            for region, shards in REGIONS.items():
                for shard in shards:
                    await sharding.serve_region(hub, "tests", shard, region)
            for facility, (region, shard) in FACILITIES.items():
                await self._add(hub, facility, region, shard)
            for fault in FAULTS:
                await self._add(hub, fault.witness, "west", fault.shard)

    async def _add(self, hub: Hub, facility: str, region: str, shard: int) -> None:
        await facilities.add_facility(hub, "tests", facility, f"Clinic {facility}", region, now_ms(), shard)
        invited = [await enrolment.invite(hub, facility, "clinic", None, "tests") for _ in range(CLINICS_EACH)]
        self.codes[facility] = [one.code for one in invited]

    def clinic(self, facility: str) -> Clinic:
        """Another node of a facility, not at work yet."""
        self._nodes += 1
        folder = self._root / f"{facility}-{self._nodes}"
        one = Clinic(self.cluster, folder, facility, self.codes[facility].pop(), self._seed + self._nodes)
        self._stack.callback(one.leave)
        return one

    def go_on(self, *not_in: str) -> None:
        """Everybody's work goes on."""
        for one in self.working:
            if one.facility not in not_in:
                one.wait_for_more()

    def refused(self, facility: str) -> int:
        """How often its clinics were told to come again."""
        return sum(one.refused for one in self.working if one.facility == facility)


class Fault(Struct, frozen=True):
    """Something that happens to the hub. At a facility on that shard a clinic writes until then, and is never heard of again: nobody can
    give the hub anew what it lost."""

    witness: str
    shard: int
    happens: Callable[[World], None]


def promotion(shard: int, region: str) -> Callable[[World], None]:
    """The primary dies and stays away: its region is told to come again, the others go on; all do when the standby is promoted."""

    def happens(world: World) -> None:
        servers = world.cluster.shard(shard)
        old = servers.primary
        old.kill(stay_away=True)
        before = world.refused(region)
        world.go_on(region, "west")
        wait_until(lambda: world.refused(region) > before, SECONDS_MAX, "told to come again")
        assert not servers.promote()["may_be_lost"]
        world.go_on()
        (old.folder / DOWN).unlink()

    return happens


def move(shard: int) -> Callable[[World], None]:
    """A facility is moved while it works, by a command that is killed in the middle and said again, while a hub process dies."""

    def happens(world: World) -> None:
        words = [str(BIN / "medtech-hub"), "facility", "move", "west", "--shard", str(shard)]
        moving = subprocess.Popen(
            [*words, "--data", str(world.cluster.data)], env=environment(), cwd="/", stdout=subprocess.DEVNULL
        )
        wait_until(lambda: moving.poll() is not None or is_moving(world.cluster), SECONDS_MAX, "moving")
        moving.send_signal(signal.SIGKILL)
        moving.wait()
        world.cluster.worker(1).kill()
        assert world.cluster.call(*words[1:])["shard"] == shard

    return happens


FAULTS: Final = (
    Fault("process", 1, lambda world: world.cluster.worker(0).kill()),
    Fault("redis", 2, lambda world: world.cluster.redis(0).kill(lose_data=True)),
    Fault("pooler", 1, lambda world: world.cluster.shard(1).primary.pooler.kill()),
    Fault("standby", 1, lambda world: world.cluster.shard(1).standby.kill()),
    Fault("move", 1, move(2)),
    Fault("promotion", 2, promotion(2, "east")),
    Fault("first-promotion", 1, promotion(1, "south")),
    Fault("primary", 2, lambda world: world.cluster.shard(2).primary.kill()),
    Fault("move-back", 2, move(1)),
)


def is_moving(cluster: Cluster) -> bool:
    """Whether a facility is on its way."""
    return any(asyncio.run(asked(server, "SELECT FROM facility_move")) for server in servers_of(cluster)[:2])


def servers_of(cluster: Cluster) -> list[Server]:
    """The Postgres servers, those of the first shard first."""
    return read(cluster.data).all_servers(cluster.data)


async def asked(server: Server, question: str, *arguments: Any) -> list[Any]:
    """Rows of a server itself."""
    connection = await asyncpg.connect(**direct(server, DATABASE).where)
    try:
        return list(await connection.fetch(question, *arguments))
    finally:
        await connection.close()


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))
    with capsys.disabled():
        print(f"\nchaos: CHAOS_SEED={seed}")
    shape = ("--shards", "2", "--replicas", "1", "--workers", "2")
    with running_cluster(tmp_path, *shape) as cluster, ExitStack() as stack:
        made = World(cluster, tmp_path, seed, stack)
        asyncio.run(made.found())
        made.working = [made.clinic(facility) for facility in FACILITIES for _ in range(CLINICS_EACH)]
        made.witnesses = [made.clinic(fault.witness) for fault in FAULTS]
        yield made


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_whatever_dies(world: World) -> None:
    cluster = world.cluster
    for one in world.working:
        one.start()
    for fault, witness in zip(FAULTS, world.witnesses, strict=True):
        witness.start()
        witness.wait_for_more()
        fault.happens(world)
        witness.rest()
        world.go_on()
    for one in world.working:
        one.rest()
    cluster.wait_until_whole()
    settle([one.node for one in world.working])
    late = {fault.witness: world.clinic(fault.witness) for fault in FAULTS}
    for one in late.values():
        one.node.sync()
    for facility in FACILITIES:
        of_it = [one for one in world.working if one.facility == facility]
        for one, other in ((a, b) for a in of_it for b in of_it):
            assert missing(one, other.node) == []
    for witness in world.witnesses:
        assert witness.acknowledged
        assert missing(witness, late[witness.facility].node) == []
    digests = asyncio.run(digests_at_home(cluster))
    for one in (*world.working, *late.values()):
        assert digests[f"facility/{one.facility}"] == (one.node.digest,) * 2, one.facility
    regions_are_apart(cluster)
    assert "Traceback" not in "".join((cluster.data / f"hub-{n}" / "log").read_text() for n in (1, 2))


async def digests_at_home(cluster: Cluster) -> dict[str, tuple[str, str]]:
    """Scope → the digest that its shard keeps, and that of what it has."""
    async with opened(load({}, {"data": str(cluster.data)})) as hub:
        found: dict[str, tuple[str, str]] = {}
        for facility in (*FACILITIES, *(fault.witness for fault in FAULTS)):
            found |= await digests_at(await hub.shards.of_facility(facility), [facility])
        return found


def regions_are_apart(cluster: Cluster) -> None:
    """Looks on every server, standbys too."""
    at_home = {f"facility/{name}": shard for name, (_, shard) in FACILITIES.items()}
    at_home |= {f"facility/{fault.witness}": fault.shard for fault in FAULTS}
    for server in servers_of(cluster):
        held = {row[0]: row[1] for row in asyncio.run(asked(server, HELD, bytes(16)))}
        assert {name for name, count in held.items() if count} == {
            name for name, shard in at_home.items() if shard == server.shard
        }
        elsewhere = {1: "facility/east", 2: "facility/south"}[server.shard]
        assert elsewhere not in held, "not even its name"
