"""A client of Redis for a setting's address. Everything is a script with keys of one slot, so that a cluster does it as one server does.

Redis may be emptied or away at any time. Whoever asks gets an answer, or `RedisFault` within bounded time; after a fault nobody asks for a
second, so that requests do not wait, one after the other, for what is not there.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha1
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from hub.errors import RedisFault, SettingsWrong

PORT: Final = 6379
CONNECT_SECONDS_MAX: Final = 0.5
ANSWER_SECONDS_MAX: Final = 1.0
CALL_SECONDS_MAX: Final = 2.0
"""Of one call in all, a cluster's turning to another server included."""
REST_SECONDS: Final = 1.0
"""So long after a fault nobody asks."""
CONNECTIONS_MAX: Final = 64
SCHEMES: Final = ("redis", "rediss", "redis+cluster", "rediss+cluster")
FAULTS: Final = (RedisError, RedisClusterException, OSError, TimeoutError, AttributeError)
"""What redis-py says when Redis is away; the last of a connection that another task of a cluster's client closed meanwhile."""


class Address(Struct, frozen=True):
    """What a `redis_url` says. `hosts`: `(host, port)`; several are a cluster's."""

    hosts: tuple[tuple[str, int], ...]
    cluster: bool
    tls: bool
    username: str | None
    password: str | None
    database: int


class Script(Struct, frozen=True):
    """A Lua script, which is atomic, and the name by which Redis remembers it."""

    text: str
    sha: str


def script(text: str) -> Script:
    """A script from its text."""
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def read_address(url: str) -> Address:
    """A setting's address. Raises `SettingsWrong`, which does not repeat it: it may hold a password."""
    scheme, separator, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    try:
        named = tuple(_host(one) for one in hosts.split(","))
        database = int(path or 0)
    except ValueError as error:
        raise SettingsWrong("redis_url names no host and port that there can be.") from error
    cluster = scheme.endswith("+cluster") or len(named) > 1
    if not separator or scheme not in SCHEMES or (cluster and database) or database < 0:
        raise SettingsWrong(
            f"redis_url begins with one of {', '.join(SCHEMES)}://; a cluster has no numbered databases."
        )
    return Address(
        named, cluster, scheme.startswith("rediss"), unquote(username) or None, unquote(password) or None, database
    )


def _host(text: str) -> tuple[str, int]:
    split = urlsplit(f"//{text}")
    if not split.hostname:
        raise ValueError
    return split.hostname, split.port or PORT


class Client:
    """An open client. Nothing is connected before the first call."""

    def __init__(self, address: Address, clock: Callable[[], float] = monotonic) -> None:
        self.raw = connect(address)
        """For what speaks the protocol itself, such as Litestar's channels."""
        self._clock = clock
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)
        self._resting_until = 0.0
        self._known = not isinstance(self.raw, RedisCluster)
        """Whether it is known which server of a cluster has what."""
        self._learning = asyncio.Lock()

    async def run(self, wanted: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int] = ()) -> Any:
        """What a script returns. Its keys lie in one slot. Raises `RedisFault`."""
        if self._clock() < self._resting_until:
            raise RedisFault("Redis did not answer a moment ago.")
        try:
            # redis-py refuses whom it has no connection for; here they wait.
            async with asyncio.timeout(CALL_SECONDS_MAX), self._places:
                if not self._known:
                    await self._learn()
                try:
                    return await self.raw.execute_command("EVALSHA", wanted.sha, len(keys), *keys, *arguments)
                except NoScriptError:
                    return await self.raw.execute_command("EVAL", wanted.text, len(keys), *keys, *arguments)
        except FAULTS as error:
            self._known = not isinstance(self.raw, RedisCluster)
            self._resting_until = self._clock() + REST_SECONDS
            raise RedisFault(f"Redis is not reachable ({type(error).__name__}).") from error

    async def _learn(self) -> None:
        """Asks a cluster for its servers, once: redis-py's own way goes wrong when many tasks come first together."""
        async with self._learning:
            if not self._known:
                await self.raw.initialize()
                self._known = True

    async def close(self) -> None:
        """Closes all connections."""
        await self.raw.aclose()


def connect(address: Address) -> "Redis | RedisCluster":
    """redis-py's own client, with our bounds."""
    retry = Retry(NoBackoff(), 1)  # a connection that Redis closed meanwhile is made anew
    bounds: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS_MAX,
        "socket_timeout": ANSWER_SECONDS_MAX,
        "max_connections": CONNECTIONS_MAX,
        "username": address.username,
        "password": address.password,
        "ssl": address.tls,
    }
    if address.cluster:
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, retry=retry, **bounds)
    ((host, port),) = address.hosts
    return Redis(host=host, port=port, db=address.database, retry=retry, **bounds)
