"""What there is to tell of keys: nothing of them, and nothing of what they protect."""

from datetime import UTC, datetime

from msgspec import Struct

from hub.keys import Keys
from hub.keys import rings as ring_rules
from hub.keys.masters import Master
from hub.keys.transit import TransitMaster
from hub.postgres.engine import Connection
from hub.store import key_rotations, rings, wrapping
from hub.store.key_rotations import STUCK


class KeyStatus(Struct, frozen=True):
    """A shard's keys. `under_others`: scopes with a key under another master key than that in use."""

    shard: int
    master: str
    kept_in: str
    since: datetime | None
    scopes: int
    under_others: int
    rotating: int
    waiting_for_others: int
    stuck: int


class ScopeKeys(Struct, frozen=True):
    """A scope's keys. `seals`: with the present one, about; `older`: versions that something may still be under."""

    shard: int
    scope: str
    version: int
    older: list[int]
    made: datetime | None
    seals: int
    step: str
    table: str
    after_row: int


async def read_status(connection: Connection, keys: Keys, shard: int) -> KeyStatus:
    """The keys of a shard."""
    master, since = await wrapping.read_master(connection)
    found = [ring_rules.read(ring) for ring in (await rings.all_rings(connection)).values()]
    rotations = await key_rotations.list_rotations(connection)
    return KeyStatus(
        shard=shard,
        master=master.hex(),
        kept_in=_place(next((one for one in keys.masters.all if one.id == master), None)),
        since=since,
        scopes=len(found),
        under_others=sum(any(key.master != master for key in ring.keys) for ring in found),
        rotating=len(rotations),
        waiting_for_others=sum(one.waiting for one in rotations),
        stuck=sum(one.step == STUCK for one in rotations),
    )


async def read_scope_keys(connection: Connection, shard: int) -> list[ScopeKeys]:
    """The keys of each scope that a shard knows, by name."""
    rotations = {one.scope: one for one in await key_rotations.list_rotations(connection)}
    told: list[ScopeKeys] = []
    for name, row in await rings.named_rings(connection):
        ring = ring_rules.read(row.ring)
        present, rotation = ring.of_current, rotations.get(name)
        told.append(
            ScopeKeys(
                shard=shard,
                scope=name,
                version=present.version,
                older=[key.version for key in ring.keys if key.version < present.version],
                made=datetime.fromtimestamp(present.made_ms / 1000, UTC) if present.made_ms else None,
                seals=row.seq - present.begun_seq,
                step=rotation.step if rotation is not None else "",
                table=rotation.table if rotation is not None else "",
                after_row=rotation.after_row if rotation is not None else 0,
            )
        )
    return told


def _place(master: Master | None) -> str:
    if master is None:
        return "not at hand"
    return f"the KMS, as {master.key}" if isinstance(master, TransitMaster) else "a file or the environment"
