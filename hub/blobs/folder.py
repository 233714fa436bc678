"""Objects as files in a folder. A file appears under its name when all of it, and the name, would survive a power cut."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hub.errors import ObjectMissing, StoreFault
from hub.keys import flush_folder


class Folder:
    """A `Store` in a folder; names are paths below it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, parts: AsyncIterator[bytes]) -> None:
        path = self._root / name
        made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with told():
            await asyncio.to_thread(_make_folder, self._root, path.parent)
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with told(), open(descriptor, "wb") as file:
                async for part in parts:
                    await asyncio.to_thread(file.write, part)
                await asyncio.to_thread(_finish, file.fileno(), file.flush, made, path)
        except BaseException:
            with suppress(FileNotFoundError):  # it got its name before that failed which came after
                made.unlink()
            raise

    async def read(self, name: str, start: int, length: int) -> bytes:
        with told():
            try:
                return await asyncio.to_thread(_read, self._root / name, start, length)
            except FileNotFoundError as error:
                raise ObjectMissing from error

    async def delete(self, names: Sequence[str]) -> None:
        with told():
            for name in names:
                await asyncio.to_thread(_erase, self._root / name)


@contextmanager
def told() -> Iterator[None]:
    """The system's errors as the hub's."""
    try:
        yield
    except OSError as error:
        raise StoreFault(f"The folder of files fails: {error.strerror}.") from error


def _make_folder(root: Path, folder: Path) -> None:
    """Makes a folder below the root, which is its owner's alone, and each of its parents durable."""
    if folder.is_dir():
        return
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for parent in (folder.parent, *folder.parent.parents):
        flush_folder(parent)
        if parent == root:
            break


def _erase(path: Path) -> None:
    """Also what a process that was killed had written of it."""
    for found in (path, *path.parent.glob(f".{path.name}.*")):
        found.unlink(missing_ok=True)


def _finish(descriptor: int, flush: Callable[[], None], made: Path, path: Path) -> None:
    flush()
    os.fsync(descriptor)
    os.rename(made, path)
    flush_folder(path.parent)


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), length, start)
