"""Opening the encrypted database: each setting a function with its reason, and SQLite's errors told as ours."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeAlias

from sqlcipher3 import dbapi2 as sqlcipher

from edge_node.errors import CorruptDatabase, DatabaseBusy, DiskFull, EdgeError, FileFault, StorageFault, of_system

Connection: TypeAlias = Any
"""A `sqlcipher3.dbapi2.Connection`; the module is published without types."""

KEY_BYTES = 32
BUSY_TIMEOUT_MS = 30_000
WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 4_096
READERS_MAX = 8


def authenticate_pages(connection: Connection) -> None:
    """Each page carries an HMAC. SHA-256 has instructions of its own in most processors, SHA-512 (the default) in few: a page
    costs a sixth less to write. Set as the default before the key, so that `VACUUM INTO` writes its copy alike."""
    connection.execute("PRAGMA cipher_default_hmac_algorithm = HMAC_SHA256")


def unlock(connection: Connection, key: bytes) -> None:
    """A raw key opens in 0.3 ms; deriving and wrapping keys is done in `edge_node.keys`."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a database key has {KEY_BYTES} bytes")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")


def silence_cipher_log(connection: Connection) -> None:
    """SQLCipher writes its own lines to standard error; failures are raised as errors here."""
    connection.execute("PRAGMA cipher_log_level = NONE")


def use_write_ahead_log(connection: Connection) -> None:
    """Readers never wait for the writer, nor it for them."""
    connection.execute("PRAGMA journal_mode = WAL")


def sync_every_commit(connection: Connection) -> None:
    """FULL: what was answered survives a power cut. With WAL that is one fsync for each commit."""
    connection.execute("PRAGMA synchronous = FULL")


def enforce_foreign_keys(connection: Connection) -> None:
    """Off by default in SQLite, for the sake of old programs."""
    connection.execute("PRAGMA foreign_keys = ON")


def bound_cache(connection: Connection, kib: int) -> None:
    """Decrypted pages kept in memory. The default of 2 MB makes random writes twice as slow as with 64 MB."""
    connection.execute(f"PRAGMA cache_size = -{kib}")


def wait_when_busy(connection: Connection) -> None:
    """Another process may be writing; its transactions are short."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def keep_temporary_data_in_memory(connection: Connection) -> None:
    """Sorting must never put patients' data into an unencrypted temporary file."""
    connection.execute("PRAGMA temp_store = MEMORY")


def do_not_map_memory(connection: Connection) -> None:
    """Encrypted pages cannot be used in place; mapping them only costs memory."""
    connection.execute("PRAGMA mmap_size = 0")


def overwrite_deleted(connection: Connection) -> None:
    """Removed content is overwritten with zeros, so that a later key loss does not give it away."""
    connection.execute("PRAGMA secure_delete = ON")


def bound_log(connection: Connection) -> None:
    """A checkpoint for every 16 MB of log: pages that every write changes are then copied into the database a quarter as often,
    and the log's index still has one block to look into. No log file larger than 64 MB is kept after a large import."""
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")


def read_only(connection: Connection) -> None:
    """A reader that would write is a mistake of ours, found at once."""
    connection.execute("PRAGMA query_only = ON")


def connect(path: Path, key: bytes, *, writer: bool) -> Connection:
    """An open connection in autocommit mode: transactions are begun and ended in plain sight.

    Raises CorruptDatabase when the file is no database of this key, DiskFull or FileFault when its folder takes no more.
    """
    with named_errors(), _told_from_damage(path):
        connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            _configure(connection, key, writer)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _told_from_damage(path: Path) -> Iterator[None]:
    """SQLite has one error for damage and for a disk without room for what it keeps beside a database: so the disk is tried."""
    try:
        yield
    except sqlcipher.Error as error:
        if error.sqlite_errorcode & _PRIMARY == sqlcipher.SQLITE_IOERR:
            try_folder(path.parent)
        raise


def try_folder(folder: Path) -> None:
    """Whether a file can be written there at all. Raises DiskFull or FileFault."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(_BESIDE_BYTES))
            file.flush()
    except OSError as error:
        raise of_system(error) from error


_BESIDE_BYTES = 64 * 1024
"""The write-ahead log's index takes 32 KiB at first, its log a page."""


def _configure(connection: Connection, key: bytes, writer: bool) -> None:
    silence_cipher_log(connection)
    authenticate_pages(connection)
    unlock(connection, key)
    wait_when_busy(connection)
    connection.execute(
        "SELECT count(*) FROM sqlite_schema"
    ).fetchone()  # the first page decrypts, or this is not the key
    keep_temporary_data_in_memory(connection)
    do_not_map_memory(connection)
    if writer:
        use_write_ahead_log(connection)
        sync_every_commit(connection)
        enforce_foreign_keys(connection)
        overwrite_deleted(connection)
        bound_log(connection)
        bound_cache(connection, WRITER_CACHE_KIB)
    else:
        read_only(connection)
        bound_cache(connection, READER_CACHE_KIB)


@contextmanager
def named_errors() -> Iterator[None]:
    """SQLite's errors as this program's. Their texts may hold names of tables and files, never values."""
    try:
        yield
    except sqlcipher.Error as error:
        raise named(error) from error


def named(error: Exception) -> EdgeError:
    """What one of SQLite's errors means."""
    kind = _NAMED.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY)
    return kind() if kind is not None else StorageFault(f"SQLite: {error}")


_PRIMARY = 0xFF
"""The part of an extended result code that is the result code proper (https://sqlite.org/rescode.html)."""
_NAMED: dict[int, type[EdgeError]] = {
    sqlcipher.SQLITE_FULL: DiskFull,
    sqlcipher.SQLITE_BUSY: DatabaseBusy,
    sqlcipher.SQLITE_LOCKED: DatabaseBusy,
    sqlcipher.SQLITE_NOTADB: CorruptDatabase,
    sqlcipher.SQLITE_CORRUPT: CorruptDatabase,
    sqlcipher.SQLITE_IOERR: CorruptDatabase,
    sqlcipher.SQLITE_CANTOPEN: FileFault,
    sqlcipher.SQLITE_READONLY: FileFault,
}


class transaction:
    """One write transaction: all of it is durable when its block ends, or nothing happened. Within it, SQLite's errors get their names.

    Every write passes here; a generator would take thrice as long to enter and to leave.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection:
        self._execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # not after a commit
                self._execute("ROLLBACK")
        if isinstance(error, sqlcipher.Error):
            raise named(error) from error

    def _execute(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except sqlcipher.Error as error:
            raise named(error) from error


class Readers:
    """A few read connections, opened when first needed and shared by all threads."""

    def __init__(self, path: Path, key: bytes, readers_max: int = READERS_MAX) -> None:
        self._path, self._key = path, key
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(readers_max):
            self._idle.put(None)

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """A connection for one thread. Statements inside see the same moment only within `snapshot`."""
        idle = self._idle.get()
        try:
            if idle is None:
                idle = connect(self._path, self._key, writer=False)
            with named_errors():
                yield idle
        finally:
            self._idle.put(idle)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose statements all see the same moment."""
        with self.use() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the idle connections; those in use are closed with the process."""
        while not self._idle.empty():
            idle = self._idle.get_nowait()
            if idle is not None:
                idle.close()
