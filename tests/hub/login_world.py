"""A hub over HTTP whose time the test moves, with people who log in: what the tests of login have in common."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from hub.api.context import Context, new_context
from hub.facilities import add_facility
from hub.keys import Keys
from hub.limits.in_process import InProcess
from hub.limits.limits import Decides, Limits, rules
from hub.runtime import Hub
from hub.sessions import passwords
from hub.settings import Settings
from hub.store import people as rows
from sync_protocol.exchange.people import Person
from sync_protocol.passwords import SALT_BYTES, sealed
from tests.hub.conftest import NOW_MS
from tests.hub.test_api import serving

PASSWORD = "correct horse"
SECRET = sealed(PASSWORD, bytes(SALT_BYTES))
"""As nodes keep it: made once, since that takes an eighth of a second."""
PEOPLE = {
    "root": ("admin", "", ""),
    "ops": ("operator", "", ""),
    "west": ("operator", "", "west"),
    "east": ("operator", "", "east"),
    "ama": ("midwife", "f0", ""),
    "clinic-admin": ("admin", "f0", ""),
}
"""Name → role, facility, region."""


class Clock:
    """The hub's time, which stands still until the test moves it. So does what limits are counted by."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms

    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        self.ms += int(1000 * (seconds + 60 * minutes + 3_600 * hours + 86_400 * days))


def limits_of(keys: Keys, shared: Decides | None = None, **changed: int) -> Limits:
    """Limits whose time stands still in this process; `shared`: in place of a Redis."""
    own = InProcess(lambda: 0)
    return Limits(shared or own, own, keys, rules(msgspec.structs.replace(Settings(), **changed)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def context(hub: Hub, clock: Clock) -> Context:
    hub_secret = passwords.sealed(hub.desk.pepper, PASSWORD, bytes(16))
    await add_facility(hub, "tests", "e0", "Clinic e0", "east", NOW_MS)
    async with hub.database.transaction() as connection:
        for revision, (name, (role, facility, region)) in enumerate(PEOPLE.items(), 1):
            person = Person(name, facility, role, SECRET, revision)
            await rows.put_account(connection, person, region, hub_secret)
    return new_context(hub, clock)


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(context) as url, httpx.AsyncClient(base_url=url, timeout=30) as one:
        yield one


async def log_in(
    client: httpx.AsyncClient, name: str = "root", password: str = PASSWORD, **more: str
) -> httpx.Response:
    """A program's login: no cookie is kept."""
    response = await client.post("/auth/login", json={"username": name, "password": password, **more})
    client.cookies.clear()
    return response


async def bearer(client: httpx.AsyncClient, name: str = "root", **more: str) -> dict[str, str]:
    """The header of who has just logged in."""
    response = await log_in(client, name, **more)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


async def status(client: httpx.AsyncClient, headers: dict[str, str], path: str = "/api/v1/stats") -> int:
    """What a request with these headers is answered by."""
    return (await client.get(path, headers=headers)).status_code


async def acts(hub: Hub) -> list[tuple[str, str]]:
    """The audit but for the setting up: actor and act."""
    async with hub.database.transaction() as connection:
        rows = await connection.fetch(
            "SELECT actor, action FROM audit WHERE action NOT IN ('user.add', 'facility.add') ORDER BY id"
        )
    return [(row["actor"], row["action"]) for row in rows]


__all__ = ["PASSWORD", "PEOPLE", "Clock", "acts", "bearer", "client", "clock", "context", "log_in", "status"]
