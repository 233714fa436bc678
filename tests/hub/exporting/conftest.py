"""Records at a hub, and somebody who exports them."""

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.api.context import Context
from hub.authoring import put
from hub.exporting.asking import Asked
from hub.exporting.working import work
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from tests.hub.conftest import NOW_MS, add_east
from tests.hub.test_api import serving

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
ALL = Asked((), None, "")
NATION = Visitor("ada", "admin", "")
WEST = Visitor("wendy", "operator", "west")
EAST = Visitor("edgar", "operator", "east")
ASKING = {"Prefer": "respond-async", "Accept": "application/fhir+json"}


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(context) as url, httpx.AsyncClient(base_url=url, timeout=30) as one:
        yield one


@pytest.fixture
def admin(hub: Hub) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub._admin_token}"}


@pytest.fixture
async def east(hub: Hub) -> None:
    """A clinic of another region."""
    await add_east(hub)


def patient(id_: str, family: str = "Okafor") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family, "given": ["Ama"]}]}


def observation(id_: str, of: str, text: str = "Hb") -> dict[str, Any]:
    subject = {"reference": f"Patient/{of}"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": text}, "subject": subject}


async def store(hub: Hub, scope: str, *bodies: dict[str, Any]) -> None:
    place = hub.shards.first
    async with place.shard() as shard:
        (row,) = await shard.named_scopes([scope])
        await put(place, shard, row, bodies, NOW_MS)


async def kick_off(
    client: httpx.AsyncClient, admin: dict[str, str], path: str = "/fhir/$export", **parameters: str
) -> str:
    """Asks for an export. Returns where its status is."""
    answer = await client.get(path, headers=ASKING | admin, params=parameters)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"]


async def finished(client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, location: str) -> dict[str, Any]:
    """Makes what was asked for. Returns the manifest."""
    while await work(hub, NOW_MS):
        pass
    answer = await client.get(location, headers=admin)
    assert answer.status_code == 200, answer.text
    manifest: dict[str, Any] = answer.json()
    return manifest


async def lines(
    client: httpx.AsyncClient, admin: dict[str, str], files: Sequence[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Type → the resources in its files; each file has as many as the manifest says, all of its type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        answer = await client.get(file["url"], headers=admin)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+ndjson"
        resources = [json.loads(line) for line in answer.content.splitlines()]
        assert len(resources) == file["count"]
        assert {resource["resourceType"] for resource in resources} == {file["type"]}
        found.setdefault(file["type"], []).extend(resources)
    return found


async def exported(
    client: httpx.AsyncClient, admin: dict[str, str], hub: Hub, path: str = "/fhir/$export", **parameters: str
) -> dict[str, set[str]]:
    """Type → ids in the output of an export."""
    manifest = await finished(client, admin, hub, await kick_off(client, admin, path, **parameters))
    found = await lines(client, admin, manifest["output"])
    assert manifest["error"] == []
    return {type_: {resource["id"] for resource in resources} for type_, resources in found.items()}


def unzipped(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def objects(hub: Hub) -> list[Path]:
    return [path for path in (Path(hub.settings.data) / "blobs").rglob("*") if path.is_file()]
