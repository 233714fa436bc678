"""Files that are on their way from a browser, in chunks: kept here, encrypted like all else, until the form is sent that they belong to.

A chunk is of one user and one upload (`token`), which the browser makes from the file itself: so after a reload the same file goes on
where it stopped. What nobody asks for any more goes after some weeks. Nothing of it is synced.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from edge_node.store.connection import Connection

CHUNK_BYTES: Final = 512 * 1024
CHUNKS_MAX: Final = 50
"""25 MB of one file."""
BYTES_MAX: Final = 4 * CHUNKS_MAX * CHUNK_BYTES
"""Of all unfinished uploads of one user."""
KEPT_MS: Final = 30 * 24 * 3_600_000


def put(connection: Connection, user: str, token: str, number: int, content: bytes, now_ms: int) -> bool:
    """Keeps a chunk, counted from 0, within the caller's transaction. Sent again, it takes the place of the one before.

    False, and nothing is kept, when the chunk, the file, or all unfinished files of this user are larger than may be.
    """
    if not 0 <= number < CHUNKS_MAX or len(content) > CHUNK_BYTES:
        return False
    connection.execute("DELETE FROM upload WHERE at < ?", (now_ms - KEPT_MS,))
    others = "SELECT coalesce(sum(length(content)), 0) FROM upload WHERE user = ? AND NOT (token = ? AND number = ?)"
    held = int(connection.execute(others, (user, token, number)).fetchone()[0])
    if held + len(content) > BYTES_MAX:
        return False
    query = "INSERT OR REPLACE INTO upload (user, token, number, at, hash, content) VALUES (?, ?, ?, ?, ?, ?)"
    connection.execute(query, (user, token, number, now_ms, hashlib.sha256(content).digest(), content))
    return True


def have(connection: Connection, user: str, token: str) -> Mapping[int, str]:
    """The chunks that are here: number → SHA-256 in hex."""
    query = "SELECT number, hash FROM upload WHERE user = ? AND token = ? ORDER BY number"
    return {int(number): bytes(hash_).hex() for number, hash_ in connection.execute(query, (user, token))}


def joined(connection: Connection, user: str, token: str, count: int) -> bytes | None:
    """The file of so many chunks; None while one is missing."""
    query = "SELECT number, content FROM upload WHERE user = ? AND token = ? AND number < ? ORDER BY number"
    rows = connection.execute(query, (user, token, count)).fetchall()
    if [number for number, _content in rows] != list(range(count)):
        return None
    return b"".join(bytes(content) for _number, content in rows)


def drop(connection: Connection, user: str, token: str) -> None:
    """Forgets an upload, within the caller's transaction."""
    connection.execute("DELETE FROM upload WHERE user = ? AND token = ?", (user, token))
