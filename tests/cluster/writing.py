"""Somebody who writes rows into a shard without end, by its address alone, and knows which were acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from hub.errors import Busy, PostgresFault
from hub.postgres.engine import Database

TABLE: Final = "written_by_a_test"
CONNECTIONS: Final = 4
WAIT_SECONDS_MAX: Final = 60.0


class Writer:
    """Writes one row a transaction over several connections."""

    def __init__(self, dsn: str) -> None:
        # One more, for looking at what is there: those that write never leave theirs.
        self.database = Database(dsn, connections_max=CONNECTIONS + 1, pooled=True)
        self.acknowledged: set[int] = set()
        self.faults = 0
        self._next = 0

    async def write_for_ever(self) -> None:
        """Until it is cancelled. What is not acknowledged is not written again: a new row follows."""
        while True:
            self._next += 1
            mine = self._next
            try:
                async with self.database.transaction() as connection:
                    await connection.execute(f"INSERT INTO {TABLE} VALUES ($1)", mine)
            except (PostgresFault, Busy):
                self.faults += 1
                await asyncio.sleep(0.02)
            else:
                self.acknowledged.add(mine)

    async def wait_for_more(self, rows: int = 20) -> None:
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + rows
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.01)

    async def missing(self) -> set[int]:
        """Acknowledged rows that are not there."""
        answered = set(self.acknowledged)
        async with self.database.transaction() as connection:
            there = {row[0] for row in await connection.fetch(f"SELECT n FROM {TABLE}")}
        return answered - there


@asynccontextmanager
async def writing(dsn: str) -> AsyncIterator[Writer]:
    """A writer at work, with a table of its own."""
    writer = Writer(dsn)
    async with writer.database.transaction() as connection:
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (n bigint PRIMARY KEY)")
        await connection.execute(f"TRUNCATE {TABLE}")
    tasks = [asyncio.create_task(writer.write_for_ever()) for _ in range(CONNECTIONS)]
    try:
        yield writer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await writer.database.close()
