"""The keys that sign access tokens (Ed25519): made, sealed under the hub's keys, replaced by age or by command, published as a JWKS.

A new key signs from the moment that a process sees it. An old one proves what it signed until the last of that is over, and is deleted
then. Each process reads the keys anew now and then, and at a key id that it does not know.
"""

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from hub.errors import Unauthorised
from hub.keys import Keys, Seal
from hub.postgres.engine import Connection, Database
from hub.store import sessions as rows
from hub.store.audit import note_act

READ_AGAIN: Final = timedelta(seconds=30)
READ_AGAIN_AT_UNKNOWN: Final = timedelta(seconds=1)
"""Whoever sends key ids that there are not makes us read no more often than this."""


class LoginKey(Struct, frozen=True):
    """One key. `kid`: the RFC 7638 thumbprint of its public half."""

    kid: str
    private: Ed25519PrivateKey
    made: datetime

    @property
    def public(self) -> Ed25519PublicKey:
        """What proves its signatures."""
        return self.private.public_key()


def text(data: bytes) -> str:
    """base64url without padding, as JOSE has it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as RFC 8037 has it."""
    return {"crv": "Ed25519", "kty": "OKP", "x": text(key.public_bytes_raw())}


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638: the SHA-256 of the required members, sorted, without white space."""
    return text(sha256(json.dumps(jwk(key), separators=(",", ":"), sort_keys=True).encode()).digest())


class Keyring:
    """The keys as this process knows them. `after`: so long after a key was replaced its tokens are over."""

    def __init__(self, database: Database, keys: Keys, *, age_max: timedelta, after: timedelta) -> None:
        self._database = database
        self._seal = Seal(keys.derived("medtech hub login keys v1"))
        self._age_max = age_max
        self._after = after
        self._keys: dict[str, LoginKey] = {}
        self._read: datetime | None = None

    async def signing(self, now: datetime) -> LoginKey:
        """The key to sign with. One that is too old, or not there yet, is replaced."""
        await self._read_again(now, READ_AGAIN)
        newest = self._newest()
        if newest is None or newest.made + self._age_max <= now:
            newest = await self.rotate(now, "hub", unless_since=now - self._age_max)
        return newest

    async def proving(self, kid: str, now: datetime) -> LoginKey:
        """The key of a token. Raises `Unauthorised` when there is none, or none any more."""
        await self._read_again(now, READ_AGAIN if kid in self._keys else READ_AGAIN_AT_UNKNOWN)
        if (found := self._keys.get(kid)) is None or found.kid in self._over(now):
            raise Unauthorised("The token was signed with a key that is not, or not any more, this hub's.")
        return found

    async def published(self, now: datetime) -> dict[str, Any]:
        """The JWKS (RFC 7517): public halves, the newest first."""
        await self.signing(now)
        over = self._over(now)
        kept = [key for key in self._by_age() if key.kid not in over]
        return {"keys": [{**jwk(key.public), "alg": "EdDSA", "use": "sig", "kid": key.kid} for key in kept]}

    async def rotate(
        self, now: datetime, actor: str, *, unless_since: datetime | None = None, at_once: bool = False
    ) -> LoginKey:
        """Makes a new key, unless one was made since then by somebody else. `at_once`: the others go now, and what they signed with
        them."""
        async with self._database.transaction() as connection:
            await rows.lock_login_keys(connection)
            self._take(await rows.list_login_keys(connection), now)
            newest = self._newest()
            if newest is not None and unless_since is not None and newest.made > unless_since:
                return newest
            private = Ed25519PrivateKey.generate()
            # Later than the one before also where the clock went back: the newest is the one that signs.
            since = now if newest is None else max(now, newest.made + timedelta(milliseconds=1))
            made = LoginKey(thumbprint(private.public_key()), private, since)
            await self._write(connection, made)
            gone = set(self._keys) if at_once else self._over(now)
            await rows.delete_login_keys(connection, sorted(gone))
            await note_act(connection, actor, "login-key.rotate", made.kid)
        # Not before it is committed: what no other process knows must sign nothing.
        self._keys = {kid: key for kid, key in self._keys.items() if kid not in gone} | {made.kid: made}
        return made

    async def forget(self, now: datetime) -> None:
        """Deletes the keys that prove nothing any more."""
        await self._read_again(now, READ_AGAIN)
        if over := self._over(now):
            async with self._database.transaction() as connection:
                await rows.delete_login_keys(connection, sorted(over))
            self._keys = {kid: key for kid, key in self._keys.items() if kid not in over}

    async def _write(self, connection: Connection, key: LoginKey) -> None:
        sealed = self._seal.seal(key.private.private_bytes_raw(), key.kid.encode())
        await rows.add_login_key(connection, key.kid, sealed, key.made)

    async def _read_again(self, now: datetime, after: timedelta) -> None:
        if self._read is None or not timedelta(0) <= now - self._read < after:
            async with self._database.transaction() as connection:
                found = await rows.list_login_keys(connection)
            self._take(found, now)

    def _take(self, found: list[rows.LoginKeyRow], now: datetime) -> None:
        self._keys = {row.kid: self._keys.get(row.kid) or self._opened(row) for row in found}
        self._read = now

    def _opened(self, row: rows.LoginKeyRow) -> LoginKey:
        private = Ed25519PrivateKey.from_private_bytes(self._seal.open(row.private, row.kid.encode()))
        return LoginKey(row.kid, private, row.made)

    def _by_age(self) -> list[LoginKey]:
        return sorted(self._keys.values(), key=lambda key: (key.made, key.kid), reverse=True)

    def _newest(self) -> LoginKey | None:
        return next(iter(self._by_age()), None)

    def _over(self, now: datetime) -> set[str]:
        """Keys whose last tokens are over: the one that came after each was made long enough ago."""
        ordered = self._by_age()
        return {old.kid for newer, old in pairwise(ordered) if newer.made + self._after <= now}
