"""The console over 20 million facts and 10,000 nodes: each page's p99 as a browser waits for it, and how long its numbers take to refresh.

Facts are made in the database (`tests/hub/nation.py`); pages are asked for one after the other, over a socket, by somebody logged in,
each kind of page in turn, so that nothing is measured that only the last one warmed. The floor is a page of the same server that reads
nothing of the nation (`/admin/facilities/new`).
"""

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from hub.api.context import new_context
from hub.postgres.embedded import SocketAddress, embedded
from hub.refreshing import follow_and_refresh
from hub.runtime import Hub, opened
from hub.settings import Settings
from tests.bench.rows import Options, Row
from tests.bench.timing import quantile
from tests.hub.entering import entered
from tests.hub.nation import fill
from tests.hub.test_api import serving

FACILITIES: Final = 8_000
DAYS: Final = 250
NODES: Final = 10_000
PREGNANCIES: Final = 2_000_000
AUDIT: Final = 500_000
ASKED: Final = 100
FLOOR: Final = "/admin/facilities/new"
PAGES: Final = (
    "/admin",
    "/admin/facilities",
    "/admin/facilities?q=ketou",
    "/admin/facilities/h00100",
    "/admin/nodes",
    "/admin/nodes?health=6",
    "/admin/nodes/n-000100",
    "/admin/maternal",
    "/admin/quality?issue=undated",
    "/admin/waiting",
    "/admin/people",
    "/admin/audit",
    "/admin/audit?actor=root&action=node.",
    "/admin/audit?actor=nobody",
    "/admin/audit?object=n-000100",
)


def measure(options: Options) -> list[Row]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # not a line a page
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with embedded(folder / "postgres") as address:
            return asyncio.run(_measure(options, folder, address))


async def _measure(options: Options, folder: Path, address: SocketAddress) -> list[Row]:
    dsn = f"postgresql://{address.user}@/{address.database}?host={os.path.realpath(address.folder)}"
    settings = Settings(
        data=str(folder / "hub"),
        dsn=dsn,
        dsn_pooled=False,
        connections_max=8,
        requests_per_user_per_minute=100_000,
        requests_per_address_per_minute=100_000,
    )
    async with opened(settings) as hub:
        facts = await _nation(hub)
        begun = time.perf_counter()
        await follow_and_refresh(hub.shards.first)
        refreshing = time.perf_counter() - begun
        async with serving(new_context(hub)) as url:
            seconds = await _asked(hub, url, options.runs)
    floor = 1000 * quantile(seconds[FLOOR], 0.99)
    rows = [_row(path, seconds[path], floor, facts) for path in PAGES]
    note = f"{facts:,} facts, {PREGNANCIES:,} pregnancies; views rest ten times as long as they take"
    return [
        *rows,
        Row(name="refresh", work="all views refreshed, one after the other", value=refreshing, unit="s", note=note),
    ]


async def _nation(hub: Hub) -> int:
    unhurried = hub.shards.first.database.unhurried()
    try:
        async with unhurried.transaction() as connection:
            facts = await fill(
                connection,
                facilities=FACILITIES,
                days=DAYS,
                nodes=NODES,
                pregnancies=PREGNANCIES,
                today=datetime.now(UTC).date(),
                audit=AUDIT,
            )
    finally:
        await unhurried.close()
    await hub.shards.refresh()
    return facts


async def _asked(hub: Hub, url: str, runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {path: [] for path in (FLOOR, *PAGES)}
    async with entered(hub, url) as client:
        for turn in range(runs * ASKED + 1):
            for path, taken in seconds.items():
                begun = time.perf_counter()
                answer = await client.get(path)
                assert answer.status_code == 200, path
                if turn:  # the first of each is left out: templates are read then
                    taken.append(time.perf_counter() - begun)
    return seconds


def _row(path: str, seconds: Sequence[float], floor: float, facts: int) -> Row:
    return Row(
        name=path,
        work=f"{path}, p99",
        value=1000 * quantile(seconds, 0.99),
        unit="ms",
        floor=floor,
        judged="value",
        must=500,
        aim=100,
        note=f"median {1000 * quantile(seconds, 0.5):.1f} ms; {facts:,} facts, {NODES:,} nodes",
    )
