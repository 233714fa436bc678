"""What one shard has to tell another: written in the transaction that acknowledges it, carried over in order, taken once."""

from collections.abc import Sequence

from msgspec import Struct

from hub.postgres.engine import Connection


class Sending(Struct, frozen=True):
    """A message. `scope`: of the records that it is about, as it is numbered here; `body` is sealed with that scope's key."""

    id: bytes
    target: int
    scope: int
    body: bytes


class Waiting(Sending, frozen=True):
    """A message that waits. `number`: its place among all that were written here."""

    number: int


async def send(connection: Connection, messages: Sequence[Sending]) -> None:
    """Writes messages down, in this order."""
    await connection.executemany(
        "INSERT INTO relay (id, target, scope, body) VALUES ($1, $2, $3, $4)",
        [(one.id, one.target, one.scope, one.body) for one in messages],
    )


async def targets(connection: Connection) -> list[int]:
    """The shards that something waits for."""
    return [row["target"] for row in await connection.fetch("SELECT DISTINCT target FROM relay ORDER BY target")]


async def waiting(connection: Connection, target: int, after: int, limit: int) -> list[Waiting]:
    """The next messages for a shard after a number, in the order in which they were written."""
    rows = await connection.fetch(
        """
        SELECT id, target, scope, body, number FROM relay WHERE target = $1 AND number > $2 ORDER BY number LIMIT $3
        """,
        *(target, after, limit),
    )
    return [Waiting(*row) for row in rows]


async def sent(connection: Connection, ids: Sequence[bytes]) -> None:
    """These have been taken by whom they are for."""
    await connection.execute("DELETE FROM relay WHERE id = ANY($1::bytea[])", ids)


async def take(connection: Connection, message: bytes) -> bool:
    """Notes that a message was taken, in the transaction that does what it says. False when it was before."""
    query = "INSERT INTO relayed (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id"
    return await connection.fetchval(query, message) is not None


async def forget(connection: Connection, days: int) -> None:
    """Messages taken so long ago do not come again, not even from a shard that was brought back to an earlier day."""
    await connection.execute("DELETE FROM relayed WHERE at < now() - make_interval(days => $1)", days)
