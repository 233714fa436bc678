"""The last exchanges of each node: a ring of rows, so that an exchange costs one small write and a node never more than its places.

A table of all exchanges would be the largest of the hub within a month, to be read by nobody: what operators ask is what a node did last.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.postgres.engine import Connection

PLACES: Final = 32


class Exchange(Struct, frozen=True):
    """One exchange. `verdict`: merged or fork. `pushed`: resources that came; `pulled`: scopes with changes that went; `refused`: put
    into quarantine; `parked`: waiting for others; `pending`: what the node said still waits there; `behind`: changes that it has yet to
    get."""

    verdict: str
    pushed: int
    pulled: int
    refused: int
    parked: int
    pending: int
    behind: int


class ExchangeRow(Struct, frozen=True):
    """A kept one, with its time."""

    at: datetime
    verdict: str
    pushed: int
    pulled: int
    refused: int
    parked: int
    pending: int
    behind: int


async def note_exchanges(connection: Connection, exchanges: Mapping[str, Exchange]) -> None:
    """Keeps an exchange of each of these locked nodes in the place of its oldest, and counts it."""
    await connection.execute(
        """
        WITH said AS (
            SELECT * FROM unnest($1::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::bigint[], $9::bigint[])
                AS said (id, verdict, pushed, pulled, refused, parked, pending, behind)
        ), counted AS (
            UPDATE node SET exchanges = exchanges + 1, behind = said.behind FROM said WHERE node.id = said.id
            RETURNING node.id, node.exchanges
        )
        INSERT INTO exchange (node, place, verdict, pushed, pulled, refused, parked, pending, behind)
        SELECT id, exchanges % $2, verdict, pushed, pulled, refused, parked, pending, said.behind FROM counted JOIN said USING (id)
        ON CONFLICT (node, place) DO UPDATE SET at = excluded.at, verdict = excluded.verdict, pushed = excluded.pushed,
            pulled = excluded.pulled, refused = excluded.refused, parked = excluded.parked, pending = excluded.pending,
            behind = excluded.behind
        """,
        list(exchanges),
        PLACES,
        *([getattr(one, field) for one in exchanges.values()] for field in Exchange.__struct_fields__),
    )


async def last_exchanges(connection: Connection, node: str) -> list[ExchangeRow]:
    """The last exchanges of a node, the latest first."""
    columns = ", ".join(ExchangeRow.__struct_fields__)
    rows = await connection.fetch(f"SELECT {columns} FROM exchange WHERE node = $1 ORDER BY at DESC, place DESC", node)
    return [ExchangeRow(*row) for row in rows]
