"""The names of those who use a device: a cookie that this node signed and no script reads.

It opens nothing. It saves typing on a tablet, and shows to who holds the device which names have logged in on it.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import msgspec

COOKIE = "medtech_names"
NAMES_MAX = 8
SECONDS = 180 * 24 * 60 * 60
_MAC_BYTES = 16
_COOKIE_CHARS_MAX = 3_000


class KnownNames:
    """Reads and writes the cookie's value, under a key of this node."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def read(self, value: str | None) -> list[str]:
        """The names, who logged in last first; none when it is not of this node."""
        if not value or len(value) > _COOKIE_CHARS_MAX:
            return []
        try:
            raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        except ValueError:
            return []
        mac, names = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(names)):
            return []
        return msgspec.json.decode(names, type=list[str])

    def with_name(self, value: str | None, name: str) -> str:
        """The cookie after this name logged in: it comes first, and whoever has not been here for longest goes."""
        return self.write([name, *(known for known in self.read(value) if known != name)])

    def write(self, names: Sequence[str]) -> str:
        """A cookie of these names, as many as fit."""
        kept = list(names[:NAMES_MAX])
        while True:
            packed = msgspec.json.encode(kept)
            value = base64.urlsafe_b64encode(self._mac(packed) + packed).rstrip(b"=").decode()
            if len(value) <= _COOKIE_CHARS_MAX or len(kept) <= 1:
                return value
            kept.pop()

    def _mac(self, packed: bytes) -> bytes:
        return hmac.digest(self._key, packed, hashlib.sha256)[:_MAC_BYTES]
