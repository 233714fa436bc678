"""Referrals that move a patient: which wait, and what became of each."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection

WAITING: Final = "waiting"
MOVED: Final = "moved"
CLOSING: Final = "closing"
"""She was moved, and the referral is over since: the clinic that sent her is to be told."""


class ReferralRow(Struct, frozen=True):
    """A ServiceRequest by its key. `source`: the scope in which it was said, 0 by who had no part in the patient any more."""

    key: int
    source: int
    state: str


async def note_referrals(connection: Connection, referrals: Sequence[tuple[int, int]]) -> None:
    """Notes `(key, source)` of referrals that are to be carried out, in this order; each is noted once for ever."""
    await connection.execute(
        """
        INSERT INTO referral (key, source)
        SELECT key, source FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY AS said (key, source, place) ORDER BY place
        ON CONFLICT (key) DO NOTHING
        """,
        [key for key, _ in referrals],
        [source for _, source in referrals],
    )


async def close_referrals(connection: Connection, keys: Sequence[int]) -> None:
    """Notes that these are over, of those that were carried out."""
    await connection.execute(
        "UPDATE referral SET state = 'closing' WHERE key = ANY($1::bigint[]) AND state = 'moved'", keys
    )


async def open_referrals(connection: Connection, limit: int) -> list[int]:
    """Keys of referrals that wait for something to be done, those that were not tried for longest first."""
    rows = await connection.fetch(
        "SELECT key FROM referral WHERE state IN ('waiting', 'closing') ORDER BY tried, number LIMIT $1", limit
    )
    return [row["key"] for row in rows]


async def lock_referral(connection: Connection, key: int) -> ReferralRow | None:
    """One referral, locked until the transaction ends. None when it is not there, or another process is at it."""
    row = await connection.fetchrow(
        "SELECT key, source, state FROM referral WHERE key = $1 FOR UPDATE SKIP LOCKED", key
    )
    return ReferralRow(*row) if row is not None else None


async def bring_referral(connection: Connection, referral: ReferralRow) -> None:
    """A referral comes from another shard as it stands there."""
    await connection.execute(
        """
        INSERT INTO referral (key, source, state) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO UPDATE SET source = excluded.source, state = excluded.state
        """,
        *(referral.key, referral.source, referral.state),
    )


async def settle_referral(connection: Connection, key: int, state: str) -> None:
    """Writes down what became of a referral."""
    await connection.execute("UPDATE referral SET state = $2, tried = now() WHERE key = $1", key, state)
