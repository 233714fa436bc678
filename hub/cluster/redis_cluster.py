"""Three masters of a Redis Cluster, and what makes them one: also after one came back with nothing, not even who it was.

Nothing is written to disk but who is a member: what is in Redis may be lost at any time. Loopback is open to everybody on this machine,
so there is a password; it goes in by standard input, where no list of processes shows it.

Redis Cluster specification, "Nodes handshake", "Hash slots configuration propagation".
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.cluster.program import POLL_SECONDS, Command
from hub.errors import ClusterFault
from hub.postgres.programs import RunAs

PROGRAM: Final = "redis-server"
HOST: Final = "127.0.0.1"
SLOTS: Final = 16_384
ANSWER_SECONDS_MAX: Final = 1.0
FORM_SECONDS_MAX: Final = 30.0
MEMORY: Final = "256mb"

SETTINGS: Final = {
    "bind": HOST,
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": "2000",
    # Without one of them the others go on with what is theirs.
    "cluster-require-full-coverage": "no",
    "save": '""',
    "appendonly": "no",
    "maxmemory": MEMORY,
    # Sessions and limits have an end; those whose end is nearest go first.
    "maxmemory-policy": "volatile-ttl",
    "dir": ".",
    "daemonize": "no",
    "tcp-keepalive": "60",
}

Range: TypeAlias = tuple[int, int]


class Known(Struct, frozen=True):
    """A member as another one knows it."""

    id: str
    slots: tuple[Range, ...]


class View(Struct, frozen=True):
    """What a member knows: who it is, what it has, whom else it knows."""

    myself: Known
    others: tuple[Known, ...]


class Step(Struct, frozen=True):
    """One command to one member, by number from 0."""

    node: int
    words: tuple[str, ...]


def settings_text(port: int, password: str) -> str:
    """A member's configuration."""
    values = {**SETTINGS, "port": str(port), "requirepass": password, "masterauth": password}
    return "".join(f"{name} {value}\n" for name, value in values.items())


def ranges(nodes: int) -> list[Range]:
    """The slots of each member, from the first to the last."""
    return [(SLOTS * node // nodes, SLOTS * (node + 1) // nodes - 1) for node in range(nodes)]


def steps(views: Sequence[View], ports: Sequence[int]) -> list[Step]:
    """What has to be said so that all are one cluster; nothing when they are.

    A member that lost who it was has a new id and no slots. The others forget the one that it was, or its slots would stay that one's.
    """
    alive = {view.myself.id for view in views}
    forgetting = [
        Step(node, ("CLUSTER", "FORGET", known.id))
        for node, view in enumerate(views)
        for known in view.others
        if known.id not in alive
    ]
    taking = [
        Step(node, ("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)))
        for node, (view, (first, last)) in enumerate(zip(views, ranges(len(views)), strict=True))
        if not view.myself.slots
    ]
    meeting = [
        Step(node, ("CLUSTER", "MEET", HOST, str(ports[other])))
        for node, view in enumerate(views)
        for other in range(node + 1, len(views))
        if views[other].myself.id not in {known.id for known in view.others}
    ]
    return [*forgetting, *taking, *meeting]


def view_of(nodes: str) -> View:
    """A member's view out of its answer to CLUSTER NODES: a line a member, `id address flags master … state slot …`."""
    myself: Known | None = None
    others = []
    for line in nodes.splitlines():
        words = line.split()
        known = Known(words[0], tuple(range_of(word) for word in words[8:] if not word.startswith("[")))
        if "myself" in words[2]:
            myself = known
        elif "handshake" not in words[2]:
            others.append(known)
    assert myself is not None, "a member is in its own list"
    return View(myself, tuple(others))


def range_of(word: str) -> Range:
    first, _, last = word.partition("-")
    return int(first), int(last or first)


async def prepare(folder: Path, port: int, password: str, user: RunAs) -> Command:
    """Makes a member's folder, and says how it is started."""
    place = folder / "data"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(place, user.uid, user.gid)
    return Command(
        (PROGRAM, "-"), place, user.subprocess_options(), (signal.SIGTERM,), settings_text(port, password).encode()
    )


def client(port: int, password: str) -> Redis:
    """A client of one member."""
    return Redis(
        host=HOST,
        port=port,
        password=password,
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS_MAX,
        socket_connect_timeout=ANSWER_SECONDS_MAX,
    )


async def answers(port: int, password: str) -> bool:
    """Whether a member answers."""
    try:
        async with client(port, password) as one:
            return bool(await one.ping())
    except (RedisError, OSError):
        return False


async def is_whole(ports: Sequence[int], password: str) -> bool:
    """Whether all members answer and know of each other and of all slots."""
    try:
        infos = [await say(port, password, "CLUSTER", "INFO") for port in ports]
        views = await look(ports, password)
    except (RedisError, OSError):
        return False
    return not steps(views, ports) and all("cluster_state:ok" in info for info in infos)


async def look(ports: Sequence[int], password: str) -> list[View]:
    """What each member knows. Raises RedisError or OSError when one does not answer."""
    return [view_of(await say(port, password, "CLUSTER", "NODES")) for port in ports]


async def mend(ports: Sequence[int], password: str) -> None:
    """Makes all members one cluster, as far as they answer; it may be repeated. Raises RedisError or OSError."""
    for step in steps(await look(ports, password), ports):
        await say(ports[step.node], password, *step.words)


async def form(ports: Sequence[int], password: str) -> None:
    """Until all members are one cluster. Raises `ClusterFault`."""
    try:
        async with asyncio.timeout(FORM_SECONDS_MAX):
            while not await is_whole(ports, password):
                await mend(ports, password)
                await asyncio.sleep(POLL_SECONDS)
    except (TimeoutError, RedisError) as error:
        raise ClusterFault("The Redis servers do not become a cluster.") from error


async def say(port: int, password: str, *words: str) -> str:
    """A member's answer to a command, as text."""
    async with client(port, password) as one:
        # One argument more than its name, so that the client gives the text as it came.
        return str(await one.execute_command(*words))  # type: ignore[no-untyped-call]
