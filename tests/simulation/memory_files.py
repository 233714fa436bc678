"""Files in memory: which there are in which scope."""

from collections.abc import Sequence

from hub.store.blobs import BlobRow

Files = dict[tuple[bytes, int], BlobRow]


class MemoryFiles:
    """What of a `hub.store.shard.Shard` is about files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def blobs_named(self, names: Sequence[bytes], scope: int) -> list[BlobRow]:
        return [row for name in names if (row := self._files.get((name, scope))) is not None]

    async def add_blobs(self, rows: Sequence[BlobRow]) -> set[bytes]:
        fresh = {(row.name, row.scope): row for row in rows if (row.name, row.scope) not in self._files}
        self._files.update(fresh)
        return {name for name, _ in fresh}
