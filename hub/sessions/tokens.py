"""Access tokens: JWTs (RFC 7519, RFC 9068) signed with Ed25519 (RFC 8037). Pure: keys, time and ids are arguments.

A token says whose session it is, and nothing of what she may do: that is the session's to say, each time. What is not exactly as we make it
is refused: another algorithm, a header with anything more (so no `jwk`, `jku`, `x5u`, `crit`), claims missing or of another type.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import jwt
import msgspec
from jwt.utils import base64url_decode
from msgspec import Meta, Struct

from hub.errors import SessionOver, Unauthorised
from hub.sessions.keyring import LoginKey

ALGORITHM: Final = "EdDSA"
TYPE: Final = "at+jwt"
AUDIENCE: Final = "medtech-hub"
CHARS_MAX: Final = 2_048
LEEWAY_SECONDS: Final = 5
"""How far the clocks of the hub's processes may be apart."""


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """A token's header: these members, and no others."""

    alg: str
    typ: str
    kid: str


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says. Times are seconds since 1970."""

    iss: str
    aud: str
    sub: str
    sid: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}$")]
    jti: str
    iat: int
    nbf: int
    exp: int


def looks_like_one(token: str) -> bool:
    """Whether it has the three parts of a token."""
    return token.count(".") == 2


def issue(key: LoginKey, claims: Claims) -> str:
    """A token that says so."""
    return jwt.encode(msgspec.to_builtins(claims), key.private, ALGORITHM, {"typ": TYPE, "kid": key.kid})


def key_id(token: str) -> str:
    """By which key a token says that it is signed. Raises `Unauthorised` for what is no token of ours."""
    if len(token) > CHARS_MAX or not looks_like_one(token):
        raise Unauthorised("This is no access token.")
    try:
        header = msgspec.json.decode(base64url_decode(token.partition(".")[0]), type=Header)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Unauthorised("This is no access token.") from error
    if (header.alg, header.typ) != (ALGORITHM, TYPE):
        raise Unauthorised("This is no access token.")
    return header.kid


def proven(token: str, key: LoginKey, issuer: str) -> Claims:
    """What a token says, when the key proves it; not yet whether it is its time. Raises `Unauthorised`."""
    try:
        plain: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=issuer,
            # Times are compared by `check_times`, by the hub's own clock; types by msgspec.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "strict_aud": True},
        )
        return msgspec.convert(plain, Claims)
    except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
        raise Unauthorised("The access token is not one of this hub's.") from error


def check_times(claims: Claims, now: datetime) -> None:
    """Raises `SessionOver` for a token whose time is over, `Unauthorised` for one from the future."""
    seconds = now.timestamp()
    if claims.exp <= seconds - LEEWAY_SECONDS:
        raise SessionOver("The access token's time is over.")
    if max(claims.nbf, claims.iat) > seconds + LEEWAY_SECONDS:
        raise Unauthorised("The access token is from the future.")
