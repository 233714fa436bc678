"""What a cluster on one machine consists of, and where each part is.

    DIR/cluster.json            the shape, made once; it may grow
    DIR/hub.toml                settings of every hub process and command: `medtech-hub … --data DIR` works on this cluster
    DIR/master.key, admin.token
    DIR/shard-1/server-1/       a Postgres: data, log; whether it is the primary is said by its data, not by its name
    DIR/shard-1/pooler-1/       the PgBouncer in front of it
    DIR/redis/node-1/           a master of the Redis Cluster
    DIR/blobs/                  files, which all hub processes share
    DIR/hub-1/                  a hub process's own folder

The sockets are in a folder of their own, whose name is short (a socket's path has at most 107 bytes) and stays: the addresses of
servers are kept in places that outlive a restart. Each server's sockets can be reached by who runs it, and by root.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from hub.errors import ClusterFault, SettingsWrong
from hub.keys import make_secret_file

SHAPE_NAME: Final = "cluster.json"
CONFIG_NAME: Final = "hub.toml"
REDIS_PASSWORD_NAME: Final = "redis.password"  # noqa: S105 - a file's name
DATABASE: Final = "medtech"
POSTGRES_PORT: Final = 5432
POOLER_PORT: Final = 6432
REDIS_NODES: Final = 3
REDIS_BUS_OFFSET: Final = 10_000
PORTS: Final = range(18_000, 22_700)
"""Below those that the kernel gives out by itself (from 32768 on), for Redis also with its bus's offset: so nobody takes one while
its owner is away for a moment."""


class Server(Struct, frozen=True):
    """A Postgres server of a shard, and the PgBouncer in front of it."""

    shard: int
    number: int
    folder: Path
    pooler_folder: Path
    sockets: Path

    @property
    def name(self) -> str:
        """What people call it."""
        return f"shard-{self.shard}/server-{self.number}"

    @property
    def application(self) -> str:
        """How it calls itself to other servers, which is how `synchronous_standby_names` knows it."""
        return f"server_{self.number}"

    @property
    def data(self) -> Path:
        """Where Postgres has its data."""
        return self.folder / "data"


class Shape(Struct, frozen=True, kw_only=True):
    """How many there are of everything, and which ports and folder of sockets they were given when they were made."""

    shards: int
    replicas: int
    workers: int
    synchronous: bool
    sockets: str
    redis_ports: tuple[int, ...]
    worker_ports: tuple[int, ...]

    def servers(self, data: Path, shard: int) -> list[Server]:
        """The servers of a shard, in no meaningful order."""
        folder = data / f"shard-{shard}"
        return [
            Server(
                shard,
                number,
                folder / f"server-{number}",
                folder / f"pooler-{number}",
                Path(self.sockets) / f"{shard}-{number}",
            )
            for number in range(1, self.replicas + 2)
        ]

    def all_servers(self, data: Path) -> list[Server]:
        """The servers of all shards."""
        return [server for shard in range(1, self.shards + 1) for server in self.servers(data, shard)]


def dsn(servers: list[Server], user: str) -> str:
    """A shard's address: the PgBouncers of all its servers. `user` is a user of this machine, whom the kernel vouches for."""
    hosts = ",".join(quote(str(server.sockets)) for server in servers)
    ports = ",".join(str(POOLER_PORT) for _ in servers)
    return f"postgresql://{quote(user)}@/{DATABASE}?host={hosts}&port={ports}"


def read(data: Path) -> Shape:
    """The shape of a cluster that there is. Raises `ClusterFault`."""
    try:
        return msgspec.json.decode((data / SHAPE_NAME).read_bytes(), type=Shape)
    except FileNotFoundError as error:
        raise ClusterFault(
            f"There is no cluster in {data}.", hint="`medtech-hub cluster up --data DIR` makes one."
        ) from error


def read_or_make(
    data: Path, *, shards: int | None, replicas: int | None, workers: int | None, asynchronous: bool | None
) -> Shape:
    """The shape of the cluster in this folder, grown to what is asked for; None asks for nothing.

    At first there are two shards, one replica, one worker. Raises `SettingsWrong` when it would have to shrink.
    """
    there = read(data) if (data / SHAPE_NAME).exists() else None
    present = there or Shape(
        shards=shards or 2,
        replicas=1 if replicas is None else replicas,
        workers=workers or 1,
        synchronous=not asynchronous,
        sockets=tempfile.mkdtemp(prefix="medtech-", dir=folder_of_sockets()),
        redis_ports=(),
        worker_ports=(),
    )
    for name, number, now in (("shards", shards, present.shards), ("replicas", replicas, present.replicas)):
        if number is not None and number < now:
            raise SettingsWrong(f"This cluster has {now} {name}; it may have more, not fewer.")
    workers = workers or present.workers
    free = free_ports()
    grown = msgspec.structs.replace(
        present,
        shards=shards or present.shards,
        replicas=present.replicas if replicas is None else replicas,
        workers=workers,
        synchronous=present.synchronous if asynchronous is None else not asynchronous,
        redis_ports=present.redis_ports or tuple(next(free) for _ in range(REDIS_NODES)),
        worker_ports=present.worker_ports + tuple(next(free) for _ in range(workers - len(present.worker_ports))),
    )
    if grown != there:
        made = data / f".{SHAPE_NAME}"
        made.write_bytes(msgspec.json.format(msgspec.json.encode(grown)) + b"\n")
        made.rename(data / SHAPE_NAME)
    return grown


def folder_of_sockets() -> str:
    """Where short-lived files of a user go: nothing there is cleaned away while the machine runs."""
    if os.geteuid() == 0:
        return "/run"
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    return given if given and os.access(given, os.W_OK) else tempfile.gettempdir()


def open_sockets(shape: Shape, data: Path, uid: int, gid: int) -> None:
    """Makes the folders of sockets, entered by who runs the servers alone. Raises `ClusterFault` when the name is somebody else's."""
    top = Path(shape.sockets)
    top.mkdir(mode=0o711, exist_ok=True)  # it goes when all of it ends
    if top.is_symlink() or top.stat().st_uid != os.geteuid():
        raise ClusterFault(f"The folder {top} is somebody else's.", hint="Remove it, or make a new cluster.")
    top.chmod(0o711)
    for server in shape.all_servers(data):
        server.sockets.mkdir(mode=0o700, exist_ok=True)
        os.chown(server.sockets, uid, gid)


def redis_password(data: Path) -> str:
    """The password of the Redis Cluster, made when it is not there: loopback is open to everybody on this machine."""
    path = data / REDIS_PASSWORD_NAME
    if not path.exists():
        make_secret_file(path, os.urandom(32).hex())
    return path.read_text(encoding="ascii").strip()


def redis_url(shape: Shape, password: str = "") -> str:
    """The address of the Redis Cluster, with its password if that is given."""
    nodes = ",".join(f"127.0.0.1:{port}" for port in shape.redis_ports)
    return f"redis+cluster://{f':{password}@' if password else ''}{nodes}"


def worker_urls(shape: Shape) -> list[str]:
    """Where the hub processes answer."""
    return [f"http://127.0.0.1:{port}" for port in shape.worker_ports[: shape.workers]]


def free_ports() -> Iterator[int]:
    """Ports of this machine that nobody listens on, nor on the one for Redis's bus. Raises `ClusterFault` when they run out."""
    # Two clusters that are made at the same time begin at different places.
    start = int.from_bytes(os.urandom(2), "big") % len(PORTS)
    for port in [*PORTS[start:], *PORTS[:start]]:
        if is_free(port) and is_free(port + REDIS_BUS_OFFSET):
            yield port
    raise ClusterFault("There are no free ports.", hint="End what listens on this machine's ports.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
