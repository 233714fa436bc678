"""The hub's keys: which there are, what each is for, and how they rest.

    master key            32 bytes, outside the database: a file (mode 0600), or a secret store's variable
      └─ wraps            (HKDF-SHA256, then AES key wrap, RFC 3394)
         ├─ hub secrets   index key, receipt key, X25519 and Ed25519 private keys; one row of hub_identity
         └─ data keys     one for each scope; seal the states of its resources (AES-256-GCM)

The index key makes keyed BLAKE2b hashes: of "Type/id" (16 bytes), of element keys (4), of invitation codes (32). The receipt
key proves to a restored hub that it knew more once (`sync_protocol/exchange/hub.py`). Two more are derived from the index key: one for
each region, for what people are found by (HMAC-SHA256, `hub/clues.py`), and one that marks who was found (`hub/finding.py`).
With the database alone nobody can tell whether a certain person is in it.
"""

import hmac
import os
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from hub.errors import MasterKeyMissing, MasterKeyWrong, SealBroken, SettingsWrong

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
RESOURCE_KEY_BYTES: Final = 16
ELEMENT_HASH_BYTES: Final = 4
CLUE_TOKEN_BYTES: Final = 8
CANDIDATE_MAC_BYTES: Final = 16
MASTER_NAME: Final = "master.key"
SECRETS_COUNT: Final = 4


class Seal:
    """Seals and opens with one data key: AES-256-GCM, a random nonce before the ciphertext.

    Random 96-bit nonces allow 2^32 seals with one key at a chance of 2^-33 for any two to be equal
    (NIST SP 800-38D 8.3); a facility's hub will not see so many writes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """The sealed bytes; `about` (the resource's key) has to be the same when they are opened."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed. Raises `SealBroken` when it was changed, or belongs to another resource or scope."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error


class Keys:
    """The hub's secrets, opened. Made by `new_secrets` and `unwrap`."""

    def __init__(self, master: bytes, plain: bytes) -> None:
        parts = [plain[start : start + KEY_BYTES] for start in range(0, len(plain), KEY_BYTES)]
        self._index, self.receipt_key = parts[:2]
        self.x25519 = X25519PrivateKey.from_private_bytes(parts[2])
        """Opens what is sealed to this hub: bundles."""
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(parts[3])
        """Signs what this hub says."""
        self._wrapping = wrapping_key(master)
        self._regions: dict[str, bytes] = {}
        self._candidates = self._derived("medtech hub candidates v1")

    def resource_key(self, name: str) -> bytes:
        """16 bytes for a resource's "Type/id"."""
        return blake2b(name.encode(), digest_size=RESOURCE_KEY_BYTES, key=self._index, person=b"resource").digest()

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
            key = self._regions[region] = self._derived(f"medtech hub clues v1 {region}")
        mac = hmac.digest(key, f"{kind}\0{value}".encode(), "sha256")
        return int.from_bytes(mac[:CLUE_TOKEN_BYTES], "big", signed=True)

    def candidate_mac(self, signed: bytes) -> bytes:
        """16 bytes that prove that this hub named somebody as found (`hub.candidates`)."""
        return hmac.digest(self._candidates, signed, "sha256")[:CANDIDATE_MAC_BYTES]

    def _derived(self, purpose: str) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(self._index)

    def new_data_key(self) -> bytes:
        """A new scope's data key, wrapped."""
        return aes_key_wrap(self._wrapping, os.urandom(KEY_BYTES))

    def seal_of(self, wrapped: bytes) -> Seal:
        """The seal of a scope, from its wrapped data key. Raises `MasterKeyWrong`."""
        try:
            return Seal(aes_key_unwrap(self._wrapping, wrapped))
        except InvalidUnwrap as error:
            raise MasterKeyWrong from error


def wrapping_key(master: bytes) -> bytes:
    """What the master key wraps with; the master key itself is used for nothing else."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"medtech hub key wrap v1").derive(master)


def new_secrets(master: bytes) -> bytes:
    """A new hub's secrets, wrapped."""
    return aes_key_wrap(wrapping_key(master), os.urandom(KEY_BYTES * SECRETS_COUNT))


def unwrap(master: bytes, wrapped: bytes) -> Keys:
    """The hub's keys. Raises `MasterKeyWrong` when this is not the master key they were wrapped with."""
    try:
        return Keys(master, aes_key_unwrap(wrapping_key(master), wrapped))
    except InvalidUnwrap as error:
        raise MasterKeyWrong from error


def read_master_key(data: Path, *, given: str, file: str, may_be_made: bool) -> bytes:
    """The master key: given as hex, or in the named file, or in `master.key` of the data folder.

    Only the last is made when it is not there, and only for a database that holds nothing yet (`may_be_made`).
    Raises `MasterKeyMissing`, or `SettingsWrong` when what is there is not 64 hex digits.
    """
    if given:
        return parsed(given, "MEDTECH_HUB_MASTER_KEY")
    path = Path(file) if file else data / MASTER_NAME
    if not path.exists():
        if file or not may_be_made:
            raise MasterKeyMissing(f"There is no master key at {path}.")
        make_secret_file(path, os.urandom(KEY_BYTES).hex())
    try:
        return parsed(path.read_text(encoding="ascii", errors="replace"), str(path))
    except OSError as error:
        raise MasterKeyMissing(f"The master key at {path} cannot be read: {error.strerror}.") from error


def parsed(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsWrong(f"The master key in {source} is not {2 * KEY_BYTES} hex digits.")
    return key


def make_secret_file(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all; another process's file of that name stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)
        flush_folder(path.parent)
    except FileExistsError:
        return
    finally:
        made.unlink()


def flush_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
