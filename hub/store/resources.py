"""Resources: sealed states under keyed hashes of their names."""

from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from hub.postgres.engine import COPY_ROWS_MIN, Connection


class NewRow(Struct, frozen=True):
    """A resource as it is to be stored. `rkey` and `hash` are 16 bytes, `state` is sealed with the scope's data key."""

    rkey: bytes
    scope: int
    hash: bytes
    state: bytes


class ResourceRow(Struct, frozen=True):
    """A stored resource."""

    key: int
    rkey: bytes
    scope: int
    hash: bytes
    state: bytes


class ChangedRow(Struct, frozen=True):
    """What a stored resource becomes. The scope is another when the patient moved."""

    key: int
    scope: int
    hash: bytes
    state: bytes


async def insert_fresh(connection: Connection, rows: Sequence[NewRow]) -> dict[bytes, int]:
    """Stores those that are not there yet. Returns rkey → key of those it stored.

    A resource that another transaction is storing at this moment is waited for, and then counts as present. Rows go in
    by rkey, so that two such transactions cannot wait for each other. Resources of a batch get keys that follow one another.
    """
    ordered = sorted(rows, key=lambda row: row.rkey)
    if len(ordered) >= COPY_ROWS_MIN:
        try:
            async with connection.transaction():
                return await _copy(connection, ordered)
        except asyncpg.UniqueViolationError:  # some are there, which is rare
            return await _insert(connection, ordered)
    return await _insert(connection, ordered)


async def _copy(connection: Connection, rows: Sequence[NewRow]) -> dict[bytes, int]:
    """By COPY, which takes half the time, and all or none. Raises UniqueViolationError when any is there."""
    keys = await connection.fetchval(
        "SELECT array_agg(nextval('resource_key_seq')) FROM generate_series(1, $1::int)", len(rows)
    )
    stored = {row.rkey: key for row, key in zip(rows, keys, strict=True)}
    await connection.copy_records_to_table(
        "resource",
        records=[(key, row.rkey, row.scope, row.hash, row.state) for row, key in zip(rows, keys, strict=True)],
        columns=["key", "rkey", "scope", "hash", "state"],
    )
    return stored


async def _insert(connection: Connection, rows: Sequence[NewRow]) -> dict[bytes, int]:
    stored = await connection.fetch(
        """
        INSERT INTO resource (rkey, scope, hash, state)
        SELECT * FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::bytea[])
        ON CONFLICT (rkey) DO NOTHING RETURNING rkey, key
        """,
        [row.rkey for row in rows],
        [row.scope for row in rows],
        [row.hash for row in rows],
        [row.state for row in rows],
    )
    return {row["rkey"]: row["key"] for row in stored}


async def lock_present(connection: Connection, rkeys: Sequence[bytes]) -> list[ResourceRow]:
    """Those of these resources that are there, locked until the transaction ends, in the order of their keys."""
    rows = await connection.fetch(
        """
        SELECT key, rkey, scope, hash, state FROM resource
        WHERE rkey = ANY($1::bytea[]) ORDER BY key FOR NO KEY UPDATE
        """,
        rkeys,
    )
    return [ResourceRow(*row) for row in rows]


async def at_home(connection: Connection, rkeys: Sequence[bytes]) -> dict[bytes, str]:
    """Of these resources those in scopes that are at home here: rkey → the scope's name. Nothing is locked."""
    rows = await connection.fetch(
        """
        SELECT rkey, name FROM resource JOIN scope ON scope.id = resource.scope
        WHERE rkey = ANY($1::bytea[]) AND home IS NULL
        """,
        rkeys,
    )
    return {row["rkey"]: row["name"] for row in rows}


async def update_rows(connection: Connection, rows: Sequence[ChangedRow]) -> None:
    """Writes locked resources back, in one statement."""
    await connection.execute(
        """
        UPDATE resource SET scope = new.scope, hash = new.hash, state = new.state, stored = now()
        FROM unnest($1::bigint[], $2::int[], $3::bytea[], $4::bytea[]) AS new (key, scope, hash, state)
        WHERE resource.key = new.key
        """,
        [row.key for row in rows],
        [row.scope for row in rows],
        [row.hash for row in rows],
        [row.state for row in rows],
    )


async def read_states(connection: Connection, keys: Sequence[int]) -> dict[int, ResourceRow]:
    """The present rows of these keys, by key; those that are gone are not among them."""
    rows = await connection.fetch(
        "SELECT key, rkey, scope, hash, state FROM resource WHERE key = ANY($1::bigint[])", keys
    )
    return {row["key"]: ResourceRow(*row) for row in rows}


async def scan_scope(connection: Connection, scope: int, after_key: int, limit: int) -> list[ResourceRow]:
    """The next resources of a scope by key: for a node whose cursor is older than the feed, and to count a digest anew."""
    rows = await connection.fetch(
        "SELECT key, rkey, scope, hash, state FROM resource WHERE scope = $1 AND key > $2 ORDER BY key LIMIT $3",
        scope,
        after_key,
        limit,
    )
    return [ResourceRow(*row) for row in rows]
