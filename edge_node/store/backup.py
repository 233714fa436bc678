"""Backups: a consistent, encrypted copy of the database in one file, taken while others write; and bringing one back.

The file: a mark, the length of a key file, that key file, the database. The key is in it only if it is wrapped under the
passphrase; a plain key is put beside the backup, in a file of its own, to be kept apart from it.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from struct import Struct as Layout
from typing import Final

import msgspec

from edge_node import keys
from edge_node.errors import BadBackup, CorruptDatabase, DatabaseBusy, DiskFull, EdgeError, KeyFault, KeyMissing
from edge_node.keys import KEY_NAME, Key, KeyFile
from edge_node.store import forking, state
from edge_node.store.connection import connect, named_errors, transaction
from edge_node.store.schema import migrate
from edge_node.store.standing import standing
from edge_node.store.store import DATABASE_NAME, Store, new_incarnation
from sync_protocol.errors import ProtocolError

_MARK: Final = b"MTBK1\n"
_LENGTH = Layout(">I")
_KEY_FILE_BYTES_MAX = 64 * 1024


class Backup(msgspec.Struct, frozen=True):
    """What was written or brought back. `key_file`: where a plain key was put, to be kept apart."""

    file: str
    bytes: int
    resources: int
    digests: dict[str, str]
    key_file: str | None = None


def write(store: Store, key_file: KeyFile, out: Path) -> Backup:
    """Writes a backup and opens it again: its digests, computed from its rows, must be those it holds.

    Raises DiskFull, BadBackup.
    """
    copy = out.with_name(f"{out.name}.{os.getpid()}.copy")
    new = out.with_name(f"{out.name}.{os.getpid()}.new")
    with _removed(copy, new), _disk_errors():
        _copy_database(store, copy)
        resources, digests = verify(copy, store.key)
        _pack(copy, key_file if key_file.wrapping is not None else KeyFile(), new)
        os.replace(new, out)
        keys.sync_folder(out.parent)
        beside = None
        if key_file.wrapping is None:
            beside = _beside(out)
            keys.write_file(beside, key_file, replace=True)
        return Backup(str(out), out.stat().st_size, resources, digests, str(beside) if beside is not None else None)


def _copy_database(store: Store, copy: Path) -> None:
    """`VACUUM INTO` reads one snapshot, while others write, and encrypts what it writes under the same key."""
    copy.unlink(missing_ok=True)
    with closing(connect(store.path, store.key, writer=False)) as connection, named_errors():
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)


def verify(path: Path, key: bytes) -> tuple[int, dict[str, str]]:
    """Opens a copy and computes its digests from its rows. Raises BadBackup."""
    try:
        connection = connect(path, key, writer=False)
        with closing(connection), named_errors():
            told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            kept, computed = state.digests(connection), state.rebuilt_digests(connection)
            resources = state.status(connection).resources
    except (EdgeError, ProtocolError) as error:
        raise BadBackup("The copy is damaged, or does not open with this key") from error
    if told != "ok" or kept != computed:
        raise BadBackup("The copy's records are not those that its digests were made of")
    return resources, computed


def _pack(database: Path, key_file: KeyFile, out: Path) -> None:
    text = msgspec.json.encode(key_file)
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file, database.open("rb") as source:
        file.write(_MARK + _LENGTH.pack(len(text)) + text)
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


# --- bringing back ----------------------------------------------------------------------------------------------------


def restore(
    file: Path, directory: Path, passphrase: bytes | None, random_bytes: Callable[[int], bytes] = os.urandom
) -> Backup:
    """Puts a backup into a folder, as a new incarnation: what was written after the backup may already be at the hub, so
    its counters are not used again; what the hub lacks is pushed as it is. A plain key is wrapped if there is a passphrase now.

    A database that is there is kept as `edge.db.before-restore`. Raises BadBackup, WrongPassphrase, DatabaseBusy.
    """
    directory.mkdir(parents=True, exist_ok=True)
    database = directory / DATABASE_NAME
    new = directory / f"{DATABASE_NAME}.restoring"
    with _removed(new, _log_of(new), _memory_of(new)), _disk_errors():
        embedded = _unpack(file, new)
        key_file, key = _key(file, embedded, directory, passphrase)
        resources, digests = verify(new, key.raw)
        if key_file.wrapping is None and passphrase is not None:
            key_file = keys.keep(key.raw, passphrase, random_bytes)
        _begin_again(new, key, random_bytes)
        _step_aside(directory, passphrase)
        os.replace(new, database)
        keys.write_file(directory / KEY_NAME, key_file, replace=True)
        return Backup(str(file), database.stat().st_size, resources, digests)


def _unpack(file: Path, out: Path) -> KeyFile:
    try:
        with file.open("rb") as source:
            head = source.read(len(_MARK) + _LENGTH.size)
            if len(head) < len(_MARK) + _LENGTH.size or not head.startswith(_MARK):
                raise BadBackup("The file is not a backup of an edge node")
            (length,) = _LENGTH.unpack(head[len(_MARK) :])
            if length > _KEY_FILE_BYTES_MAX:
                raise BadBackup("The file is damaged")
            embedded = msgspec.json.decode(source.read(length), type=KeyFile)
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError as error:
        raise BadBackup(f"There is no file {file}") from error
    except msgspec.MsgspecError as error:
        raise BadBackup("The file is damaged") from error
    return embedded


def _key(file: Path, embedded: KeyFile, directory: Path, passphrase: bytes | None) -> tuple[KeyFile, Key]:
    """The key in the backup, or beside it, or already in the folder."""
    if embedded.wrapping is not None:
        return embedded, keys.open_file(embedded, passphrase)
    for path in (_beside(file), directory / KEY_NAME):
        if path.exists():
            found = keys.read_file(path)
            return found, keys.open_file(found, passphrase)
    raise KeyMissing(f"The backup holds no key, and there is no {_beside(file).name} beside it")


def _begin_again(path: Path, key: Key, random_bytes: Callable[[int], bytes]) -> None:
    with closing(connect(path, key.raw, writer=True)) as connection:
        migrate(connection)
        with transaction(connection):
            forking.restore(connection, standing(connection), new_incarnation(random_bytes))
        with named_errors():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _step_aside(directory: Path, passphrase: bytes | None) -> None:
    """Keeps the database that is there under another name, unless some program has it open."""
    database, key_path = directory / DATABASE_NAME, directory / KEY_NAME
    if not database.exists():
        return
    if _is_open(database, key_path, passphrase):
        raise DatabaseBusy("A program has this node's database open", hint="Stop its server first, then restore.")
    if key_path.exists():
        shutil.copy2(key_path, key_path.with_name(f"{KEY_NAME}.before-restore"))
    os.replace(database, database.with_name(f"{DATABASE_NAME}.before-restore"))
    for rest in (_log_of(database), _memory_of(database)):
        rest.unlink(missing_ok=True)


def _is_open(database: Path, key_path: Path, passphrase: bytes | None) -> bool:
    """Whether another program has a database open: only then can it not leave its write-ahead log.

    That can only be asked with its key. Without it the log's file tells: the last program to close the database removes it.
    """
    try:
        key = keys.open_file(keys.read_file(key_path), passphrase)
        connection = connect(database, key.raw, writer=False)
    except CorruptDatabase:
        return False  # the reason why one restores
    except KeyFault:
        return _log_of(database).exists()
    try:
        with named_errors():
            connection.execute("PRAGMA busy_timeout = 200")
            connection.execute("PRAGMA query_only = OFF")
            return bool(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete")
    except DatabaseBusy:
        return True
    finally:
        connection.close()


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.key")


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _memory_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-shm")


@contextmanager
def _removed(*paths: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull() from error
        raise BadBackup(f"{error.filename or 'A file'}: {error.strerror}") from error
