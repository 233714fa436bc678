"""Sixteen clients in a process of their own: keep-alive connections that each send the next request when the last is answered.

Written on asyncio's protocols, since a client that takes as long as the server would measure itself. Reads JSON from standard
input, writes the latencies in microseconds.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop


class Connection(asyncio.Protocol):
    """One connection. `answered` is set when the whole answer has come."""

    def __init__(self) -> None:
        self._buffer = b""
        self.answered: asyncio.Future[int] | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if end and self.answered is not None:
            at = head.lower().index(b"content-length:")
            if len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0]):
                status = int(head.split(b" ", 2)[1])
                self._buffer = b""
                self.answered.set_result(status)

    async def ask(self, request: bytes) -> int:
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answered


async def measured(plan: dict[str, Any]) -> list[float]:
    """The latency of each request."""
    requests = iter([_request(path, plan["host"], plan["token"]) for path in plan["paths"]])
    host, port = plan["host"].split(":")
    seconds: list[float] = []

    async def one() -> None:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        for request in requests:
            begun = time.perf_counter()
            status = await connection.ask(request)
            seconds.append(time.perf_counter() - begun)
            if status != 200:
                raise RuntimeError(f"answered {status}")
        connection.transport.close()

    await asyncio.gather(*(one() for _ in range(plan["clients"])))
    return seconds


def _request(path: str, host: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


if __name__ == "__main__":
    seconds = uvloop.run(measured(json.load(sys.stdin)))
    print(json.dumps([round(one * 1e6) for one in seconds]))
