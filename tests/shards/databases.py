"""Looking into the databases of a hub that runs its own Postgres, as its operator could."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from hub.postgres.embedded import ROLE, entrance


class Databases:
    """The databases of the hub in a folder, by name; `postgres` is its own."""

    def __init__(self, data: Path, short: Path) -> None:
        self.folder = data / "postgres" / "data"
        self._short = short / "d"
        if not self._short.is_symlink():
            self._short.symlink_to(self.folder)  # the path of a socket has at most 107 bytes

    def dsn(self, name: str) -> str:
        """The address of one."""
        return f"postgresql://{ROLE}@/{name}?host={self._short}"

    def add(self, name: str) -> None:
        """Makes one."""
        self.ask("postgres", f"CREATE DATABASE {name}")

    def ask(self, name: str, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""

        async def run() -> list[tuple[Any, ...]]:
            with entrance(self.folder) as address:
                connection = await asyncpg.connect(host=address.folder, user=ROLE, database=name)
                try:
                    return [tuple(row) for row in await connection.fetch(query, *arguments)]
                finally:
                    await connection.close()

        return asyncio.run(run())

    def mentions(self, name: str, text: str) -> list[str]:
        """The tables of which a row, as text, has this word."""
        tables = [table for (table,) in self.ask(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = "SELECT EXISTS (SELECT FROM {} AS row WHERE row::text ~* ('\\m' || $1 || '\\M'))"
        return [table for table in sorted(tables) if self.one(name, found.format(table), text)]

    def one(self, name: str, query: str, *arguments: Any) -> Any:
        """The one value of a query."""
        ((value,),) = self.ask(name, query, *arguments)
        return value
