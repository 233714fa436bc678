"""The keys that sign access tokens: replaced in time or at once, found by every process, and kept sealed."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from hub.api.context import Context
from hub.errors import HubError, PostgresFault, Unauthorised
from hub.runtime import Hub, opened
from hub.sessions import keyring
from hub.sessions.keyring import READ_AGAIN
from hub.sessions.rotation import rotate_login
from hub.sessions.sessions import moment
from hub.upkeep import tidy
from tests.hub.conftest import NOW_MS
from tests.hub.login_world import Clock, bearer, client, clock, context, status
from tests.hub.test_api import problem
from tests.hub.test_tokens import Forge, forge

__all__ = ["client", "clock", "context", "forge"]


async def kids(client: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]]


async def test_a_replaced_key_proves_what_it_signed_until_that_is_over_and_no_longer(
    client: httpx.AsyncClient, context: Context, clock: Clock, forge: Forge
) -> None:
    made = await rotate_login(context.hub.desk, "me", clock(), at_once=False)
    assert await kids(client) == [made["kid"], forge.key.kid]
    old = {"Authorization": f"Bearer {forge.token}"}
    new = await bearer(client)
    assert jwt.get_unverified_header(new["Authorization"].split()[1])["kid"] == made["kid"]
    clock.forward(minutes=9)
    assert [await status(client, one) for one in (old, new)] == [200, 200]
    clock.forward(minutes=2)
    assert await kids(client) == [made["kid"]]
    # Even one that says that it is good for a year.
    long = {"Authorization": f"Bearer {forge.with_claims(exp=clock() // 1000 + 31_536_000)}"}
    problem(await client.get("/api/v1/stats", headers=long), 401, "unauthorised")
    await rotate_login(context.hub.desk, "me", clock(), at_once=False)
    async with context.hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM login_key WHERE kid = $1", forge.key.kid) == 0


async def test_replaced_at_once_nothing_holds_that_was_signed_before(
    client: httpx.AsyncClient, context: Context, clock: Clock, forge: Forge
) -> None:
    await bearer(client, "ops")
    made = await rotate_login(context.hub.desk, "me", clock(), at_once=True)
    assert made["ended"] == 2
    assert await status(client, {"Authorization": f"Bearer {forge.token}"}) == 401
    assert await kids(client) == [made["kid"]]
    assert await status(client, await bearer(client)) == 200


async def test_a_key_that_is_too_old_is_replaced_by_whoever_signs_next_once(
    client: httpx.AsyncClient, context: Context, clock: Clock, settings: Any
) -> None:
    await bearer(client)
    (first,) = await kids(client)
    clock.forward(days=settings.login_key_days)
    async with opened(settings) as other:
        await other.desk.keyring.signing(moment(clock() - 1000))
        assert (await other.desk.keyring.signing(moment(clock()))).kid != first
        await bearer(client)
        assert len(await kids(client)) == 2
        async with context.hub.database.transaction() as connection:
            assert await connection.fetchval("SELECT count(*) FROM login_key") == 2


async def test_another_process_s_new_key_is_found_at_once_and_used_soon(
    client: httpx.AsyncClient, context: Context, clock: Clock, settings: Any
) -> None:
    await bearer(client)
    async with opened(settings) as other:
        made = await rotate_login(other.desk, "me", clock(), at_once=False)
        clock.forward(seconds=1)
        key = await context.hub.desk.keyring.proving(made["kid"], moment(clock()))
        assert key.kid == made["kid"]
        clock.forward(seconds=READ_AGAIN.total_seconds())
        assert (await context.hub.desk.keyring.signing(moment(clock()))).kid == made["kid"]


async def test_unknown_key_ids_do_not_make_the_hub_read_again_each_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    database = hub.desk.keyring._database

    class Counting:
        def transaction(self) -> Any:
            nonlocal read
            read += 1
            return database.transaction()

    monkeypatch.setattr(hub.desk.keyring, "_database", Counting())
    for number in range(50):
        with pytest.raises(Unauthorised):
            await hub.desk.keyring.proving(f"k{number}", moment(NOW_MS + 10 * number))
    assert read == 1


async def test_a_key_that_was_not_committed_signs_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    now = moment(NOW_MS)
    before = await hub.desk.keyring.signing(now)

    async def away(*_: object) -> None:
        raise PostgresFault

    with monkeypatch.context() as patched:
        patched.setattr(keyring, "note_act", away)
        for at_once in (False, True):
            with pytest.raises(PostgresFault):
                await hub.desk.keyring.rotate(now, "me", at_once=at_once)
            assert await hub.desk.keyring.signing(now) is before


async def test_a_signing_key_rests_sealed(client: httpx.AsyncClient, forge: Forge, hub: Hub) -> None:
    private = forge.key.private.private_bytes_raw()
    async with hub.database.transaction() as connection:
        rows = await connection.fetch("SELECT kid, private FROM login_key")
        assert not [row for row in rows if private in row["private"]]
        await connection.execute("UPDATE login_key SET kid = 'other'")  # a sealed key under another name opens not
    with pytest.raises(HubError):
        await hub.desk.keyring.signing(moment(NOW_MS) + timedelta(days=1))


async def test_upkeep_forgets_keys_that_prove_nothing_and_sessions_that_are_long_over(
    client: httpx.AsyncClient, context: Context, clock: Clock, forge: Forge
) -> None:
    await rotate_login(context.hub.desk, "me", clock(), at_once=False)
    await tidy(context.hub, clock())
    assert len(await kids(client)) == 2
    clock.forward(days=1)
    await bearer(client)
    await tidy(context.hub, clock())
    async with context.hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM login_key") == 1
        assert await connection.fetchval("SELECT count(*) FROM session") == 2
    clock.forward(hours=12, seconds=1)
    await tidy(context.hub, clock())
    async with context.hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM session") == 1
