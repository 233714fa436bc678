"""Logging in, going on, logging out. What is refused does not tell whether there is such a name.

A try counts as wrong before it is looked at, and is given back when it was right: so tries made at once do not pass together. Passwords of
names that there are not are checked too, against nobody's.
"""

import os
import secrets
from functools import cache
from typing import Final

import structlog
from msgspec import Struct

from hub.errors import EnrolOneTimeCodes, LogInAtClinic, LoginRefused, OneTimeCodeNeeded, SessionOver
from hub.sessions import codes, passwords, tokens
from hub.sessions.desk import Desk
from hub.sessions.policy import logs_in_here
from hub.sessions.sessions import moment
from hub.sessions.tickets import turn
from hub.store import sessions as rows
from hub.store.audit import note_act
from hub.store.sessions import Login
from sync_protocol import bounds
from sync_protocol.passwords import PASSWORD_CHARS_MAX, SALT_BYTES

TOKEN_ID_BYTES: Final = 16
NOBODY: Final = "?"
log = structlog.get_logger()


class Credentials(Struct, frozen=True):
    """What somebody shows who logs in. `otp`: the six digits of her authenticator, if she has one."""

    username: str
    password: str
    otp: str = ""


class Granted(Struct, frozen=True):
    """What she gets (RFC 6749, 5.1). `access_token` for ten minutes at most; `refresh_token` for the next one, once."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind


class LoggedIn(Struct, frozen=True):
    """What she gets, and the cookie for her browser."""

    granted: Granted
    cookie: str


async def log_in(desk: Desk, shown: Credentials, address: str, now_ms: int) -> LoggedIn:
    """Raises `LoginRefused`, `OneTimeCodeNeeded`, `LogInAtClinic`, `EnrolOneTimeCodes`, `TooManyTries`, `Busy`, `RedisFault`,
    `PostgresFault`."""
    name = shown.username if is_name(shown.username) else ""
    await desk.limits.login(shown.username, address)
    async with desk.database.transaction() as connection:
        login = await rows.find_login(connection, name) if name else None
    hub_secret = await checked(desk, login, shown.password)
    if hub_secret is None or login is None or login.disabled:
        await note_refusal(desk, login, address, "login.refused")
        raise LoginRefused
    await desk.limits.login(shown.username, address, -1)
    if not logs_in_here(login.role, login.facility):
        await note_refusal(desk, login, address, "login.at-clinic")
        raise LogInAtClinic
    step = await code_step(desk, login, shown.otp, address, now_ms)
    return await begun(desk, login, hub_secret, step, now_ms)


def is_name(name: str) -> bool:
    """Whether anybody can have this name."""
    return 0 < len(name) <= bounds.USER_CHARS_MAX and name.isprintable()


async def checked(desk: Desk, login: Login | None, password: str) -> str | None:
    """What the password is to be kept as when it is right, else None. It takes as long for nobody as for somebody."""
    if len(password) > PASSWORD_CHARS_MAX:
        return None
    pepper, salt = desk.pepper, os.urandom(SALT_BYTES)

    def work() -> str | None:
        hub_secret, secret = (login.hub_secret, login.secret) if login is not None else (nobodys(pepper), "")
        right = passwords.opens(pepper, password, hub_secret, secret)
        return (hub_secret or passwords.sealed(pepper, password, salt)) if right else None

    return await desk.workers.run(work)


@cache
def nobodys(pepper: bytes) -> str:
    """A stored password that nobody has."""
    return passwords.sealed(pepper, secrets.token_hex(), os.urandom(SALT_BYTES))


async def code_step(desk: Desk, login: Login, code: str, address: str, now_ms: int) -> int | None:
    """The step of a right one-time code; None for who needs none."""
    if login.code is None:
        if login.role == "admin" and desk.settings.admin_totp_required:
            raise EnrolOneTimeCodes
        return None
    if not code:
        raise OneTimeCodeNeeded
    await desk.limits.code(login.name)
    secret = desk.codes.open(login.code, login.name.encode()).decode()
    step = codes.step_of(secret, code, now_ms)
    if step is None:
        await note_refusal(desk, login, address, "login.code-refused")
        raise LoginRefused
    return step


async def begun(desk: Desk, login: Login, hub_secret: str, step: int | None, now_ms: int) -> LoggedIn:
    """A new session, unless the code was taken meanwhile, or the account changed."""
    now = moment(now_ms)
    key = await desk.keyring.signing(now)
    async with desk.database.transaction() as connection:
        fresh = (
            step is None or login.code is None or await rows.take_code_step(connection, login.name, login.code, step)
        )
        session = await desk.sessions.begin(connection, login, hub_secret, now) if fresh else None
        await note_act(connection, login.name, "login" if session else "login.refused", session_mark(desk, session))
    if session is None:
        raise LoginRefused
    if step is not None:
        await desk.limits.code(login.name, -1)
    claims = new_claims(desk, login.name, session, now_ms)
    cookie = desk.cookies.make(session, desk.keys.mark(login.name))
    return LoggedIn(granted(desk, tokens.issue(key, claims), session, 0), cookie)


async def go_on(desk: Desk, refresh_token: str, now_ms: int) -> Granted:
    """The next pair of tokens. One that was used before ends the session. Raises `SessionOver`."""
    ticket = desk.refresh.read(refresh_token)
    if ticket is None:
        raise SessionOver("This is no refresh token of this hub's.")
    now, shown = moment(now_ms), int(ticket.detail)
    key = await desk.keyring.signing(now)
    async with desk.database.transaction() as connection:
        live = await rows.lock_session(connection, ticket.session, now, desk.sessions.idle)
        if live is None or not logs_in_here(live.role, live.facility):
            raise SessionOver
        found = turn(shown, live.generation, live.turned, now)
        if found == "next":
            await rows.turn_session(connection, live.id, shown + 1, now)
        elif found == "stolen":
            await rows.end_session(connection, live.id, now)
            await note_act(connection, live.name, "session.stolen", session_mark(desk, live.id))
    if found == "stolen":
        await desk.sessions.ended({live.id: live.name})
        log.warning("a refresh token was used a second time; its session was ended")
        raise SessionOver("This refresh token was used before; its session was ended.", hint="Log in again.")
    return granted(desk, tokens.issue(key, new_claims(desk, live.name, live.id, now_ms)), live.id, shown + 1)


async def log_out(desk: Desk, session: str, now_ms: int) -> None:
    """Ends a session, unless it is over already."""
    async with desk.database.transaction() as connection:
        name = await rows.end_session(connection, session, moment(now_ms))
        if name is not None:
            await note_act(connection, name, "logout", session_mark(desk, session))
    if name is not None:
        await desk.sessions.ended({session: name})


def new_claims(desk: Desk, name: str, session: str, now_ms: int) -> tokens.Claims:
    """The claims of a token of a session."""
    now = now_ms // 1000
    expires = now + desk.settings.access_token_seconds
    return tokens.Claims(
        desk.issuer, tokens.AUDIENCE, name, session, secrets.token_urlsafe(TOKEN_ID_BYTES), now, now, expires
    )


def granted(desk: Desk, token: str, session: str, generation: int) -> Granted:
    """What she gets."""
    return Granted(token, desk.refresh.make(session, generation), desk.settings.access_token_seconds)


async def note_refusal(desk: Desk, login: Login | None, address: str, act: str) -> None:
    """Notes a refusal: for whom, if there is such a person, and from a keyed hash of where. What was typed may be a password in the
    wrong field."""
    async with desk.database.transaction() as connection:
        await note_act(connection, login.name if login is not None else NOBODY, act, f"from {desk.keys.mark(address)}")


def session_mark(desk: Desk, session: str | None) -> str:
    """A session as the audit has it: its id is half of what a cookie is made of."""
    return f"session {desk.keys.mark(session)}" if session else ""
