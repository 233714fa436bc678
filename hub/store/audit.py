"""Who did what to the hub: administrative acts, in the transaction of the act."""

from hub.postgres.engine import Connection


async def note_act(connection: Connection, actor: str, action: str, object_: str) -> None:
    """Notes an act, as `note_act(c, "api", "node.revoke", "n-7k2m")`."""
    await connection.execute("INSERT INTO audit (actor, action, object) VALUES ($1, $2, $3)", actor, action, object_)
