"""The servers of one shard: which of them is the primary, and which are standbys.

An address names all servers of a shard, or the PgBouncers in front of them, in no meaningful order. Who is the primary is asked of
themselves: it is not in recovery, and of several that say so (an old primary that came back knows nothing of its successor) the one on the
highest timeline. A timeline once seen is never left for a lower one: what is written to an old primary would be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import asyncpg
from msgspec import Struct

from hub.errors import PostgresFault, SettingsWrong
from hub.postgres.embedded import SocketAddress

ASKING_SECONDS_MAX: Final = 3.0
"""How long one server may take to say what it is, before it counts as away."""
DEFAULT_PORT: Final = 5432

TIMELINE: Final = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int"
"""The timeline that a primary writes: it stands in the names of its log's files."""
STATE: Final = f"SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN 0 ELSE {TIMELINE} END"
"""Whether a server is a standby, and a primary's timeline."""

Connect = Callable[..., Awaitable[asyncpg.Connection]]


class Server(Struct, frozen=True):
    """One server as asyncpg is told of it. Its text is no secret; `dsn`, which may hold a password, is not shown."""

    host: str
    port: int
    where: dict[str, Any]

    def __repr__(self) -> str:
        return f"Server({self.name})"

    @property
    def name(self) -> str:
        """For people and logs."""
        return f"{self.host}:{self.port}"


class State(Struct, frozen=True):
    """What a server says of itself. `timeline`: of a primary; 0 of a standby."""

    server: Server
    role: Literal["primary", "standby"]
    timeline: int


def servers_of(address: SocketAddress | str) -> list[Server]:
    """The servers of an address: `postgresql://user@h1:5432,h2:5432/database`, or with `?host=/folder1,/folder2&port=6432,6433`.

    Raises `SettingsWrong`.
    """
    if isinstance(address, SocketAddress):
        where = {"host": address.folder, "port": address.port, "user": address.user, "database": address.database}
        return [Server(address.folder, address.port, where)]
    dsn = address.replace("postgresql+asyncpg://", "postgresql://", 1)
    try:
        places = _places(dsn)
    except ValueError as error:
        raise SettingsWrong("The address of a database is not one that Postgres understands.") from error
    return [Server(host, port, {"dsn": dsn, "host": host, "port": port}) for host, port in places]


def _places(dsn: str) -> list[tuple[str, int]]:
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("scheme")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    listed = parts.netloc.rpartition("@")[2] or asked.get("host", "")
    ports = [int(port) for port in asked.get("port", "").split(",") if port]
    found = []
    for at, one in enumerate(listed.split(",")):
        host, colon, port = one.rpartition(":") if ":" in one.rpartition("]")[2] else (one, "", "")
        usual = ports[min(at, len(ports) - 1)] if ports else DEFAULT_PORT
        found.append((host.strip("[]") or "localhost", int(port) if colon and port else usual))
    return found


async def ask(server: Server, connect: Connect) -> State:
    """What a server is. Raises what connecting does, or TimeoutError."""
    async with asyncio.timeout(ASKING_SECONDS_MAX):
        connection = await connect(**server.where)
        try:
            return await state_of(server, connection)
        finally:
            await connection.close(timeout=ASKING_SECONDS_MAX)


async def state_of(server: Server, connection: asyncpg.Connection) -> State:
    """What a server is, asked over a connection that there is."""
    # Behind a pooler only a transaction stays on one connection from a statement's parsing to its execution.
    async with connection.transaction(readonly=True):
        return await state_within(server, connection)


async def state_within(server: Server, connection: asyncpg.Connection) -> State:
    """What a server is, asked in a transaction that there is."""
    in_recovery, timeline = await connection.fetchrow(STATE)
    return State(server, "standby" if in_recovery else "primary", timeline)


async def survey(servers: Sequence[Server], connect: Connect) -> list[State]:
    """What each server that answers is, all asked at once."""
    answers = await asyncio.gather(*(ask(server, connect) for server in servers), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(
            answer, (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
        ):
            raise answer
    return [answer for answer in answers if isinstance(answer, State)]


def primary_of(states: Sequence[State], timeline_min: int) -> State:
    """The primary. Raises `PostgresFault` when there is none, or none that knows what a later one has written."""
    primaries = sorted((state for state in states if state.role == "primary"), key=lambda one: one.timeline)
    if not primaries:
        raise PostgresFault(
            f"None of the database's servers is a primary; {len(states)} answer as standbys.",
            hint="Wait for the primary, or promote a standby: `medtech-hub shard promote ID`.",
        )
    if primaries[-1].timeline < timeline_min:
        raise PostgresFault(
            f"Only an old primary answers, {primaries[-1].server.name}: what came after it is not there.",
            hint="Start the server that was promoted, and make the old one its standby.",
        )
    return primaries[-1]
