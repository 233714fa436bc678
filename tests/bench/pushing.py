"""Nodes that push, without stores of their own: their requests are made beforehand, so that what is measured is the hub."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from hub.runtime import Hub, opened
from hub.settings import Settings
from hub.store.nodes import NodeRow, add_facility, add_node
from sync_protocol import elements, frame
from sync_protocol.exchange.messages import Cursor, Push, Request, encode, read_answer
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource
from tests.bench import samples

NOW_MS: Final = 1_790_000_000_000
RESOURCES_A_FRAME: Final = 4_000
SCOPES: Final = ("region/west", "global")


class Pusher:
    """A node of a facility, in one life. What it pushes may be made long before it is sent."""

    def __init__(self, name: str, facility: str) -> None:
        enrolled = datetime(2026, 1, 1, tzinfo=UTC)
        self.row = NodeRow(name, facility, "clinic", "west", "active", "", enrolled, None, None, None, None, b"", None)
        self._life = int.from_bytes(os.urandom(7), "big") | 1
        self._counter = 0
        self._token = b""
        self._cursors = [Cursor(f"facility/{facility}"), *map(Cursor, SCOPES)]

    def push(self, bodies: Sequence[bytes]) -> Push:
        """These FHIR resources, new, in one frame."""
        before = self._counter
        packed = frame.encode([self._written(body) for body in bodies])
        return Push(before, self._counter, packed)

    def request(self, push: Push) -> bytes:
        """The next request: it pushes this, and pulls from where it stands."""
        token = os.urandom(12)
        known = [self._token] if self._token else []
        request = Request(
            incarnation=self._life,
            token=token,
            known=known,
            push=[push],
            pull=self._cursors,
            clock_ms=NOW_MS,
            program="bench",
        )
        self._token = token
        return encode(request)

    def answered(self, answer: bytes) -> None:
        """Stands where the answer says."""
        told = read_answer(answer)
        assert told.verdict == "merged"
        assert not told.notes
        self._cursors = [Cursor(pull.scope, pull.epoch, pull.seq) for pull in told.pulls]

    def stand(self, seq: int) -> None:
        """Stands at this seq of its facility's feed, which somebody filled."""
        self._cursors = [replace(self._cursors[0], seq=seq), *self._cursors[1:]]

    def _written(self, body: bytes) -> Resource:
        self._counter += 1
        parsed = elements.parse(body)
        stamp = Stamp(self._life, self._counter, NOW_MS, NOW_MS, samples.AUTHOR.user, samples.AUTHOR.role)
        assert parsed.id is not None
        return elements.write(None, None, parsed, parsed.id, stamp)[0]


@asynccontextmanager
async def hub_with(place: Path, nodes: Sequence[Pusher]) -> AsyncIterator[Hub]:
    """A hub in this process, with a Postgres of its own and these nodes."""
    async with opened(Settings(data=str(place / "hub"))) as hub:
        async with hub.database.transaction() as connection:
            for facility in sorted({node.row.facility for node in nodes}):
                await add_facility(connection, hub.keys, facility, f"Clinic {facility}", "west")
            for node in nodes:
                await add_node(connection, hub.keys, node.row)
        yield hub
