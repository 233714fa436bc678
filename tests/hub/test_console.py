"""The console over HTTP: every page and every file of it, for whom they are, and that nobody sees another region."""

import csv
import io
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from hub.api.access import permitted
from hub.api.context import Context, new_context
from hub.console import desk, live, login_pages, routes
from hub.enrolment import EnrollRequest, enroll
from hub.refreshing import follow_and_refresh
from hub.runtime import Hub
from hub.sessions.policy import POLICY
from tests.hub.entering import PASSWORD, entered, person
from tests.hub.nation import REGIONS, fill
from tests.hub.test_api import serving

PAGES = [
    "/admin",
    "/admin/facilities",
    "/admin/nodes",
    "/admin/maternal",
    "/admin/quality",
    "/admin/waiting",
    "/admin/people",
]
FOR_ADMINS = ["/admin/audit", "/admin/exports"]
FORMS = ["/admin/facilities/h00001/move", "/admin/enrol", "/admin/facilities/new", "/admin/people/new"]
OPEN = {routes.assets, login_pages.form, login_pages.log_in, login_pages.log_out}


@pytest.fixture
def context(hub: Hub) -> Context:
    return new_context(hub)


@pytest.fixture
async def url(hub: Hub, context: Context) -> AsyncIterator[str]:
    """A server of a small nation."""
    async with hub.database.transaction() as connection:
        await fill(
            connection, facilities=20, days=3, nodes=40, pregnancies=100, today=datetime.now(UTC).date(), audit=120
        )
        await connection.execute("UPDATE quarantine SET node = node")
    await hub.shards.refresh()
    await follow_and_refresh(hub.shards.first)
    async with serving(context) as address:
        yield address


def links(text: str) -> set[str]:
    return {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin[^"]*)"', text) if "/assets/" not in link}


async def all_of(client: httpx.AsyncClient, *begin: str) -> dict[str, httpx.Response]:
    """Every page and file that links lead to, three of each kind."""
    found: dict[str, httpx.Response] = {}
    waiting, kinds = list(begin), dict[str, int]()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        kind = re.sub(r"h\d+|n-\d+|=[^&]*(?<!csv)(?=&|$)|/\d+", "*", path) + re.sub(r".*csv=", "", path)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > 3:
            continue
        found[path] = await client.get(path)
        if found[path].headers["content-type"].startswith("text/html"):
            waiting += links(found[path].text)
    return found


async def test_every_page_and_every_file_opens_and_nothing_on_them_needs_a_script(url: str, hub: Hub) -> None:
    async with entered(hub, url) as client:
        found = await all_of(client, *PAGES, *FOR_ADMINS, *FORMS)
    assert {path: one.status_code for path, one in found.items() if one.status_code != 200} == {}
    files = {path: one for path, one in found.items() if "csv=" in path}
    assert len({path.partition("csv=")[2] for path in files}) >= 15
    for one in files.values():
        rows = list(csv.reader(io.StringIO(one.text.removeprefix("\ufeff"))))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert one.headers["content-disposition"].startswith("attachment")
    for path, one in found.items():
        assert "unsafe" not in one.headers["content-security-policy"], path
        assert one.headers["cache-control"] == "no-store"
        if path not in files:
            assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=", one.text), path
            assert one.text.count("<h1") == 1
            assert not re.search(r"Traceback|&lt;object|None\b|\bnan\b", one.text), path


@pytest.mark.parametrize("region", ["East", "West"])
async def test_nobody_sees_another_region_on_any_page_or_in_any_file(url: str, hub: Hub, region: str) -> None:
    async with hub.database.transaction() as connection:
        rows = await connection.fetch(
            "SELECT id FROM facility WHERE region <> $1 UNION SELECT id FROM node WHERE region <> $1", region
        )
        own = await connection.fetchval("SELECT id FROM facility WHERE region = $1 LIMIT 1", region)
    others = {row["id"] for row in rows}
    assert len(others) > 40
    async with entered(hub, url, "operator", region) as client:
        found = await all_of(
            client, *PAGES, f"/admin/facilities/{own}", *(f"/admin/facilities?region={one}" for one in REGIONS)
        )
        assert len(found) > 25
        for path, one in found.items():
            assert one.status_code == 200, path
            words = set(re.findall(r"[\w-]+", one.text))
            assert not words & others, path
            asked = set(re.findall(r"\w+", path))
            assert not words & (set(REGIONS) - {region} - asked), path
        for name in sorted(others):
            kind = "nodes" if name.startswith("n-") else "facilities"
            assert (await client.get(f"/admin/{kind}/{name}")).status_code == 404


async def test_nobody_changes_anything_of_another_region(url: str, hub: Hub) -> None:
    async with hub.database.transaction() as connection:
        node = await connection.fetchval("SELECT id FROM node WHERE region = 'West' AND state = 'active' LIMIT 1")
        facility = await connection.fetchval("SELECT id FROM facility WHERE region = 'West' AND id LIKE 'h%' LIMIT 1")
        number = await connection.fetchval(
            """
            INSERT INTO quarantine (node, scope, reason, detail, payload)
            SELECT 'n', scope, 'r', 'd', '' FROM facility WHERE id = $1 RETURNING id
            """,
            facility,
        )
        acts = await connection.fetchval("SELECT count(*) FROM audit")
    await person(hub, "operator", "West", "her-colleague")
    async with entered(hub, url, "operator", "East") as client:
        for path, data in (
            (f"/admin/nodes/{node}/revoke", {}),
            (f"/admin/nodes/{node}/wipe", {}),
            ("/admin/enrol", {"facility": facility, "role": "clinic"}),
            (f"/admin/waiting/{number}", {}),
            ("/admin/people/her-colleague/disable", {}),
        ):
            assert (await client.post(path, data=data)).status_code == 404, path
        new = {"id": "mine", "name": "Mine", "region": "West"}
        assert (await client.post("/admin/facilities", data=new)).status_code == 403
        taken = {"name": "root", "role": "admin", "password": PASSWORD, "facility": "", "region": ""}
        assert (await client.post("/admin/people", data=taken)).status_code == 403
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT state FROM node WHERE id = $1", node) == "active"
        assert await connection.fetchval("SELECT resolved FROM quarantine WHERE id = $1", number) is None
        assert await connection.fetchval("SELECT count(*) FROM invite") == 0
        acts_now = await connection.fetchval(
            "SELECT count(*) FROM audit WHERE action NOT LIKE 'log%' AND action NOT LIKE 'user%'"
        )
    assert acts_now == acts - await user_acts(hub)


async def user_acts(hub: Hub) -> int:
    """Acts about people among those that the nation begins with."""
    async with hub.database.transaction() as connection:
        query = "SELECT count(*) FROM audit WHERE action = 'user.add' AND actor = 'root'"
        return int(await connection.fetchval(query))


def guarded() -> list[tuple[HTTPRouteHandler, str]]:
    """Every handler of the console that is not for everybody, with its act."""
    found = []
    for handler in routes.HANDLERS:
        assert isinstance(handler, HTTPRouteHandler)
        acts = [guard.act for guard in handler.guards or () if isinstance(guard, permitted)]
        assert bool(acts) != (handler in OPEN), handler
        found += [(handler, act) for act in acts]
    return found


@pytest.mark.parametrize("role", sorted(POLICY))
async def test_every_role_at_every_page_as_the_policy_says(url: str, hub: Hub, role: str) -> None:
    async with entered(hub, url, role) as client:
        for handler, act in guarded():
            if handler is live.live:
                continue
            (path,) = handler.paths
            method = next(iter(handler.http_methods))
            path = "/admin" + re.sub(r"\{\w+:int\}", "7", re.sub(r"\{\w+:str\}", "nobody", path)).rstrip("/")
            answer = await client.request(method, path, data={} if method == "POST" else None)
            assert (answer.status_code == 403) == (act not in POLICY[role]), (path, answer.status_code)
            assert answer.status_code in (200, 303, 400, 403, 404), (path, answer.text)


async def test_who_is_not_logged_in_is_led_to_the_login_and_back(url: str, hub: Hub) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as client:
        for handler, _ in guarded():
            (path,) = handler.paths
            path = "/admin" + re.sub(r"\{\w+:int\}", "7", re.sub(r"\{\w+:str\}", "nobody", path)).rstrip("/")
            answer = await client.request(next(iter(handler.http_methods)), path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/admin/login")
        answer = await client.get("/admin/facilities?q=a%26b")
        assert answer.headers["location"] == "/admin/login?next=/admin/facilities%3Fq%3Da%2526b"
        await person(hub)
        wrong = await client.post("/admin/login", data={"name": "admin-", "password": "wrong password"})
        assert wrong.status_code == 401
        assert 'value="admin-"' in wrong.text
        right = await client.post(
            "/admin/login", data={"name": "admin-", "password": PASSWORD, "next": "/admin/facilities?q=a%26b"}
        )
        assert (right.status_code, right.headers["location"]) == (303, "/admin/facilities?q=a%26b")
        assert (await client.get("/admin")).status_code == 200
        assert (await client.post("/admin/logout")).status_code == 303
        assert (await client.get("/admin")).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/admin",
        "https://evil.example/admin",
        "/\\evil.example",
        "javascript:x",
        "/elsewhere",
        "/administer",
    ],
)
def test_a_login_leads_nowhere_else(wanted: str) -> None:
    assert login_pages._within(wanted) == "/admin"


async def test_another_site_changes_nothing(url: str, hub: Hub) -> None:
    async with entered(hub, url) as client:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            answer = await client.post("/admin/nodes/n-000001/revoke", headers=headers)
            assert answer.status_code == 403
            assert (await client.post("/admin/login", headers=headers, data={})).status_code == 403
    async with hub.database.transaction() as connection:
        assert await connection.fetchval("SELECT state FROM node WHERE id = 'n-000001'") == "active"


async def test_a_node_is_revoked_after_a_question_and_the_audit_says_by_whom(url: str, hub: Hub) -> None:
    async with entered(hub, url) as client:
        asked = await client.get("/admin/nodes/n-000001/revoke")
        assert "cannot be taken back" in asked.text
        done = await client.post("/admin/nodes/n-000001/revoke")
        assert done.headers["location"] == "/admin/nodes/n-000001?done=revoked"
        assert desk.SEEN_COOKIE in done.headers["set-cookie"]
        page = await client.get(done.headers["location"])
        assert desk.DONE["revoked"] in page.text
        assert "revoked" in page.text
        audit = await client.get("/admin/audit?action=node.&object=n-000001&actor=admin-")
        assert audit.text.count("node.revoke") >= 1
        assert "n-000001" in (await client.get("/admin/audit?object=n-000001&csv=audit")).text


async def test_a_code_is_shown_once_and_lets_one_node_in(url: str, hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    async with entered(hub, url) as client:
        answer = await client.post("/admin/enrol", data={"facility": "f0", "role": "clinic"})
        assert answer.status_code == 200
        (code,) = re.findall(r'class="code">([^<]+)<', answer.text)
        assert code not in str(answer.url)
        assert answer.headers["cache-control"] == "no-store"
        assert code not in (await client.get("/admin/audit")).text
        assert (await client.post("/admin/enrol", data={"facility": "f0", "role": "king"})).status_code == 400
    enrolled = await enroll(hub, EnrollRequest(code), "127.0.0.1", time.time_ns() // 1_000_000)
    assert enrolled.facility == "f0"
    out = capfd.readouterr()
    assert code not in out.out + out.err


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/facilities?after=%00", 400),
        ("/admin/facilities?q=" + "x" * 500, 400),
        ("/admin/facilities?csv=nothing", 404),
        ("/admin/nodes?health=99&state=active", 200),
        ("/admin/nodes?state=happy", 400),
        ("/admin/quality?issue=x", 400),
        ("/admin/maternal?month=2026-13-01", 200),
        ("/admin/audit?since=9999-12-31", 400),
        ("/admin/audit?until=x", 400),
        ("/admin/audit?before=x", 400),
        ("/admin/audit?before=2026-01-01T00:00:00~1~2", 400),
        ("/admin/audit?before=2026-01-01T00:00:00%2B00:00~1~99999999999999999999", 400),
        ("/admin/audit?actor=%27%3B%20DROP%20TABLE%20audit", 200),
        ("/admin/waiting?after=-1", 400),
        ("/admin/waiting/99999999999999999999", 400),
        ("/admin/people/%00", 404),
        ("/admin/nodes/%00", 404),
        ("/admin/assets/..%2Fblocks.py", 404),
        ("/admin/nowhere", 404),
    ],
)
async def test_odd_addresses_are_told_in_a_page(url: str, hub: Hub, path: str, status: int) -> None:
    async with entered(hub, url) as client:
        answer = await client.get(path)
    assert answer.status_code == status, answer.text
    if path.startswith("/admin/") and status == 400:
        assert "<h1" in answer.text


async def test_pages_of_a_list_follow_each_other_without_gap_or_repetition(
    url: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PAGE_ROWS", 7)
    async with entered(hub, url) as client:
        for begin, query in (
            ("/admin/facilities", "SELECT count(*) FROM facility"),
            ("/admin/nodes?state=any", "SELECT count(*) FROM node"),
            ("/admin/audit", "SELECT count(*) FROM audit"),
        ):
            seen: list[str] = []
            path: str | None = begin
            async with hub.database.transaction() as connection:
                expected = await connection.fetchval(query)
            while path:
                text = (await client.get(path)).text
                seen += re.findall(r'<tr><th scope="row">.*?</tr>', text)
                more = re.search(r'href="([^"]+)">Next page', text)
                path = more[1].replace("&amp;", "&") if more else None
            assert len(seen) == expected, begin
            whole = (
                await client.get(begin + ("&" if "?" in begin else "?") + f"csv={begin.split('/')[2].split('?')[0]}")
            ).text
            assert len(list(csv.reader(io.StringIO(whole)))) == expected + 1


async def test_counters_are_told_live(url: str, hub: Hub, context: Context) -> None:
    async with entered(hub, url, "operator", "East") as client, client.stream("GET", "/admin/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told: Any = None
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                told = line
                break
    assert '"nodes":8' in told or '"nodes":7' in told, told
    await context.pulse.close()


async def test_a_shard_that_is_away_is_told_and_the_page_stands(
    url: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.errors import PostgresFault
    from hub.places import Place

    def away(self: Place, seen: str = "") -> Any:
        raise PostgresFault

    async with entered(hub, url) as client:
        monkeypatch.setattr(Place, "reading", away)
        answer = await client.get("/admin/quality")
    assert answer.status_code == 200
    assert "Not all databases answer" in answer.text
