"""Ingest: what a hub process and its Postgres take for new resources, against COPY of the same rows, at any size stored; and memory.

The hub is this process, without HTTP: requests of 4,000 resources are made beforehand, and each is decoded, merged, sealed, committed
and answered as a server does it. Its Postgres is as it comes. The floor is COPY of the very rows that came of it, in pieces of 4,000 with a
commit each, into a table with the same columns and indexes, in turn with ours. Machines are shared, so rates are by processor seconds:
the hub's own for what a hub process does on a core, against the floor's, client's and Postgres' together; and a second row, that nobody
judges, with the Postgres' part of ours counted too.

Sizes: a hub each, filled in SQL with rows of random keys and states as long as real ones, with their feed; then pushed to in turn. The
last rows go in with all indexes there, so that each page of them was touched since the last checkpoint, as on a hub at work: the first
touch after a checkpoint costs more, since the page is then written whole to the log, and is shared by all that come to it until the next.
Memory is that of a serving process to which one frame after the other is sent over HTTP.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

import httpx
import psutil
import uvloop

from hub.exchange import exchange
from hub.gathering import Gathering
from hub.runtime import Hub
from hub.server import keep_collector_off_old_objects
from sync_protocol.exchange.messages import Push
from tests.bench import nodes, samples
from tests.bench.pushing import NOW_MS, RESOURCES_A_FRAME, Pusher, hub_with
from tests.bench.rows import Options, Row
from tests.bench.timing import cpu_of

FRAMES: Final = 6
FRAMES_A_SIZE: Final = 4
SMALL_NODES: Final = 1_000
TOUCHING: Final = 300_000
"""So many of them touch nearly every page of the largest index: it has some 70,000."""
MEMORY_FRAMES: Final = 75
_Made = TypeVar("_Made")
COLUMNS: Final = ("rkey", "scope", "hash", "state")


class Seconds:
    """Processor seconds of this process and of a Postgres, and seconds on the wall."""

    def __init__(self, postgres: "psutil.Process | None") -> None:
        self._postgres = postgres
        self.hub = self.postgres = self.wall = 0.0

    async def of(self, work: Awaitable[_Made]) -> _Made:
        """Adds those of a piece of work. Returns what it does."""
        hub, postgres, wall = time.process_time(), cpu_of(self._postgres), time.perf_counter()
        made = await work
        self.hub += time.process_time() - hub
        self.postgres += cpu_of(self._postgres) - postgres
        self.wall += time.perf_counter() - wall
        return made

    @property
    def cpu(self) -> float:
        return self.hub + self.postgres


def measure(options: Options) -> list[Row]:
    keep_collector_off_old_objects()
    return [
        *uvloop.run(_fresh(options)),
        *uvloop.run(_small(options)),
        *uvloop.run(_sizes(options)),
        *_memory(),
    ]


@asynccontextmanager
async def _hub(place: Path, *pushers: Pusher) -> "AsyncIterator[tuple[Hub, psutil.Process | None]]":
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    async with hub_with(place, pushers) as hub:
        yield hub, postmaster(place)


def postmaster(place: Path) -> "psutil.Process | None":
    """The server that keeps its files there: its children's times count with its own."""
    for pid_file in place.rglob("postmaster.pid"):
        return psutil.Process(int(pid_file.read_text(encoding="ascii").splitlines()[0]))
    raise RuntimeError("no Postgres runs there")


def _pushes(pusher: Pusher, frames: int, generation: int) -> list[Push]:
    bodies = samples.bodies(frames * RESOURCES_A_FRAME, generation)
    starts = range(0, len(bodies), RESOURCES_A_FRAME)
    return [pusher.push(bodies[start : start + RESOURCES_A_FRAME]) for start in starts]


async def _taken(hub: Hub, pusher: Pusher, push: Push, seconds: Seconds) -> None:
    """One exchange, timed; what the node does is not."""
    pusher.answered(await seconds.of(exchange(hub.shards.first, pusher.row, pusher.request(push), NOW_MS)))


# --- against COPY -----------------------------------------------------------------------------------------------------


async def _fresh(options: Options) -> list[Row]:
    rates: list[float] = []
    ratios: list[float] = []
    whole: list[float] = []
    floors: list[float] = []
    walls: list[float] = []
    for turn in range(options.runs):
        pusher = Pusher("n0", "f0")
        pushes = _pushes(pusher, FRAMES, 2 * turn)
        with nodes.folder() as place:
            async with _hub(place, pusher) as (hub, postgres):
                ours, floor = Seconds(postgres), Seconds(postgres)
                async with hub.database.transaction() as connection:
                    await connection.execute("CREATE TABLE floor (LIKE resource INCLUDING ALL)")
                for push in pushes:
                    await _taken(hub, pusher, push, ours)
                    await _copied(hub, floor)
        stored = len(pushes) * RESOURCES_A_FRAME
        rates.append(stored / ours.hub)
        floors.append(stored / floor.cpu)
        ratios.append(floor.cpu / ours.hub)
        whole.append(floor.cpu / ours.cpu)
        walls.append(floor.wall / ours.wall)
    return [
        Row(
            name="ingest fresh",
            work="ingest of fresh resources, per hub process and core",
            value=median(rates),
            unit="/s",
            must=8_000,
            aim=20_000,
            better="more",
        ),
        Row(
            name="ingest copy",
            work="that, of COPY of the same rows",
            value=median(ratios),
            unit="",
            must=0.1,
            aim=0.25,
            better="more",
            note=f"COPY into a table with the same indexes: {median(floors):,.0f} rows a processor second, of client and Postgres",
        ),
        Row(
            name="ingest copy whole",
            work="the same, with Postgres' part of ours counted",
            value=median(whole),
            unit="",
            note=f"by the wall {median(walls):.3f}",
        ),
    ]


async def _copied(hub: Hub, floor: Seconds) -> None:
    """The rows that the last request made, copied once more."""
    async with hub.database.transaction() as connection:
        query = "SELECT rkey, scope, hash, state FROM resource ORDER BY key DESC LIMIT $1"
        rows = [tuple(row) for row in await connection.fetch(query, RESOURCES_A_FRAME)]

    await floor.of(_copy(hub, rows))


async def _copy(hub: Hub, rows: Sequence[tuple[Any, ...]]) -> None:
    async with hub.database.transaction() as connection:
        await connection.copy_records_to_table("floor", records=rows, columns=COLUMNS)


# --- many small ones --------------------------------------------------------------------------------------------------


async def _small(options: Options) -> list[Row]:
    """A thousand nodes with one change each, all at once, and one after the other."""
    found: dict[str, list[Seconds]] = {"together": [], "one by one": []}
    longest: list[float] = []
    for turn in range(options.runs):
        pushers = [Pusher(f"n{number}", f"f{number % 100}") for number in range(SMALL_NODES)]
        with nodes.folder() as place:
            async with _hub(place, *pushers) as (hub, postgres):
                gathering = Gathering(hub.shards.first, lambda: NOW_MS)
                bodies = iter(samples.bodies(4 * SMALL_NODES + RESOURCES_A_FRAME, 100 + turn))
                for name in ("one by one", "together", "one by one", "together"):
                    asked = [(pusher, pusher.request(pusher.push([next(bodies)]))) for pusher in pushers]
                    seconds = Seconds(postgres)
                    answers = await seconds.of(_asked(hub, gathering, asked, name))
                    for pusher, answer in zip(pushers, answers, strict=True):
                        pusher.answered(answer)
                    found[name].append(seconds)
                longest.append(await _longest_block(hub, gathering, pushers[0], list(bodies)))
    rows = []
    for name, times in found.items():
        cpu = median(one.cpu for one in times) / SMALL_NODES
        wall = median(one.wall for one in times)
        rows.append(
            Row(
                name=f"small {name}",
                work=f"an exchange of one new resource of {SMALL_NODES} nodes, {name}",
                value=1000 * cpu,
                unit="ms",
                note=f"processor, hub and Postgres; {SMALL_NODES / wall:,.0f} exchanges a second by the wall",
            )
        )
    rows.append(
        Row(
            name="longest block",
            work=f"others wait at most, while {RESOURCES_A_FRAME:,} resources are ingested",
            value=1000 * median(longest),
            unit="ms",
            note="of the event loop, in which health, console and login are answered",
        )
    )
    return rows


async def _asked(hub: Hub, gathering: Gathering, asked: Sequence[tuple[Pusher, bytes]], name: str) -> list[bytes]:
    if name == "together":
        return await asyncio.gather(*(gathering.exchange(pusher.row, request) for pusher, request in asked))
    return [await exchange(hub.shards.first, pusher.row, request, NOW_MS) for pusher, request in asked]


async def _longest_block(hub: Hub, gathering: Gathering, pusher: Pusher, bodies: Sequence[bytes]) -> float:
    """How long the event loop had no turn for anybody else, at most, in seconds."""
    request = pusher.request(pusher.push(bodies))
    task = asyncio.create_task(gathering.exchange(pusher.row, request))
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return longest


# --- by what is stored ------------------------------------------------------------------------------------------------


async def _sizes(options: Options) -> list[Row]:
    found: dict[int, list[float]] = {size: [] for size in options.stored}
    own: dict[int, list[float]] = {size: [] for size in options.stored}
    with nodes.folder() as place:
        async with AsyncExitStack() as stack:
            hubs: dict[int, tuple[Hub, psutil.Process | None, Pusher]] = {}
            for size in options.stored:
                pusher = Pusher("n0", "f0")
                hub, postgres = await stack.enter_async_context(_hub(place / f"of-{size}", pusher))
                await _taken(hub, pusher, _pushes(pusher, 1, 200)[0], Seconds(postgres))
                pusher.stand(await fill(hub, size))
                hubs[size] = hub, postgres, pusher
            for turn in range(FRAMES_A_SIZE * options.runs):
                for size, (hub, postgres, pusher) in hubs.items():
                    seconds = Seconds(postgres)
                    await _taken(hub, pusher, _pushes(pusher, 1, 300 + turn)[0], seconds)
                    found[size].append(seconds.cpu / RESOURCES_A_FRAME)
                    own[size].append(seconds.hub / RESOURCES_A_FRAME)
    per_resource = {size: 1e6 * median(times) for size, times in found.items()}
    least = per_resource[options.stored[0]]
    return [
        Row(
            name=f"ingest at {size:,}",
            work="processor time of an ingested resource",
            value=value,
            unit="µs",
            floor=least,
            judged="ratio",
            must=1.15,
            note=f"hub and Postgres; the hub's own {1e6 * median(own[size]):.1f} µs; floor: the same at {options.stored[0]:,}",
        )
        for size, value in per_resource.items()
        if size != options.stored[0]
    ]


POINT: Final = """
    WITH pointed AS (
        INSERT INTO feed SELECT scope.id, scope.seq + row_number() OVER (), resource.key, NULL, NULL
        FROM resource JOIN scope ON scope.id = resource.scope
        WHERE resource.key > (SELECT coalesce(max(key), 0) FROM feed) RETURNING scope, seq
    )
    UPDATE scope SET seq = last.seq FROM (SELECT scope, max(seq) AS seq FROM pointed GROUP BY scope) AS last WHERE id = last.scope
"""
"""Points to all of the one facility's resources that nothing in the feed points to."""


async def fill(hub: Hub, size: int) -> int:
    """So many rows more, with random keys, their states as long as real ones, and a pointer to each in the feed. Returns the last seq."""
    whole = hub.database.unhurried()
    try:
        async with whole.transaction() as connection:
            await connection.execute("ALTER TABLE resource DROP CONSTRAINT resource_rkey_key")
            await connection.execute("DROP INDEX resource_scope")
            query = "INSERT INTO resource (rkey, scope, hash, state) SELECT {} FROM generate_series(1, $1::int) AS i, ({}) AS real"
            sample = "SELECT scope, array_agg(length(state)) AS lengths FROM (SELECT * FROM resource LIMIT 500) AS sampled GROUP BY scope"
            state = "decode(repeat(md5(i::text), 1 + real.lengths[1 + i % 500] / 16), 'hex')"
            columns = f"uuid_send(gen_random_uuid()), real.scope, uuid_send(gen_random_uuid()), {state}"
            touching = min(TOUCHING, size // 2)
            await connection.execute(query.format(columns, sample), size - touching)
            await connection.execute("ALTER TABLE resource ADD CONSTRAINT resource_rkey_key UNIQUE (rkey)")
            await connection.execute("CREATE INDEX resource_scope ON resource (scope, key)")
            await connection.execute(POINT)
        async with whole.engine.connect() as plain:
            await plain.exec_driver_sql("COMMIT")
            await plain.exec_driver_sql("VACUUM ANALYZE resource, feed")
            await plain.exec_driver_sql("CHECKPOINT")
        async with whole.transaction() as connection:
            for some in range(0, touching, RESOURCES_A_FRAME):
                await connection.execute(query.format(columns, sample), min(RESOURCES_A_FRAME, touching - some))
            await connection.execute(POINT)
            seq: int = await connection.fetchval("SELECT max(seq) FROM scope")
    finally:
        await whole.close()
    return seq


# --- memory -----------------------------------------------------------------------------------------------------------


def _memory() -> list[Row]:
    """A serving hub to which frame after frame is sent: its highest size, and whether it goes on growing."""
    with nodes.folder() as place, nodes.hub(place) as server:
        invitation = nodes.command(nodes.HUB, "node", "invite", "--facility", nodes.FACILITY, data=place / "hub")
        with httpx.Client(base_url=server.url, timeout=90) as client:
            enrolled = client.post("/sync/v1/enroll", json={"code": invitation["code"]}).raise_for_status().json()
            headers = {
                "Authorization": f"Bearer {enrolled['node']}.{enrolled['secret']}",
                "Content-Type": "application/vnd.medtech.exchange+msgpack",
            }
            pusher = Pusher(enrolled["node"], nodes.FACILITY)
            sizes = []
            for number in range(MEMORY_FRAMES):
                request = pusher.request(_pushes(pusher, 1, 400 + number)[0])
                answer = client.post("/sync/v1/exchange", content=request, headers=headers).raise_for_status()
                pusher.answered(answer.content)
                sizes.append(server.process.memory_info().rss / (1 << 20))
    third = MEMORY_FRAMES // 3
    growth = median(sizes[-third:]) - median(sizes[third : 2 * third])
    stored = MEMORY_FRAMES * RESOURCES_A_FRAME
    return [
        Row(
            name="ingest memory",
            work="a hub worker's highest resident size, under full ingest",
            value=max(sizes),
            unit="MiB",
            must=300,
            note=f"{stored:,} resources, one frame after the other",
        ),
        Row(
            name="ingest growth",
            work="that grows, from the second third of them to the last",
            value=growth,
            unit="MiB",
            must=5,
        ),
    ]
