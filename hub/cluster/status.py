"""What runs of a cluster, asked of the parts themselves: it works whoever keeps them, and when nobody does."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from msgspec import Struct

from hub.cluster import pgbouncer, postgres, redis_cluster, workers
from hub.cluster.program import DOWN, nothing_runs, pid_of
from hub.cluster.shape import Server, Shape, redis_password
from hub.postgres import failover


class Part(Struct, frozen=True):
    """A part as people see it. `name` is also its folder, and what `cluster stop` and `cluster start` call it."""

    name: str
    state: str
    pid: int | None
    note: str = ""


def parts(shape: Shape, data: Path) -> list[str]:
    """The names of all parts of a cluster."""
    folders = [
        *(folder for server in shape.all_servers(data) for folder in (server.folder, server.pooler_folder)),
        *(data / "redis" / f"node-{number}" for number in range(1, len(shape.redis_ports) + 1)),
        *(data / f"hub-{number}" for number in range(1, shape.workers + 1)),
    ]
    return [str(folder.relative_to(data)) for folder in folders]


async def status(shape: Shape, data: Path) -> list[Part]:
    """All parts, all asked at once."""
    password = redis_password(data)
    shards = [shape.servers(data, number) for number in range(1, shape.shards + 1)]
    asked = [
        *(of_shard(data, servers) for servers in shards),
        *(
            of_part(data, f"redis/node-{number}", redis_cluster.answers(port, password))
            for number, port in enumerate(shape.redis_ports, 1)
        ),
        *(
            of_part(data, f"hub-{number}", workers.answers(port), f"http://{workers.HOST}:{port}")
            for number, port in enumerate(shape.worker_ports[: shape.workers], 1)
        ),
    ]
    return [part for found in await asyncio.gather(*asked) for part in found]


async def of_shard(data: Path, servers: list[Server]) -> list[Part]:
    addresses = [postgres.direct(server) for server in servers]
    rows = failover.rows(addresses, await failover.standings(addresses))
    found = []
    for server, row in zip(servers, rows, strict=True):
        note = ", ".join(part for part in (f"timeline {row.timeline}" if row.timeline else "", row.note) if part)
        found.append(Part(server.name, stood(server.folder, row.role != "away", row.role), pid_of(server.folder), note))
        pooler = server.pooler_folder
        name = str(pooler.relative_to(data))
        found.append(Part(name, stood(pooler, await pgbouncer.answers(server)), pid_of(pooler)))
    return found


async def of_part(data: Path, name: str, answers: Awaitable[bool], note: str = "") -> list[Part]:
    return [Part(name, stood(data / name, await answers), pid_of(data / name), note)]


def stood(folder: Path, answers: bool, when_it_answers: str = "runs") -> str:
    """The state of what is in a folder, in a word or two."""
    if answers:
        return when_it_answers
    if (folder / DOWN).exists():
        return "stopped"
    return "away" if nothing_runs(folder) else "does not answer"
