"""Forms that were sent: each is carried out once, however often a browser sends it.

A form carries a random token made with its page. The token is written down in the transaction that saves what the form says, so that
either both are there or neither; a second sending finds it. Whether that says the same, a hash tells: who went back, corrected what she had
typed and sent it again is told that the correction is not saved.
"""

from typing import Final

from edge_node.errors import AlreadySubmitted
from edge_node.store.connection import Connection
from edge_node.store.model import Once

KEPT_MS: Final = 90 * 24 * 3_600_000
"""For so long a form that was sent is known again: a tablet may have been without the clinic's Wi-Fi for weeks."""
_PURGED_MAX: Final = 100


def submit(connection: Connection, once: Once, now_ms: int) -> None:
    """Writes down that a form is being carried out, within the caller's transaction. Raises AlreadySubmitted when it was before."""
    before = saved(connection, once.token)
    if before is not None:
        raise AlreadySubmitted(before.location, before.said)
    old = "SELECT token FROM submitted WHERE at < ? LIMIT ?"
    connection.execute(f"DELETE FROM submitted WHERE token IN ({old})", (now_ms - KEPT_MS, _PURGED_MAX))
    query = "INSERT INTO submitted (token, at, location, said) VALUES (?, ?, ?, ?)"
    connection.execute(query, (once.token, now_ms, once.location, once.said))


def saved(connection: Connection, token: str) -> Once | None:
    """A form as it was sent before; None when it was not."""
    row = connection.execute("SELECT location, said FROM submitted WHERE token = ?", (token,)).fetchone()
    return None if row is None else Once(token, *row)
