"""The floor of a sync: the same bytes as packed rows through HTTP, the same databases, durable at both ends, and nothing else.

No join, no search index, no history, no audit, no login, no seals: one upsert a resource at each end, frames of 4,000 rows, zstd level 3.
What it costs, any program that keeps the promise of durability on this machine has to pay. Run as a process it is the hub's side.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import msgspec
import uvicorn
import zstandard

from edge_node.store.connection import Connection, connect, transaction
from hub.postgres.embedded import SocketAddress, embedded
from tests.bench.nodes import Server

ROWS_A_FRAME: Final = 4_000
KEY: Final = bytes(32)
PROGRAM: Final = "from tests.bench.floor import main; main()"
TABLE: Final = "CREATE TABLE packed (key {integer} PRIMARY KEY, id TEXT NOT NULL UNIQUE, state {blob} NOT NULL)"

Frame = list[tuple[str, bytes]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


def pack(rows: Frame) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(_encoder.encode(rows))


def unpack(body: bytes) -> Frame:
    return _decoder.decode(zstandard.ZstdDecompressor().decompress(body))


# --- the edge's side --------------------------------------------------------------------------------------------------


class FloorNode:
    """A node that keeps packed rows in SQLCipher, with the pragmas of ours."""

    def __init__(self, place: Path, url: str) -> None:
        place.mkdir()
        self.connection: Connection = connect(place / "floor.db", KEY, writer=True)
        self.connection.execute(TABLE.format(integer="INTEGER", blob="BLOB"))
        self._client = httpx.Client(timeout=90)
        self._url = url
        self.bytes = 0

    def fill(self, rows: Frame) -> None:
        """Rows that are here before anything is measured, or changed ones."""
        with transaction(self.connection) as connection:
            connection.executemany(
                "INSERT INTO packed (id, state) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                rows,
            )

    def push(self, keys: range) -> None:
        """Sends the rows with these keys, frame by frame; each is durable at the other end when it is answered."""
        for start in range(keys.start, keys.stop, ROWS_A_FRAME):
            query = "SELECT id, state FROM packed WHERE key >= ? AND key < ?"
            rows = self.connection.execute(query, (start, min(start + ROWS_A_FRAME, keys.stop))).fetchall()
            self._ask("/push", pack(rows))

    def pull(self, keys: range) -> None:
        """Takes the rows with these keys, frame by frame, each durable before the next is asked for."""
        for start in range(keys.start, keys.stop, ROWS_A_FRAME):
            asked = json.dumps([start, min(start + ROWS_A_FRAME, keys.stop)]).encode()
            self.fill(unpack(self._ask("/pull", asked)))

    def _ask(self, path: str, body: bytes) -> bytes:
        answer = self._client.post(self._url + path, content=body).raise_for_status().content
        self.bytes += len(body) + len(answer)
        return answer

    def close(self) -> None:
        self._client.close()
        self.connection.close()


# --- the hub's side ---------------------------------------------------------------------------------------------------


def start(place: Path) -> Server:
    """The hub's side as a process, with a Postgres of its own set up as the hub's is."""
    data = place / "floor-hub"
    data.mkdir()
    return Server(PROGRAM, data, str(data))


def main() -> None:
    """Serves until it is ended."""
    with embedded(Path(sys.argv[1]) / "postgres") as address:
        asyncio.run(_serve(address))


async def _serve(address: SocketAddress) -> None:
    connection = await asyncpg.connect(
        host=address.folder, port=address.port, user=address.user, database=address.database
    )
    await connection.execute(TABLE.format(integer="BIGINT GENERATED ALWAYS AS IDENTITY", blob="BYTEA"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(json.dumps({"event": "ready", "url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
        config = uvicorn.Config(_app(connection), loop="uvloop", http="httptools", log_config=None, lifespan="off")
        await uvicorn.Server(config).serve(sockets=[listener])


def _app(connection: Any) -> Callable[..., Awaitable[None]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        answer = await (_push(connection, body) if scope["path"] == "/push" else _pull(connection, body))
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
        )
        await send({"type": "http.response.body", "body": answer})

    return app


async def _push(connection: Any, body: bytes) -> bytes:
    rows = unpack(body)
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO packed (id, state) SELECT * FROM unnest($1::text[], $2::bytea[])"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state",
            [id_ for id_, _ in rows],
            [state for _, state in rows],
        )
    return b""


async def _pull(connection: Any, body: bytes) -> bytes:
    start, stop = json.loads(body)
    rows = await connection.fetch("SELECT id, state FROM packed WHERE key >= $1 AND key < $2 ORDER BY key", start, stop)
    return pack([(row["id"], row["state"]) for row in rows])


def seconds(work: Callable[[], None]) -> float:
    """How long one piece of the floor's work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
