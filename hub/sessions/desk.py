"""The desk where people log in: what checks passwords and codes, makes tokens, and knows sessions. One for each open hub."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from hub.keys import Keys, Seal
from hub.limits.limits import Limits
from hub.postgres.engine import Database
from hub.redis.client import Client
from hub.sessions import tokens
from hub.sessions.kept import Kept
from hub.sessions.keyring import READ_AGAIN, Keyring
from hub.sessions.passwords import Workers
from hub.sessions.sessions import Sessions, moment
from hub.sessions.tickets import Tickets, cookie_tickets, refresh_tickets
from hub.settings import Settings
from hub.store import sessions as rows

FORGOTTEN_AFTER: Final = timedelta(days=1)


class Desk(Struct, frozen=True):
    """All of it. `issuer`: the hub's id."""

    settings: Settings
    database: Database
    keys: Keys
    issuer: str
    limits: Limits
    sessions: Sessions
    keyring: Keyring
    workers: Workers
    refresh: Tickets
    cookies: Tickets
    pepper: bytes
    codes: Seal

    async def by_token(self, token: str, now_ms: int) -> tokens.Claims:
        """What an access token says, proven; not yet whether its session holds. Raises `Unauthorised`, `SessionOver`."""
        claims = await self.proven(token, now_ms)
        tokens.check_times(claims, moment(now_ms))
        return claims

    async def proven(self, token: str, now_ms: int) -> tokens.Claims:
        """The same of a token whose time may be over. Raises `Unauthorised`."""
        key = await self.keyring.proving(tokens.key_id(token), moment(now_ms))
        return tokens.proven(token, key, self.issuer)


async def forget_sessions(desk: Desk, now_ms: int) -> None:
    """Deletes sessions that are long over, and keys that prove nothing any more."""
    now = moment(now_ms)
    async with desk.database.transaction() as connection:
        await rows.forget_sessions(connection, now - FORGOTTEN_AFTER)
    await desk.keyring.forget(now)


def open_desk(
    settings: Settings, database: Database, keys: Keys, issuer: str, limits: Limits, redis: Client | None
) -> Desk:
    """The desk of a hub."""
    kept = Kept(redis, keys, issuer) if redis is not None else None
    leeway = timedelta(seconds=settings.access_token_seconds + tokens.LEEWAY_SECONDS)
    return Desk(
        settings=settings,
        database=database,
        keys=keys,
        issuer=issuer,
        limits=limits,
        sessions=Sessions(
            database,
            keys,
            kept,
            idle=timedelta(minutes=settings.session_idle_minutes),
            whole=timedelta(hours=settings.session_hours_max),
        ),
        keyring=Keyring(database, keys, age_max=timedelta(days=settings.login_key_days), after=leeway + READ_AGAIN),
        workers=Workers(settings.login_threads, settings.logins_waiting_max),
        refresh=refresh_tickets(keys),
        cookies=cookie_tickets(keys),
        pepper=keys.derived("medtech hub pepper v1"),
        codes=Seal(keys.derived("medtech hub one-time codes v1")),
    )
