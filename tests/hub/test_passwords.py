"""Passwords off the event loop: a few at a time, a bounded number waiting, and the loop free meanwhile."""

import asyncio
import threading
from time import perf_counter

import pytest
from msgspec.structs import replace

from hub.api.context import Context
from hub.errors import Busy
from hub.sessions import login, passwords
from hub.sessions.login import Credentials
from hub.sessions.passwords import Workers
from sync_protocol import passwords as of_nodes
from tests.hub.login_world import PASSWORD, clock, context

__all__ = ["clock", "context"]

PEPPER = bytes(range(32))
SALT = bytes(16)


def test_the_cost_is_what_is_asked_for_at_least() -> None:
    kept = passwords.sealed(PEPPER, PASSWORD, SALT)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert of_nodes.sealed(PASSWORD, SALT).startswith("$argon2id$v=19$m=65536,t=3,p=1$")


@pytest.mark.parametrize("password", ["", "x" * 1_024, "naïve Ọláyínká", "nul\0nul", "\ud800 half"])
def test_a_password_opens_what_it_sealed_and_nothing_else(password: str) -> None:
    kept = passwords.sealed(PEPPER, password, SALT)
    assert passwords.opens(PEPPER, password, kept, "")
    assert not passwords.opens(PEPPER, password + "x", kept, "")
    assert not passwords.opens(bytes(32), password, kept, "")
    assert not passwords.opens(PEPPER, password, "$argon2id$nonsense", "")


def test_by_what_nodes_keep_while_the_hub_has_none_of_its_own() -> None:
    secret = of_nodes.sealed(PASSWORD, SALT)
    assert passwords.opens(PEPPER, PASSWORD, "", secret)
    assert not passwords.opens(PEPPER, "wrong horse", "", secret)
    assert not passwords.opens(PEPPER, PASSWORD, "", "")


async def test_so_many_at_a_time_and_so_many_wait() -> None:
    workers = Workers(threads=2, waiting_max=3)
    go, at_work, most, lock = threading.Event(), 0, 0, threading.Lock()

    def work() -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        go.wait(30)
        with lock:
            at_work -= 1
        return 7

    tasks = [asyncio.create_task(workers.run(work)) for _ in range(5)]
    await asyncio.sleep(0)  # they have begun
    with pytest.raises(Busy) as caught:
        await workers.run(work)
    assert caught.value.retry_after_seconds == 1
    go.set()
    assert await asyncio.gather(*tasks) == [7] * 5
    assert most == 2
    assert await workers.run(work) == 7  # there is room again
    workers.close()


async def test_one_that_fails_gives_its_place_back() -> None:
    workers = Workers(threads=1, waiting_max=1)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
    workers.close()


async def test_too_many_logins_at_once_are_told_to_come_later_and_the_others_get_in(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Workers(threads=1, waiting_max=2)
    desk = replace(context.hub.desk, workers=few)
    tries = (login.log_in(desk, Credentials("root", PASSWORD), f"192.0.2.{n}", context.clock()) for n in range(8))
    found = await asyncio.gather(*tries, return_exceptions=True)
    kinds = [type(one).__name__ for one in found]
    assert set(kinds) == {"LoggedIn", "Busy"}
    assert kinds.count("LoggedIn") >= 3
    few.close()


async def test_the_event_loop_is_free_while_passwords_are_checked(context: Context) -> None:
    kept = of_nodes.sealed(PASSWORD, SALT)
    checking = asyncio.create_task(context.hub.desk.workers.run(lambda: passwords.opens(PEPPER, PASSWORD, "", kept)))
    turns, begun = 0, perf_counter()
    while not checking.done():
        turns += 1
        await asyncio.sleep(0)
    assert perf_counter() - begun > 0.02
    assert turns > 20
    assert await checking
