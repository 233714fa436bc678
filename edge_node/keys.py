"""The database's key: 32 random bytes in `DIR/edge.key`, wrapped under a passphrase, or plain for demonstrations and tests.

Wrapped: Argon2id (RFC 9106) makes a key of the passphrase, AES key wrap (RFC 3394) puts ours into it. Key wrap has its own
integrity check, so a wrong passphrase is told apart from a damaged database. The passphrase itself is kept nowhere.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from edge_node.errors import KeyFault, KeyMissing, NoDatabase, PassphraseMissing, WrongPassphrase

KEY_NAME: Final = "edge.key"
KEY_BYTES: Final = 32
PLAIN_WARNING: Final = (
    "The key of this database lies in plain text beside it. That is for demonstrations and tests: for patients' data, "
    "set MEDTECH_PASSPHRASE_FILE and run `medtech-edge rotate-key`."
)

_SALT_BYTES = 16
_MEMORY_KIB_MAX = 1 << 20
_ITERATIONS_MAX = 64


class Wrapping(msgspec.Struct, frozen=True):
    """How the passphrase becomes a key, and our key wrapped under that one; both as hex."""

    salt: str
    wrapped: str
    iterations: int = 3
    lanes: int = 1
    memory_kib: int = 64 * 1024


class KeyFile(msgspec.Struct, frozen=True):
    """The content of `edge.key`. One of the two is set."""

    form: int = 1
    wrapping: Wrapping | None = None
    plain: str | None = None


class Key(msgspec.Struct, frozen=True):
    """An open key, and whether the file that it came from needs no passphrase."""

    raw: bytes
    plain: bool


def read_passphrase(path: Path | None) -> bytes | None:
    """The passphrase in a file, without the line end. Raises PassphraseMissing when the file cannot be read or is empty."""
    if path is None:
        return None
    try:
        passphrase = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise PassphraseMissing(f"The passphrase file {path} cannot be read: {error.strerror}") from error
    if not passphrase:
        raise PassphraseMissing(f"The passphrase file {path} is empty")
    return passphrase


def make(passphrase: bytes | None, random_bytes: Callable[[int], bytes]) -> tuple[KeyFile, Key]:
    """A new random key, and the file that keeps it."""
    raw = random_bytes(KEY_BYTES)
    return keep(raw, passphrase, random_bytes), Key(raw, passphrase is None)


def keep(raw: bytes, passphrase: bytes | None, random_bytes: Callable[[int], bytes]) -> KeyFile:
    """The file that keeps a key, under a passphrase if there is one."""
    if passphrase is None:
        return KeyFile(plain=raw.hex())
    blank = Wrapping(random_bytes(_SALT_BYTES).hex(), "")
    wrapped = aes_key_wrap(_wrapping_key(blank, passphrase), raw)
    return KeyFile(wrapping=msgspec.structs.replace(blank, wrapped=wrapped.hex()))


def open_file(file: KeyFile, passphrase: bytes | None) -> Key:
    """The key in a file. Raises PassphraseMissing or WrongPassphrase."""
    if file.wrapping is None:
        return Key(bytes.fromhex(file.plain or ""), True)
    if passphrase is None:
        raise PassphraseMissing()
    try:
        return Key(
            aes_key_unwrap(_wrapping_key(file.wrapping, passphrase), bytes.fromhex(file.wrapping.wrapped)), False
        )
    except InvalidUnwrap as error:
        raise WrongPassphrase() from error


def _wrapping_key(wrapping: Wrapping, passphrase: bytes) -> bytes:
    if not (0 < wrapping.memory_kib <= _MEMORY_KIB_MAX and 0 < wrapping.iterations <= _ITERATIONS_MAX):
        raise KeyFault("The key file asks for more work than any key of ours needs")
    kdf = Argon2id(
        salt=bytes.fromhex(wrapping.salt),
        length=KEY_BYTES,
        iterations=wrapping.iterations,
        lanes=wrapping.lanes,
        memory_cost=wrapping.memory_kib,
    )
    return kdf.derive(passphrase)


# --- the file ---------------------------------------------------------------------------------------------------------


def unlock(
    directory: Path,
    passphrase: bytes | None,
    *,
    database_name: str,
    create: bool = False,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Key:
    """The key of the database in a folder; with `create`, a new one for a folder that has neither.

    Raises NoDatabase, KeyMissing, PassphraseMissing, WrongPassphrase.
    """
    path = directory / KEY_NAME
    if path.exists():
        return open_file(read_file(path), passphrase)
    if (directory / database_name).exists():
        raise KeyMissing(f"There is a database in {directory}, and no {KEY_NAME}")
    if not create:
        raise NoDatabase(f"There is no node in {directory}")
    directory.mkdir(parents=True, exist_ok=True)
    file, key = make(passphrase, random_bytes)
    try:
        write_file(path, file, replace=False)
    except FileExistsError:  # another process was first
        return open_file(read_file(path), passphrase)
    return key


def read_file(path: Path) -> KeyFile:
    """Reads a key file. Raises KeyFault when it is none."""
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise KeyFault(f"The key file {path} cannot be read: {error.strerror}") from error


def decode(text: bytes) -> KeyFile:
    """A key file's content. Raises KeyFault when it is none."""
    try:
        file = msgspec.json.decode(text, type=KeyFile)
    except msgspec.MsgspecError as error:
        raise KeyFault("The key file is damaged", hint=KeyMissing.hint) from error
    if file.form != 1 or (file.wrapping is None) == (file.plain is None):
        raise KeyFault("The key file is of another program or version")
    return file


def write_file(path: Path, file: KeyFile, *, replace: bool) -> None:
    """Writes a key file whole or not at all, readable by its owner alone, and on disk when this returns.

    Raises FileExistsError when there is one and it is not to be replaced.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it was renamed
            temporary.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
