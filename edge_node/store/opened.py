"""Records outside of one's role that were opened with a reason ("break the glass"): by whom, why, until when, and who looked at it since.

Each stands in the audit too, with its reason; this table says what is open now, and what a supervisor has yet to look at.
"""

from collections.abc import Sequence

from msgspec import Struct

from edge_node.errors import NotFound
from edge_node.store import reading, trail
from edge_node.store.connection import Connection
from edge_node.store.model import Author

LISTED_MAX = 200


class Opened(Struct, frozen=True):
    """One opening. `patient`: the id of the Patient; `reviewed_by`: the supervisor who has seen it, empty for nobody."""

    number: int
    at_ms: int
    until_ms: int
    user: str
    role: str
    patient: str
    reason: str
    reviewed_by: str
    reviewed_ms: int


_COLUMNS = "number, at, until, user, role, patient, reason, coalesce(reviewed_by, ''), coalesce(reviewed, 0)"


def open_record(connection: Connection, author: Author, patient: str, reason: str, now_ms: int, until_ms: int) -> None:
    """Opens a patient's record to somebody, audited with the reason. Raises NotFound when there is no such patient."""
    stored = reading.read(connection, "Patient", patient)
    if stored is None or stored.gone:
        raise NotFound()
    trail.record(connection, now_ms, author, "break-glass", key=stored.key, detail={"reason": reason})
    connection.execute(
        "INSERT INTO opened (at, until, user, role, patient, reason) VALUES (?, ?, ?, ?, ?, ?)",
        (now_ms, until_ms, author.user, author.role, patient, reason),
    )


class Open(Struct, frozen=True):
    """An opening whose time is not over by the wall clock."""

    number: int
    patient: str
    until_ms: int


def open_now(connection: Connection, user: str, role: str, now_ms: int) -> list[Open]:
    """What this user has open in this role. Of what was opened in the future nothing is: the clock has been put back since."""
    query = "SELECT number, patient, until FROM opened WHERE user = ? AND role = ? AND until > ? AND at <= ?"
    return [Open(*row) for row in connection.execute(query, (user, role, now_ms, now_ms)).fetchall()]


def latest(connection: Connection, count: int = LISTED_MAX) -> list[Opened]:
    """Openings, those that nobody has looked at first, then the newest."""
    query = f"SELECT {_COLUMNS} FROM opened ORDER BY reviewed_by IS NOT NULL, number DESC LIMIT ?"
    return [Opened(*row) for row in connection.execute(query, (count,)).fetchall()]


def of_patient(connection: Connection, patient: str, since_ms: int) -> Sequence[Opened]:
    """Openings of one patient's record since then, newest first."""
    query = f"SELECT {_COLUMNS} FROM opened WHERE patient = ? AND at >= ? ORDER BY number DESC LIMIT ?"
    return [Opened(*row) for row in connection.execute(query, (patient, since_ms, LISTED_MAX)).fetchall()]


def count_unseen(connection: Connection) -> int:
    """How many nobody has looked at."""
    return int(connection.execute("SELECT count(*) FROM opened WHERE reviewed_by IS NULL").fetchone()[0])


def review(connection: Connection, number: int, author: Author, now_ms: int) -> None:
    """A supervisor has looked at one: not she who opened it. Raises NotFound."""
    done = connection.execute(
        "UPDATE opened SET reviewed_by = ?, reviewed = ? WHERE number = ? AND reviewed_by IS NULL AND user <> ?",
        (author.user, now_ms, number, author.user),
    )
    if done.rowcount == 0:
        raise NotFound("Nobody waits for this to be looked at")
    trail.record(connection, now_ms, author, "break-glass-reviewed", detail={"opened": number})
