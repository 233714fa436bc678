"""Clues: keyed hashes of what a person is found by, each pointing to her record. They tell nobody who does not ask with the keys."""

from collections.abc import Mapping
from typing import Final

from hub.postgres.engine import Connection
from hub.store.resources import ResourceRow

LARGEST_KEY: Final = "SELECT coalesce(max(key), 0) FROM resource"


async def replace_clues(connection: Connection, clues: Mapping[int, frozenset[int]]) -> None:
    """Gives records, by key, these clues instead of any that they had; whether two are one person's is looked at later."""
    await connection.execute(
        """
        WITH due AS (INSERT INTO duplicate_due (key) SELECT unnest($1::bigint[]))
        DELETE FROM clue WHERE key = ANY($1::bigint[])
        """,
        sorted(clues),
    )
    pairs = sorted((token, key) for key, tokens in clues.items() for token in tokens)
    if pairs:
        await connection.execute(
            "INSERT INTO clue SELECT * FROM unnest($1::bigint[], $2::bigint[])", *map(list, zip(*pairs, strict=True))
        )


async def keys_by_clues(connection: Connection, weights: Mapping[int, int], limit: int) -> list[int]:
    """The records that have the heaviest of these clues together, heaviest first."""
    rows = await connection.fetch(
        """
        SELECT clue.key FROM unnest($1::bigint[], $2::int[]) AS asked (token, weight) JOIN clue USING (token)
        GROUP BY clue.key ORDER BY sum(asked.weight) DESC, clue.key LIMIT $3
        """,
        list(weights),
        list(weights.values()),
        limit,
    )
    return [row["key"] for row in rows]


async def begin_backfill(connection: Connection, version: int) -> tuple[int, int] | None:
    """How far the records that were there before have clues of this version: `(after, up to)` by key, locked until the transaction
    ends. None when all have, or another process is at it."""
    await connection.execute(
        f"INSERT INTO clue_backfill (version, upto_key) SELECT $1, ({LARGEST_KEY}) ON CONFLICT (version) DO NOTHING",
        version,
    )
    row = await connection.fetchrow(
        "SELECT after_key, upto_key FROM clue_backfill WHERE version = $1 AND after_key < upto_key FOR UPDATE SKIP LOCKED",
        version,
    )
    return (row["after_key"], row["upto_key"]) if row is not None else None


async def note_backfill(connection: Connection, version: int, after_key: int) -> None:
    """Records up to here have their clues."""
    await connection.execute("UPDATE clue_backfill SET after_key = $2 WHERE version = $1", version, after_key)


async def scan_from(connection: Connection, after_key: int, upto_key: int, limit: int) -> list[ResourceRow]:
    """The next records by key, of all scopes."""
    rows = await connection.fetch(
        "SELECT key, rkey, scope, hash, state FROM resource WHERE key > $1 AND key <= $2 ORDER BY key LIMIT $3",
        after_key,
        upto_key,
        limit,
    )
    return [ResourceRow(*row) for row in rows]
