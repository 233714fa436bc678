"""A hub that is open: its settings, database and keys. Commands and the server open one the same way."""

import asyncio
import hmac
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

from msgspec import Struct

from hub.keys import KEY_BYTES, Keys, make_secret_file
from hub.keys.hub_secrets import new_secrets, unwrap
from hub.keys.sources import masters_of
from hub.limits.in_process import InProcess
from hub.limits.in_redis import InRedis
from hub.limits.limits import Limits, rules
from hub.load import Load
from hub.places import Places
from hub.postgres.embedded import embedded
from hub.postgres.engine import Connection, Database
from hub.postgres.migrate import migrate
from hub.redis.client import Client, read_address
from hub.sessions.desk import open_desk
from hub.settings import Settings

ADMIN_FILE: Final = "admin.token"


class Identity(Struct, frozen=True):
    """Who the hub is, to nodes: its id and its public keys, 32 bytes each."""

    id: str
    x25519: bytes
    ed25519: bytes


class Hub:
    """An open hub: its own database, its keys, and the shards. `database` is the first shard's too."""

    def __init__(
        self,
        settings: Settings,
        places: Places,
        keys: Keys,
        identity: Identity,
        admin_token: str,
        redis: Client | None = None,
    ) -> None:
        self.settings = settings
        self.shards = places
        self.keys = keys
        self.identity = identity
        self.redis = redis
        own = InProcess(steady_us)
        self.limits = Limits(InRedis(redis, identity.id) if redis is not None else own, own, keys, rules(settings))
        self.desk = open_desk(settings, places.first.database, keys, identity.id, self.limits, redis)
        """Where people log in."""
        self.export_asked = asyncio.Event()
        """Whether an export was asked for that this process may make."""
        self._admin_token = admin_token

    @property
    def database(self) -> Database:
        """The hub's own."""
        return self.shards.first.database

    @property
    def load(self) -> Load:
        """What this process works on, of all shards."""
        return self.shards.load

    def is_admin(self, token: str) -> bool:
        """Whether it is the administrator's token."""
        return hmac.compare_digest(token.encode(), self._admin_token.encode())


def steady_us() -> int:
    """A clock that nobody puts back, in microseconds."""
    return time.monotonic_ns() // 1_000


def now_ms() -> int:
    """The hub's time, in ms since 1970."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Hub]:
    """The hub of these settings, its database running, at the newest schema and opened with its keys.

    Raises `PostgresFault`, `MigrationFault`, `MasterKeyMissing`, `MasterKeyWrong`, `KmsFault`, or `SettingsWrong` for `redis_url`.
    """
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)
    with nullcontext(settings.dsn) if settings.dsn else embedded(data / "postgres") as address:
        database = Database(
            address, connections_max=settings.connections_max, pooled=bool(settings.dsn) and settings.dsn_pooled
        )
        redis = Client(read_address(settings.redis_url)) if settings.redis_url else None
        hub: Hub | None = None
        places: Places | None = None
        try:
            await migrate(database)
            async with database.transaction() as connection:
                keys, identity = await open_keys(connection, settings)
            places = Places(identity.id, database, keys, settings)
            await places.first.claim(identity.id)
            await places.refresh()
            hub = Hub(settings, places, keys, identity, read_admin_token(data), redis)
            yield hub
        finally:
            if hub is not None:
                hub.desk.workers.close()
            if places is not None:
                await places.close()
            if redis is not None:
                await redis.close()
            await database.close()


async def open_keys(connection: Connection, settings: Settings) -> tuple[Keys, Identity]:
    """The hub's keys and who it is; both are made when the database holds nothing yet."""
    query = "SELECT hub_id, secrets FROM hub_identity"
    row = await connection.fetchrow(query)
    masters = masters_of(settings, may_be_made=row is None)
    if row is None:
        await connection.execute(
            "INSERT INTO hub_identity (hub_id, secrets) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            f"hub-{secrets.token_hex(8)}",
            await new_secrets(masters.first),
        )
        row = await connection.fetchrow(query)
    keys = await unwrap(masters, row["secrets"])
    identity = Identity(
        row["hub_id"], keys.x25519.public_key().public_bytes_raw(), keys.ed25519.public_key().public_bytes_raw()
    )
    return keys, identity


def read_admin_token(data: Path) -> str:
    """The administrator's token of this folder, made when it is not there."""
    path = data / ADMIN_FILE
    if not path.exists():
        make_secret_file(path, os.urandom(KEY_BYTES).hex())
    return path.read_text(encoding="ascii").strip()
