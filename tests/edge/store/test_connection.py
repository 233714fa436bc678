"""How the database is opened: what must hold of every page and every commit."""

from pathlib import Path

import pytest

from edge_node.errors import CorruptDatabase
from edge_node.store.connection import connect

KEY = bytes(range(32))


def told(connection: object, pragma: str) -> object:
    return connection.execute(f"PRAGMA {pragma}").fetchone()[0]  # type: ignore[attr-defined]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one row."""
    path = tmp_path / "some.db"
    with_row = connect(path, KEY, writer=True)
    with_row.execute("CREATE TABLE one (text TEXT)")
    with_row.execute("INSERT INTO one VALUES ('Wambui')")
    with_row.close()
    return path


def test_the_writer_waits_for_the_disk_and_the_log_is_bounded(path: Path) -> None:
    writer = connect(path, KEY, writer=True)
    assert told(writer, "synchronous") == 2
    assert told(writer, "journal_mode") == "wal"
    assert told(writer, "wal_autocheckpoint") == 4000
    writer.close()


def test_every_page_is_encrypted_and_authenticated(path: Path) -> None:
    reader = connect(path, KEY, writer=False)
    assert told(reader, "cipher_hmac_algorithm") == "HMAC_SHA256"
    assert reader.execute("PRAGMA cipher_integrity_check").fetchall() == []
    reader.close()
    raw = bytearray(path.read_bytes())
    assert b"Wambui" not in raw
    raw[5_000] ^= 1  # one bit of the second page
    path.write_bytes(raw)
    damaged = connect(path, KEY, writer=False)
    assert len(damaged.execute("PRAGMA cipher_integrity_check").fetchall()) == 1
    with pytest.raises(Exception, match=r"malformed|not a database|disk I/O"):
        damaged.execute("SELECT * FROM one").fetchall()
    damaged.close()
    with pytest.raises(CorruptDatabase):
        connect(path, bytes(32), writer=False)


def test_a_vacuumed_copy_opens_as_its_original_does(path: Path, tmp_path: Path) -> None:
    original = connect(path, KEY, writer=True)
    original.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    original.close()
    copy = connect(tmp_path / "copy.db", KEY, writer=False)
    assert told(copy, "cipher_hmac_algorithm") == "HMAC_SHA256"
    assert copy.execute("PRAGMA cipher_integrity_check").fetchall() == []
    assert copy.execute("SELECT text FROM one").fetchall() == [("Wambui",)]
    copy.close()
