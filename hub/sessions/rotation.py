"""Replacing the key that signs access tokens, by command."""

from typing import Any

from hub.sessions.desk import Desk
from hub.sessions.sessions import moment
from hub.store.sessions import end_sessions


async def rotate_login(desk: Desk, actor: str, now_ms: int, *, at_once: bool) -> dict[str, Any]:
    """Makes a new key. `at_once`: the old ones prove nothing any more, and all sessions end.

    Other processes hold the old keys for some seconds yet; whoever signs with a stolen one has no session to name by then.
    """
    now = moment(now_ms)
    made = await desk.keyring.rotate(now, actor, at_once=at_once)
    if not at_once:
        return {"kid": made.kid, "ended": 0}
    async with desk.database.transaction() as connection:
        ended = await end_sessions(connection, None, now)
    await desk.sessions.ended(ended)
    return {"kid": made.kid, "ended": len(ended)}
