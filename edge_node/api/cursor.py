"""Opaque paging cursors: what a `next` link carries, encrypted and authenticated, so that no URL of ours tells anything.

AES-256-GCM under a key that never leaves the node; the user's name is authenticated with it, so a cursor is worth nothing to
another person. A cursor has no end of life of its own: a position in the data stays one.
"""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_node.api.outcome import Refused

T = TypeVar("T")
NONCE_BYTES = 12
CURSOR_CHARS_MAX = 48_000


class Sealer:
    """Seals values into cursors and opens them. `key`: 32 bytes; `chance(n)`: n random bytes."""

    def __init__(self, key: bytes, chance: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(key)
        self._chance = chance

    def seal(self, value: object, user: str) -> str:
        """A cursor, as URL-safe text, that only this user may present."""
        nonce = self._chance(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.msgpack.encode(value), user.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, cursor: str, user: str, kind: type[T]) -> T:
        """What was sealed. Raises Refused for anything that this node did not seal for this user."""
        try:
            if len(cursor) > CURSOR_CHARS_MAX:
                raise ValueError("too long")
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            text = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], user.encode())
            return msgspec.msgpack.decode(text, type=kind)
        except (ValueError, binascii.Error, InvalidTag, msgspec.MsgspecError) as error:
            raise Refused(
                400, "value", "The cursor is not one of this node and user", "Begin the search again"
            ) from error
