"""A store of each kind, nodes that send files, and a client of the hub."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from hub.api.context import Context
from hub.runtime import Hub
from hub.settings import Settings
from hub.store.nodes import NodeRow, add_node
from tests.hub.conftest import NOW_MS, add_east
from tests.hub.test_api import serving

JPEG = b"\xff\xd8\xff\xe0"
PDF = b"%PDF-1.7\n"
TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with an empty bucket `files-west`, and who may write there said as S3's tools have it."""
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    httpx.post(f"{s3_server}/moto-api/reset")
    assert httpx.put(f"{s3_server}/files-west").status_code == 200
    return s3_server


@pytest.fixture
def stored(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Settings:
    """The settings of the hub: a folder, or with `in_each_store` an S3-compatible store too."""
    settings = Settings(data=str(tmp_path / "hub"), dsn=dsn, connections_max=8)
    if getattr(request, "param", "folder") == "folder":
        return settings
    address = request.getfixturevalue("s3")
    return msgspec.structs.replace(settings, blob_store="s3://files-{region}/files", blob_store_endpoint=address)


in_each_store = pytest.mark.parametrize("stored", ["folder", "s3"], indirect=True)


def objects_of(hub: Hub) -> set[str]:
    """Names of all objects in the folder, and of what is being written there."""
    root = Path(hub.settings.data) / "blobs"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


class Node:
    """A node, its credentials, and what it does as an edge would."""

    def __init__(self, row: NodeRow, secret: str) -> None:
        self.row = row
        self.headers = {"Authorization": f"Bearer {row.id}.{secret}"}


async def add(hub: Hub, name: str, facility: str, role: str = "clinic", region: str = "west") -> Node:
    secret = secrets.token_urlsafe(16)
    hashed = sha256(secret.encode()).digest()
    row = NodeRow(name, facility, role, region, "active", "", NOW, None, None, None, None, hashed, None)
    async with hub.database.transaction() as connection:
        await add_node(connection, hub.keys, row)
    return Node(row, secret)


@pytest.fixture
async def node(hub: Hub) -> Node:
    return await add(hub, "n-0", "f0")


@pytest.fixture
async def stranger(hub: Hub) -> Node:
    """A node of another clinic of the region."""
    return await add(hub, "n-1", "f1")


@pytest.fixture
async def far(hub: Hub) -> Node:
    """A node of another region."""
    await add_east(hub)
    return await add(hub, "n-e", "e0", region="east")


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(context) as url, httpx.AsyncClient(base_url=url, timeout=30) as one:
        yield one


@pytest.fixture
def admin(hub: Hub) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub._admin_token}"}


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def said(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


async def announce(client: httpx.AsyncClient, node: Node, size: int, digest: str, **more: str) -> httpx.Response:
    headers = TUS | node.headers | {"Upload-Length": str(size), "Upload-Metadata": said(sha256=digest, **more)}
    return await client.post("/blobs/uploads", headers=headers)


async def send(client: httpx.AsyncClient, node: Node, location: str, at: int, content: Any) -> httpx.Response:
    return await client.patch(location, headers=CHUNK | node.headers | {"Upload-Offset": str(at)}, content=content)


async def bring(client: httpx.AsyncClient, node: Node, content: bytes, **more: str) -> str:
    """Sends a file whole. Returns its SHA-256."""
    digest = digest_of(content)
    announced = await announce(client, node, len(content), digest, **more)
    assert announced.status_code == 201, announced.text
    sent = await send(client, node, announced.headers["location"], 0, content)
    assert sent.status_code == 204, sent.text
    return digest


@pytest.fixture
def settings(stored: Settings) -> Settings:
    """What the hub is opened with."""
    return stored
