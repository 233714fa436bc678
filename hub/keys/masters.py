"""Master keys: what wraps the hub's secrets and the data keys, and is itself kept elsewhere.

One seam, `Master`. A `LocalMaster` is 32 bytes at hand, out of a file or the environment; a `hub.keys.transit.TransitMaster` is a key
inside a KMS, which never leaves it. A hub may have several at hand: the database says which everything is wrapped under (table
`key_master`), so a process goes on through a rotation as long as both are at hand.
"""

import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from hub.errors import MasterKeyMissing, MasterKeyWrong, SettingsWrong
from hub.keys.files import make_secret_file

KEY_BYTES: Final = 32
MASTER_ID_BYTES: Final = 8
MASTER_NAME: Final = "master.key"
GIVEN_NAME: Final = "MEDTECH_HUB_MASTER_KEY"


class Master(Protocol):
    """Wraps and unwraps small secrets, several at once."""

    @property
    def id(self) -> bytes:
        """8 bytes that name it, and tell nothing of it."""

    async def wrap(self, plain: Sequence[bytes]) -> list[bytes]:
        """Each secret wrapped. Raises KmsFault."""

    async def unwrap(self, wrapped: Sequence[bytes]) -> list[bytes]:
        """The inverse. Raises KmsFault, or MasterKeyWrong for what it did not wrap."""


class LocalMaster:
    """A master key at hand. The key itself is used for nothing but deriving what wraps, and what names it."""

    def __init__(self, key: bytes) -> None:
        self._wrapping = _derived(key, b"medtech hub key wrap v1", KEY_BYTES)
        self.id = _derived(key, b"medtech hub master id v1", MASTER_ID_BYTES)

    async def wrap(self, plain: Sequence[bytes]) -> list[bytes]:
        return [aes_key_wrap(self._wrapping, one) for one in plain]

    async def unwrap(self, wrapped: Sequence[bytes]) -> list[bytes]:
        return [self.unwrapped(one) for one in wrapped]

    def unwrapped(self, wrapped: bytes) -> bytes:
        """One secret, at once. Raises MasterKeyWrong."""
        try:
            return aes_key_unwrap(self._wrapping, wrapped)
        except InvalidUnwrap as error:
            raise MasterKeyWrong from error


class Masters:
    """Those at hand, the first for a database that has none yet. `read` gives them anew: a file may have another key since."""

    def __init__(self, read: Callable[[], Sequence[Master]]) -> None:
        self._read = read
        self.all = tuple(read())

    @property
    def first(self) -> Master:
        return self.all[0]

    @property
    def asked_elsewhere(self) -> bool:
        """Whether some are not at hand themselves, and may be away when they are needed."""
        return any(not isinstance(master, LocalMaster) for master in self.all)

    def named(self, identity: bytes) -> Master:
        """The one of this id. Raises MasterKeyWrong when it is not at hand, also after looking again."""
        if (found := self._find(identity)) is None:
            self.all = tuple(self._read())
            found = self._find(identity)
        if found is None:
            raise MasterKeyWrong
        return found

    def unwrapped_by_any(self, wrapped: bytes) -> tuple[LocalMaster, bytes]:
        """What a master key at hand opens that does not say which: from before they had names. Raises MasterKeyWrong."""
        for _ in range(2):
            for master in self.all:
                if isinstance(master, LocalMaster):
                    try:
                        return master, master.unwrapped(wrapped)
                    except MasterKeyWrong:
                        continue
            self.all = tuple(self._read())
        raise MasterKeyWrong

    def _find(self, identity: bytes) -> Master | None:
        return next((master for master in self.all if master.id == identity), None)


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose).derive(key)


def name_of(kind: str, text: str) -> bytes:
    """The id of a master that is not at hand but has a name of its own."""
    return blake2b(f"{kind} {text}".encode(), digest_size=MASTER_ID_BYTES).digest()


def read_master_keys(data: Path, *, given: str, file: str, may_be_made: bool) -> list[bytes]:
    """The master keys, the one in use first: given as hex, or in the named file, or in `master.key` of the data folder.

    Several stand one after the other, with spaces or on lines of their own, while one takes the other's place. Only the last place is
    filled when it is empty, and only for a database that holds nothing yet (`may_be_made`). Raises `MasterKeyMissing`, or
    `SettingsWrong` when what is there is not 64 hex digits.
    """
    if given:
        return parsed(given, GIVEN_NAME)
    path = master_file(data, file)
    if not path.exists():
        if file or not may_be_made:
            raise MasterKeyMissing(f"There is no master key at {path}.")
        make_secret_file(path, os.urandom(KEY_BYTES).hex())
    return read_master_file(path)


def read_master_file(path: Path) -> list[bytes]:
    """The master keys in a file. Raises as `read_master_keys`."""
    try:
        return parsed(path.read_text(encoding="ascii", errors="replace"), str(path))
    except OSError as error:
        raise MasterKeyMissing(f"The master key at {path} cannot be read: {error.strerror}.") from error


def master_file(data: Path, file: str) -> Path:
    """Where the master key stands when it is in a file."""
    return Path(file) if file else data / MASTER_NAME


def parsed(text: str, source: str) -> list[bytes]:
    """Keys as hex. What is wrong is not repeated: it may be a key with a digit missing. Raises `SettingsWrong`."""
    try:
        keys = [bytes.fromhex(word) for word in text.split()]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        # No cause: the error of what was read would repeat it.
        raise SettingsWrong(f"The master key in {source} is not {2 * KEY_BYTES} hex digits.") from None
    return keys
