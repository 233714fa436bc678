"""Two shards and two workers against one of each, by processor time: machines differ in their cores.

New resources go to one shard, and in turn to two, each time by one process that is the hub of both. What a resource costs of the
processor, hub and Postgres, is all that two workers on two shards share, so with cores for all of them they do twice as much as one, times
what it costs with one shard over what it costs with two.
"""

import os
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
import uvloop

from hub import facilities, sharding
from hub.exchange import exchange
from hub.places import Place
from hub.postgres.embedded import DATABASE, ROLE, embedded
from hub.runtime import Hub, opened
from hub.server import keep_collector_off_old_objects
from hub.settings import Settings
from hub.store.nodes import add_node
from tests.bench import nodes, samples
from tests.bench.ingest import Seconds, postmaster
from tests.bench.pushing import NOW_MS, RESOURCES_A_FRAME, Pusher
from tests.bench.rows import Options, Row

FRAMES: Final = 6
WORKERS: Final = 2


def measure(options: Options) -> list[Row]:
    keep_collector_off_old_objects()
    with nodes.folder() as place:
        one, two = uvloop.run(_measured(place, options.runs))
    return [
        Row(
            name="two shards",
            work="ingest into two shards by two workers, of one shard's by one",
            value=WORKERS * one / two,
            unit="times",
            must=1.7,
            aim=1.95,
            better="more",
            note=f"by processor time, hub and Postgres: {one:.1f} µs a resource with one shard, {two:.1f} µs with two",
        )
    ]


async def _measured(place: Path, runs: int) -> tuple[float, float]:
    """Microseconds of processor a resource: with one shard, with two."""
    with embedded(place / "hub" / "postgres") as address:
        connection = await asyncpg.connect(host=address.folder, user=ROLE, database=DATABASE)
        await connection.execute("CREATE DATABASE second")
        await connection.close()
        async with opened(Settings(data=str(place / "hub"))) as hub:
            dsn = f"postgresql://{ROLE}@/second?host={os.path.realpath(address.folder)}"
            first, second = await _shards(hub, dsn)
            postgres = postmaster(place)
            found: dict[int, list[float]] = {1: [], 2: []}
            for turn in range(FRAMES * runs + 1):
                for number, places in ((1, (first, first)), (2, (first, second))):
                    seconds = Seconds(postgres)
                    for at, (shard, pusher) in enumerate(places):
                        bodies = samples.bodies(RESOURCES_A_FRAME, 1_000 * number + 2 * turn + at)
                        request = pusher.request(pusher.push(bodies))
                        pusher.answered(await seconds.of(exchange(shard, pusher.row, request, NOW_MS)))
                    if turn:  # connections are made, and plans, with the first
                        found[number].append(1e6 * seconds.cpu / len(places) / RESOURCES_A_FRAME)
    return median(found[1]), median(found[2])


async def _shards(hub: Hub, dsn: str) -> list[tuple[Place, Pusher]]:
    """Two, with a facility and its node each."""
    await sharding.serve_region(hub, "bench", 1, "west")
    await sharding.add_shard(hub, "bench", 2, dsn, ("west",))
    found = []
    for number in (1, 2):
        pusher = Pusher(f"n{number}", f"f{number}")
        await facilities.add_facility(hub, "bench", f"f{number}", "Clinic", "west", NOW_MS, number)
        place = hub.shards.at(number)
        async with place.transaction() as connection:
            await add_node(connection, hub.keys, pusher.row)
        found.append((place, pusher))
    return found
