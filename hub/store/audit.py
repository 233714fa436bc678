"""Who did what to the hub: administrative acts, in the transaction of the act."""

from datetime import datetime

from hub.postgres.engine import Connection


async def note_act(connection: Connection, actor: str, action: str, object_: str) -> None:
    """Notes an act, as `note_act(c, "api", "node.revoke", "n-7k2m")`."""
    await connection.execute("INSERT INTO audit (actor, action, object) VALUES ($1, $2, $3)", actor, action, object_)


async def note_question(connection: Connection, node: str, at: datetime, who: str, found: int) -> None:
    """Notes that somebody at a node looked for a person, and how many were found; not for whom."""
    await connection.execute(
        "INSERT INTO audit (at, actor, action, object) VALUES ($1, $2, 'person.find', $3)", at, node, f"{who}: {found}"
    )


async def questions_since(connection: Connection, node: str, since: datetime) -> list[datetime]:
    """When people of a node have looked for somebody since then, the earliest first."""
    rows = await connection.fetch(
        "SELECT at FROM audit WHERE actor = $1 AND action = 'person.find' AND at > $2 ORDER BY at", node, since
    )
    return [row["at"] for row in rows]
