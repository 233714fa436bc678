"""One Postgres for each test process, a database of its own for each test, and hubs as processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub import facilities, sharding
from hub.api.context import Context, new_context
from hub.places import Place
from hub.postgres.embedded import SocketAddress, embedded
from hub.postgres.engine import Database
from hub.postgres.migrate import head, migrate
from hub.runtime import Hub, opened
from hub.settings import Settings
from hub.store import shard_map
from hub.store.nodes import add_facility

PROGRAM = Path(sys.executable).with_name("medtech-hub")
NOW_MS = 1_790_000_000_000
EMPTY = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
    UPDATE alembic_version SET version_num = '{head()}';
    DELETE FROM region_shard; DELETE FROM facility_place; UPDATE region SET shard = NULL; DELETE FROM shard WHERE id > 1;
    DO $$ BEGIN EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(format('%I', tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'shard', 'shard_map_version')
    ); END $$;
"""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketAddress]:
    with embedded(tmp_path_factory.mktemp("postgres") / "pg") as address:
        yield address


@pytest.fixture(scope="session")
def tables(postgres: SocketAddress) -> SocketAddress:
    """A database with the hub's tables, one for each test process."""

    async def make() -> SocketAddress:
        await administer(postgres, "CREATE DATABASE hub")
        address = SocketAddress(postgres.folder, database="hub")
        database = Database(address, connections_max=1, pooled=False)
        await migrate(database)
        await database.close()
        return address

    return asyncio.run(make())


@pytest.fixture
def dsn(tables: SocketAddress) -> str:
    """A database with empty tables, which nobody is connected to."""
    asyncio.run(administer(tables, EMPTY))
    return f"postgresql://{tables.user}@/{tables.database}?host={os.path.realpath(tables.folder)}"


async def administer(address: SocketAddress, statement: str) -> None:
    connection = await asyncpg.connect(host=address.folder, user=address.user, database=address.database)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "hub"), dsn=dsn, connections_max=8)


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    """An open hub with two clinics in one region."""
    async with opened(settings) as one:
        async with one.database.transaction() as connection:
            await shard_map.lock_map(connection)
            await shard_map.add_region(connection, "west", shard_map.FIRST)
            for name in ("f0", "f1"):
                await add_facility(connection, one.keys, name, f"Clinic {name}", "west")
                await shard_map.place_facility(connection, name, "west", shard_map.FIRST)
        await one.shards.refresh()
        yield one


async def add_east(hub: Hub) -> None:
    """A clinic of another region."""
    async with hub.database.transaction() as connection:
        await shard_map.lock_map(connection)
        await shard_map.add_region(connection, "east", shard_map.FIRST)
        await add_facility(connection, hub.keys, "e0", "Clinic e0", "east")
        await shard_map.place_facility(connection, "e0", "east", shard_map.FIRST)
    await hub.shards.refresh()


@pytest.fixture
def place(hub: Hub) -> Place:
    """The one shard of that hub."""
    return hub.shards.first


@pytest.fixture
def context(hub: Hub) -> Context:
    return new_context(hub, lambda: NOW_MS)


@pytest.fixture
async def empty(postgres: SocketAddress) -> AsyncIterator[SocketAddress]:
    """A database without any tables."""
    await administer(postgres, "CREATE DATABASE empty")
    yield SocketAddress(postgres.folder, database="empty")
    await administer(postgres, "DROP DATABASE empty WITH (FORCE)")


@pytest.fixture(scope="session")
def second(postgres: SocketAddress) -> SocketAddress:
    """Another database with the hub's tables."""

    async def make() -> SocketAddress:
        await administer(postgres, "CREATE DATABASE second")
        address = SocketAddress(postgres.folder, database="second")
        database = Database(address, connections_max=1, pooled=False)
        await migrate(database)
        await database.close()
        return address

    return asyncio.run(make())


@pytest.fixture
async def two(settings: Settings, second: SocketAddress) -> AsyncIterator[Hub]:
    """A hub of two shards, the region `west` on both, and two clinics on the first."""
    await administer(second, EMPTY)
    dsn = f"postgresql://{second.user}@/{second.database}?host={os.path.realpath(second.folder)}"
    async with opened(settings) as hub:
        await sharding.serve_region(hub, "tests", 1, "west")
        await sharding.add_shard(hub, "tests", 2, dsn, ("west",))
        for name in ("w1", "w2"):
            await facilities.add_facility(hub, "tests", name, f"Clinic {name}", "west", NOW_MS, 1)
        yield hub


class Process:
    """`medtech-hub serve` as people run it."""

    def __init__(self, data: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.data = data
        self.environment = {**os.environ, "MEDTECH_LOG": "json", **(environment or {})}
        data.parent.mkdir(parents=True, exist_ok=True)
        self.log = data.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--data", str(data), "--port", "0", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().decode()
        self.url = json.loads(self.first_line)["url"] if self.first_line else ""

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends it and its process group, as a supervisor does. Returns the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        status = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts hubs, and ends those that the test left."""
    started: list[Process] = []

    def one(*options: str, data: Path | None = None, environment: dict[str, str] | None = None) -> Process:
        started.append(Process(data or tmp_path / "hub", *options, environment=environment))
        return started[-1]

    yield one
    for process in started:
        process.end()


class Result:
    """What a command printed, and how it ended."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.status = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a command with `--data` and `--json`."""

    def one(*arguments: str, data: Path | None = None, environment: dict[str, str] | None = None) -> Result:
        return Result(
            subprocess.run(
                [PROGRAM, *arguments, "--data", str(data or tmp_path / "hub"), "--json"],
                capture_output=True,
                text=True,
                env={**os.environ, **(environment or {})},
                cwd="/",
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
        )

    return one
