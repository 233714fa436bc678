"""Under which master key everything in this database is wrapped, and the hub's secrets under it."""

from datetime import datetime

from hub.postgres.engine import Connection


async def master_in_use(connection: Connection, first: bytes) -> tuple[bytes, int]:
    """The id of the master key, which stays until the transaction ends, and the time in ms since 1970. `first`: of a database that has
    none yet."""
    query = "SELECT id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM key_master FOR SHARE"
    if (row := await connection.fetchrow(query)) is None:
        await connection.execute("INSERT INTO key_master (id) VALUES ($1) ON CONFLICT DO NOTHING", first)
        row = await connection.fetchrow(query)
    return row[0], row[1]


async def read_master(connection: Connection) -> tuple[bytes, datetime | None]:
    """The id of the master key, nothing when nobody has written one yet, and since when it is in use."""
    row = await connection.fetchrow("SELECT id, since FROM key_master")
    return (row["id"], row["since"]) if row is not None else (b"", None)


async def replace_master(connection: Connection, master: bytes) -> None:
    """Another master key from now on. Whoever makes keys meanwhile is waited for, or waits."""
    await connection.execute(
        """
        INSERT INTO key_master (id) VALUES ($1) ON CONFLICT (single) DO UPDATE SET id = excluded.id,
            since = CASE WHEN key_master.id = excluded.id THEN key_master.since ELSE now() END
        """,
        master,
    )


async def lock_secrets(connection: Connection) -> bytes | None:
    """The hub's wrapped secrets, locked; None in a database that has none."""
    found: bytes | None = await connection.fetchval("SELECT secrets FROM hub_identity FOR UPDATE")
    return found


async def write_secrets(connection: Connection, wrapped: bytes) -> None:
    """The same secrets, wrapped in another way."""
    await connection.execute("UPDATE hub_identity SET secrets = $1", wrapped)
