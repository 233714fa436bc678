"""Sessions, the keys that sign their tokens, and one-time codes, as rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from hub.postgres.engine import Connection

TOUCHED_AGAIN: Final = timedelta(minutes=1)
"""When a session was last used is written down no more often than this."""


class Login(Struct, frozen=True):
    """What decides whether somebody may log in."""

    name: str
    role: str
    facility: str
    region: str
    secret: str
    hub_secret: str
    disabled: bool
    revision: int
    code: bytes | None
    """The sealed secret of her one-time codes; None without, or when they are not confirmed."""


CodeState = Literal["none", "begun", "on"]
"""Of one's one-time codes: there are none, they were not confirmed yet, or they are asked for."""


class Live(Struct, frozen=True):
    """A session that holds, and who its person is now."""

    id: str
    name: str
    role: str
    region: str
    facility: str
    revision: int
    ends: datetime
    generation: int
    turned: datetime


_LIVE: Final = (
    "session.id, session.name, account.role, account.region, account.facility, account.revision, session.ends,"
    " session.generation, session.turned"
)
_HOLDS: Final = "session.ended IS NULL AND session.ends > $2 AND session.used > $3 AND NOT account.disabled"


async def find_login(connection: Connection, name: str) -> Login | None:
    """What is known of who says that this is her name."""
    row = await connection.fetchrow(
        """
        SELECT account.name, role, facility, region, account.secret, hub_secret, disabled, revision, account_code.secret
        FROM account LEFT JOIN account_code ON account_code.name = account.name AND confirmed
        WHERE account.name = $1
        """,
        name,
    )
    return Login(*row) if row is not None else None


async def begin_session(
    connection: Connection, session: str, login: Login, now: datetime, ends: datetime, hub_secret: str
) -> bool:
    """Begins a session of an account that is still as it was read. `hub_secret`: what its password is kept as from now on."""
    begun = await connection.fetchval(
        """
        WITH same AS (
            UPDATE account SET hub_secret = $6 WHERE name = $2 AND revision = $3 AND NOT disabled RETURNING name
        )
        INSERT INTO session (id, name, begun, used, ends, turned) SELECT $1, name, $4, $4, $5, $4 FROM same RETURNING id
        """,
        *(session, login.name, login.revision, now, ends, hub_secret),
    )
    return begun is not None


async def live_session(connection: Connection, session: str, now: datetime, idle: timedelta) -> Live | None:
    """The session if it holds, and notes that it is used."""
    row = await connection.fetchrow(
        f"""
        WITH live AS (
            SELECT {_LIVE}, session.used FROM session JOIN account ON account.name = session.name
            WHERE session.id = $1 AND {_HOLDS}
        ), touched AS (
            UPDATE session SET used = $2 FROM live WHERE session.id = live.id AND live.used < $4
        )
        SELECT * FROM live
        """,
        *(session, now, now - idle, now - TOUCHED_AGAIN),
    )
    return Live(*row[:-1]) if row is not None else None


async def lock_session(connection: Connection, session: str, now: datetime, idle: timedelta) -> Live | None:
    """The session if it holds, locked until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_LIVE} FROM session JOIN account ON account.name = session.name WHERE session.id = $1 AND {_HOLDS}"
        " FOR UPDATE OF session",
        *(session, now, now - idle),
    )
    return Live(*row) if row is not None else None


async def turn_session(connection: Connection, session: str, generation: int, now: datetime) -> None:
    """Notes that its refresh token is another from now on."""
    await connection.execute(
        "UPDATE session SET generation = $2, turned = $3, used = $3 WHERE id = $1", session, generation, now
    )


async def end_session(connection: Connection, session: str, now: datetime) -> str | None:
    """Ends a session. The name whose it was, or None when it was over or never there."""
    name: str | None = await connection.fetchval(
        "UPDATE session SET ended = $2 WHERE id = $1 AND ended IS NULL RETURNING name", session, now
    )
    return name


async def end_sessions(connection: Connection, name: str | None, now: datetime) -> dict[str, str]:
    """Ends all sessions of a person, or of everybody (None). Session → whose it was."""
    found = await connection.fetch(
        "UPDATE session SET ended = $2 WHERE ended IS NULL AND ($1::text IS NULL OR name = $1) RETURNING id, name",
        name,
        now,
    )
    return {row["id"]: row["name"] for row in found}


async def forget_sessions(connection: Connection, before: datetime) -> None:
    """Deletes those that were over before then."""
    await connection.execute("DELETE FROM session WHERE ends < $1", before)


class LoginKeyRow(Struct, frozen=True):
    """A stored key; `private` is sealed."""

    kid: str
    private: bytes
    made: datetime


async def lock_login_keys(connection: Connection) -> None:
    """Others who are about to change the keys wait until the transaction ends; readers do not."""
    await connection.execute("LOCK TABLE login_key IN SHARE ROW EXCLUSIVE MODE")


async def list_login_keys(connection: Connection) -> list[LoginKeyRow]:
    """All keys."""
    return [LoginKeyRow(*row) for row in await connection.fetch("SELECT kid, private, made FROM login_key")]


async def add_login_key(connection: Connection, kid: str, private: bytes, made: datetime) -> None:
    """Stores a key."""
    await connection.execute("INSERT INTO login_key (kid, private, made) VALUES ($1, $2, $3)", kid, private, made)


async def delete_login_keys(connection: Connection, kids: Sequence[str]) -> None:
    """Deletes keys."""
    await connection.execute("DELETE FROM login_key WHERE kid = ANY($1::text[])", kids)


async def put_code_secret(connection: Connection, name: str, sealed: bytes, *, confirmed: bool) -> bool:
    """Stores the secret of a person's one-time codes. False, and nothing changed, when she has confirmed ones already."""
    stored = await connection.fetchval(
        """
        INSERT INTO account_code (name, secret, confirmed) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, confirmed = excluded.confirmed, last_step = 0
        WHERE NOT account_code.confirmed RETURNING name
        """,
        *(name, sealed, confirmed),
    )
    return stored is not None


async def code_state(connection: Connection, name: str) -> CodeState:
    """Whether a person has one-time codes."""
    confirmed = await connection.fetchval("SELECT confirmed FROM account_code WHERE name = $1", name)
    return "none" if confirmed is None else "on" if confirmed else "begun"


async def unconfirmed_code_secret(connection: Connection, name: str) -> bytes | None:
    """The secret of one-time codes that a person has not confirmed yet."""
    secret: bytes | None = await connection.fetchval(
        "SELECT secret FROM account_code WHERE name = $1 AND NOT confirmed", name
    )
    return secret


async def take_code_step(connection: Connection, name: str, sealed: bytes, step: int) -> bool:
    """Notes that the code of this step was taken, which confirms codes. False when it, or a later one, was taken before, or the secret
    is another."""
    taken = await connection.fetchval(
        "UPDATE account_code SET last_step = $3, confirmed = true WHERE name = $1 AND secret = $2 AND last_step < $3 RETURNING name",
        *(name, sealed, step),
    )
    return taken is not None


async def delete_code_secret(connection: Connection, name: str) -> bool:
    """Deletes a person's one-time codes. False when there were none."""
    return await connection.fetchval("DELETE FROM account_code WHERE name = $1 RETURNING name", name) is not None
