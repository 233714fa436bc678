"""Facilities, nodes, their incarnations and the invitations that make them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from hub.errors import Exists, NotFound
from hub.keys import Keys
from hub.postgres.engine import Connection
from hub.store.scopes import GLOBAL, ensure_scope, facility_scope, region_scope


class FacilityRow(Struct, frozen=True):
    """A clinic, or whatever holds its records together."""

    id: str
    name: str
    region: str
    scope: int
    created: datetime


class NodeRow(Struct, frozen=True):
    """An enrolled node. `state`: active, revoked, wipe (reported lost; told so when it calls), wiped."""

    id: str
    facility: str
    role: str
    region: str
    state: str
    name: str
    enrolled: datetime
    last_seen: datetime | None
    clock_offset_ms: int | None
    version: str | None
    pending: int | None
    secret_hash: bytes
    public_key: bytes | None


class IncarnationRow(Struct, frozen=True):
    """A node's present life. `acked`: its writes up to here are stored. `safe`: and backed up. `token`: of its last exchange."""

    id: int
    node: str
    base_counter: int
    acked: int
    safe: int
    token: bytes
    exchanges: int


class Report(Struct, frozen=True):
    """What a node says about itself in an exchange."""

    clock_offset_ms: int | None = None
    version: str | None = None
    pending: int | None = None
    status: str | None = None
    """JSON text."""


FACILITY_COLUMNS: Final = ", ".join(FacilityRow.__struct_fields__)
NODE_COLUMNS: Final = ", ".join(NodeRow.__struct_fields__)
INCARNATION_COLUMNS: Final = ", ".join(IncarnationRow.__struct_fields__)


async def add_facility(connection: Connection, keys: Keys, facility: str, name: str, region: str) -> bool:
    """Adds a facility with its region and scope. False when the same one is there already.

    Raises `Exists` when one of that id is there with another name or region.
    """
    await connection.execute("INSERT INTO region (name, shard) VALUES ($1, 1) ON CONFLICT (name) DO NOTHING", region)
    scope = await ensure_scope(connection, keys, facility_scope(facility))
    await ensure_scope(connection, keys, region_scope(region))
    added = await connection.fetchval(
        "INSERT INTO facility (id, name, region, scope) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id",
        *(facility, name, region, scope),
    )
    if added is None:
        present = await read_facility(connection, facility)
        if (present.name, present.region) != (name, region):
            raise Exists(f"There is a facility {facility} already: {present.name} in {present.region}.")
        return False
    await give_to_presences(connection, facility)
    return True


async def list_facilities(connection: Connection) -> list[FacilityRow]:
    """All facilities, by id."""
    rows = await connection.fetch(f"SELECT {FACILITY_COLUMNS} FROM facility ORDER BY id")
    return [FacilityRow(*row) for row in rows]


async def facilities_of(connection: Connection, region: str) -> list[FacilityRow]:
    """The facilities of a region, by id."""
    rows = await connection.fetch(f"SELECT {FACILITY_COLUMNS} FROM facility WHERE region = $1 ORDER BY id", region)
    return [FacilityRow(*row) for row in rows]


async def regions_of(connection: Connection, scopes: Sequence[int]) -> dict[int, str]:
    """Scope → the region of the facility that it is of; other scopes are not among them."""
    rows = await connection.fetch("SELECT scope, region FROM facility WHERE scope = ANY($1::int[])", scopes)
    return {row["scope"]: row["region"] for row in rows}


async def unlisted_facilities(connection: Connection) -> list[FacilityRow]:
    """Facilities whose region has not been told of them, locked until the transaction ends, by id."""
    rows = await connection.fetch(
        f"SELECT {FACILITY_COLUMNS} FROM facility WHERE NOT listed ORDER BY id FOR NO KEY UPDATE"
    )
    return [FacilityRow(*row) for row in rows]


async def note_listed(connection: Connection, facilities: Sequence[str]) -> None:
    """Notes that the region of these has been told of them."""
    await connection.execute("UPDATE facility SET listed = true WHERE id = ANY($1::text[])", facilities)


async def read_facility(connection: Connection, facility: str) -> FacilityRow:
    """One facility. Raises `NotFound`."""
    row = await connection.fetchrow(f"SELECT {FACILITY_COLUMNS} FROM facility WHERE id = $1", facility)
    if row is None:
        raise NotFound(f"There is no facility {facility}.", hint="`medtech-hub facility list` names those there are.")
    return FacilityRow(*row)


async def add_node(connection: Connection, keys: Keys, node: NodeRow) -> None:
    """Enrols a node, and gives it its scopes: its facility or, for a point of presence, all of the region's; and what
    all hold, the region's reference data and the global ones."""
    shared = [
        await ensure_scope(connection, keys, region_scope(node.region)),
        await ensure_scope(connection, keys, GLOBAL),
    ]
    await connection.execute(
        """
        INSERT INTO node (id, facility, role, region, state, name, enrolled, secret_hash, public_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *(node.id, node.facility, node.role, node.region, node.state, node.name, node.enrolled),
        *(node.secret_hash, node.public_key),
    )
    await connection.execute(
        """
        INSERT INTO node_scope (node, scope)
        SELECT $1::text, scope FROM facility WHERE id = $2 OR ($3 = 'pop' AND region = $4)
        UNION SELECT $1::text, unnest($5::int[])
        """,
        *(node.id, node.facility, node.role, node.region, shared),
    )


async def give_to_presences(connection: Connection, facility: str) -> None:
    """Gives the scope of a new facility to the points of presence of its region."""
    await connection.execute(
        """
        INSERT INTO node_scope (node, scope)
        SELECT node.id, facility.scope FROM node JOIN facility USING (region)
        WHERE facility.id = $1 AND node.role = 'pop' ON CONFLICT DO NOTHING
        """,
        facility,
    )


async def list_nodes(connection: Connection) -> list[NodeRow]:
    """All nodes, in the order they were enrolled."""
    rows = await connection.fetch(f"SELECT {NODE_COLUMNS} FROM node ORDER BY enrolled, id")
    return [NodeRow(*row) for row in rows]


async def find_node(connection: Connection, node: str) -> NodeRow | None:
    """One node, or None."""
    row = await connection.fetchrow(f"SELECT {NODE_COLUMNS} FROM node WHERE id = $1", node)
    return NodeRow(*row) if row is not None else None


async def set_node_state(connection: Connection, node: str, state: str) -> NodeRow:
    """Revokes a node, has it wiped, or notes that it was. Raises `NotFound`."""
    row = await connection.fetchrow(f"UPDATE node SET state = $2 WHERE id = $1 RETURNING {NODE_COLUMNS}", node, state)
    if row is None:
        raise NotFound(f"There is no node {node}.", hint="`medtech-hub node list` names those there are.")
    return NodeRow(*row)


async def note_report(connection: Connection, node: str, report: Report) -> None:
    """Notes that the node was here just now, and what it said about itself."""
    await connection.execute(
        """
        UPDATE node SET last_seen = now(), clock_offset_ms = coalesce($2, clock_offset_ms),
            version = coalesce($3, version), pending = coalesce($4, pending), status = coalesce($5::jsonb, status)
        WHERE id = $1
        """,
        *(node, report.clock_offset_ms, report.version, report.pending, report.status),
    )


async def lock_node(connection: Connection, node: str) -> None:
    """Locks the node until the transaction ends: exchanges of two copies of it come one after the other."""
    await connection.execute("SELECT 1 FROM node WHERE id = $1 FOR NO KEY UPDATE", node)


async def write_incarnation(connection: Connection, incarnation: IncarnationRow) -> None:
    """Writes an incarnation of a locked node, new or known."""
    await connection.execute(
        f"""
        INSERT INTO incarnation ({INCARNATION_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE SET acked = excluded.acked, safe = excluded.safe, token = excluded.token,
            exchanges = excluded.exchanges
        """,
        *(getattr(incarnation, field) for field in IncarnationRow.__struct_fields__),
    )


async def incarnations(connection: Connection, lives: Sequence[int]) -> dict[int, IncarnationRow]:
    """Incarnation → what is remembered of it, of those that are known."""
    rows = await connection.fetch(f"SELECT {INCARNATION_COLUMNS} FROM incarnation WHERE id = ANY($1::bigint[])", lives)
    return {row["id"]: IncarnationRow(*row) for row in rows}


async def reached(connection: Connection, node: str) -> int:
    """The most that is stored of any of a node's lives: its counter goes on from one to the next."""
    return int(await connection.fetchval("SELECT coalesce(max(acked), 0) FROM incarnation WHERE node = $1", node))


async def incarnations_of(connection: Connection, nodes: Sequence[str]) -> dict[str, list[IncarnationRow]]:
    """All incarnations of these nodes, the latest last."""
    rows = await connection.fetch(
        f"SELECT {INCARNATION_COLUMNS} FROM incarnation WHERE node = ANY($1::text[]) ORDER BY begun, id", nodes
    )
    found: dict[str, list[IncarnationRow]] = {node: [] for node in nodes}
    for row in rows:
        found[row["node"]].append(IncarnationRow(*row))
    return found


class InviteRow(Struct, frozen=True):
    """An invitation, without its code."""

    facility: str
    role: str
    region: str
    expires: datetime
    used: datetime | None


async def add_invite(connection: Connection, code_hash: bytes, invite: InviteRow) -> None:
    """Stores an invitation under the hash of its code."""
    await connection.execute(
        "INSERT INTO invite (code_hash, facility, role, region, expires) VALUES ($1, $2, $3, $4, $5)",
        *(code_hash, invite.facility, invite.role, invite.region, invite.expires),
    )


async def lock_invite(connection: Connection, code_hash: bytes) -> InviteRow | None:
    """The invitation of this code, locked until the transaction ends, or None."""
    row = await connection.fetchrow(
        "SELECT facility, role, region, expires, used FROM invite WHERE code_hash = $1 FOR UPDATE", code_hash
    )
    return InviteRow(*row) if row is not None else None


async def use_invite(connection: Connection, code_hash: bytes, node: str, now: datetime) -> None:
    """Notes which node an invitation made, and when. It cannot be used again."""
    await connection.execute("UPDATE invite SET used = $3, node = $2 WHERE code_hash = $1", code_hash, node, now)


async def note_attempt(connection: Connection, code_hash: bytes) -> None:
    """Counts that a code was shown after it was used or had expired."""
    await connection.execute("UPDATE invite SET attempts = attempts + 1 WHERE code_hash = $1", code_hash)


def shown(row: NodeRow) -> dict[str, Any]:
    """A node for lists: without what proves who it is."""
    hidden = {"secret_hash", "public_key"}
    return {field: getattr(row, field) for field in NodeRow.__struct_fields__ if field not in hidden}
