"""People who are logged in at the hub: through its login, as browsers are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from hub import people
from hub.runtime import Hub
from hub.sessions.visitor import LOCAL

PASSWORD = "long enough for anybody 1"


async def person(hub: Hub, role: str = "admin", region: str = "", name: str = "") -> str:
    """Makes somebody who may log in at the hub. Her name."""
    name = name or f"{role}-{region}"
    await people.add_user(hub, LOCAL, name, role, PASSWORD, None, None, region or None)
    return name


@asynccontextmanager
async def entered(hub: Hub, url: str, role: str = "admin", region: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in."""
    name = await person(hub, role, region)
    async with httpx.AsyncClient(base_url=url, timeout=60, headers={"Origin": url}) as client:
        answer = await client.post("/admin/login", data={"name": name, "password": PASSWORD, "next": "/admin/audit"})
        assert answer.status_code == 303, answer.text
        yield client
