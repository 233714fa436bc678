"""`/admin/me`: one sets up one's own one-time codes in a browser; the secret is in one answer alone."""

import re

import httpx
import pyotp
import pytest

from hub.api.context import Context, new_context
from hub.runtime import Hub
from tests.hub.conftest import NOW_MS
from tests.hub.entering import PASSWORD, entered
from tests.hub.test_api import serving


@pytest.fixture
def context(hub: Hub) -> Context:
    return new_context(hub, lambda: NOW_MS)


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(NOW_MS // 1000)


def secret_in(page: str) -> str:
    (found,) = re.findall(r'<code class="code">([A-Z2-7]+)</code>', page)
    return str(found)


async def log_in(client: httpx.AsyncClient, code: str = "") -> int:
    data = {"name": "operator-west", "password": PASSWORD, "code": code, "next": ""}
    return (await client.post("/admin/login", data=data)).status_code


async def test_codes_are_set_up_and_asked_for(hub: Hub, context: Context) -> None:
    async with serving(context) as url, entered(hub, url, "operator", "west") as client:
        page = (await client.get("/admin/me")).text
        assert "operator-west" in page
        assert "not set up" in page
        answer = await client.post("/admin/me/codes")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert '<svg role="img"' in answer.text
        secret = secret_in(answer.text)
        assert await log_in(client) == 303, "a secret that was not confirmed keeps nobody out"
        page = (await client.get("/admin/me")).text
        assert "begun" in page
        assert secret not in page
        assert (await client.get("/admin/me/codes")).status_code == 405
        wrong = await client.post("/admin/me/codes/confirm", data={"code": "000000"})
        assert wrong.status_code == 400
        assert "The code is wrong." in wrong.text
        assert secret not in wrong.text
        shown = code_of(secret)
        right = await client.post("/admin/me/codes/confirm", data={"code": f"{shown[:3]} {shown[3:]}"})
        assert right.status_code == 303
        page = (await client.get(right.headers["location"])).text
        assert "The authenticator works." in page
        assert "asked for at each login" in page
        assert (await client.post("/admin/me/codes")).status_code == 409, (
            "another takes the place of a confirmed one by a reset alone"
        )
        assert await log_in(client) == 401


async def test_wrong_codes_are_counted(hub: Hub, context: Context) -> None:
    async with serving(context) as url, entered(hub, url) as client:
        secret = secret_in((await client.post("/admin/me/codes")).text)
        answers = [await client.post("/admin/me/codes/confirm", data={"code": "000000"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [400] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await client.post("/admin/me/codes/confirm", data={"code": code_of(secret)})).status_code == 429


async def test_who_has_no_name_here_is_told_so(hub: Hub, context: Context) -> None:
    headers = {"Authorization": f"Bearer {hub._admin_token}"}
    async with serving(context) as url, httpx.AsyncClient(base_url=url, timeout=30, headers=headers) as client:
        page = (await client.get("/admin/me")).text
        assert "the hub&#39;s own token" in page
        assert "/admin/me/codes" not in page
        assert (await client.post("/admin/me/codes")).status_code == 404


async def test_a_form_of_another_site_sets_up_nothing(hub: Hub, context: Context) -> None:
    async with serving(context) as url, entered(hub, url) as client:
        for path in ("/admin/me/codes", "/admin/me/codes/confirm"):
            refused = await client.post(path, headers={"Origin": "https://elsewhere.example"})
            assert refused.status_code == 403
        assert "not set up" in (await client.get("/admin/me")).text
