"""What was not merged: parked (waits for another author's change) and quarantined (waits for a person); open conflicts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection
from hub.store.scopes import WITHIN

MANY: Final = 500
"""So many are not looked for one by one before it is known that anything waits at all: mostly nothing does."""


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
    if len(rkeys) >= MANY and not await connection.fetchval("SELECT EXISTS (SELECT FROM parked)"):
        return []
    rows = await connection.fetch(
        "SELECT id, node, scope, rkey, state, reason, since FROM parked WHERE rkey = ANY($1::bytea[]) ORDER BY id",
        rkeys,
    )
    return [ParkedRow(*row) for row in rows]


async def count_parked(connection: Connection, nodes: Sequence[str]) -> dict[str, int]:
    """Node → how many parts of its changes wait."""
    rows = await connection.fetch("SELECT node, count(*) FROM parked WHERE node = ANY($1::text[]) GROUP BY node", nodes)
    return dict.fromkeys(nodes, 0) | dict(rows)


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


async def list_quarantine(connection: Connection, region: str = "", *, limit: int = 1_000) -> list[QuarantineRow]:
    """What is in quarantine and not resolved, of all or of a region, the oldest first."""
    rows = await connection.fetch(
        f"""
        SELECT quarantine.id, node, scope.name, reason, detail, length(payload), since, resolved
        FROM quarantine JOIN scope ON scope.id = quarantine.scope
        WHERE resolved IS NULL AND {WITHIN} ORDER BY quarantine.id LIMIT $2
        """,
        *(region, limit),
    )
    return [QuarantineRow(*row) for row in rows]


async def resolve_quarantine(connection: Connection, identity: int, region: str = "") -> bool:
    """Notes that a person has dealt with it. False when there is no such thing here, or not of the region, if one is given."""
    done = await connection.fetchval(
        f"""
        UPDATE quarantine SET resolved = now() FROM scope
        WHERE quarantine.id = $2 AND resolved IS NULL AND scope.id = quarantine.scope AND {WITHIN} RETURNING quarantine.id
        """,
        *(region, identity),
    )
    return done is not None


async def note_conflicts(connection: Connection, counts: Sequence[tuple[bytes, int, int]]) -> None:
    """Notes how many elements of resources wait for a review: `(rkey, scope, elements)`; none closes the conflict."""
    opened = sorted(count for count in counts if count[2])
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


async def count_conflicts(connection: Connection, region: str = "") -> list[ConflictCount]:
    """Open conflicts by scope, of all or of a region."""
    rows = await connection.fetch(
        f"""
        SELECT scope.name, count(*), sum(elements)::bigint, min(since)
        FROM conflict JOIN scope ON scope.id = conflict.scope WHERE {WITHIN} GROUP BY scope.name ORDER BY scope.name
        """,
        region,
    )
    return [ConflictCount(*row) for row in rows]
