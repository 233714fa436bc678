"""The PgBouncer in front of a Postgres server: transactions of many hub processes over few connections.

Nobody has a password: it asks the kernel who is at the other end of its socket, and so does Postgres of it.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hub.cluster.program import Command
from hub.cluster.shape import DATABASE, POOLER_PORT, POSTGRES_PORT, Server
from hub.postgres.embedded import ROLE
from hub.postgres.programs import RunAs

PROGRAM: Final = "pgbouncer"
PROGRAM_FOLDERS: Final = "/usr/sbin:/usr/bin:/sbin:/bin"

SETTINGS: Final[Mapping[str, str]] = {
    "pool_mode": "transaction",
    # A hub process has 16 connections and waits for one itself; here nobody should have to. Postgres works best with few per core,
    # and what is idle costs it little.
    "default_pool_size": "40",
    "max_client_conn": "1000",
    # Nothing is left behind by a transaction (no SET, no session's locks, no prepared statements, no LISTEN), so nothing has to be reset.
    "server_reset_query": "",
    # What asyncpg and libpq say of themselves when they connect; a pooled connection cannot have it for each client.
    "ignore_startup_parameters": "extra_float_digits,options,search_path,jit",
    # A server that is away is tried again each second; until then clients are told at once, and go on to another.
    "server_login_retry": "1",
    "server_connect_timeout": "3",
    # The first to come after it went away waits so long, as does who finds all connections taken.
    "query_wait_timeout": "5",
    # A client that is gone without a word holds nobody up for longer; Postgres has the same bound.
    "idle_transaction_timeout": "60",
    "server_idle_timeout": "60",
    # Never query_timeout or cancel_wait_timeout: a commit may wait for a standby (hub/postgres/failover.py).
    "client_login_timeout": "5",
    "log_connections": "0",
    "log_disconnections": "0",
    "stats_period": "3600",
}


def settings_text(server: Server, administrators: list[str]) -> str:
    """`pgbouncer.ini` of a server."""
    values = {
        "listen_addr": "",
        "listen_port": str(POOLER_PORT),
        "unix_socket_dir": str(server.sockets),
        "unix_socket_mode": "0700",
        "auth_type": "hba",
        "auth_hba_file": "hba.conf",
        "auth_file": "users.txt",
        "admin_users": ",".join(administrators),
        **SETTINGS,
    }
    lines = [f"{name} = {value}" for name, value in values.items()]
    database = f"{DATABASE} = host={server.sockets} port={POSTGRES_PORT} dbname={DATABASE} user={ROLE}"
    return "\n".join(["[databases]", database, "[pgbouncer]", *lines, ""])


async def prepare(server: Server, user: RunAs, administrators: list[str]) -> Command:
    """Writes its files, and says how it is started. `administrators`: users of this machine who may connect."""
    folder = server.pooler_folder / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "pgbouncer.ini": settings_text(server, administrators),
        "hba.conf": "local all all peer\n",
        "users.txt": "".join(f'"{name}" ""\n' for name in administrators),
    }
    for path, text in ((folder, None), *((folder / name, text) for name, text in files.items())):
        if text is not None:
            path.write_text(text, encoding="utf-8")
        os.chown(path, user.uid, user.gid)
    (server.sockets / f".s.PGSQL.{POOLER_PORT}").unlink(missing_ok=True)
    options = user.subprocess_options()
    options["env"] = {**options["env"], "PATH": PROGRAM_FOLDERS}
    return Command((program(), "pgbouncer.ini"), folder, options, (signal.SIGTERM,))


def program() -> str:
    """Where PgBouncer is; its name when it is nowhere, which says so when it is started."""
    places = [Path(folder) / PROGRAM for folder in PROGRAM_FOLDERS.split(":")]
    return next((str(place) for place in places if place.exists()), PROGRAM)


async def answers(server: Server) -> bool:
    """Whether it listens; whether its Postgres answers is not its matter."""
    try:
        _, writer = await asyncio.open_unix_connection(server.sockets / f".s.PGSQL.{POOLER_PORT}")
    except OSError:
        return False
    writer.close()
    return True
