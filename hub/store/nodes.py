"""Facilities, nodes, their incarnations and the invitations that make them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from hub.errors import Exists, FacilityMoved, NotFound
from hub.keys import Keys
from hub.postgres.engine import Connection
from hub.store.scopes import GLOBAL, SCOPE_COLUMNS, ScopeRow, ensure_scope, facility_scope, region_scope, scope_row


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


class Standings(Struct, frozen=True):
    """Where nodes stand. `lives`: incarnation → what is remembered of it; `scopes`: node → what it holds, by id."""

    lives: dict[int, IncarnationRow]
    scopes: dict[str, list[ScopeRow]]


FACILITY_COLUMNS: Final = ", ".join(FacilityRow.__struct_fields__)
NODE_COLUMNS: Final = ", ".join(NodeRow.__struct_fields__)
INCARNATION_COLUMNS: Final = ", ".join(IncarnationRow.__struct_fields__)


async def add_facility(connection: Connection, keys: Keys, facility: str, name: str, region: str) -> bool:
    """Adds a facility with its region and scope. False when the same one is there already.

    Raises `Exists` when one of that id is there with another name or region.
    """
    await ensure_region(connection, region)
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


async def ensure_region(connection: Connection, region: str) -> None:
    """Knows a region of this name. In the hub's own database the map says more of it."""
    await connection.execute("INSERT INTO region (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", region)


async def put_foreign(connection: Connection, facility: FacilityRow, scope: int) -> None:
    """Knows of a facility that is at home on another shard; its region is told of it there."""
    await connection.execute(
        """
        INSERT INTO facility (id, name, region, scope, created, listed) VALUES ($1, $2, $3, $4, $5, true)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE facility.name <> excluded.name
        """,
        *(facility.id, facility.name, facility.region, scope, facility.created),
    )
    await give_to_presences(connection, facility.id)


async def facilities_at_home(connection: Connection, region: str = "") -> list[FacilityRow]:
    """The facilities that are at home on this shard, all or those of a region, by id."""
    columns = ", ".join(f"facility.{column}" for column in FacilityRow.__struct_fields__)
    rows = await connection.fetch(
        f"""
        SELECT {columns} FROM facility JOIN scope ON scope.id = facility.scope
        WHERE home IS NULL AND ($1 = '' OR region = $1) ORDER BY facility.id
        """,
        region,
    )
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
    """Facilities whose region has not been told of them, by id."""
    rows = await connection.fetch(f"SELECT {FACILITY_COLUMNS} FROM facility WHERE NOT listed ORDER BY id")
    return [FacilityRow(*row) for row in rows]


async def note_listed(connection: Connection, facilities: Sequence[str]) -> None:
    """Notes that the region of these has been told of them."""
    await connection.execute("UPDATE facility SET listed = true WHERE id = ANY($1::text[])", facilities)


async def read_facility(connection: Connection, facility: str) -> FacilityRow:
    """One facility, at home here until the transaction ends. Raises `NotFound`, or `FacilityMoved` when it is at home elsewhere."""
    columns = ", ".join(f"facility.{column}" for column in FacilityRow.__struct_fields__)
    row = await connection.fetchrow(
        f"SELECT {columns}, home FROM facility JOIN scope ON scope.id = facility.scope WHERE facility.id = $1 FOR SHARE OF scope",
        facility,
    )
    if row is None:
        raise NotFound(f"There is no facility {facility}.", hint="`medtech-hub facility list` names those there are.")
    if row["home"] is not None:
        raise FacilityMoved
    return FacilityRow(*row[:-1])


async def add_node(connection: Connection, keys: Keys, node: NodeRow) -> None:
    """Enrols a node, and gives it its scopes: its facility or, for a point of presence, all of the region's; and what
    all hold, the region's reference data and the global ones."""
    for shared in (region_scope(node.region), GLOBAL):
        await ensure_scope(connection, keys, shared)
    await connection.execute(
        """
        INSERT INTO node (id, facility, role, region, state, name, enrolled, secret_hash, public_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *(node.id, node.facility, node.role, node.region, node.state, node.name, node.enrolled),
        *(node.secret_hash, node.public_key),
    )
    await give_scopes(connection, node.facility, node.id)


async def give_scopes(connection: Connection, facility: str, node: str | None = None) -> None:
    """Gives the nodes of a facility, or one of them, their scopes: the facility's, or all of the region's; and what all hold."""
    await connection.execute(
        """
        INSERT INTO node_scope (node, scope)
        SELECT node.id, facility.scope FROM node JOIN facility
            ON facility.id = node.facility OR (node.role = 'pop' AND facility.region = node.region)
        WHERE node.facility = $1 AND ($2::text IS NULL OR node.id = $2)
        UNION SELECT node.id, scope.id FROM node JOIN scope ON scope.name IN ('region/' || node.region, $3)
        WHERE node.facility = $1 AND ($2::text IS NULL OR node.id = $2)
        ON CONFLICT DO NOTHING
        """,
        *(facility, node, GLOBAL),
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


async def list_nodes(connection: Connection, region: str = "") -> list[NodeRow]:
    """All nodes, or those of a region, in the order they were enrolled."""
    rows = await connection.fetch(
        f"SELECT {NODE_COLUMNS} FROM node WHERE $1 = '' OR region = $1 ORDER BY enrolled, id", region
    )
    return [NodeRow(*row) for row in rows]


async def find_node(connection: Connection, node: str) -> NodeRow | None:
    """One node, or None. Raises `FacilityMoved` when its facility is not at home here: it came a moment ago, or is about to go."""
    columns = ", ".join(f"node.{column}" for column in NodeRow.__struct_fields__)
    row = await connection.fetchrow(
        f"""
        SELECT {columns}, scope.home FROM node JOIN facility ON facility.id = node.facility
        JOIN scope ON scope.id = facility.scope WHERE node.id = $1
        """,
        node,
    )
    if row is not None and row["home"] is not None:
        raise FacilityMoved
    return NodeRow(*row[:-1]) if row is not None else None


async def set_node_state(connection: Connection, node: str, state: str, region: str = "") -> NodeRow:
    """Revokes a node, has it wiped, or notes that it was. Raises `NotFound`, also for one that is not of the region, if one is given."""
    row = await connection.fetchrow(
        f"UPDATE node SET state = $2 WHERE id = $1 AND ($3 = '' OR region = $3) RETURNING {NODE_COLUMNS}",
        *(node, state, region),
    )
    if row is None:
        raise NotFound(f"There is no node {node}.", hint="`medtech-hub node list` names those there are.")
    return NodeRow(*row)


async def note_reports(connection: Connection, reports: Mapping[str, Report]) -> None:
    """Notes that these nodes were here just now, and what they said about themselves. They are locked."""
    await connection.execute(
        """
        UPDATE node SET last_seen = now(), clock_offset_ms = coalesce(said.clock_offset_ms, node.clock_offset_ms),
            version = coalesce(said.version, node.version), pending = coalesce(said.pending, node.pending),
            status = coalesce(said.status::jsonb, node.status)
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])
            AS said (id, clock_offset_ms, version, pending, status)
        WHERE node.id = said.id
        """,
        list(reports),
        *([getattr(report, field) for report in reports.values()] for field in Report.__struct_fields__),
    )


async def lock_nodes(connection: Connection, nodes: Sequence[str]) -> set[str]:
    """Locks nodes, in the order of their ids, until the transaction ends: exchanges of two copies of one come one after the other.

    Those that are here are returned: of the others the facility is not at home here any more.
    """
    rows = await connection.fetch("SELECT id FROM node WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE", nodes)
    return {row["id"] for row in rows}


async def lock_nodes_of(connection: Connection, facility: str) -> None:
    """Locks all nodes of a facility: no exchange of theirs is going on, or begins, until the transaction ends."""
    await connection.execute("SELECT 1 FROM node WHERE facility = $1 ORDER BY id FOR UPDATE", facility)


async def standings(connection: Connection, nodes: Sequence[str], lives: Sequence[int]) -> Standings:
    """Where these nodes, locked by now, stand in these lives, of which those that are known are answered; in one round trip.

    Not in the statement that locks: it would see what was there when it began to wait.
    """
    row = await connection.fetchrow(
        f"""
        SELECT (SELECT array_agg(ROW({INCARNATION_COLUMNS})) FROM incarnation WHERE id = ANY($2::bigint[])),
            (SELECT array_agg(ROW(node_scope.node, {SCOPE_COLUMNS}) ORDER BY scope.id)
             FROM scope JOIN node_scope ON node_scope.scope = scope.id WHERE node_scope.node = ANY($1::text[]))
        """,
        nodes,
        lives,
    )
    assert row is not None
    scopes: dict[str, list[ScopeRow]] = {node: [] for node in nodes}
    for node, *scope in row[1] or ():
        scopes[node].append(scope_row(scope))
    return Standings({life[0]: IncarnationRow(*life) for life in row[0] or ()}, scopes)


async def write_incarnations(connection: Connection, incarnations: Sequence[IncarnationRow]) -> None:
    """Writes incarnations of locked nodes, new or known: each once."""
    ordered = sorted(incarnations, key=lambda row: row.id)
    await connection.execute(
        f"""
        INSERT INTO incarnation ({INCARNATION_COLUMNS})
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[])
        ON CONFLICT (id) DO UPDATE SET acked = excluded.acked, safe = excluded.safe, token = excluded.token,
            exchanges = excluded.exchanges
        """,
        *([getattr(row, field) for row in ordered] for field in IncarnationRow.__struct_fields__),
    )


async def incarnations(connection: Connection, lives: Sequence[int]) -> dict[int, IncarnationRow]:
    """Incarnation → what is remembered of it, of those that are known."""
    rows = await connection.fetch(f"SELECT {INCARNATION_COLUMNS} FROM incarnation WHERE id = ANY($1::bigint[])", lives)
    return {row["id"]: IncarnationRow(*row) for row in rows}


async def reached(connection: Connection, nodes: Sequence[str]) -> dict[str, int]:
    """Node → the most that is stored of any of its lives: its counter goes on from one to the next."""
    rows = await connection.fetch(
        "SELECT node, max(acked) FROM incarnation WHERE node = ANY($1::text[]) GROUP BY node", nodes
    )
    return dict.fromkeys(nodes, 0) | dict(rows)


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
