"""The key: random, wrapped under a passphrase, written whole or not at all."""

import os
from pathlib import Path

import pytest

from edge_node import keys
from edge_node.errors import KeyFault, KeyMissing, NoDatabase, PassphraseMissing, WrongPassphrase


def unlock(folder: Path, passphrase: bytes | None, *, create: bool = False) -> keys.Key:
    return keys.unlock(folder, passphrase, database_name="edge.db", create=create)


def test_a_wrapped_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    made = unlock(tmp_path, b"a long passphrase", create=True)
    assert made == unlock(tmp_path, b"a long passphrase")
    assert (len(made.raw), made.plain) == (32, False)
    assert made.raw.hex() not in (tmp_path / "edge.key").read_text()
    with pytest.raises(WrongPassphrase):
        unlock(tmp_path, b"another passphrase")
    with pytest.raises(PassphraseMissing):
        unlock(tmp_path, None)


def test_a_plain_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = unlock(tmp_path, None, create=True)
    assert made.plain
    assert unlock(tmp_path, None, create=True) == made
    assert os.stat(tmp_path / "edge.key").st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["edge.key"]


def test_a_database_without_its_key_gets_no_new_one(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase):
        unlock(tmp_path, None)
    (tmp_path / "edge.db").touch()
    with pytest.raises(KeyMissing):
        unlock(tmp_path, None, create=True)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b'{"form":2,"plain":"00"}', b'{"wrapping":{"salt":"00","wrapped":"00","memory_kib":99999999999}}'],
)
def test_a_damaged_key_file_is_told_as_such(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "edge.key").write_bytes(text)
    with pytest.raises(KeyFault):
        unlock(tmp_path, b"a long passphrase")


def test_a_passphrase_file_that_gives_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    for name in ("empty", "missing"):
        with pytest.raises(PassphraseMissing):
            keys.read_passphrase(tmp_path / name)
    (tmp_path / "good").write_bytes(b" with spaces \r\n")
    assert keys.read_passphrase(tmp_path / "good") == b" with spaces "
    assert keys.read_passphrase(None) is None
