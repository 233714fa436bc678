"""What is erased by itself, what is not, and that a file goes along with its patient."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub.api.context import new_context
from hub.authoring import put
from hub.blobs import uploading
from hub.blobs.sweeping import WRITING_HOURS_MAX, sweep
from hub.errors import NotFound, StoreFault
from hub.moving import move_patient
from hub.relocating import move_facility
from hub.runtime import Hub
from hub.upkeep import tidy
from tests.hub.blobs.conftest import (
    JPEG,
    NOW,
    PDF,
    Node,
    add,
    announce,
    bring,
    digest_of,
    in_each_store,
    objects_of,
    send,
)
from tests.hub.conftest import NOW_MS
from tests.hub.test_api import serving

PICTURE = JPEG + bytes(2_000_000)
DAY_MS = 86_400_000


def later(days: float) -> int:
    return NOW_MS + int(days * DAY_MS)


async def sweep_all(hub: Hub, days: float) -> None:
    while await sweep(hub.shards.first, later(days)):
        pass


async def document(hub: Hub, facility: str, digest: str, patient: str = "p1") -> None:
    """A record of a patient that speaks of a file."""
    bodies: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": patient, "name": [{"family": "Okafor"}]},
        {
            "resourceType": "DocumentReference",
            "id": f"d-{digest[:8]}",
            "status": "current",
            "subject": {"reference": f"Patient/{patient}"},
            "content": [{"attachment": {"url": f"https://hub.example/blobs/{digest}", "contentType": "image/jpeg"}}],
        },
    ]
    async with hub.shards.first.shard() as shard:
        (scope,) = await shard.named_scopes([f"facility/{facility}"])
        await put(hub.shards.first, shard, scope, bodies, NOW_MS)


async def count(hub: Hub, table: str) -> int:
    async with hub.database.transaction() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_half_upload_is_swept_with_all_its_pieces(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    location = (await announce(client, node, len(PICTURE), digest_of(PICTURE))).headers["location"]
    await send(client, node, location, 0, PICTURE[:1_500_000])
    await sweep_all(hub, hub.settings.upload_hours / 24 - 0.1)
    assert await count(hub, "blob_upload") == 1
    await sweep_all(hub, hub.settings.upload_hours / 24 + 0.1)
    assert objects_of(hub) == set()
    assert await count(hub, "blob_upload") + await count(hub, "blob_piece") + await count(hub, "blob_loose") == 0
    with pytest.raises(NotFound):
        await uploading.state(hub.shards.first, node.row, location.rpartition("/")[2])


async def test_what_a_killed_process_wrote_is_swept_and_not_before_its_time(
    client: httpx.AsyncClient, node: Node, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    upload = await uploading.begin(hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(PDF)), len(PDF), NOW)

    async def body() -> Any:
        yield PDF

    with monkeypatch.context() as patch:
        patch.setattr(uploading._Taking, "_show", killed)
        with pytest.raises(KeyboardInterrupt):
            await uploading.append(hub.shards.first, node.row, upload, 0, body(), NOW)
    assert len(objects_of(hub)) == 1
    await sweep_all(hub, (WRITING_HOURS_MAX - 1) / 24)
    assert len(objects_of(hub)) == 1
    await sweep_all(hub, (WRITING_HOURS_MAX + 1) / 24)
    assert objects_of(hub) == set()


@in_each_store
async def test_a_file_that_nothing_speaks_of_goes_and_others_stay(
    client: httpx.AsyncClient, node: Node, hub: Hub
) -> None:
    kept, lost = await bring(client, node, PICTURE), await bring(client, node, PDF)
    await document(hub, "f0", kept)
    await sweep_all(hub, hub.settings.blob_unused_days - 1)
    assert await count(hub, "blob") == 2
    await sweep_all(hub, hub.settings.blob_unused_days + 1)
    assert (await client.get(f"/blobs/{lost}", headers=node.headers)).status_code == 404
    assert (await client.get(f"/blobs/{kept}", headers=node.headers)).content == PICTURE
    assert await count(hub, "blob_loose") == 0


async def test_what_stays_is_looked_for_again_only_after_a_while(
    client: httpx.AsyncClient, node: Node, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await document(hub, "f0", await bring(client, node, PICTURE))
    period = hub.settings.blob_unused_days
    await sweep_all(hub, period + 1)
    monkeypatch.setattr("hub.blobs.sweeping._note", None)  # it would be called
    await sweep_all(hub, period + 1 + period / 5)
    with pytest.raises(TypeError):
        await sweep_all(hub, period + 1 + period / 3)


async def test_a_look_goes_on_where_the_last_process_ended(
    client: httpx.AsyncClient, node: Node, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.blobs.sweeping.ROWS_A_SLICE", 1)
    digest = await bring(client, node, PICTURE)
    await document(hub, "f0", digest)
    day = hub.settings.blob_unused_days + 1
    assert await sweep(hub.shards.first, later(day))
    async with hub.database.transaction() as connection:
        first = await connection.fetchval("SELECT after_key FROM blob_mark")
    assert await sweep(hub.shards.first, later(day))
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT after_key FROM blob_mark") > first
    await sweep_all(hub, day)
    assert await count(hub, "blob") == 1


async def test_a_file_that_a_node_asked_for_is_not_taken_from_under_it(
    client: httpx.AsyncClient, node: Node, hub: Hub
) -> None:
    digest = await bring(client, node, PICTURE)
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE blob SET made = $1, referred = $1", NOW - timedelta(days=400))
    assert (await client.head(f"/blobs/{digest}", headers=node.headers)).status_code == 200
    await sweep_all(hub, 1)
    assert await count(hub, "blob") == 1


async def test_a_file_goes_along_with_the_patient(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    mine, hers = await bring(client, node, PDF), await bring(client, node, PICTURE)
    await document(hub, "f0", hers)
    await move_patient(hub.shards.first, "p1", "facility/f1")
    assert (await client.get(f"/blobs/{hers}", headers=stranger.headers)).content == PICTURE
    assert (await client.get(f"/blobs/{mine}", headers=stranger.headers)).status_code == 404
    # Of the old scope's row and the new one's, the first to go leaves the object to the other.
    await sweep_all(hub, hub.settings.blob_unused_days + 1)
    assert (await client.get(f"/blobs/{hers}", headers=node.headers)).status_code == 404
    assert (await client.get(f"/blobs/{hers}", headers=stranger.headers)).content == PICTURE
    assert len(objects_of(hub)) == 1


async def test_to_speak_of_anothers_file_gives_nobody_that_file(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    digest = await bring(client, node, PICTURE)
    await document(hub, "f1", digest, patient="p2")
    await bring(client, stranger, PDF)
    await sweep_all(hub, hub.settings.blob_unused_days + 0.5)
    assert (await client.get(f"/blobs/{digest}", headers=stranger.headers)).status_code == 404


async def test_a_store_that_is_away_is_tried_again(
    client: httpx.AsyncClient, node: Node, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring(client, node, PDF)
    (name,) = objects_of(hub)
    store = hub.shards.first.stores.of(name)

    async def away(*_: Any) -> None:
        raise StoreFault

    day = hub.settings.blob_unused_days + 1
    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", away)
        assert await sweep(hub.shards.first, later(day))
        with pytest.raises(StoreFault):
            await sweep(hub.shards.first, later(day))
    await sweep_all(hub, day)
    assert objects_of(hub) == set()


async def test_two_processes_that_sweep_do_not_stand_in_each_others_way(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    await document(hub, "f0", await bring(client, node, PICTURE))
    await move_patient(hub.shards.first, "p1", "facility/f1")
    async with hub.shards.first.shard() as shard:
        rows = await shard.scan_scope((await shard.named_scopes(["facility/f1"]))[0].id, 0, 10)
        assert len(rows) == 2
    async with hub.database.transaction() as connection:
        await connection.execute("DELETE FROM resource")
    await asyncio.gather(*(sweep_all(hub, hub.settings.blob_unused_days + 1) for _ in range(4)))
    assert await count(hub, "blob") == 0
    assert objects_of(hub) == set()


async def test_upkeep_sweeps(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    await bring(client, node, PDF)
    await tidy(hub, later(hub.settings.blob_unused_days + 1))
    assert objects_of(hub) == set()


async def test_an_object_that_another_shard_names_stays(two: Hub) -> None:
    """A file that went along with a patient, whose new clinic then moved to another shard."""
    async with serving(new_context(two, lambda: NOW_MS)) as address, httpx.AsyncClient(base_url=address) as client:
        old, new = await add(two, "n-1", "w1"), await add(two, "n-2", "w2")
        digest = await bring(client, old, PICTURE)
        await document(two, "w1", digest)
        await move_patient(two.shards.first, "p1", "facility/w2")
        await move_facility(two, "tests", "w2", 2, lambda _seq, _of: None)
        await sweep_all(two, two.settings.blob_unused_days + 1)
        assert await count(two, "blob") == await count(two, "blob_loose") == 0
        assert (await client.get(f"/blobs/{digest}", headers=new.headers)).content == PICTURE
        # The second shard's own look erases it when nothing there speaks of it any more.
        second = two.shards.at(2)
        async with second.transaction() as connection:
            await connection.execute("DELETE FROM resource")
        while await sweep(second, later(3 * two.settings.blob_unused_days)):
            pass
        assert objects_of(two) == set()
