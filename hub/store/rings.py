"""The rings of scopes (`hub.keys.rings`) while their keys are exchanged. Their rows are locked by id, as everywhere."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from hub.postgres.engine import Connection


class RingRow(Struct, frozen=True):
    """A scope's ring, and the last position of its feed."""

    scope: int
    seq: int
    ring: bytes


async def all_rings(connection: Connection) -> dict[int, bytes]:
    """Scope → ring."""
    return dict(await connection.fetch("SELECT id, data_key FROM scope"))


async def named_rings(connection: Connection) -> list[tuple[str, RingRow]]:
    """All rings with the names of their scopes, by name."""
    rows = await connection.fetch("SELECT name, id, seq, data_key FROM scope ORDER BY name")
    return [(name, RingRow(*row)) for name, *row in rows]


async def lock_all_rings(connection: Connection) -> dict[int, bytes]:
    """The same, locked until the transaction ends: nothing is published meanwhile."""
    return dict(await connection.fetch("SELECT id, data_key FROM scope ORDER BY id FOR NO KEY UPDATE"))


async def read_ring(connection: Connection, scope: int) -> bytes:
    """One scope's ring."""
    ring: bytes = await connection.fetchval("SELECT data_key FROM scope WHERE id = $1", scope)
    return ring


async def lock_rings(connection: Connection, scopes: Sequence[int]) -> list[RingRow]:
    """The rings of these scopes, locked."""
    rows = await connection.fetch(
        "SELECT id, seq, data_key FROM scope WHERE id = ANY($1::int[]) ORDER BY id FOR NO KEY UPDATE", scopes
    )
    return [RingRow(*row) for row in rows]


async def lock_rings_at_home(connection: Connection, scopes: Sequence[int]) -> list[RingRow]:
    """The same, of those of these scopes that are at home here and stay so until the transaction ends."""
    rows = await connection.fetch(
        "SELECT id, seq, data_key FROM scope WHERE id = ANY($1::int[]) AND home IS NULL ORDER BY id FOR NO KEY UPDATE",
        scopes,
    )
    return [RingRow(*row) for row in rows]


async def write_rings(connection: Connection, rings: Mapping[int, bytes]) -> None:
    """Writes locked rings back, in one statement."""
    await connection.execute(
        """
        UPDATE scope SET data_key = new.ring FROM unnest($1::int[], $2::bytea[]) AS new (id, ring) WHERE scope.id = new.id
        """,
        list(rings),
        list(rings.values()),
    )


async def scopes_matching(connection: Connection, facility: str | None, region: str | None) -> list[int]:
    """The scopes of a facility, or of a region with its reference data, that are at home here; all when neither is given."""
    rows = await connection.fetch(
        """
        SELECT scope.id FROM scope LEFT JOIN facility ON facility.scope = scope.id
        WHERE scope.home IS NULL AND ($1::text IS NULL OR facility.id = $1)
            AND ($2::text IS NULL OR facility.region = $2 OR scope.name = 'region/' || $2) ORDER BY scope.id
        """,
        facility,
        region,
    )
    return [row["id"] for row in rows]


async def resting_rings(connection: Connection) -> list[RingRow]:
    """The rings of the scopes that are at home here and that are not getting another key, by id."""
    rows = await connection.fetch(
        """
        SELECT id, seq, data_key FROM scope
        WHERE home IS NULL AND NOT EXISTS (SELECT FROM key_rotation WHERE key_rotation.scope = scope.id) ORDER BY id
        """
    )
    return [RingRow(*row) for row in rows]


async def homes(connection: Connection) -> list[int]:
    """The shards where scopes are at home that are known here."""
    rows = await connection.fetch("SELECT DISTINCT home FROM scope WHERE home IS NOT NULL ORDER BY home")
    return [row["home"] for row in rows]


async def copied_rings(connection: Connection, home: int) -> dict[str, bytes]:
    """Scope by name → ring, of those that are at home on another shard."""
    return dict(await connection.fetch("SELECT name, data_key FROM scope WHERE home = $1", home))


async def rings_at_home(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    """Scope by name → ring, of those of these that are at home here."""
    return dict(
        await connection.fetch(
            "SELECT name, data_key FROM scope WHERE name = ANY($1::text[]) AND home IS NULL", list(names)
        )
    )


async def lock_copied(connection: Connection, names: Sequence[str]) -> dict[str, RingRow]:
    """Scope by name → its row, locked, of those that are at home elsewhere."""
    rows = await connection.fetch(
        """
        SELECT name, id, seq, data_key FROM scope WHERE name = ANY($1::text[]) AND home IS NOT NULL
        ORDER BY id FOR NO KEY UPDATE
        """,
        list(names),
    )
    return {name: RingRow(*row) for name, *row in rows}
