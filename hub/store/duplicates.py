"""Pairs of records that are probably of one person, by their numbers alone, and the records that have to be looked at for it."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection


class Due(Struct, frozen=True):
    """A Patient's record that came or changed, to be looked at."""

    id: int
    key: int


class Pair(Struct, frozen=True, order=True):
    """Two records, the lesser number first, and how much speaks for one person, in bits."""

    first: int
    second: int
    bits: float


FINDERS_LOCK: Final = 0x6D65_6474_6563_6804
"""The advisory lock of whoever looks: "medtech" and a number. One at a time, or the later of two could write what is older."""


async def lock_finding(connection: Connection) -> bool:
    """Whether this process may look until the transaction ends."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", FINDERS_LOCK))


async def take_due(connection: Connection, limit: int) -> list[Due]:
    """The next records to be looked at, the oldest first."""
    rows = await connection.fetch("SELECT id, key FROM duplicate_due ORDER BY id LIMIT $1", limit)
    return [Due(*row) for row in rows]


async def sharing(
    connection: Connection, keys: Sequence[int], *, shared_min: int, common_max: int, limit: int
) -> list[tuple[int, int]]:
    """For each record those that share most clues with it, at least so many, at most `limit`. A clue that more than `common_max` have
    brings up nobody: what costs much says little."""
    rows = await connection.fetch(
        """
        SELECT key, other FROM (
            SELECT mine.key, other, row_number() OVER (PARTITION BY mine.key ORDER BY count(*) DESC, other) AS place
            FROM clue AS mine CROSS JOIN LATERAL (
                SELECT array_agg(key) AS others FROM (SELECT key FROM clue WHERE token = mine.token LIMIT $3 + 1) AS of_token
            ) AS found CROSS JOIN unnest(found.others) AS other
            WHERE mine.key = ANY($1::bigint[]) AND cardinality(found.others) <= $3 AND other <> mine.key
            GROUP BY mine.key, other HAVING count(*) >= $2
        ) AS ranked WHERE place <= $4
        """,
        *(keys, shared_min, common_max, limit),
    )
    return [(row["key"], row["other"]) for row in rows]


async def replace_pairs(connection: Connection, due: Sequence[Due], pairs: Sequence[Pair]) -> None:
    """These pairs instead of all that the records had; they have been looked at."""
    keys = sorted({one.key for one in due})
    await connection.execute(
        "DELETE FROM duplicate WHERE first = ANY($1::bigint[]) OR second = ANY($1::bigint[])", keys
    )
    ordered = sorted(pairs)
    await connection.execute(
        """
        INSERT INTO duplicate (first, second, bits) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::real[])
        ON CONFLICT (first, second) DO UPDATE SET bits = excluded.bits
        """,
        *([getattr(pair, field) for pair in ordered] for field in Pair.__struct_fields__),
    )
    await connection.execute("DELETE FROM duplicate_due WHERE id = ANY($1::bigint[])", [one.id for one in due])
