"""What is sealed with a data key, and how it says with which of its scope's keys.

    version 0        nonce 12 · ciphertext and tag                      as every hub wrote before keys had versions
    version n ≥ 1    0xD7 · n, 2 bytes big-endian · nonce 12 · ciphertext and tag; the first three are authenticated too

A sealed state of version 0 begins with a random byte, which is 0xD7 in one of 256: what looks like a later version and does not open as
that is tried as version 0 where the scope still has that key. Both are authenticated, so neither can be taken for the other.
"""

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import KeyNotHere, SealBroken

NONCE_BYTES: Final = 12
MARK: Final = 0xD7
HEADER_BYTES: Final = 3
UNMARKED: Final = 0
"""The version whose seals do not say so."""
VERSION_MAX: Final = 0xFFFF


class Seal:
    """Seals and opens with one data key: AES-256-GCM, a random nonce before the ciphertext, `header` before that.

    Random 96-bit nonces allow 2^32 seals with one key at a chance of 2^-33 for any two to be equal (NIST SP 800-38D 8.3). Long before
    that a scope gets another key (`hub.rotation.data`).
    """

    def __init__(self, key: bytes, header: bytes = b"") -> None:
        self._cipher = AESGCM(key)
        self._header = header

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """The sealed bytes; `about` (the resource's key) has to be the same when they are opened."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, plain, self._header + about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed. Raises `SealBroken` when it was changed, or belongs to another resource or scope."""
        begin = len(self._header)
        end = begin + NONCE_BYTES
        try:
            return self._cipher.decrypt(sealed[begin:end], sealed[end:], self._header + about)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error


class ScopeSeal:
    """Seals with the current key of a scope, and opens with any that it has."""

    def __init__(self, current: int, keys: Mapping[int, bytes]) -> None:
        self.current = current
        """The version that new seals are of."""
        self._seals = {version: Seal(key, header_of(version)) for version, key in keys.items()}
        self._newest = self._seals[current]

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """As `Seal.seal`, with the current key."""
        return self._newest.seal(plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """As `Seal.open`, with the key that it was sealed with. Raises `KeyNotHere`, a `SealBroken`, when that key came to the scope
        after its ring was read."""
        return self.opened(sealed, about)[1]

    def opened(self, sealed: bytes, about: bytes) -> tuple[int, bytes]:
        """The version that it was sealed with, and what was sealed. Raises as `open`."""
        version = marked_version(sealed)
        found = self._seals.get(version)
        if found is None and UNMARKED not in self._seals:
            raise KeyNotHere if version else SealBroken
        if found is not None:
            try:
                return version, found.open(sealed, about)
            except SealBroken:
                if version == UNMARKED or UNMARKED not in self._seals:
                    raise
        return UNMARKED, self._seals[UNMARKED].open(sealed, about)


def header_of(version: int) -> bytes:
    """What a seal of this version begins with: nothing, or three bytes."""
    return b"" if version == UNMARKED else bytes((MARK,)) + version.to_bytes(HEADER_BYTES - 1, "big")


def marked_version(sealed: bytes) -> int:
    """The version that sealed bytes seem to be of; `UNMARKED` when they do not say."""
    if len(sealed) > HEADER_BYTES and sealed[0] == MARK:
        return int.from_bytes(sealed[1:HEADER_BYTES], "big")
    return UNMARKED
