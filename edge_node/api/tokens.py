"""Access tokens: short-lived JSON Web Tokens, signed with HMAC-SHA-256 (RFC 7519, RFC 7515) under a key of this node alone.

The node that made a token is the only one that reads it, so a shared-key MAC is enough, and fifty times quicker than a signature.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable

import msgspec

from edge_node.errors import Unauthorised

KEY_BYTES = 32
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
_REMEMBERED_MAX = 1_024


class Claims(msgspec.Struct, frozen=True):
    """Who, in which role, from when until when (seconds since 1970 UTC), and the token's own name.
    `gen`: the generation of the user that it was made for."""

    sub: str
    role: str
    iat: int
    exp: int
    jti: str
    gen: int = 0


class Tokens:
    """Makes and checks tokens. `now_ms` is the clock, `chance(n)` gives n random bytes."""

    def __init__(
        self, key: bytes, now_ms: Callable[[], int], chance: Callable[[int], bytes], lifetime_seconds: int
    ) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a signing key has {KEY_BYTES} bytes")
        self._key = key
        self._now_ms = now_ms
        self._chance = chance
        self.lifetime_seconds = lifetime_seconds
        self._known: dict[str, Claims] = {}
        self._revoked: dict[str, int] = {}

    def issue(self, user: str, role: str, generation: int = 0) -> str:
        """A new token."""
        now = self._now_ms() // 1000
        claims = Claims(user, role, now, now + self.lifetime_seconds, self._chance(12).hex(), generation)
        signed = _HEADER + b"." + _encode(msgspec.json.encode(claims))
        return (signed + b"." + _encode(self._mac(signed))).decode()

    def check(self, token: str) -> Claims:
        """The claims of a token that is ours and in force. Raises Unauthorised."""
        claims = self._known.get(token) or self._read(token)
        now = self._now_ms() // 1000
        if not claims.iat - _SKEW_SECONDS <= now < claims.exp or claims.jti in self._revoked:
            raise Unauthorised("The login has ended", hint="Log in again.")
        return claims

    def revoke(self, token: str) -> Claims:
        """The token is of no use from now on. Raises Unauthorised when it is of none already."""
        claims = self.check(token)
        self._known.pop(token, None)
        now = self._now_ms() // 1000
        self._revoked = {jti: end for jti, end in self._revoked.items() if end > now}
        self._revoked[claims.jti] = claims.exp
        return claims

    @property
    def revoked(self) -> dict[str, int]:
        """Names of revoked tokens and when they would have ended: what has to outlive a restart."""
        return dict(self._revoked)

    def remember_revoked(self, revoked: dict[str, int]) -> None:
        """Takes up what `revoked` said before a restart."""
        self._revoked.update(revoked)

    def _read(self, token: str) -> Claims:
        signed, _, mac = token.encode("ascii", "replace").rpartition(b".")
        header, _, payload = signed.partition(b".")
        if header != _HEADER or not hmac.compare_digest(_encode(self._mac(signed)), mac):
            raise Unauthorised("The access token is not one of this node", hint="Log in again.")
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), type=Claims)
        if len(self._known) >= _REMEMBERED_MAX:
            self._known.clear()
        self._known[token] = claims
        return claims

    def _mac(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, hashlib.sha256)


_SKEW_SECONDS = 24 * 60 * 60
"""A token from the future is refused, but not one from before a clinic's clock was put right."""


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
