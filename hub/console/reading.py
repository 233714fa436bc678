"""Where the console reads: every shard that may know something of the reader's region, on a standby that is fresh enough.

The one place in which a page meets shards. A shard that is away is left out and told on the page: the others' numbers stand.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from hub.errors import NotFound, PostgresFault
from hub.places import Place
from hub.postgres.engine import Connection
from hub.runtime import Hub
from hub.store.views import Refreshed, read_refreshed

Row = TypeVar("Row")
Read = Callable[[Connection], Awaitable[Sequence[Row]]]


class Answers(Struct):
    """What has been read for one page: how old the copies were at most, and which shards did not answer."""

    age_seconds: float = 0.0
    away: set[int] = set()
    refreshed: list[Refreshed] = []

    def oldest(self, *views: str) -> datetime | None:
        """When the numbers of these views were made, of the oldest; None while one of them was never made."""
        known = [row.at for row in self.refreshed if row.view in views]
        return min(known, default=None)


class Seen(Struct, frozen=True):
    """Where a person's own last write ended: on which shard, and how far its log went. She gets to see what she wrote."""

    shard: int = 0
    position: str = ""


class Reader:
    """Reads for one page and one reader."""

    def __init__(self, hub: Hub, region: str, seen: Seen) -> None:
        self._hub, self.region, self._seen = hub, region, seen
        self.answers = Answers()

    def places(self) -> list[Place]:
        """The shards of the reader's region, or all. A region that has none yet has nothing to show."""
        if not self.region:
            return list(self._hub.shards)
        return self._hub.shards.of_region(self.region) if self.region in self._hub.shards.map.regions else []

    async def all(self, *reads: Read[Any]) -> list[list[Any]]:
        """What all these shards answer to each question, one after the other; all questions to a shard in one transaction."""
        found: list[list[Any]] = [[] for _ in reads]
        for place in self.places():
            try:
                async with place.reading(self._seen.position if self._seen.shard == place.id else "") as reading:
                    answers = [await read(reading.connection) for read in reads]
            except PostgresFault:
                self.answers.away.add(place.id)
                continue
            self.answers.age_seconds = max(self.answers.age_seconds, reading.age_seconds)
            for rows, answer in zip(found, answers, strict=True):
                rows += answer
        return found

    async def one(self, read: Callable[[Connection], Awaitable[Row | None]]) -> Row:
        """The one thing that a shard has. Raises `NotFound` when none has it, or not in the reader's region."""

        async def listed(connection: Connection) -> list[Row]:
            row = await read(connection)
            return [row] if row is not None else []

        (rows,) = await self.all(listed)
        if not rows:
            raise NotFound("There is no such thing here.", hint="Go back to the list and choose again.")
        found: Row = rows[0]
        return found

    async def views(self, *reads: Read[Any]) -> list[list[Any]]:
        """As `all`, of views: and learns how old they are."""
        *found, self.answers.refreshed = await self.all(*reads, read_refreshed)
        return found
