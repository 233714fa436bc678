"""What was not merged: parked (waits for another author's change) and quarantined (waits for a person); open conflicts."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from hub.errors import NotFound
from hub.postgres.engine import Connection


class Parked(Struct, frozen=True):
    """Registers that wait for a change that has not come yet. `state` is sealed with the scope's key."""

    node: str
    scope: int
    rkey: bytes
    state: bytes
    reason: str


class ParkedRow(Struct, frozen=True):
    """A stored `Parked`."""

    id: int
    node: str
    scope: int
    rkey: bytes
    state: bytes
    reason: str
    since: datetime


class Quarantined(Struct, frozen=True):
    """Something that could not be used. `reason` and `detail` hold no patient data; `payload` is sealed."""

    node: str
    scope: int
    rkey: bytes | None
    reason: str
    detail: str
    payload: bytes


class QuarantineRow(Struct, frozen=True):
    """A quarantined thing as listed: why, from whom, since when; not what."""

    id: int
    node: str
    scope: str
    reason: str
    detail: str
    bytes: int
    since: datetime
    resolved: datetime | None


class ConflictCount(Struct, frozen=True):
    """Open conflicts of a scope: resources and elements."""

    scope: str
    resources: int
    elements: int
    oldest: datetime


async def park(connection: Connection, parked: Sequence[Parked]) -> None:
    """Keeps registers until what they depend on arrives."""
    await connection.execute(
        """
        INSERT INTO parked (node, scope, rkey, state, reason)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bytea[], $4::bytea[], $5::text[])
        """,
        *([getattr(one, field) for one in parked] for field in Parked.__struct_fields__),
    )


async def parked_for(connection: Connection, rkeys: Sequence[bytes]) -> list[ParkedRow]:
    """What waits for these resources, the oldest first. To be asked for while the resources are locked."""
    rows = await connection.fetch(
        "SELECT id, node, scope, rkey, state, reason, since FROM parked WHERE rkey = ANY($1::bytea[]) ORDER BY id",
        rkeys,
    )
    return [ParkedRow(*row) for row in rows]


async def count_parked(connection: Connection, node: str) -> int:
    """How many parts of a node's changes wait."""
    count: int = await connection.fetchval("SELECT count(*) FROM parked WHERE node = $1", node)
    return count


async def unpark(connection: Connection, ids: Sequence[int]) -> None:
    """Removes what has been merged."""
    await connection.execute("DELETE FROM parked WHERE id = ANY($1::bigint[])", ids)


async def quarantine(connection: Connection, quarantined: Sequence[Quarantined]) -> None:
    """Keeps what could not be used, for a person to look at."""
    await connection.execute(
        """
        INSERT INTO quarantine (node, scope, rkey, reason, detail, payload)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bytea[], $4::text[], $5::text[], $6::bytea[])
        """,
        *([getattr(one, field) for one in quarantined] for field in Quarantined.__struct_fields__),
    )


async def list_quarantine(connection: Connection, *, limit: int = 1_000) -> list[QuarantineRow]:
    """What is in quarantine and not resolved, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT quarantine.id, node, scope.name, reason, detail, length(payload), since, resolved
        FROM quarantine JOIN scope ON scope.id = quarantine.scope
        WHERE resolved IS NULL ORDER BY quarantine.id LIMIT $1
        """,
        limit,
    )
    return [QuarantineRow(*row) for row in rows]


async def resolve_quarantine(connection: Connection, identity: int) -> None:
    """Notes that a person has dealt with it. Raises `NotFound`."""
    done = await connection.fetchval(
        "UPDATE quarantine SET resolved = now() WHERE id = $1 AND resolved IS NULL RETURNING id", identity
    )
    if done is None:
        raise NotFound(f"Nothing with the number {identity} is in quarantine.")


async def note_conflicts(connection: Connection, counts: Sequence[tuple[bytes, int, int]]) -> None:
    """Notes how many elements of resources wait for a review: `(rkey, scope, elements)`; none closes the conflict."""
    opened = [count for count in counts if count[2]]
    closed = [rkey for rkey, _, elements in counts if not elements]
    if opened:
        await connection.execute(
            """
            INSERT INTO conflict (rkey, scope, elements) SELECT * FROM unnest($1::bytea[], $2::int[], $3::int[])
            ON CONFLICT (rkey) DO UPDATE SET scope = excluded.scope, elements = excluded.elements
            """,
            *(list(column) for column in zip(*opened, strict=True)),
        )
    if closed:
        await connection.execute("DELETE FROM conflict WHERE rkey = ANY($1::bytea[])", closed)


async def count_conflicts(connection: Connection) -> list[ConflictCount]:
    """Open conflicts by scope."""
    rows = await connection.fetch(
        """
        SELECT scope.name, count(*), sum(elements)::bigint, min(since)
        FROM conflict JOIN scope ON scope.id = conflict.scope GROUP BY scope.name ORDER BY scope.name
        """
    )
    return [ConflictCount(*row) for row in rows]
