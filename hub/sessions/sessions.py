"""Sessions: begun by a login, asked for at every request, ended by logout, by time, or with the account.

Postgres decides. Redis keeps what it said for a few seconds (`hub.sessions.kept`); without Redis, or when it is away, Postgres is asked
each time: slower, and nobody is let in who should not be.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog

from hub.errors import RedisFault, SessionOver
from hub.keys import Keys
from hub.postgres.engine import Connection, Database
from hub.sessions.kept import LEASE_MS, Kept
from hub.sessions.policy import logs_in_here
from hub.sessions.visitor import Visitor
from hub.store import sessions as rows
from hub.store.sessions import Live, Login

ID_BYTES: Final = 16
log = structlog.get_logger()


class Sessions:
    """The sessions of a hub. `idle`: so long after the last request, and `whole`: so long after the login one is over."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        kept: Kept | None,
        *,
        idle: timedelta,
        whole: timedelta,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._keys = keys
        self._kept = kept
        self.idle = idle
        self.whole = whole
        self._wait = wait

    async def begin(self, connection: Connection, login: Login, hub_secret: str, now: datetime) -> str | None:
        """A new session's id; None when the account was changed since it was read."""
        session = secrets.token_urlsafe(ID_BYTES)
        begun = await rows.begin_session(connection, session, login, now, now + self.whole, hub_secret)
        return session if begun else None

    async def visitor(self, session: str, mark: str, now_ms: int) -> Visitor:
        """Whose session it is, and what she is now. `mark`: of the name whose it is said to be.

        Raises `SessionOver`, also when it is somebody else's, or `PostgresFault` when nobody can tell.
        """
        kept = self._kept
        if kept is not None:
            try:
                if (found := await kept.read(session, mark, now_ms)) is not None:
                    return found
            except RedisFault:
                kept = None
        asked = monotonic()
        live = await self._live(session, now_ms)
        if self._keys.mark(live.name) != mark:
            raise SessionOver
        visitor = Visitor(live.name, live.role, live.region, session)
        if kept is not None:
            # What was read is believed from when it was asked for; the answer took a while to come.
            left_ms = min(LEASE_MS, int(live.ends.timestamp() * 1000) - now_ms) - int((monotonic() - asked) * 1000)
            await self._tell(kept.keep(visitor, mark, live.revision, now_ms, left_ms))
        return visitor

    async def _live(self, session: str, now_ms: int) -> Live:
        async with self._database.transaction() as connection:
            live = await rows.live_session(connection, session, moment(now_ms), self.idle)
        if live is None or not logs_in_here(live.role, live.facility):
            raise SessionOver
        return live

    async def ended(self, sessions: Mapping[str, str]) -> None:
        """To be called when the end of sessions (each with its name) is committed: afterwards no process lets them in."""
        if (kept := self._kept) is not None:
            await self._all_told([kept.end(session, self._keys.mark(name)) for session, name in sessions.items()])

    async def changed(self, revisions: Mapping[str, int]) -> None:
        """To be called when changes of accounts are committed, with each name's revision: afterwards no process goes by what was before."""
        if (kept := self._kept) is not None:
            await self._all_told([kept.change(self._keys.mark(name), number) for name, number in revisions.items()])

    async def _all_told(self, tellings: Sequence[Awaitable[None]]) -> None:
        if not all([await self._tell(telling) for telling in tellings]):
            # Redis is away, for us at least. Others may still reach it: what they keep is over by then.
            await self._wait(LEASE_MS / 1000)

    async def _tell(self, telling: Awaitable[None]) -> bool:
        try:
            await telling
        except RedisFault as error:
            log.warning("redis could not be told of a session", error=str(error))
            return False
        return True


def moment(now_ms: int) -> datetime:
    """The hub's time as Postgres has it."""
    return datetime.fromtimestamp(now_ms / 1000, UTC)
