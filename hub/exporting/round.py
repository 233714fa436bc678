"""Some of an export's lines, in memory as they will rest: one gzip stream for each region, kind and type, until they are worth a file.

Compressed, 100,000 resources are some megabytes. When all streams together have `ROUND_BYTES`, all end, and become files: then the place in
the scan is noted with them, and a process that dies loses one round.
"""

import zlib
from collections.abc import AsyncIterator
from typing import Final

from msgspec import Struct

from hub.exporting.lines import Line

ROUND_BYTES: Final = 16 << 20
STREAMS_MAX: Final = 64
"""Each holds some 270 kB while it is open."""
RAW_BYTES_MAX: Final = 512 << 20
"""Of one round, before compression: nobody fetches a larger file in one go over a weak link."""
GZIP: Final = 16 + zlib.MAX_WBITS
LEVEL: Final = 1
"""Level 6 takes three times as long and saves a fifth."""


class Key(Struct, frozen=True, order=True):
    """Which file a line goes to."""

    region: str
    kind: str
    type: str


class _Stream:
    def __init__(self) -> None:
        self.compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        self.parts: list[bytes] = []
        self.count = 0


class File(Struct, frozen=True):
    """A finished file: gzip, in parts."""

    key: Key
    count: int
    parts: list[bytes]

    async def content(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part


class Round:
    """Streams that are being filled."""

    def __init__(self) -> None:
        self._streams: dict[Key, _Stream] = {}
        self.bytes = 0
        self.raw_bytes = 0

    def add(self, region: str, line: Line) -> None:
        """Adds a line."""
        stream = self._streams.setdefault(Key(region, line.kind, line.type), _Stream())
        for raw in (line.json, b"\n"):
            if part := stream.compressor.compress(raw):
                stream.parts.append(part)
                self.bytes += len(part)
        stream.count += 1
        self.raw_bytes += len(line.json) + 1

    @property
    def full(self) -> bool:
        """Whether it is to be written now."""
        return self.bytes >= ROUND_BYTES or len(self._streams) >= STREAMS_MAX or self.raw_bytes >= RAW_BYTES_MAX

    def files(self) -> list[File]:
        """All files, ended, in the order of their keys. The round is empty afterwards."""
        streams, self._streams = self._streams, {}
        self.bytes = self.raw_bytes = 0
        return [
            File(key, stream.count, [*stream.parts, stream.compressor.flush()])
            for key, stream in sorted(streams.items())
        ]
