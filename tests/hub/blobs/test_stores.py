"""Every store does the same: a folder, and a server that speaks S3."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.blobs.stores import Store, Stores, opened
from hub.errors import ObjectMissing, SettingsWrong, StoreFault
from hub.settings import Settings
from tests.hub.blobs.conftest import in_each_store

NAME = "west/ab/abcdef"


@pytest.fixture
def store(stored: Settings) -> Store:
    return Stores(stored).of(NAME)


async def parts(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


@in_each_store
async def test_what_was_put_is_read_in_any_part(store: Store) -> None:
    content = os.urandom(7 << 20)
    await store.put(NAME, parts(content[:100], content[100 : 6 << 20], content[6 << 20 :]))
    assert await store.read(NAME, 0, len(content)) == content
    assert await store.read(NAME, 3, 5) == content[3:8]
    assert await store.read(NAME, len(content) - 4, 100) == content[-4:]


@in_each_store
async def test_what_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(ObjectMissing):
        await store.read("west/00/none", 0, 1)


@in_each_store
async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: Store) -> None:
    await store.put(NAME, parts(b"x"))
    await store.put("west/ab/other", parts(b"y"))
    await store.delete([NAME, "west/ab/none"])
    await store.delete([NAME])
    with pytest.raises(ObjectMissing):
        await store.read(NAME, 0, 1)
    assert await store.read("west/ab/other", 0, 1) == b"y"


@in_each_store
async def test_what_broke_off_is_not_there(store: Store) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(6 << 20)
        raise ValueError("the sender went away")

    with pytest.raises((ValueError, StoreFault)):
        await store.put(NAME, broken())
    with pytest.raises(ObjectMissing):
        await store.read(NAME, 0, 1)


async def test_the_folder_of_a_region_is_where_its_files_are(settings: Settings, tmp_path: Path) -> None:
    stores = Stores(Settings(data=settings.data, blob_store=f"{tmp_path}/of-{{region}}"))
    await stores.of("east/ab/x").put("east/ab/x", parts(b"x"))
    assert (tmp_path / "of-east" / "east" / "ab" / "x").read_bytes() == b"x"
    assert not (tmp_path / "of-west").exists()
    assert (tmp_path / "of-east" / "east" / "ab" / "x").stat().st_mode & 0o077 == 0


async def test_what_a_killed_process_left_is_erased_with_its_name(tmp_path: Path) -> None:
    store = opened(Settings(blob_store=str(tmp_path)), "west")
    left = tmp_path / "west" / "ab" / ".abcdef.1234"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    await store.delete([NAME])
    assert not left.exists()


async def test_a_full_or_unreachable_store_is_told_without_names(tmp_path: Path, s3: str) -> None:
    (tmp_path / "west").write_bytes(b"in the way")
    with pytest.raises(StoreFault) as told:
        await opened(Settings(blob_store=str(tmp_path)), "west").put(NAME, parts(b"x"))
    assert "abcdef" not in str(told.value)
    bucket = opened(Settings(blob_store="s3://no-such-bucket", blob_store_endpoint=s3), "west")
    with pytest.raises(StoreFault) as told:
        await bucket.put(NAME, parts(b"x"))
    assert "abcdef" not in str(told.value)
    assert "no-such-bucket" not in str(told.value)


@pytest.mark.parametrize("address", ["relative/folder", "ftp://somewhere", "gs://bucket"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(SettingsWrong):
        opened(Settings(blob_store=address), "west")
