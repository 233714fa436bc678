"""Work lists follow what is written by themselves while a server runs, in slices, and go on after a failure."""

import asyncio
import json

import pytest

from edge_node.api import keeping_up
from edge_node.api.app import Parts
from edge_node.api.door import Door
from edge_node.errors import DiskFull
from edge_node.store import due
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.api.conftest import START_MS

AMA = Author("ama", "midwife")
BORN = "2025-06-01"
LOOKS_MAX = 2_000


def register(store: Store, number: int, first: int = 0) -> None:
    """Babies, to each of whom immunisations are due."""
    for place in range(first, first + number):
        body = {"resourceType": "Patient", "id": f"p{place}", "birthDate": BORN}
        store.write([Write("Patient", f"p{place}", json.dumps(body).encode())], AMA, START_MS)


def listed(store: Store, parts: Parts) -> int:
    with store.snapshot() as connection:
        return due.number_of(connection, "immunisation", since=parts.lists.today(), today=parts.lists.today())


async def until(store: Store, parts: Parts, number: int) -> None:
    """Waits until so many are on the list."""
    for _ in range(LOOKS_MAX):
        if listed(store, parts) == number:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{listed(store, parts)} are on the list, not {number}")


async def test_a_running_server_works_out_what_was_written_and_what_comes(
    app: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping_up, "LOOK_SECONDS", 0.01)
    parts: Parts = app.app.state.parts
    register(store, 50)
    await parts.lists.start()
    await until(store, parts, 50)
    register(store, 3, first=50)
    await until(store, parts, 53)
    with store.transaction() as connection:
        before = connection.total_changes
    assert await parts.lists.a_little() == 0
    with store.transaction() as connection:
        assert connection.total_changes == before, "with nothing to do, nothing is written"
    await parts.lists.stop()


async def test_a_little_is_bounded_and_tells_what_is_left(
    app: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping_up, "SLICE_SECONDS", 60)
    parts: Parts = app.app.state.parts
    register(store, 50)
    assert await parts.lists.a_little(seconds=0) == 50, "it has begun"
    assert await parts.lists.a_little(seconds=0) == 50 - due.PATIENTS_A_SLICE
    assert await parts.lists.a_little(seconds=60) == 0
    monkeypatch.setattr(keeping_up, "SLICE_SECONDS", 0)
    register(store, 3, first=50)
    # The clock of this clinic stands still: all 53 of that moment are looked at again.
    assert await parts.lists.a_little(seconds=0) == 52, "others may write after each patient"


async def test_a_failure_passes(app: Door, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_up, "AFTER_FAILURE_SECONDS", 0.01)
    parts: Parts = app.app.state.parts
    register(store, 2)
    failures = [DiskFull(), DiskFull()]
    catch_up = due.catch_up

    def failing(*given: object, **more: object) -> bool:
        if failures:
            raise failures.pop()
        return catch_up(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(due, "catch_up", failing)
    await parts.lists.start()
    await until(store, parts, 2)
    await parts.lists.stop()
    assert failures == []
