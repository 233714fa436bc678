"""The whole cluster, from its start to its end in order."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from hub.cluster import postgres, redis_cluster, workers
from hub.cluster.program import Kept, end_task
from hub.cluster.shape import CONFIG_NAME, Shape, dsn, open_sockets, redis_password, redis_url, worker_urls
from hub.cluster.shards import Shard
from hub.errors import HubError
from hub.keys import KEY_BYTES, MASTER_NAME, make_secret_file
from hub.postgres import failover
from hub.postgres.programs import RunAs, user_for, user_name
from hub.runtime import opened
from hub.settings import load
from hub.sharding import add_shard, change_shard

log = structlog.get_logger()

WATCH_SECONDS: Final = 1.0
ACTOR: Final = "command:cluster up"
ENDS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Tell = Callable[[str], None]


class Cluster:
    """All programs of a cluster in a folder."""

    def __init__(self, data: Path, shape: Shape, user: RunAs, who: str) -> None:
        self.data, self.shape, self.user, self.who = data, shape, user, who
        password = redis_password(data)
        administrators = sorted({who, user.name, user_name(0)})
        self.shards = [
            Shard(shape.servers(data, number), user, administrators, synchronous=shape.synchronous)
            for number in range(1, shape.shards + 1)
        ]
        self.redis = [
            Kept(
                f"redis/node-{number}",
                folder := data / "redis" / f"node-{number}",
                partial(redis_cluster.prepare, folder, port, password, user),
                partial(redis_cluster.answers, port, password),
            )
            for number, port in enumerate(shape.redis_ports, 1)
        ]
        self.settings = workers.settings_of(shape, data, who)
        self.workers = [
            Kept(
                f"hub-{number}",
                data / f"hub-{number}",
                partial(workers.prepare, data, number, port, frozenset(self.settings)),
                partial(workers.answers, port),
            )
            for number, port in enumerate(shape.worker_ports[: shape.workers], 1)
        ]

    async def begin(self, tell: Tell) -> None:
        """Starts everything, and waits until it answers. Raises `ClusterFault` and what else starting says."""
        workers.write_settings(self.data, workers.settings_text(self.settings))
        tell("Postgres, PgBouncer and Redis")
        async with asyncio.TaskGroup() as group:
            for shard in self.shards:
                group.create_task(shard.begin())
            group.create_task(self.begin_redis())
        tell("hub processes")
        await self.join_shards()
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(worker.begin())

    async def join_shards(self) -> None:
        """Makes the tables, and puts the shards into the hub's map. Which regions they serve is said by command."""
        settings = load({}, {"data": str(self.data)}, self.data / CONFIG_NAME)
        async with opened(settings) as hub:
            for shard in self.shards[1:]:
                number = shard.servers[0].shard
                if number in hub.shards.map.shards:
                    await change_shard(hub, ACTOR, number, dsn(list(shard.servers), self.who))
                else:
                    await add_shard(hub, ACTOR, number, dsn(list(shard.servers), self.who), ())

    async def begin_redis(self) -> None:
        async with asyncio.TaskGroup() as group:
            for node in self.redis:
                group.create_task(node.begin())
        await redis_cluster.form(self.shape.redis_ports, redis_password(self.data))

    async def stop(self) -> None:
        """Ends everything, from those who ask to those who are asked."""
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        await asyncio.gather(*(shard.stop() for shard in self.shards), *(node.stop() for node in self.redis))

    async def watch(self) -> None:
        """Until it is cancelled: does what follows from what happened."""
        async with asyncio.TaskGroup() as group:
            for shard in self.shards:
                group.create_task(shard.watch())
            group.create_task(self.watch_redis())

    async def watch_redis(self) -> None:
        """Makes a member that lost who it was one of them again."""
        ports, password = self.shape.redis_ports, redis_password(self.data)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await redis_cluster.mend(ports, password)
            except (RedisError, OSError) as error:
                # One of them is away; it is started again, and then looked at.
                log.debug("Redis not looked at", reason=type(error).__name__)

    async def ready(self) -> dict[str, Any]:
        """What is told when all of it answers."""
        urls = worker_urls(self.shape)
        return {
            "event": "ready",
            "url": urls[0],
            "workers": urls,
            "shards": [await described(shard, self.who) for shard in self.shards],
            "redis": redis_url(self.shape),
        }


async def described(shard: Shard, who: str) -> dict[str, Any]:
    """A shard as the ready line has it."""
    found = {one.server.host: one for one in await failover.standings([postgres.direct(one) for one in shard.servers])}
    return {
        "id": shard.servers[0].shard,
        "dsn": dsn(list(shard.servers), who),
        "servers": [
            {
                "name": server.name,
                "role": "standby" if found[str(server.sockets)].standby else "primary",
                "dsn": dsn([server], who),
            }
            for server in shard.servers
        ],
    }


def make_secrets(data: Path) -> None:
    """The master key and the administrator's token of a new cluster."""
    for name in (MASTER_NAME, workers.ADMIN_NAME):
        make_secret_file(data / name, os.urandom(KEY_BYTES).hex())


def owner(data: Path) -> RunAs:
    """Who runs the servers: who owns their data, or would. Raises `PostgresFault`."""
    return user_for(data / "shard-1" / "server-1" / "data")


async def run(data: Path, shape: Shape, tell: Tell, tell_ready: Callable[[dict[str, Any]], None]) -> None:
    """Runs the cluster until SIGTERM, SIGINT or SIGHUP. Raises `ClusterFault` when it does not start, with nothing left behind."""
    told = asyncio.Event()
    for number in ENDS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    cluster = Cluster(data, shape, owner(data), user_name(os.geteuid()))
    open_sockets(shape, data, cluster.user.uid, cluster.user.gid)
    work = asyncio.create_task(kept(cluster, tell, tell_ready))
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        tell("ending")
        for task in (work, waiting):
            await end_task(task)
        await cluster.stop()
        shutil.rmtree(shape.sockets)


async def kept(cluster: Cluster, tell: Tell, tell_ready: Callable[[dict[str, Any]], None]) -> None:
    """Starts everything, and watches it until it is cancelled."""
    try:
        await cluster.begin(tell)
    except* HubError as errors:
        raise first_of(errors) from errors
    tell_ready(await cluster.ready())
    await cluster.watch()


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of several errors that happened at the same time: the others follow from it."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
