"""Logging in at the hub, reading from its API by somebody logged in, and what a decision about limits takes.

`medtech-hub serve` is a process of its own, with a real Redis for sessions and limits. Logins arrive five a second whatever becomes of
those before, reads at half the rate that the server sustains (`tests/bench/arriving.py`); latencies begin when a request was due. The
floor of a decision is PING over the same connection.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from hub.redis.client import Client, read_address
from hub.runtime import opened
from hub.settings import load
from tests.bench import nodes
from tests.bench.rows import Options, Row
from tests.bench.timing import cpu_of, quantile
from tests.hub.redis_servers import one_server

NAMES: Final = tuple(f"admin{number}" for number in range(12))
"""As many as may be on their way at once: of one name few are let try together."""
LOGINS_A_SECOND: Final = 5
LOGINS: Final = 200
SUSTAINED_LOGINS: Final = 60
READS: Final = 4_000
CLIENTS: Final = 16
DECISIONS: Final = 5_000
MANY: Final = 100_000
UNLIMITED: Final = (
    "requests_per_user_per_minute",
    "requests_per_address_per_minute",
    "login_failures_per_hour",
    "login_failures_per_address_per_minute",
)
"""One address and one name stand for very many: a limit would answer in their place."""
READ: Final = "/api/v1/stats"


def measure(options: Options) -> list[Row]:
    with nodes.folder() as place, one_server(place) as redis:
        (place / "hub").mkdir()
        settings = [f'redis_url = "{redis.url}"', *(f"{name} = {MANY}" for name in UNLIMITED)]
        (place / "hub" / "hub.toml").write_text("\n".join(settings), encoding="utf-8")
        decisions = asyncio.run(_decisions(place / "hub", redis.url))
        server = nodes.Server(nodes.HUB, place / "hub", "serve", "--data", str(place / "hub"), "--port", "0")
        try:
            _add_people(place)
            return [*_logins(server, options), *_reads(server, options), decisions]
        finally:
            server.stop()


def _add_people(place: Path) -> None:
    (place / "password").write_text(nodes.PASSWORD, encoding="utf-8")
    given = ("--role", "admin", "--password-file", str(place / "password"))
    for name in NAMES:
        nodes.command(nodes.HUB, "user", "add", name, *given, data=place / "hub")


def _login_requests(server: nodes.Server) -> list[str]:
    requests = []
    for name in NAMES:
        body = json.dumps({"username": name, "password": nodes.PASSWORD})
        head = ("POST /auth/login HTTP/1.1", f"Host: {_host(server)}", "Content-Type: application/json")
        requests.append("\r\n".join([*head, f"Content-Length: {len(body)}", "", body]))
    return requests


def _host(server: nodes.Server) -> str:
    return server.url.removeprefix("http://")


def _arriving(server: nodes.Server, requests: list[str], **plan: Any) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.arriving"],
        input=json.dumps({"host": _host(server), "requests": requests, **plan}),
        cwd=nodes.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _logins(server: nodes.Server, options: Options) -> list[Row]:
    requests = _login_requests(server)
    _arriving(server, requests, number=len(requests), clients=2)  # the hub's own verifier is made at the first
    slowest, middles, rates, costs = [], [], [], []
    for run in range(options.runs):
        seconds = [one / 1e6 for one in _arriving(server, requests, number=LOGINS, rate=LOGINS_A_SECOND, seed=run)]
        slowest.append(1000 * quantile(seconds, 0.99))
        middles.append(1000 * median(seconds))
        begun = cpu_of(server.process)
        rates.append(_arriving(server, requests, number=SUSTAINED_LOGINS, clients=8))
        costs.append((cpu_of(server.process) - begun) / SUSTAINED_LOGINS)
    return [
        Row(
            name="login",
            work=f"login, arriving at {LOGINS_A_SECOND}/s, p99",
            value=median(slowest),
            unit="ms",
            must=200,
            aim=60,
            note=f"median {median(middles):.0f} ms",
        ),
        Row(
            name="login rate",
            work="logins that a core sustains",
            value=1 / median(costs),
            unit="/s",
            better="more",
            note=f"{1000 * median(costs):.0f} ms of processor each; {median(rates):.0f} a second by the wall",
        ),
    ]


def _reads(server: nodes.Server, options: Options) -> list[Row]:
    credentials = {"username": NAMES[0], "password": nodes.PASSWORD}
    token = (
        httpx.post(f"{server.url}/auth/login", json=credentials, timeout=30).raise_for_status().json()["access_token"]
    )
    request = f"GET {READ} HTTP/1.1\r\nHost: {_host(server)}\r\nAuthorization: Bearer {token}\r\n\r\n"
    slowest, middles, rates = [], [], []
    for run in range(options.runs):
        rate = _arriving(server, [request], number=READS, clients=CLIENTS)
        seconds = [one / 1e6 for one in _arriving(server, [request], number=READS, rate=rate / 2, seed=run)]
        rates.append(rate)
        slowest.append(1000 * quantile(seconds, 0.99))
        middles.append(1000 * median(seconds))
    return [
        Row(
            name="api read",
            work="authenticated API read, arriving at half the greatest rate, p99",
            value=median(slowest),
            unit="ms",
            must=100,
            aim=20,
            note=f"median {median(middles):.1f} ms; the greatest rate is {median(rates):,.0f} a second; `{READ}`",
        )
    ]


async def _decisions(data: Path, url: str) -> Row:
    taken, floor = [], []
    pinged = Client(read_address(url))
    async with opened(load({}, {"data": str(data)})) as hub:
        for number in range(DECISIONS):
            begun = time.perf_counter()
            await hub.limits.requests(f"user{number % 100}", "192.0.2.7")
            between = time.perf_counter()
            await pinged.raw.ping()
            taken.append(between - begun)
            floor.append(time.perf_counter() - between)
    await pinged.close()
    return Row(
        name="limit",
        work="a decision about limits, p99",
        value=1000 * quantile(taken, 0.99),
        unit="ms",
        floor=1000 * quantile(floor, 0.99),
        must=1,
        note=f"by person and address at once, in Redis; median {1000 * median(taken):.2f} ms; floor: PING",
    )
