"""The hub's secrets, opened: keyed hashes, what proves and what is proved to it."""

import hmac
import os
from hashlib import blake2b
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from hub.errors import KeyFault
from hub.keys.data_keys import DataKeys
from hub.keys.masters import KEY_BYTES, Master, Masters
from hub.keys.seals import ScopeSeal, Seal

RESOURCE_KEY_BYTES: Final = 16
ELEMENT_HASH_BYTES: Final = 4
CLUE_TOKEN_BYTES: Final = 8
CANDIDATE_MAC_BYTES: Final = 16
SECRETS_COUNT: Final = 4
LEGACY_BYTES: Final = KEY_BYTES * SECRETS_COUNT + 8
"""The secrets under AES key wrap, before what is stored said which master key that was. Nothing else has this length."""


class Keys:
    """The hub's secrets, opened (`new_secrets`, `unwrap`), and the data keys that they belong to."""

    def __init__(self, masters: Masters, plain: bytes) -> None:
        parts = [plain[start : start + KEY_BYTES] for start in range(0, len(plain), KEY_BYTES)]
        self._index, self.receipt_key = parts[:2]
        self._resources = blake2b(digest_size=RESOURCE_KEY_BYTES, key=self._index, person=b"resource")
        self.x25519 = X25519PrivateKey.from_private_bytes(parts[2])
        """Opens what is sealed to this hub: bundles."""
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(parts[3])
        """Signs what this hub says."""
        self.masters = masters
        self.data = DataKeys(masters)
        self._regions: dict[str, bytes] = {}
        self._candidates = self.derived("medtech hub candidates v1")
        self._marks = self.derived("medtech hub marks v1")
        self._links = self.derived("medtech hub links v1")
        self.own_seal = Seal(self.derived("medtech hub own v1"))
        """Seals what the hub keeps for itself: addresses of shards, keys of exported files, which are of no one scope."""

    def resource_key(self, name: str) -> bytes:
        """16 bytes for a resource's "Type/id"."""
        hashing = self._resources.copy()
        hashing.update(name.encode())
        return hashing.digest()

    def own_key(self, scope: str, name: str) -> bytes:
        """16 bytes for a facility's own record of a "Type/id" that another facility uses too (`hub.ingest`)."""
        return self.resource_key(f"{scope} {name}")

    def element_hash(self, element: str) -> bytes:
        """4 bytes for an element key: how a feed pointer names it (`sync_protocol.exchange.hub.named`)."""
        return blake2b(element.encode(), digest_size=ELEMENT_HASH_BYTES, key=self._index, person=b"element").digest()

    def code_hash(self, code: str) -> bytes:
        """32 bytes for an invitation's code: a code is short, so a hash without a key could be searched through."""
        return blake2b(code.encode(), digest_size=32, key=self._index, person=b"invite").digest()

    def clue_token(self, region: str, kind: str, value: str) -> int:
        """64 bits, signed, for a clue by which somebody of a region is found: HMAC-SHA256 under the region's own key.

        With the database alone a clue can neither be read nor tried, and one person's clues in two regions have nothing in common.
        Two clues of one token bring up somebody who is then compared and left out.
        """
        if (key := self._regions.get(region)) is None:
            key = self._regions[region] = self.derived(f"medtech hub clues v1 {region}")
        mac = hmac.digest(key, f"{kind}\0{value}".encode(), "sha256")
        return int.from_bytes(mac[:CLUE_TOKEN_BYTES], "big", signed=True)

    def candidate_mac(self, signed: bytes) -> bytes:
        """16 bytes that prove that this hub named somebody as found (`hub.candidates`)."""
        return hmac.digest(self._candidates, signed, "sha256")[:CANDIDATE_MAC_BYTES]

    def blob_name(self, digest: bytes) -> bytes:
        """16 bytes for a file by the SHA-256 of its content: with the database alone nobody can tell whether a known file is in it."""
        return blake2b(digest, digest_size=RESOURCE_KEY_BYTES, key=self._index, person=b"blob").digest()

    def link_mac(self, signed: bytes) -> bytes:
        """32 bytes that prove that this hub made an address of a file (`hub.blobs.links`)."""
        return hmac.digest(self._links, signed, "sha256")

    def mark(self, text: str) -> str:
        """16 hex digits for a name or an address, where it is counted or noted but not to be read."""
        return hmac.digest(self._marks, text.encode(errors="surrogatepass"), "sha256")[:8].hex()

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose, which names it: whoever has them learns nothing of the others."""
        return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(self._index)

    def seal_of(self, ring: bytes) -> ScopeSeal:
        """The seal of a scope, from its ring (`DataKeys.seal_of`)."""
        return self.data.seal_of(ring)


class _Wrapped(Struct, frozen=True, array_like=True):
    """The secrets as they rest: the id of what they are wrapped under, and they."""

    master: bytes
    wrapped: bytes


_DECODER = msgspec.msgpack.Decoder(_Wrapped)


async def new_secrets(master: Master) -> bytes:
    """A new hub's secrets, wrapped."""
    return await _wrapped(master, os.urandom(KEY_BYTES * SECRETS_COUNT))


async def unwrap(masters: Masters, stored: bytes) -> Keys:
    """The hub's keys. Raises `MasterKeyWrong` when no master key at hand is that which they were wrapped with, and `KmsFault`."""
    return Keys(masters, await _opened(masters, stored))


async def wrapped_anew(masters: Masters, stored: bytes, target: Master) -> bytes:
    """The secrets under another master key. Raises as `unwrap`."""
    return await _wrapped(target, await _opened(masters, stored))


async def _wrapped(master: Master, plain: bytes) -> bytes:
    (wrapped,) = await master.wrap([plain])
    return msgspec.msgpack.encode(_Wrapped(master.id, wrapped))


async def _opened(masters: Masters, stored: bytes) -> bytes:
    if len(stored) == LEGACY_BYTES:
        return masters.unwrapped_by_any(stored)[1]
    try:
        found = _DECODER.decode(stored)
    except msgspec.DecodeError as error:
        raise KeyFault("The hub's keys cannot be read.") from error
    (plain,) = await masters.named(found.master).unwrap([found.wrapped])
    return plain
