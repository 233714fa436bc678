"""Sessions with a real Redis between two processes of a hub: fast, and never against what Postgres says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from hub import people
from hub.api.context import Context, new_context
from hub.errors import SessionOver
from hub.redis.client import Client, read_address
from hub.runtime import Hub, opened
from hub.sessions import kept
from hub.sessions.kept import LEASE_MS, MAC_BYTES, Entry, Kept
from hub.sessions.sessions import Sessions
from hub.sessions.visitor import LOCAL, Visitor
from hub.settings import Settings
from hub.store.nodes import NodeRow
from sync_protocol.exchange.messages import Request
from sync_protocol.exchange.people import Mark, Person, state
from tests.hub.conftest import NOW_MS
from tests.hub.login_world import PASSWORD, Clock, bearer, clock, context, log_in, status
from tests.hub.redis_servers import Server, one_server, redis_cluster
from tests.hub.test_api import problem, serving

__all__ = ["clock", "context", "redis_cluster"]


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """Redis that keeps a snapshot when it is told to."""
    with one_server(tmp_path) as one:
        yield one


@pytest.fixture
def settings(settings: Settings, server: Server) -> Settings:
    return msgspec.structs.replace(settings, redis_url=server.url)


@pytest.fixture
async def other(settings: Settings, context: Context) -> AsyncIterator[Hub]:
    """A second process of the same hub."""
    async with opened(settings) as one:
        yield one


@pytest.fixture
async def clients(context: Context, other: Hub, clock: Clock) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each."""
    async with (
        serving(context) as here,
        serving(new_context(other, clock)) as there,
        httpx.AsyncClient(base_url=here) as first,
        httpx.AsyncClient(base_url=there) as second,
    ):
        yield [first, second]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sessions that Postgres was asked for."""
    found: list[str] = []
    live = Sessions._live

    async def noting(self: Sessions, session: str, now_ms: int) -> Any:
        found.append(session)
        return await live(self, session, now_ms)

    monkeypatch.setattr(Sessions, "_live", noting)
    return found


@pytest.fixture
def waited(context: Context, other: Hub) -> list[float]:
    """How long was waited for what others keep."""
    found: list[float] = []

    async def wait(seconds: float) -> None:
        found.append(seconds)

    for hub in (context.hub, other):
        hub.desk.sessions._wait = wait
    return found


async def test_postgres_is_asked_once_for_some_seconds_whichever_process_is_asked(
    clients: list[httpx.AsyncClient], asked: list[str], clock: Clock
) -> None:
    token = await bearer(clients[0])
    for client in clients * 3:
        assert await status(client, token) == 200
    assert len(asked) == 1
    clock.forward(seconds=LEASE_MS / 1000)
    assert await status(clients[1], token) == 200
    assert len(asked) == 2


async def test_a_logout_holds_at_once_in_the_other_process(clients: list[httpx.AsyncClient], asked: list[str]) -> None:
    token = await bearer(clients[0])
    assert [await status(client, token) for client in clients] == [200, 200]
    await clients[0].post("/auth/logout", headers=token)
    assert [await status(client, token) for client in clients] == [401, 401]


@pytest.mark.parametrize("role", ["", "operator", "midwife"])
async def test_disabling_and_changing_hold_at_once_in_the_other_process(
    clients: list[httpx.AsyncClient], other: Hub, role: str
) -> None:
    token = await bearer(clients[0])
    assert [await status(client, token) for client in clients] == [200, 200]
    if role:
        await people.add_user(other, LOCAL, "root", role, PASSWORD, "f0" if role == "midwife" else None)
    else:
        await people.disable_user(other, LOCAL, "root")
    assert [await status(client, token) for client in clients] == [401, 401]


async def test_a_refresh_token_used_twice_ends_the_session_in_the_other_process(
    clients: list[httpx.AsyncClient], clock: Clock
) -> None:
    first = {"refresh_token": (await log_in(clients[0])).json()["refresh_token"]}
    second = (await clients[0].post("/auth/refresh", json=first)).json()
    token = {"Authorization": f"Bearer {second['access_token']}"}
    assert [await status(client, token) for client in clients] == [200, 200]
    clock.forward(seconds=11)
    problem(await clients[1].post("/auth/refresh", json=first), 401, "session-over")
    assert [await status(client, token) for client in clients] == [401, 401]


async def test_without_redis_sessions_are_verified_from_postgres_and_nobody_logs_in(
    clients: list[httpx.AsyncClient], asked: list[str], server: Server, other: Hub, waited: list[float]
) -> None:
    token, mine = await bearer(clients[0]), await bearer(clients[0], "ops")
    assert await status(clients[0], token) == 200
    server.kill()
    asked.clear()
    assert [await status(client, token) for client in clients * 2] == [200] * 4
    assert len(asked) == 4
    refused = await log_in(clients[0])
    problem(refused, 503, "redis-fault")
    assert refused.headers["retry-after"]
    await people.disable_user(other, LOCAL, "root")
    assert waited == [LEASE_MS / 1000]  # who disables is told that it is done when nobody can have kept it
    assert [await status(client, token) for client in clients] == [401, 401]
    assert [await status(client, mine) for client in clients] == [200, 200]


async def test_an_old_snapshot_of_redis_brings_nobody_back(
    clients: list[httpx.AsyncClient], server: Server, clock: Clock, waited: list[float], context: Context
) -> None:
    """Redis saves, dies, is disabled past, and comes back as it was: with what it kept of the session, for longer than it may."""
    token = await bearer(clients[0])
    assert await status(clients[0], token) == 200
    for key in server.call("KEYS", "*:session:*"):
        server.call("PERSIST", key)
    server.call("SAVE")
    server.kill()
    await clients[0].post("/auth/logout", headers=token)
    assert waited == [LEASE_MS / 1000]
    clock.forward(seconds=waited[0])
    server.start()
    assert server.call("KEYS", "*:session:*")
    context.hub.redis._resting_until = 0  # type: ignore[union-attr]
    assert [await status(client, token) for client in clients] == [401, 401]


async def test_an_emptied_redis_changes_nothing_but_the_time_it_takes(
    clients: list[httpx.AsyncClient], server: Server, asked: list[str]
) -> None:
    token = await bearer(clients[0])
    await status(clients[0], token)
    server.call("FLUSHALL")
    assert await status(clients[0], token) == 200
    assert len(asked) == 2


async def test_what_somebody_else_wrote_into_redis_is_not_believed(
    clients: list[httpx.AsyncClient], server: Server, context: Context
) -> None:
    token = await bearer(clients[0], "west")
    assert await status(clients[0], token, "/api/v1/users") == 200
    (name,) = server.call("KEYS", "*:session:*")
    sealed = server.call("GET", name)
    assert isinstance(sealed, bytes)
    entry = msgspec.msgpack.decode(sealed[MAC_BYTES:], type=Entry)
    better = Entry(Visitor("root", "admin", "", entry.visitor.session), entry.revision, entry.until_ms)
    for forged in (sealed[:MAC_BYTES] + msgspec.msgpack.encode(better), msgspec.msgpack.encode(better), b"x" * 40):
        server.call("SET", name.decode(), forged)
        facilities = (await clients[0].get("/api/v1/facilities", headers=token)).json()
        assert {one["region"] for one in facilities} == {"west"}


async def test_another_session_s_entry_is_not_believed(clients: list[httpx.AsyncClient], server: Server) -> None:
    one, two = await bearer(clients[0], "west"), await bearer(clients[0], "root")
    await status(clients[0], one)
    west = server.call("KEYS", "*:session:*")[0]
    await status(clients[0], two)
    (root,) = set(server.call("KEYS", "*:session:*")) - {west}
    server.call("COPY", root, west, "REPLACE")
    facilities = (await clients[0].get("/api/v1/facilities", headers=one)).json()
    assert {found["region"] for found in facilities} == {"west"}


async def test_a_node_that_reminds_the_hub_of_people_is_heard_at_once(
    clients: list[httpx.AsyncClient], other: Hub
) -> None:
    token = await bearer(clients[0])
    assert await status(clients[0], token) == 200
    known = Person("root", "", "admin", "$argon2id$x", 1 << 42, disabled=True)
    statement = state(known, other.keys.receipt_key)
    row = NodeRow("n-0", "f0", "clinic", "west", "active", "", datetime.now(UTC), None, None, None, None, b"", None)
    place = other.shards.first
    async with place.shard() as shard:
        await people.tell(shard, place, [(row, Request(incarnation=1, people=Mark(), recalled=[statement]))])
    await people.tell_sessions(other, place)
    assert await status(clients[0], token) == 401


# --- what is kept, by itself, on a cluster too ---


@pytest.fixture(params=["redis", "cluster"])
async def keeping(request: pytest.FixtureRequest, hub: Hub) -> AsyncIterator[Kept]:
    if request.param == "redis":
        url = request.getfixturevalue("server").url
    else:
        url = ",".join(f"127.0.0.1:{one.port}" for one in request.getfixturevalue("redis_cluster"))
        url = f"redis+cluster://{url}"
    client = Client(read_address(url))
    yield Kept(client, hub.keys, hub.identity.id)
    await client.close()


ROOT = Visitor("root", "admin", "", "s1")


async def test_what_was_read_before_a_change_is_neither_kept_nor_believed(keeping: Kept) -> None:
    await keeping.keep(ROOT, "m", 5, NOW_MS, LEASE_MS)
    assert await keeping.read("s1", "m", NOW_MS) == ROOT
    await keeping.change("m", 6)
    assert await keeping.read("s1", "m", NOW_MS) is None
    await keeping.keep(ROOT, "m", 5, NOW_MS, LEASE_MS)  # of who had read before, and comes late
    assert await keeping.read("s1", "m", NOW_MS) is None
    await keeping.keep(ROOT, "m", 6, NOW_MS, LEASE_MS)
    assert await keeping.read("s1", "m", NOW_MS) == ROOT
    await keeping.change("m", 4)  # of who had changed before, and comes late
    assert await keeping.read("s1", "m", NOW_MS) == ROOT


async def test_an_ended_session_is_not_kept_again(keeping: Kept) -> None:
    await keeping.end("s1", "m")
    await keeping.keep(ROOT, "m", 5, NOW_MS, LEASE_MS)
    assert await keeping.read("s1", "m", NOW_MS) is None


async def test_what_took_too_long_to_read_is_not_kept(keeping: Kept) -> None:
    await keeping.keep(ROOT, "m", 5, NOW_MS, 0)
    assert await keeping.read("s1", "m", NOW_MS) is None


async def test_nothing_is_believed_after_its_time(keeping: Kept) -> None:
    await keeping.keep(ROOT, "m", 5, NOW_MS, LEASE_MS)
    assert await keeping.read("s1", "m", NOW_MS + LEASE_MS - 1) == ROOT
    assert await keeping.read("s1", "m", NOW_MS + LEASE_MS) is None


def test_a_change_is_remembered_for_longer_than_what_was_read_before_it_may_come() -> None:
    assert kept.REMEMBERED_MS >= 10 * LEASE_MS


async def test_a_session_that_is_about_to_end_is_kept_no_longer(
    clients: list[httpx.AsyncClient], context: Context, clock: Clock
) -> None:
    token = await bearer(clients[0])
    session = (await context.hub.desk.by_token(token["Authorization"].split()[1], clock())).sid
    async with context.hub.database.transaction() as connection:
        await connection.execute("UPDATE session SET ends = used + interval '2 seconds'")
    assert await status(clients[0], token) == 200
    clock.forward(seconds=2)
    with pytest.raises(SessionOver):
        await context.hub.desk.sessions.visitor(session, context.hub.keys.mark("root"), clock())
