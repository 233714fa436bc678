"""A file is brought in pieces that go on after any break, and is there when all of it is, checked, or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.api.context import Context
from hub.blobs import uploading
from hub.errors import OffsetWrong, SealBroken, StoreFault
from hub.runtime import Hub
from hub.store.nodes import set_node_state
from tests.hub.blobs.conftest import (
    JPEG,
    NOW,
    PDF,
    TUS,
    Node,
    add,
    announce,
    bring,
    digest_of,
    in_each_store,
    objects_of,
    said,
    send,
)
from tests.hub.test_api import problem

PICTURE = JPEG + bytes(range(256)) * 12_000
"""3 MB: more than two pieces."""


async def body(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def count(hub: Hub, table: str) -> int:
    async with hub.database.transaction() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def offset(client: httpx.AsyncClient, node: Node, location: str) -> int:
    told = await client.head(location, headers=TUS | node.headers)
    assert told.status_code == 200
    assert told.headers["cache-control"] == "no-store"
    return int(told.headers["upload-offset"])


@in_each_store
async def test_a_file_that_is_sent_whole_is_there(client: httpx.AsyncClient, node: Node) -> None:
    digest = await bring(client, node, PICTURE)
    read = await client.get(f"/blobs/{digest}", headers=node.headers)
    assert (read.status_code, read.headers["content-type"]) == (200, "image/jpeg")
    assert read.content == PICTURE


@in_each_store
async def test_a_file_comes_in_pieces_of_any_size_and_goes_on_where_it_was(
    client: httpx.AsyncClient, node: Node, hub: Hub
) -> None:
    announced = await announce(client, node, len(PICTURE), digest_of(PICTURE))
    location, at = announced.headers["location"], 0
    assert (announced.headers["upload-offset"], announced.headers["tus-resumable"]) == ("0", "1.0.0")
    for size in (20_000, 1_500_000, 1_048_576, len(PICTURE)):
        sent = await send(client, node, location, at, PICTURE[at : at + size])
        at = min(at + size, len(PICTURE))
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(at))
        assert await offset(client, node, location) == at
        assert (await client.head(f"/blobs/{digest_of(PICTURE)}", headers=node.headers)).status_code == (
            200 if at == len(PICTURE) else 404
        )
    assert (await client.get(f"/blobs/{digest_of(PICTURE)}", headers=node.headers)).content == PICTURE
    assert (await send(client, node, location, at, b"")).status_code == 204
    assert await count(hub, "blob_piece") == 0


@in_each_store
async def test_what_came_before_a_break_is_kept(hub: Hub, node: Node) -> None:
    upload = await uploading.begin(
        hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(PICTURE)), len(PICTURE), NOW
    )

    async def breaking() -> AsyncIterator[bytes]:
        yield PICTURE[:1_200_000]
        raise OSError("the link is gone")

    with pytest.raises(OSError, match="the link is gone"):
        await uploading.append(hub.shards.first, node.row, upload, 0, breaking(), NOW)
    assert (await uploading.state(hub.shards.first, node.row, upload)).received == 1_200_000
    await uploading.append(hub.shards.first, node.row, upload, 1_200_000, body(PICTURE[1_200_000:]), NOW)
    assert await count(hub, "blob") == 1


async def test_an_upload_is_never_said_to_be_whole_before_the_file_is_there(
    hub: Hub, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await uploading.begin(
        hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(PICTURE)), len(PICTURE), NOW
    )

    async def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(uploading._Taking, "_show", killed)
        with pytest.raises(KeyboardInterrupt):
            await uploading.append(hub.shards.first, node.row, upload, 0, body(PICTURE), NOW)
    received = (await uploading.state(hub.shards.first, node.row, upload)).received
    assert received < len(PICTURE)
    assert await count(hub, "blob") == 0
    await uploading.append(hub.shards.first, node.row, upload, received, body(PICTURE[received:]), NOW)
    assert await count(hub, "blob") == 1


@in_each_store
async def test_what_is_not_what_was_announced_is_forgotten(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    announced = await announce(client, node, len(PICTURE), digest_of(b"another"))
    location = announced.headers["location"]
    problem(await send(client, node, location, 0, PICTURE), 422, "content-differs")
    assert (await client.head(location, headers=TUS | node.headers)).status_code == 404
    assert (await client.head(f"/blobs/{digest_of(PICTURE)}", headers=node.headers)).status_code == 404
    assert await count(hub, "blob") == await count(hub, "blob_piece") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>" + b" " * 1000,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"MZ\x90\x00" + bytes(600),
        b" " + PDF,
        b"GIF",
    ],
)
async def test_kinds_that_are_not_in_the_table_are_not_taken(
    client: httpx.AsyncClient, node: Node, hub: Hub, content: bytes
) -> None:
    announced = await announce(client, node, len(content), digest_of(content), filetype="image/jpeg")
    problem(await send(client, node, announced.headers["location"], 0, content), 415, "wrong-type")
    assert await count(hub, "blob") == 0


@in_each_store
async def test_two_who_send_one_piece_at_once_keep_one(hub: Hub, node: Node) -> None:
    upload = await uploading.begin(
        hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(PICTURE)), len(PICTURE), NOW
    )
    results = await asyncio.gather(
        *(uploading.append(hub.shards.first, node.row, upload, 0, body(PICTURE), NOW) for _ in range(3)),
        return_exceptions=True,
    )
    assert len([result for result in results if isinstance(result, OffsetWrong)]) == 2
    assert len(PICTURE) in results
    assert await count(hub, "blob") == 1


@in_each_store
async def test_the_same_file_is_kept_once_in_a_scope_and_apart_in_another(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    for who in (node, node, stranger):
        assert await bring(client, who, PDF + b"x" * 900) == digest_of(PDF + b"x" * 900)
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT scope, object, key FROM blob")
    assert len(rows) == len({row["scope"] for row in rows}) == len({row["object"] for row in rows}) == 2


async def test_an_upload_is_its_nodes_alone(client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub) -> None:
    location = (await announce(client, node, 1000, digest_of(PDF))).headers["location"]
    for answer in (
        await client.head(location, headers=TUS | stranger.headers),
        await send(client, stranger, location, 0, PDF),
        await client.delete(location, headers=TUS | stranger.headers),
        await announce(client, stranger, 1000, digest_of(PDF), facility="f0"),
        await announce(client, stranger, 1000, digest_of(PDF), facility="nowhere"),
    ):
        assert answer.status_code == 404
    async with hub.database.transaction() as connection:
        await set_node_state(connection, "n-0", "revoked")
    problem(await send(client, node, location, 0, PDF), 403, "node-revoked")


async def test_a_point_of_presence_brings_files_for_a_facility_of_its_region(
    client: httpx.AsyncClient, hub: Hub, far: Node
) -> None:
    presence = await add(hub, "n-p", "f0", role="pop")
    assert (await announce(client, presence, 1000, digest_of(PDF), facility="f1")).status_code == 201
    assert (await announce(client, presence, 1000, digest_of(PDF), facility="e0")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "٣"}, 400),
        ({"Upload-Length": "9" * 40}, 400),
        ({"Upload-Length": "0"}, 413),
        ({"Upload-Length": "99999999999"}, 413),
        ({"Upload-Metadata": ""}, 400),
        ({"Upload-Metadata": "sha256 !!!"}, 400),
        ({"Upload-Metadata": said(sha256="AB" * 32)}, 400),
        ({"Upload-Metadata": said(sha256="../" * 21 + "a")}, 400),
        ({"Upload-Metadata": "sha256 " + "A" * 5000}, 400),
        ({"Tus-Resumable": "0.2.2"}, 400),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer n-0.wrong"}, 401),
    ],
)
async def test_announcements_that_mean_nothing_are_refused(
    client: httpx.AsyncClient, node: Node, change: dict[str, str], status: int
) -> None:
    headers = TUS | node.headers | {"Upload-Length": "9", "Upload-Metadata": said(sha256="ab" * 32)}
    raw = [(name.encode(), value.encode()) for name, value in (headers | change).items()]
    answer = await client.post("/blobs/uploads", headers=raw)
    assert answer.status_code == status
    assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Upload-Offset": "5"}, 409),
        ({"Upload-Offset": ""}, 400),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
async def test_pieces_that_do_not_fit_are_refused(
    client: httpx.AsyncClient, node: Node, change: dict[str, str], status: int
) -> None:
    location = (await announce(client, node, 9, digest_of(PDF))).headers["location"]
    headers = TUS | node.headers | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert (await client.patch(location, headers=headers | change, content=PDF)).status_code == status


async def test_more_than_was_announced_is_refused(client: httpx.AsyncClient, node: Node) -> None:
    location = (await announce(client, node, 9, digest_of(PDF))).headers["location"]
    problem(await send(client, node, location, 0, PDF + b"more"), 413, "too-large")


async def test_small_pieces_and_many_files_are_bounded(
    client: httpx.AsyncClient, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = (await announce(client, node, 100, digest_of(PDF))).headers["location"]
    assert (await send(client, node, location, 0, PDF[:1])).status_code == 204
    problem(await send(client, node, location, 1, PDF[1:2]), 400, "bad-request")
    monkeypatch.setattr(uploading, "UPLOADS_OPEN_MAX", 3)
    for status in (201, 201, 429):
        assert (await announce(client, node, 100, digest_of(PDF))).status_code == status


async def test_all_places_taken_is_said_before_anything_is_read(
    client: httpx.AsyncClient, node: Node, context: Context, hub: Hub
) -> None:
    location = (await announce(client, node, 9, digest_of(PDF))).headers["location"]
    for _ in range(hub.settings.uploads_max):
        await context.uploads.acquire()
    problem(await send(client, node, location, 0, PDF), 503, "busy")


async def test_a_store_that_is_away_loses_nothing(
    client: httpx.AsyncClient, node: Node, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = (await announce(client, node, len(PICTURE), digest_of(PICTURE))).headers["location"]

    class Away:
        async def put(self, *_: Any) -> None:
            raise StoreFault

    with monkeypatch.context() as patch:
        patch.setattr(hub.shards.first.stores, "of", lambda _name: Away())
        problem(await send(client, node, location, 0, PICTURE), 503, "store-fault")
    assert await offset(client, node, location) == 0
    assert (await send(client, node, location, 0, PICTURE)).status_code == 204


async def test_every_object_is_named_by_a_row(hub: Hub, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was begun and broken: what is in the store is known to Postgres."""
    names = iter(range(100))

    async def broken_at(step: str) -> None:
        content = PICTURE + str(next(names)).encode()
        upload = await uploading.begin(
            hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(content)), len(content), NOW
        )
        with monkeypatch.context() as patch:
            if step:
                patch.setattr(f"hub.store.blobs.{step}", _end)
            try:
                await uploading.append(hub.shards.first, node.row, upload, 0, body(content), NOW)
            except KeyboardInterrupt:
                assert step

    for step in ("", "add_piece", "advance_upload", "own_objects", "read_pieces", "add_blobs", "drop_pieces"):
        await broken_at(step)
    async with hub.database.transaction() as connection:
        known = await connection.fetch(
            "SELECT object FROM blob UNION SELECT object FROM blob_piece UNION SELECT object FROM blob_loose"
        )
    assert objects_of(hub) <= {row["object"] for row in known}
    assert await count(hub, "blob") == 1


async def _end(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


async def test_nothing_of_a_file_stands_in_the_clear(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    content = PDF + b"Adaeze Okafor, born 1991-03-14 " * 4000
    location = (await announce(client, node, len(content), digest_of(content), filename="Okafor.pdf")).headers[
        "location"
    ]
    await send(client, node, location, 0, content[:60_000])
    await send(client, node, location, 60_000, content[60_000:])
    for name in objects_of(hub):
        assert b"Okafor" not in (Path(hub.settings.data) / "blobs" / name).read_bytes()
    async with hub.database.transaction() as connection:
        for table in ("blob", "blob_upload", "blob_piece", "blob_loose", "audit"):
            told = str([dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")])
            assert "Okafor" not in told
            assert digest_of(content) not in told
            assert str(bytes.fromhex(digest_of(content)))[2:-1] not in told


async def test_a_sealed_piece_that_was_changed_is_no_part_of_a_file(hub: Hub, node: Node) -> None:
    upload = await uploading.begin(
        hub.shards.first, node.row, "f0", bytes.fromhex(digest_of(PICTURE)), len(PICTURE), NOW
    )
    await uploading.append(hub.shards.first, node.row, upload, 0, body(PICTURE[:100_000]), NOW + timedelta(seconds=1))
    (name,) = objects_of(hub)
    path = Path(hub.settings.data) / "blobs" / name
    path.write_bytes(os.urandom(path.stat().st_size))
    with pytest.raises(SealBroken):
        await uploading.append(hub.shards.first, node.row, upload, 100_000, body(PICTURE[100_000:]), NOW)
    assert await count(hub, "blob") == 0
