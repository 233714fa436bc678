"""Addresses of files that need no login, for a short time: for a browser's picture, or a CDN that fetches for it.

    /blobs/{sha256}?at=1&of=7&expires=1790000300&mac=…      mac = base64url HMAC-SHA256 under a key of its own, of all the others

Whoever has the address has the file until then, and no other file, scope or time: nothing in it can be changed. It says nothing of anybody.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from hub.errors import Forbidden
from hub.keys import Keys

MAC_CHARS_MAX: Final = 64


class Link(Struct, frozen=True):
    """A signed address, `expires` in seconds since 1970."""

    url: str
    expires: int


def signed(keys: Keys, sha256: str, shard: int, scope: int, expires: int) -> Link:
    """The address of a file of a scope on a shard, valid until then."""
    mac = urlsafe_b64encode(keys.link_mac(_said(sha256, shard, scope, expires))).rstrip(b"=").decode()
    return Link(f"/blobs/{sha256}?{urlencode({'at': shard, 'of': scope, 'expires': expires, 'mac': mac})}", expires)


def check(keys: Keys, sha256: str, shard: int, scope: int, expires: int, mac: str, now_ms: int) -> None:
    """Raises `Forbidden` for an address that this hub did not make, or that has expired; which of these is not told."""
    try:
        given = urlsafe_b64decode(mac[:MAC_CHARS_MAX] + "=" * (-len(mac) % 4))
    except (Error, ValueError):
        given = b""
    genuine = hmac.compare_digest(given, keys.link_mac(_said(sha256, shard, scope, expires)))
    if not genuine or now_ms >= expires * 1000:
        raise Forbidden("The address is not valid, or not any more.", hint="Ask for the file's address anew.")


def _said(sha256: str, shard: int, scope: int, expires: int) -> bytes:
    return f"blob\0{sha256}\0{shard}\0{scope}\0{expires}".encode()
