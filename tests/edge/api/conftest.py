"""A clinic's server on a real store, with a clock that the test moves, and clients that are logged in."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_node.api.app import Options, Parts, make_app
from edge_node.api.door import Door
from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.running import running

KEY = bytes(range(32))
START_MS = 1_750_000_000_000
PASSWORD = "a long enough password"


class Clock:
    """Time that goes on by itself, one ms at each look, and further when it is told."""

    def __init__(self) -> None:
        self.ms = START_MS
        self.ahead_ms = 0

    def __call__(self) -> int:
        self.ms += 1
        return self.ms

    def forward(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)

    def put_back(self, seconds: float) -> None:
        """Somebody sets the clock; no time is lost by it."""
        self.ms -= int(seconds * 1000)
        self.ahead_ms += int(seconds * 1000)

    def steady(self) -> int:
        """Time since it began, however it was set."""
        return self.ms + self.ahead_ms - START_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, KEY, Programme(), create=True) as store:
        store.users.add("ama", "clinician", PASSWORD, START_MS)
        yield store


@pytest.fixture
def app(store: Store, clock: Clock) -> Iterator[Door]:
    options = Options(body_bytes_max=2_000_000, heartbeat_seconds=0.05)
    with running(make_app(store, clock, options, steady_ms=clock.steady)) as app:
        yield app


@pytest.fixture
async def anyone(app: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is not logged in."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test") as client:
        yield client


@pytest.fixture
async def client(app: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A clinician's client."""
    parts: Parts = app.app.state.parts
    token = parts.logins._tokens.issue("ama", "clinician")
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic.test", headers=headers) as client:
        yield client


FHIR = {"Content-Type": "application/fhir+json"}


async def put(client: httpx.AsyncClient, resource: dict[str, Any], **headers: str) -> httpx.Response:
    """Puts a resource to its own address."""
    path = f"/fhir/{resource['resourceType']}/{resource['id']}"
    return await client.put(path, content=json.dumps(resource), headers={**FHIR, **headers})


def patient(id_: str = "p-1", **members: Any) -> dict[str, Any]:
    """A patient to write."""
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Owusu", "given": ["Ama"]}], **members}
