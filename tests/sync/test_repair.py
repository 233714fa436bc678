"""Records that were lost at one side without anybody's writing: the digests tell, and a reconciliation brings them back."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_node.store.saving import Batch
from hub import runtime
from hub.settings import load
from sync_protocol import digest
from tests.processes.world import Hub
from tests.sync.conftest import NewNode
from tests.sync.nodes import Node, agree, person


def lose_at_edge(node: Node, ids: list[str]) -> None:
    """Patients and their hashes vanish from a node, as when part of a file is replaced by an older one."""
    with node.store.transaction() as connection:
        batch = Batch(connection, node.now())
        for id_ in ids:
            row = batch.row(node.split(f"Patient/{id_}"))
            assert row is not None
            batch.evict(row)
        batch.flush()


def lose_at_hub(hub: Hub, facility: str, count: int) -> int:
    """The newest records of a facility vanish from the hub with their pointers; digest and feed look as if nothing were."""

    async def lose() -> int:
        async with runtime.opened(load({}, {"data": str(hub.data)})) as one, one.database.transaction() as connection:
            name = f"facility/{facility}"
            scope = await connection.fetchrow("SELECT id, digest FROM scope WHERE name = $1", name)
            lost = await connection.fetch(
                "DELETE FROM resource WHERE key IN (SELECT key FROM resource WHERE scope = $1 ORDER BY key DESC LIMIT $2)"
                " RETURNING key, hash",
                scope["id"],
                count,
            )
            await connection.execute("DELETE FROM feed WHERE key = ANY($1::bigint[])", [row["key"] for row in lost])
            total = digest.from_bytes(scope["digest"])
            for row in lost:
                total = digest.add(total, old=row["hash"])
            await connection.execute("UPDATE scope SET digest = $1 WHERE id = $2", digest.to_bytes(total), scope["id"])
            return len(lost)

    return asyncio.run(lose())


def fill(node: Node, count: int) -> None:
    for number in range(count):
        node.put(f"Patient/p-{number}", **person(f"Ama{number}", birthDate="1990-01-01"))


def test_what_an_edge_lost_comes_back_from_the_hub(a: Node, b: Node) -> None:
    fill(a, 400)
    agree(a, b)
    good = a.digest
    lose_at_edge(b, [f"p-{number}" for number in range(0, 400, 29)])
    assert b.digest != good
    with capture_logs() as log:
        b.exchange()
    assert [line["log_level"] for line in log if line["event"] == "digests differ"] == ["warning"]
    assert b.digest == good
    assert b.sync().round_trips == 1


@pytest.mark.parametrize("authors", ["one", "two"])
def test_what_the_hub_lost_comes_back_from_the_edges(
    own_hub: Hub, new_node: NewNode, facility: str, authors: str
) -> None:
    """Each gives back what it wrote, beside and over the other's: the hub believes nobody in another's name."""
    a, b = new_node("a", own_hub), new_node("b", own_hub)
    fill(a, 200)
    agree(a, b)
    if authors == "two":
        for number in range(0, 200, 3):
            b.edit(f"Patient/p-{number}", birthDate="1991-01-01")
        for number in range(0, 200, 2):
            a.edit(f"Patient/p-{number}", birthDate="1992-01-01")
        agree(a, b)
    good = a.digest
    assert lose_at_hub(own_hub, facility, 30) == 30
    with capture_logs() as log:
        for _ in range(2):
            for node in (a, b):
                node.exchange()
    assert "digests differ" in {line["event"] for line in log}
    agree(a, b)
    assert a.digest == good
    newcomer = new_node("newcomer", own_hub)
    newcomer.sync()
    assert newcomer.digest == good


def test_both_sides_lost_something_else(own_hub: Hub, new_node: NewNode, facility: str, tmp_path: Path) -> None:
    a = new_node("a", own_hub)
    fill(a, 130)
    a.sync()
    for number in range(20):
        a.put(f"Patient/newest-{number}", **person(f"Esi{number}"))
    a.sync()
    good = a.digest
    lose_at_edge(a, [f"p-{number}" for number in range(20)])
    lose_at_hub(own_hub, facility, 20)
    with capture_logs():
        a.exchange()
    a.sync()
    assert a.digest == good
