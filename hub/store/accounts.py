"""People in the console's lists, a page at a time. A name's letters are those of its begin: the index is by name."""

from datetime import datetime

from msgspec import Struct

from hub.postgres.engine import Connection


class AccountLine(Struct, frozen=True):
    """A person who may log in. `facility`: at whose nodes; `region`: of an operator of the hub, the one that she sees."""

    name: str
    role: str
    facility: str
    region: str
    disabled: bool
    created: datetime
    revision: int


_COLUMNS = (
    "account.name, account.role, account.facility, account.region, account.disabled, account.created, account.revision"
)
_SEEN = "($1 = '' OR account.facility IN (SELECT id FROM facility WHERE region = $1))"


async def accounts(connection: Connection, region: str, *, asked: str, after: str, limit: int) -> list[AccountLine]:
    """People by name, who work in a region's facilities ('': all people)."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM account WHERE {_SEEN} AND account.name > $3 AND ($2 = '' OR starts_with(account.name, $2))
        ORDER BY account.name LIMIT $4
        """,
        *(region, asked, after, limit),
    )
    return [AccountLine(*row) for row in rows]


async def account(connection: Connection, region: str, name: str) -> list[AccountLine]:
    """One person; nobody when she works elsewhere."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM account WHERE {_SEEN} AND account.name = $2", region, name)
    return [AccountLine(*row) for row in rows]
