"""Logins that last: when each was last used, whether it is locked, and wrong PINs. In the store, so that a restart neither unlocks one
nor forgives a wrong PIN.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import Struct

from edge_node.errors import Unauthorised
from edge_node.store.connection import Connection
from edge_node.store.passwords import PIN_TRIES_MAX


class Standing(Struct, frozen=True):
    """A user as a request finds her, with her session, if it is kept (`seen_ms` None: not yet). `ended`: it is of no use any more."""

    role: str
    disabled: bool
    patient: str | None
    generation: int
    has_pin: bool
    seen_ms: int | None
    locked: bool
    ended: bool


_STANDING = (
    "SELECT u.role, u.disabled OR u.barred, u.patient, u.generation, u.pin IS NOT NULL, s.seen, s.locked, s.ended"
    " FROM user u LEFT JOIN session s ON s.id = ? AND s.user = u.name WHERE u.name = ?"
)


class Sessions:
    """The table of sessions. A session's id is its token's own name."""

    def __init__(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        at_hand: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        self._transaction, self._at_hand = transaction, at_hand

    def standing(self, id_: str, user: str) -> Standing | None:
        """The user and the session of a token; None when there is no such user."""
        with self._at_hand() as connection:
            row = connection.execute(_STANDING, (id_, user)).fetchone()
        if row is None:
            return None
        role, disabled, patient, generation, has_pin, seen, locked, ended = row
        return Standing(
            role, bool(disabled), patient, generation, bool(has_pin), seen, bool(locked or 0), bool(ended or 0)
        )

    def note(self, id_: str, user: str, now_ms: int, ends_ms: int) -> None:
        """It was used just now. Those that have ended by themselves are forgotten."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM session WHERE ends < ?", (now_ms,))
            connection.execute(
                "INSERT INTO session (id, user, seen, ends) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET seen = max(seen, excluded.seen) WHERE NOT locked",
                (id_, user, now_ms, ends_ms),
            )

    def lock(self, id_: str, user: str, now_ms: int, ends_ms: int) -> None:
        """Nothing is answered to it until it is unlocked."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO session (id, user, seen, ends, locked) VALUES (?, ?, ?, ?, 1)"
                " ON CONFLICT (id) DO UPDATE SET locked = 1",
                (id_, user, now_ms, ends_ms),
            )

    def unlock(self, id_: str, user: str, now_ms: int, ends_ms: int) -> None:
        """It may be used again."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO session (id, user, seen, ends) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET locked = 0, wrong = 0, seen = excluded.seen WHERE NOT ended",
                (id_, user, now_ms, ends_ms),
            )

    def count_pin(self, id_: str) -> int:
        """Counts a PIN as wrong before it is looked at; how many tries are left after it.

        The last one allowed ends the session (`end`), unless it turns out right and `unlock` comes. Raises Unauthorised when none was left.
        """
        with self._transaction() as connection:
            row = connection.execute(
                "UPDATE session SET wrong = wrong + 1 WHERE id = ? AND wrong < ? AND NOT ended RETURNING wrong",
                (id_, PIN_TRIES_MAX),
            ).fetchone()
        if row is None:
            raise Unauthorised("The login has ended", hint="Log in again.")
        return PIN_TRIES_MAX - int(row[0])

    def end(self, id_: str) -> None:
        """It is of no use any more."""
        with self._transaction() as connection:
            connection.execute("UPDATE session SET ended = 1, locked = 1 WHERE id = ?", (id_,))
