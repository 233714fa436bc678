"""Refresh tokens and session cookies: text that only this hub can have made, as pure functions.

    refresh token   <session>.<generation>.<MAC>    a session's token is of one generation; using it makes the next
    cookie          <session>.<mark>.<MAC>          for browsers; the session decides how long it is good for

Nothing of them rests anywhere: HMAC-SHA256 under keys that are in no database in the clear, each for one purpose, so that one kind is never
taken for the other. So nobody who has the database can log in with what it holds. And the same token is made again for who asks again.
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from hub.keys import Keys

CHARS_MAX: Final = 256
GRACE: Final = timedelta(seconds=10)
"""So long after it was used a refresh token gives what it gave: the answer was lost, or two tabs asked at once."""

Turn = Literal["next", "again", "stolen"]


class Ticket(Struct, frozen=True):
    """A ticket that this hub made. `detail`: a generation, or a mark."""

    session: str
    detail: str


class Tickets:
    """Makes tickets of one kind, and reads them."""

    def __init__(self, keys: Keys, purpose: str) -> None:
        self._key = keys.derived(purpose)

    def make(self, session: str, detail: object) -> str:
        """The ticket."""
        said = f"{session}.{detail}"
        return f"{said}.{self._mac(said)}"

    def read(self, ticket: str) -> Ticket | None:
        """What it says, or None when this hub did not make it."""
        said, _, mac = ticket.rpartition(".")
        session, _, detail = said.partition(".")
        if (
            len(ticket) > CHARS_MAX
            or not session
            or not ticket.isascii()
            or not hmac.compare_digest(mac, self._mac(said))
        ):
            return None
        return Ticket(session, detail)

    def _mac(self, said: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, said.encode(), sha256)).rstrip(b"=").decode()


def refresh_tickets(keys: Keys) -> Tickets:
    """Those of refresh tokens."""
    return Tickets(keys, "medtech hub refresh tokens v1")


def cookie_tickets(keys: Keys) -> Tickets:
    """Those of cookies."""
    return Tickets(keys, "medtech hub session cookies v1")


def turn(shown: int, present: int, turned: datetime, now: datetime) -> Turn:
    """What a refresh token of one generation is when the session's present one is another, which it is since `turned`.

    The one before the present, shown in time, is the same request again. Any other was used before by somebody else, or is of a future that
    a hub that went back has forgotten: whoever has it, the session ends (RFC 9700, 4.14.2).
    """
    if shown == present:
        return "next"
    return "again" if shown == present - 1 and timedelta(0) <= now - turned <= GRACE else "stolen"
