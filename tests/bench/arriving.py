"""Requests that come when they come, whatever becomes of those before: in a process of its own, on keep-alive connections.

Arrivals are a Poisson process of a given rate. A latency begins when the request was due, not when a connection was free for it, so a
server that is behind does not hide it (Schroeder et al., "Open Versus Closed: A Cautionary Tale", 2006). Reads JSON from standard input,
writes the latencies in microseconds.
"""

import asyncio
import json
import random
import sys
import time
from itertools import cycle
from typing import Any

import uvloop

from tests.bench.client import Connection


async def measured(plan: dict[str, Any]) -> list[float]:
    """The latency of each request, in seconds."""
    requests, dice = cycle(one.encode() for one in plan["requests"]), random.Random(plan["seed"])
    host, port = plan["host"].split(":")
    loop, idle, seconds = asyncio.get_running_loop(), list[Connection](), list[float]()

    async def one(due: float) -> None:
        while idle and idle[-1].transport.is_closing():  # the server ends those that nobody used for long
            idle.pop()
        connection = idle.pop() if idle else (await loop.create_connection(Connection, host, int(port)))[1]
        status = await connection.ask(next(requests))
        seconds.append(loop.time() - due)
        idle.append(connection)
        if status != 200:
            raise RuntimeError(f"answered {status}")

    async with asyncio.TaskGroup() as group:
        due = loop.time()
        for _ in range(plan["number"]):
            due += dice.expovariate(plan["rate"])
            await asyncio.sleep(max(0.0, due - loop.time()))
            group.create_task(one(due))
    for connection in idle:
        connection.transport.close()
    return seconds


async def greatest(plan: dict[str, Any]) -> float:
    """Requests a second that so many clients get answered who ask again at once."""
    requests, (host, port) = cycle(one.encode() for one in plan["requests"]), plan["host"].split(":")
    left = plan["number"]
    begun = time.perf_counter()

    async def client() -> None:
        nonlocal left
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        while left > 0:
            left -= 1
            if await connection.ask(next(requests)) != 200:
                raise RuntimeError("not answered as wanted")
        connection.transport.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(plan["clients"]):
            group.create_task(client())
    return float(plan["number"] / (time.perf_counter() - begun))


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    if "rate" in plan:
        print(json.dumps([round(one * 1e6) for one in uvloop.run(measured(plan))]))
    else:
        print(json.dumps(uvloop.run(greatest(plan))))
