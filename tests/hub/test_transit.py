"""A master key in a KMS: it is never in the hub, what is open stays open while the KMS is away, and answers are not believed blindly."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from hub.authoring import put
from hub.blobs import links, uploading
from hub.blobs.reading import Found, found_by_link, found_by_node, found_by_visitor, key_of
from hub.errors import KmsFault, MasterKeyWrong
from hub.exporting import jobs
from hub.exporting.asking import Asked
from hub.exporting.working import work
from hub.keys.transit import TransitMaster, TransitPlace
from hub.rotation.master import wrap_anew
from hub.runtime import Hub, opened
from hub.sessions.visitor import LOCAL
from hub.settings import Settings
from hub.store import shard_map
from hub.store.nodes import NodeRow, add_facility, add_node
from hub.store.scopes import ScopeRow, facility_scope
from tests.hub.conftest import NOW_MS
from tests.hub.transit import Kms, running_kms

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


@pytest.fixture
def kms() -> Iterator[Kms]:
    with running_kms() as one:
        yield one


@pytest.fixture
def token(kms: Kms, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(kms.token + "\n")
    return path


@pytest.fixture
def in_kms(settings: Settings, kms: Kms, token: Path) -> Settings:
    return replace(settings, kms_url=kms.url, kms_keys="medtech", kms_token_file=str(token))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def master(kms: Kms, token: Path, key: str = "medtech", clock: Clock | None = None) -> TransitMaster:
    return TransitMaster(TransitPlace(kms.url, "transit", token), key, clock or Clock())


async def scope_of(hub: Hub, name: str) -> ScopeRow:
    async with hub.shards.first.shard() as shard:
        (row,) = await shard.named_scopes([name])
    return row


async def add(hub: Hub, *names: str) -> None:
    async with hub.database.transaction() as connection:
        for name in names:
            await add_facility(connection, hub.keys, name, name, "west")


async def test_small_secrets_go_there_and_back_in_batches(kms: Kms, token: Path) -> None:
    one = master(kms, token)
    plain = [bytes([number % 256]) * 32 for number in range(600)]
    wrapped = await one.wrap(plain)
    assert await one.unwrap(wrapped) == plain
    assert [count for _, _, count in kms.calls] == [250, 250, 100] * 2
    assert len(set(wrapped)) == 600
    kms.rotate("medtech")
    assert await one.unwrap(wrapped[:3]) == plain[:3]
    assert one.id != master(kms, token, "later").id


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (503, b'{"errors":["Vault is sealed"]}'),
        (403, b'{"errors":["permission denied"]}'),
        (307, b""),
        (200, b"<html>a proxy's page</html>"),
        (200, b'{"data":{"batch_results":[]}}'),
        (200, b'{"data":{"batch_results":[{}]}}'),
        (200, b'{"data":{"batch_results":[{"ciphertext":"a"},{"ciphertext":"b"}]}}'),
    ],
)
async def test_what_is_no_answer_is_a_fault_that_is_tried_again(
    kms: Kms, token: Path, status: int, body: bytes
) -> None:
    kms.status, kms.body = status, body
    with pytest.raises(KmsFault) as caught:
        await master(kms, token).wrap([b"k" * 32])
    assert (caught.value.status, caught.value.exit_code) == (503, 75)
    assert caught.value.retry_after_seconds
    assert "proxy" not in str(caught.value)


async def test_another_key_or_a_changed_text_is_a_wrong_master_key(kms: Kms, token: Path) -> None:
    wrapped = await master(kms, token).wrap([b"k" * 32])
    with pytest.raises(MasterKeyWrong):
        await master(kms, token, "later").unwrap(wrapped)
    with pytest.raises(MasterKeyWrong):
        await master(kms, token).unwrap([wrapped[0][:-8] + b"AAAAAAA="])
    kms.rotate("medtech")
    kms.forget_versions_before_last("medtech")
    with pytest.raises(MasterKeyWrong):
        await master(kms, token).unwrap(wrapped)


async def test_the_token_is_read_anew_and_is_in_no_error(kms: Kms, token: Path) -> None:
    clock = Clock()
    one = master(kms, token, clock=clock)
    await one.wrap([b"k"])
    kms.token = "hvs.another"
    with pytest.raises(KmsFault, match="403") as caught:
        await one.wrap([b"k"])
    assert "hvs" not in str(caught.value) + caught.value.hint
    token.write_text("hvs.another")
    clock.now += 10
    await one.wrap([b"k"])
    token.unlink()
    with pytest.raises(KmsFault, match="cannot be read"):
        await one.wrap([b"k"])


async def test_who_comes_after_a_failure_is_sent_away_at_once(kms: Kms, token: Path) -> None:
    clock = Clock()
    one = master(kms, token, clock=clock)
    kms.status = 500
    with pytest.raises(KmsFault):
        await one.wrap([b"k"])
    kms.status = 0
    clock.now = 2.0
    with pytest.raises(KmsFault, match="a moment ago") as caught:
        await one.wrap([b"k"])
    assert caught.value.retry_after_seconds == 4
    assert kms.calls == []
    clock.now = 5.0
    await one.wrap([b"k"])


async def test_a_hub_without_any_master_key_of_its_own(in_kms: Settings, kms: Kms) -> None:
    async with opened(in_kms) as hub:
        await add(hub, "f0", "f1")
        row = await scope_of(hub, "facility/f0")
        async with hub.shards.first.shard() as shard:
            await put(hub.shards.first, shard, row, [{"resourceType": "Patient", "id": "p"}], NOW_MS)
        assert not (Path(in_kms.data) / "master.key").exists()
        for stored in await all_wrapped(hub):
            assert b"vault:v1:" in stored
    kms.calls.clear()
    async with opened(in_kms) as later:
        async with later.shards.first.shard() as shard:
            rows = await shard.named_scopes(["facility/f0", "facility/f1"])
        assert kms.calls == [("decrypt", "medtech", 1), ("decrypt", "medtech", 3)]
        assert [later.keys.seal_of(one.data_key).current for one in rows] == [1, 1]
        await scope_of(later, "facility/f0")
        assert len(kms.calls) == 2


async def all_wrapped(hub: Hub) -> list[bytes]:
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT data_key FROM scope UNION ALL SELECT secrets FROM hub_identity")
    return [row[0] for row in rows]


async def test_while_the_kms_is_away_what_is_open_goes_on_and_the_rest_waits(in_kms: Settings, kms: Kms) -> None:
    async with opened(in_kms) as hub:
        await add(hub, "f0")
    async with opened(in_kms) as hub, opened(in_kms) as other:
        await add(other, "f1")
        async with other.database.transaction() as connection:
            row = NodeRow("n", "f1", "clinic", "west", "active", "", NOW, None, None, None, None, b"", None)
            await add_node(connection, other.keys, row)
        kms.status = 503
        for _ in range(2):
            async with hub.shards.first.shard() as shard:
                (scope,) = await shard.named_scopes(["facility/f0"])
                await put(hub.shards.first, shard, scope, [{"resourceType": "Patient", "id": "p"}], NOW_MS)
        with pytest.raises(KmsFault) as caught:
            await scope_of(hub, "facility/f1")
        assert caught.value.retry_after_seconds
        with pytest.raises(KmsFault):
            async with hub.shards.first.shard() as shard:
                await shard.standings(["n"], [])
        with pytest.raises(KmsFault):
            await add(hub, "f2")
        async with hub.database.transaction() as connection:
            assert await connection.fetchval("SELECT count(*) FROM facility") == 2
        with pytest.raises(KmsFault):
            async with opened(in_kms):
                pass


async def test_from_a_file_to_a_kms_and_from_key_to_key(
    hub: Hub, settings: Settings, in_kms: Settings, kms: Kms
) -> None:
    scope = await scope_of(hub, "facility/f0")
    sealed = hub.keys.seal_of(scope.data_key).seal(b"state", b"about")
    both = replace(in_kms, kms_keys="medtech, later")
    async with opened(both) as one:  # the file is still there: it opens what is under it
        for name in ("medtech", "medtech", "later"):
            target = next(m for m in one.keys.masters.all if isinstance(m, TransitMaster) and m.key == name)
            kms.rotate(name)
            async with one.database.transaction() as connection:
                done = await wrap_anew(connection, one.keys, target, "test")
            kms.forget_versions_before_last(name)
            assert done.scopes == 3
            for stored in await all_wrapped(one):
                assert target.id in stored
    (Path(settings.data) / "master.key").unlink()
    async with opened(replace(in_kms, kms_keys="later")) as one:
        assert one.keys.resource_key("Patient/p") == hub.keys.resource_key("Patient/p")
        assert one.keys.seal_of((await scope_of(one, "facility/f0")).data_key).open(sealed, b"about") == b"state"
    # The process that ran all the time, with the file only, goes on with what it had open.
    assert hub.keys.seal_of((await scope_of(hub, "facility/f0")).data_key).open(sealed, b"about") == b"state"


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Clinic:
    """A facility that another process has made, a key of its own among it, with a patient, a file, and an upload that has begun."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.content = b"%PDF-1.7 " + name.encode()
        self.digest = sha256(self.content)
        self.node = NodeRow(f"n-{name}", name, "clinic", "west", "active", "", NOW, None, None, None, None, b"", None)
        self.upload = ""

    async def make(self, hub: Hub) -> None:
        place = hub.shards.first
        async with hub.database.transaction() as connection:
            await shard_map.place_facility(connection, self.name, "west", shard_map.FIRST)
        await add(hub, self.name)
        async with hub.database.transaction() as connection:
            await add_node(connection, hub.keys, self.node)
        async with place.shard() as shard:
            (scope,) = await shard.named_scopes([facility_scope(self.name)])
            await put(place, shard, scope, [{"resourceType": "Patient", "id": self.name}], NOW_MS)
        await self.begin(hub)
        await self.send(hub)
        await self.begin(hub)

    async def begin(self, hub: Hub) -> None:
        place = hub.shards.first
        digest = self.digest.digest()
        self.upload = await uploading.begin(place, self.node, self.name, digest, len(self.content), NOW)

    async def send(self, hub: Hub) -> None:
        await uploading.append(hub.shards.first, self.node, self.upload, 0, once(self.content), NOW)

    async def found(self, hub: Hub) -> Found:
        return await found_by_node(hub.shards.first, self.node, self.digest.hexdigest(), NOW_MS)

    async def read(self, hub: Hub) -> None:
        key_of(await self.found(hub))

    async def read_by_visitor(self, hub: Hub) -> None:
        key_of(await found_by_visitor(hub, LOCAL, self.digest.hexdigest()))

    async def read_by_link(self, hub: Hub) -> None:
        async with hub.database.transaction() as connection:
            scope = await connection.fetchval("SELECT id FROM scope WHERE name = $1", facility_scope(self.name))
        link = links.signed(hub.keys, self.digest.hexdigest(), 1, scope, NOW_MS // 1000 + 60)
        mac = dict(parse_qsl(urlsplit(link.url).query))["mac"]
        key_of(await found_by_link(hub, self.digest.hexdigest(), 1, scope, link.expires, mac, NOW_MS))

    async def export(self, hub: Hub) -> None:
        job = await jobs.begin(hub, LOCAL, self.name, Asked((), None, ""), "", NOW)
        assert await work(hub, NOW_MS)
        assert [part.kind for part in (await jobs.find(hub, LOCAL, job))[1]] == ["output"]


async def test_files_and_exports_need_no_key_to_be_at_hand_already(in_kms: Settings) -> None:
    """What another process has made since this one began, its key among it: each of these is the first that asks for that key."""
    firsts = (Clinic.begin, Clinic.send, Clinic.read, Clinic.read_by_visitor, Clinic.read_by_link, Clinic.export)
    async with opened(in_kms) as other:
        async with other.database.transaction() as connection:
            await shard_map.lock_map(connection)
            await shard_map.add_region(connection, "west", shard_map.FIRST)
        await other.shards.refresh()
        async with opened(in_kms) as hub:
            await hub.shards.refresh()
            for number, first in enumerate(firsts):
                clinic = Clinic(f"f{number}")
                await clinic.make(other)
                await first(clinic, hub)
