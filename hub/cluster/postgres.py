"""The Postgres servers of a shard: which of them is the primary, and how each is made ready to start.

Who is the primary is said by the data alone: they have no `standby.signal`, and of several such (an old primary that was away while a
standby was promoted) they are on the highest timeline. Everything else is, or becomes, its standby: what has no data, or was the primary
once, is copied from it anew. That is always right; `pg_rewind` would be faster for large data.
"""

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import asyncpg
import structlog
from msgspec import Struct

from hub.cluster.program import POLL_SECONDS, Command
from hub.cluster.shape import DATABASE, POSTGRES_PORT, Server
from hub.errors import ClusterFault
from hub.postgres import failover
from hub.postgres.embedded import ROLE, initialise, seen_by, write_access
from hub.postgres.failover import AWAY
from hub.postgres.keeper import FLAGS, pid_file
from hub.postgres.programs import RunAs, programs_for
from hub.postgres.servers import Server as Address

log = structlog.get_logger()

Task = Literal["make", "copy", "start"]

STANDBY_SIGNAL: Final = "standby.signal"
COPY_AGAIN: Final = "copy-again"
HISTORY: Final = re.compile(r"([0-9A-F]{8})\.history")
PRIMARY_SECONDS_MAX: Final = 120.0

SETTINGS: Final = {
    **FLAGS,
    "port": str(POSTGRES_PORT),
    "wal_level": "replica",
    "max_wal_senders": "10",
    # A standby that was away for so much of the log finds it; one that was away for longer is copied anew.
    "wal_keep_size": "512MB",
    "hot_standby": "on",
    # What a dashboard reads on a standby is not taken away under it.
    "hot_standby_feedback": "on",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "500ms",
    "wal_receiver_timeout": "10s",
    "wal_sender_timeout": "10s",
    # More than its PgBouncer opens (hub/cluster/pgbouncer.py), with some for people.
    "max_connections": "100",
    # Everybody who is let in is the administrator here, and commits must not be cancelled while they wait (hub/postgres/failover.py).
    "statement_timeout": "0",
}


class Disk(Struct, frozen=True):
    """What a server's folder says while nobody runs it. `number` is the server's."""

    number: int
    has_data: bool
    standby: bool
    timeline: int
    copy_again: bool


def settings_text(server: Server, peers: Sequence[Server], *, synchronous: bool) -> str:
    """`postgresql.conf` of a server. What `ALTER SYSTEM` says stands above it."""
    standbys = ", ".join(one.application for one in (server, *peers)) if peers else ""
    values = {
        **SETTINGS,
        "unix_socket_directories": str(server.sockets),
        "cluster_name": server.application,
        # Named, since `*` would mean a copy that is being made, too.
        "synchronous_standby_names": f"ANY 1 ({standbys})" if synchronous and peers else "",
        "primary_conninfo": conninfo(server, peers) if peers else "",
    }
    return "".join(f"{name} = '{value}'\n" for name, value in values.items())


def conninfo(server: Server, peers: Sequence[Server]) -> str:
    """How a standby finds its primary: the one among the others that lets write, whoever that is."""
    hosts, ports = ",".join(str(one.sockets) for one in peers), ",".join(str(POSTGRES_PORT) for _ in peers)
    return f"host={hosts} port={ports} user={ROLE} application_name={server.application} target_session_attrs=primary connect_timeout=3"


def read_disk(server: Server) -> Disk:
    """What a server's folder says. The timeline is that of the last promotion it knows of."""
    log_folder = server.data / "pg_wal"
    names = [path.name for path in log_folder.iterdir()] if log_folder.is_dir() else []
    timelines = [int(found[1], 16) for name in names if (found := HISTORY.fullmatch(name))]
    return Disk(
        server.number,
        server.data.is_dir(),
        (server.data / STANDBY_SIGNAL).exists(),
        max(timelines, default=1),
        (server.folder / COPY_AGAIN).exists(),
    )


def task_of(number: int, disks: Sequence[Disk]) -> Task:
    """What has to be done before a server of a shard is started."""
    own = next(disk for disk in disks if disk.number == number)
    primaries = [disk for disk in disks if disk.has_data and not disk.standby]
    if not any(disk.has_data for disk in disks):
        return "make" if number == min(disk.number for disk in disks) else "copy"
    if not own.has_data or own.copy_again:
        return "copy"
    if own.standby or own == max(primaries, key=lambda disk: (disk.timeline, -disk.number)):
        return "start"
    return "copy"


def direct(server: Server, database: str = "postgres") -> Address:
    """A server itself, without its PgBouncer: for its keeper and for tests."""
    where = {"host": str(server.sockets), "port": POSTGRES_PORT, "user": ROLE, "database": database}
    return Address(str(server.sockets), POSTGRES_PORT, where)


async def prepare(server: Server, servers: Sequence[Server], user: RunAs, *, synchronous: bool) -> Command:
    """Makes a server ready, and says how it is started. Raises `ClusterFault`, `PostgresFault`."""
    server.folder.mkdir(parents=True, exist_ok=True)
    programs = await asyncio.to_thread(programs_for, user)
    task = task_of(server.number, [read_disk(one) for one in servers])
    if task == "make":
        await asyncio.to_thread(initialise, programs, user, server.data)
    elif task == "copy":
        log.info("copied from the primary", program=server.name)
        await copy(server, await primary_of(servers), programs, user)
    write_access(server.data, user)
    peers = [one for one in servers if one.number != server.number]
    write_as(server.data / "postgresql.conf", settings_text(server, peers, synchronous=synchronous), user)
    # Nobody runs here (hub/cluster/program.py), and the number that stands there may be another process's by now.
    (server.data / "postmaster.pid").unlink(missing_ok=True)
    (server.sockets / f".s.PGSQL.{POSTGRES_PORT}.lock").unlink(missing_ok=True)
    words = (str(programs / "postgres"), "-D", seen_by(user, server.data))
    return Command(words, server.data, user.subprocess_options(), (signal.SIGINT, signal.SIGQUIT))


async def primary_of(servers: Sequence[Server]) -> Server:
    """The primary, when it answers. Raises `ClusterFault` when that takes too long."""
    by_sockets = {str(one.sockets): one for one in servers}
    deadline = time.monotonic() + PRIMARY_SECONDS_MAX
    while time.monotonic() < deadline:
        found = await failover.standings([direct(one) for one in servers])
        if (primary := failover.primary_among(found)) is not None:
            return by_sockets[primary.server.host]
        await asyncio.sleep(POLL_SECONDS)
    raise ClusterFault(
        f"Shard {servers[0].shard} has no primary that answers.",
        hint="`medtech-hub cluster status` shows its servers; `medtech-hub shard promote` makes a standby the primary.",
    )


async def copy(server: Server, primary: Server, programs: Path, user: RunAs) -> None:
    """Makes a server a standby of the primary, by a copy of its data. What was there goes when that is complete. Raises `ClusterFault`."""
    made = server.folder / "data.new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    os.chown(made, user.uid, user.gid)
    process = await asyncio.create_subprocess_exec(
        *(str(programs / "pg_basebackup"), "-D", seen_by(user, made), "-h", str(primary.sockets)),
        *("-p", str(POSTGRES_PORT), "-U", ROLE, "--no-password", "--checkpoint=fast", "--wal-method=stream"),
        cwd=made,
        stderr=asyncio.subprocess.PIPE,
        **user.subprocess_options(),
    )
    _, said = await process.communicate()
    if process.returncode:
        shutil.rmtree(made)
        raise ClusterFault(
            f"{server.name} could not be copied from {primary.name}: {said.decode(errors='replace').strip()}"
        )
    write_as(made / STANDBY_SIGNAL, "", user)
    old = server.folder / "data.old"
    if server.data.exists():
        server.data.rename(old)
    made.rename(server.data)
    shutil.rmtree(old, ignore_errors=True)
    (server.folder / COPY_AGAIN).unlink(missing_ok=True)


def write_as(path: Path, text: str, user: RunAs) -> None:
    """Writes a file that the server reads."""
    path.write_text(text, encoding="utf-8")
    os.chown(path, user.uid, user.gid)


async def answers(server: Server) -> bool:
    """Whether a server lets somebody in. While it starts, which its own file tells, nobody tries: each would stand in its log."""
    if pid_file(server.data)[7:8] != ["ready"]:
        return False
    try:
        await failover.standing(direct(server))
    except AWAY:
        return False
    return True


async def make_database(primary: Server) -> None:
    """The hub's database, if it is not there. It waits for no standby, since there may be none yet."""
    async with failover.connected(direct(primary), seconds_max=PRIMARY_SECONDS_MAX) as connection:
        await connection.execute("SET synchronous_commit = local")
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        except asyncpg.DuplicateDatabaseError:
            log.debug("the database is there", program=primary.name)
