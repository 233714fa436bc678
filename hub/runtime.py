"""A hub that is open: its settings, database and keys. Commands and the server open one the same way."""

import hmac
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Final

from msgspec import Struct

from hub.ahead import Ahead
from hub.keys import KEY_BYTES, Keys, Seal, make_secret_file, new_secrets, read_master_key, unwrap
from hub.postgres.embedded import embedded
from hub.postgres.engine import Connection, Database
from hub.postgres.migrate import migrate
from hub.settings import Settings
from hub.store.shard import PostgresShard, Shard

ADMIN_FILE: Final = "admin.token"
EPOCH_BITS: Final = 62


class Identity(Struct, frozen=True):
    """Who the hub is, to nodes: its id and its public keys, 32 bytes each."""

    id: str
    x25519: bytes
    ed25519: bytes


class Positions(Struct, frozen=True):
    """A scope's resources by position, as they were at `seq`: `(position, hash)` ascending, and position → key."""

    seq: int
    items: list[tuple[int, bytes]]
    keys: dict[int, int]


class Hub:
    """An open hub. `epoch` is this process's own: the timeline it writes under."""

    def __init__(
        self, settings: Settings, database: Database, keys: Keys, identity: Identity, admin_token: str
    ) -> None:
        self.settings = settings
        self.database = database
        self.keys = keys
        self.identity = identity
        self.epoch = secrets.randbits(EPOCH_BITS) | 1
        self.in_work = 0
        """Exchanges that are being worked on by this process."""
        self.positions: dict[int, Positions] = {}
        """Scope → its resources by position, as a reconciliation last found them (`hub.reconciling`)."""
        self.ahead = Ahead()
        self.referred = False
        """Whether a referral was noted that nobody has carried out yet (`hub.referring`)."""
        self._admin_token = admin_token
        self._seals: dict[bytes, Seal] = {}
        self._counters = count(1)

    def is_admin(self, token: str) -> bool:
        """Whether it is the administrator's token."""
        return hmac.compare_digest(token.encode(), self._admin_token.encode())

    def next_counter(self) -> int:
        """The counter of the next thing that this process writes in its own name (`hub.authoring`)."""
        return next(self._counters)

    @asynccontextmanager
    async def shard(self) -> AsyncIterator[Shard]:
        """A transaction in the shard, committed at the end, rolled back on any error. Raises what `Database.transaction` does."""
        async with self.database.transaction() as connection:
            yield PostgresShard(connection)

    def seal(self, data_key: bytes) -> Seal:
        """The seal of a scope, from its wrapped data key; kept, since unwrapping takes longer than sealing."""
        if (found := self._seals.get(data_key)) is None:
            found = self._seals[data_key] = self.keys.seal_of(data_key)
        return found


def now_ms() -> int:
    """The hub's time, in ms since 1970."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Hub]:
    """The hub of these settings, its database running, at the newest schema and opened with its keys.

    Raises `PostgresFault`, `MigrationFault`, `MasterKeyMissing` or `MasterKeyWrong`.
    """
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)
    with nullcontext(settings.dsn) if settings.dsn else embedded(data / "postgres") as address:
        database = Database(
            address, connections_max=settings.connections_max, pooled=bool(settings.dsn) and settings.dsn_pooled
        )
        try:
            await migrate(database)
            async with database.transaction() as connection:
                keys, identity = await open_keys(connection, settings)
            token = read_admin_token(data)
            yield Hub(settings, database, keys, identity, token)
        finally:
            await database.close()


async def open_keys(connection: Connection, settings: Settings) -> tuple[Keys, Identity]:
    """The hub's keys and who it is; both are made when the database holds nothing yet."""
    query = "SELECT hub_id, secrets FROM hub_identity"
    row = await connection.fetchrow(query)
    master = read_master_key(
        Path(settings.data),
        given=settings.master_key,
        file=settings.master_key_file,
        may_be_made=row is None,
    )
    if row is None:
        await connection.execute(
            "INSERT INTO hub_identity (hub_id, secrets) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            f"hub-{secrets.token_hex(8)}",
            new_secrets(master),
        )
        row = await connection.fetchrow(query)
    keys = unwrap(master, row["secrets"])
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
