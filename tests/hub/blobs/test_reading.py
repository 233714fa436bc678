"""Who gets a file, in which part, how long it may be kept, and what an address that was signed is good for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from hub.api.context import Context, new_context
from hub.api.ranges import Part, asked_part, has_it
from hub.blobs import links
from hub.blobs.reading import found_by_visitor
from hub.errors import NotFound, PostgresFault, RangeWrong, RedisFault
from hub.limits.gcra import Decision
from hub.relocating import move_facility
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store.nodes import set_node_state
from tests.hub.blobs.conftest import JPEG, PDF, Node, add, bring, digest_of, in_each_store, objects_of
from tests.hub.conftest import NOW_MS
from tests.hub.login_world import limits_of
from tests.hub.test_api import problem, serving

PICTURE = JPEG + bytes(range(256)) * 2_000
NO_FILE = "0" * 64


async def test_what_a_browser_is_told_of_a_file(client: httpx.AsyncClient, node: Node) -> None:
    digest = await bring(client, node, PICTURE)
    read = await client.get(f"/blobs/{digest}", headers=node.headers)
    assert read.headers["etag"] == f'"{digest}"'
    assert read.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert read.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in read.headers["content-security-policy"]
    assert read.headers["content-disposition"] == f'inline; filename="{digest[:12]}.jpg"'
    assert read.headers["content-length"] == str(len(PICTURE))
    assert "authorization" in read.headers["vary"].lower()
    document = await client.get(f"/blobs/{await bring(client, node, PDF)}", headers=node.headers)
    assert document.headers["content-disposition"].startswith("attachment;")


async def test_a_head_tells_the_same_without_the_file(client: httpx.AsyncClient, node: Node) -> None:
    digest = await bring(client, node, PICTURE)
    whole = await client.get(f"/blobs/{digest}", headers=node.headers)
    head = await client.head(f"/blobs/{digest}", headers=node.headers)
    told = ("etag", "content-length", "content-type", "cache-control", "accept-ranges", "content-disposition")
    assert [head.headers[name] for name in told] == [whole.headers[name] for name in told]
    assert (head.status_code, head.content) == (200, b"")


@in_each_store
@pytest.mark.parametrize(("asked", "start", "stop"), [("0-0", 0, 1), ("70000-200000", 70000, 200001), ("-9", -9, None)])
async def test_a_part_is_answered_as_a_part(
    client: httpx.AsyncClient, node: Node, asked: str, start: int, stop: int | None
) -> None:
    digest = await bring(client, node, PICTURE)
    read = await client.get(f"/blobs/{digest}", headers=node.headers | {"Range": f"bytes={asked}"})
    assert read.status_code == 206
    assert read.content == PICTURE[start:stop]
    first = start % len(PICTURE)
    assert read.headers["content-range"] == f"bytes {first}-{first + len(read.content) - 1}/{len(PICTURE)}"


async def test_a_part_behind_the_end_is_told_how_long_it_is(client: httpx.AsyncClient, node: Node) -> None:
    digest = await bring(client, node, PICTURE)
    read = await client.get(f"/blobs/{digest}", headers=node.headers | {"Range": f"bytes={len(PICTURE)}-"})
    problem(read, 416, "range-wrong")
    assert read.headers["content-range"] == f"bytes */{len(PICTURE)}"


async def test_who_has_it_already_is_sent_nothing(client: httpx.AsyncClient, node: Node) -> None:
    digest = await bring(client, node, PICTURE)
    read = await client.get(f"/blobs/{digest}", headers=node.headers | {"If-None-Match": f'"x", W/"{digest}"'})
    assert (read.status_code, read.content, read.headers["etag"]) == (304, b"", f'"{digest}"')
    assert (await client.get(f"/blobs/{digest}", headers={"If-None-Match": "*"})).status_code == 401


SIZE = 100


@pytest.mark.parametrize(
    ("range_", "if_range", "part"),
    [
        (None, None, None),
        ("bytes=0-", None, Part(0, 100)),
        ("bytes=99-", None, Part(99, 100)),
        ("bytes=10-19", None, Part(10, 20)),
        ("Bytes = 10 - 19", None, Part(10, 20)),
        ("bytes=10-999999", None, Part(10, 100)),
        ("bytes=-5", None, Part(95, 100)),
        ("bytes=-500", None, Part(0, 100)),
        ("bytes=20-10", None, None),
        ("bytes=-", None, None),
        ("bytes=0-1,5-6", None, None),
        ("bytes=a-b", None, None),
        ("lines=0-1", None, None),
        ("bytes=0-1", '"e"', Part(0, 2)),
        ("bytes=0-1", '"other"', None),
        ("bytes=0-1", 'W/"e"', None),
        ("bytes=" + "9" * 500 + "-", None, None),
    ],
)
def test_which_part_is_asked_for(range_: str | None, if_range: str | None, part: Part | None) -> None:
    assert asked_part(range_, if_range, '"e"', SIZE) == part


@pytest.mark.parametrize("range_", ["bytes=100-", "bytes=-0", "bytes=500-600"])
def test_a_part_that_there_is_not(range_: str) -> None:
    with pytest.raises(RangeWrong):
        asked_part(range_, None, '"e"', SIZE)


@pytest.mark.parametrize(
    ("header", "has"), [(None, False), ("*", True), ('"e"', True), ('"a",W/"e"', True), ("e", False)]
)
def test_whether_the_client_has_it(header: str | None, has: bool) -> None:
    assert has_it(header, '"e"') == has


# --- who ---


async def test_nobody_can_tell_whether_another_clinic_has_a_file(
    client: httpx.AsyncClient, node: Node, stranger: Node, far: Node
) -> None:
    digest = await bring(client, node, PICTURE)
    for who in (stranger, far):
        theirs = await client.get(f"/blobs/{digest}", headers=who.headers)
        nobodys = await client.get(f"/blobs/{NO_FILE}", headers=who.headers)
        assert problem(theirs, 404, "not-found") == problem(nobodys, 404, "not-found")
        assert theirs.headers.keys() == nobodys.headers.keys()
        assert (await client.post(f"/blobs/{digest}/links", headers=who.headers)).status_code == 404


async def test_a_presence_reads_the_files_of_its_region(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    presence = await add(hub, "n-p", "f1", role="pop")
    assert (
        await client.get(f"/blobs/{await bring(client, node, PICTURE)}", headers=presence.headers)
    ).content == PICTURE


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Bearer n-0.x", "Basic n-0.x", "Bearer a.b.c"])
async def test_without_credentials_there_is_nothing(client: httpx.AsyncClient, node: Node, token: str) -> None:
    digest = await bring(client, node, PICTURE)
    for path in (digest, NO_FILE):
        problem(await client.get(f"/blobs/{path}", headers={"Authorization": token}), 401, "unauthorised")


async def test_a_node_that_was_revoked_gets_nothing(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    digest = await bring(client, node, PICTURE)
    async with hub.database.transaction() as connection:
        await set_node_state(connection, "n-0", "wipe")
    problem(await client.get(f"/blobs/{digest}", headers=node.headers), 403, "node-to-wipe")


async def test_a_persons_reading_stands_in_the_audit_without_the_hash(
    client: httpx.AsyncClient, node: Node, hub: Hub, admin: dict[str, str]
) -> None:
    digest = await bring(client, node, PICTURE)
    assert (await client.get(f"/blobs/{digest}", headers=admin)).content == PICTURE
    async with hub.database.transaction() as connection:
        (noted,) = await connection.fetch("SELECT actor, object FROM audit WHERE action = 'blob.read'")
    assert (noted["actor"], noted["object"].split()[0]) == ("api", "facility/f0")
    assert digest[:12] not in noted["object"]


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "A" * 64, "0" * 63, "0" * 65, "%00" * 64])
async def test_names_that_are_none(client: httpx.AsyncClient, node: Node, name: str) -> None:
    assert (await client.get(f"/blobs/{name}", headers=node.headers)).status_code == 404


class Away:
    """A Redis that does not answer."""

    async def decide(self, _: object) -> Decision:
        raise RedisFault


@pytest.mark.parametrize("shared", [None, Away()], ids=["in this process", "redis is away"])
async def test_a_file_of_a_record_is_read_so_often_by_one_person_or_node(
    client: httpx.AsyncClient, node: Node, hub: Hub, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch, shared: Any
) -> None:
    """An address that needs no login is one reading. What is refused is looked up nowhere, and stands in no audit."""
    digest, other = await bring(client, node, PICTURE), await bring(client, node, PDF)
    monkeypatch.setattr(hub, "limits", limits_of(hub.keys, shared, record_reads_per_hour=2))
    for headers in (admin, node.headers):
        assert (await client.get(f"/blobs/{digest}", headers=headers)).status_code == 200
        assert (await client.post(f"/blobs/{digest}/links", headers=headers)).status_code == 201
        refused = await client.get(f"/blobs/{digest}", headers=headers)
        problem(refused, 429, "too-many-requests")
        assert int(refused.headers["retry-after"]) == 1_800
        problem(await client.post(f"/blobs/{digest}/links", headers=headers), 429, "too-many-requests")
        assert (await client.get(f"/blobs/{other}", headers=headers)).status_code == 200
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'blob.read'") == 3


# --- signed addresses ---


async def link_of(client: httpx.AsyncClient, node: Node, digest: str) -> str:
    made = await client.post(f"/blobs/{digest}/links", headers=node.headers)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    return str(made.json()["url"])


async def test_a_signed_address_needs_no_login_and_ends(client: httpx.AsyncClient, node: Node, hub: Hub) -> None:
    digest = await bring(client, node, PICTURE)
    url = await link_of(client, node, digest)
    read = await client.get(url)
    assert (read.status_code, read.content) == (200, PICTURE)
    assert read.headers["cache-control"] == f"private, max-age={hub.settings.blob_link_seconds}, immutable"
    later = new_context(hub, lambda: NOW_MS + 1000 * hub.settings.blob_link_seconds)
    async with serving(later) as address, httpx.AsyncClient(base_url=address) as late:
        problem(await late.get(url), 403, "forbidden")


async def test_nothing_of_a_signed_address_can_be_changed(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    digest, other = await bring(client, node, PICTURE), await bring(client, node, PDF)
    theirs = await bring(client, stranger, PICTURE + b"!")
    url = urlsplit(await link_of(client, node, digest))
    said = {name: values[0] for name, values in parse_qs(url.query).items()}
    async with hub.database.transaction() as connection:
        scope = await connection.fetchval("SELECT scope FROM facility WHERE id = 'f1'")
    attacks: list[tuple[str, dict[str, Any]]] = [
        (other, {}),
        (theirs, {"of": scope}),
        (digest, {"of": scope}),
        (digest, {"at": 2}),
        (digest, {"expires": int(said["expires"]) + 1}),
        (digest, {"mac": said["mac"][:-2]}),
        (digest, {"mac": ""}),
        (digest, {"mac": "é" * 43}),
        (digest, {"mac": "A" * 5000}),
        (
            digest,
            {"mac": links.signed(hub.keys, other, 1, int(said["of"]), int(said["expires"])).url.rpartition("=")[2]},
        ),
    ]
    for name, change in attacks:
        problem(await client.get(f"/blobs/{name}", params=said | change), 403, "forbidden")
    without = {name: value for name, value in said.items() if name != "mac"}
    problem(await client.get(f"/blobs/{digest}", params=without), 401, "unauthorised")


async def test_a_cdn_may_keep_it_where_the_operator_says_so(context: Context, hub: Hub, node: Node) -> None:
    hub.settings = msgspec.structs.replace(hub.settings, blob_links_shared=True)
    async with serving(context) as address, httpx.AsyncClient(base_url=address) as client:
        digest = await bring(client, node, PICTURE)
        read = await client.get(await link_of(client, node, digest))
        assert read.headers["cache-control"] == f"public, max-age={hub.settings.blob_link_seconds}, immutable"
        private = await client.get(f"/blobs/{digest}", headers=node.headers)
        assert private.headers["cache-control"].startswith("private")


# --- what is broken ---


async def test_a_file_that_was_lost_or_changed_is_told_before_anything_is_sent(
    client: httpx.AsyncClient, node: Node, hub: Hub
) -> None:
    digest = await bring(client, node, PICTURE)
    (path,) = [Path(hub.settings.data) / "blobs" / name for name in objects_of(hub)]
    kept = path.read_bytes()
    path.write_bytes(bytes([kept[0] ^ 1]) + kept[1:])
    assert problem(await client.get(f"/blobs/{digest}", headers=node.headers), 500, "")["instance"]
    path.unlink()
    assert problem(await client.get(f"/blobs/{digest}", headers=node.headers), 500, "")["instance"]


async def test_a_files_key_of_another_scope_opens_nothing(
    client: httpx.AsyncClient, node: Node, stranger: Node, hub: Hub
) -> None:
    """Whoever writes into the database without the keys cannot give one clinic another one's file."""
    digest = await bring(client, node, PICTURE)
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE blob SET scope = (SELECT scope FROM facility WHERE id = 'f1')")
    problem(await client.get(f"/blobs/{digest}", headers=stranger.headers), 500, "")


def test_the_digest_is_of_the_plain_content() -> None:
    assert digest_of(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


async def test_people_read_of_every_shard_of_their_region(two: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(new_context(two, lambda: NOW_MS)) as address, httpx.AsyncClient(base_url=address) as client:
        digest = await bring(client, await add(two, "n-w", "w1"), PICTURE)
    await move_facility(two, "tests", "w1", 2, lambda _seq, _of: None)
    for visitor in (Visitor("ada", "admin", ""), Visitor("wendy", "operator", "west")):
        assert (await found_by_visitor(two, visitor, digest)).place.id == 2
        with pytest.raises(NotFound):
            await found_by_visitor(two, visitor, NO_FILE)

    @asynccontextmanager
    async def away() -> AsyncIterator[Any]:
        raise PostgresFault
        yield

    monkeypatch.setattr(two.shards.at(2), "transaction", away)
    with pytest.raises(PostgresFault):  # it is not known whether it is there
        await found_by_visitor(two, Visitor("ada", "admin", ""), digest)
