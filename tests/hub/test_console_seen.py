"""The console in a real browser over 100,000 facts: it fits a phone and a desk, axe finds nothing, keys and counters work, it prints."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from hub.api.context import Context, new_context
from hub.refreshing import follow_and_refresh
from hub.runtime import Hub
from tests.hub.entering import PASSWORD, person
from tests.hub.nation import fill
from tests.hub.test_api import serving

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PICTURES = Path(__file__).parents[2] / "build" / "console"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
EXPORT = "e" * 32
PAGES = [
    *(
        "/admin",
        "/admin/facilities",
        "/admin/facilities/h00001",
        "/admin/facilities/h00001/move",
        "/admin/nodes",
        "/admin/nodes/n-000007",
        "/admin/enrol",
    ),
    *("/admin/nodes/n-000007/revoke", "/admin/maternal", "/admin/quality", "/admin/waiting", "/admin/people"),
    *(
        "/admin/people/new",
        "/admin/audit",
        "/admin/me",
        "/admin/exports",
        f"/admin/exports/{EXPORT}",
        f"/admin/exports/{EXPORT}/drop",
    ),
]
SMALL = """[...document.querySelectorAll('button, summary, select, input:not([type=hidden]), .button, .menu a')]
    .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML.slice(0, 90))"""


@pytest.fixture
def context(hub: Hub) -> Context:
    return new_context(hub)


@pytest.fixture
async def url(hub: Hub, context: Context) -> AsyncIterator[str]:
    async with hub.database.transaction() as connection:
        facts = await fill(
            connection,
            facilities=200,
            days=50,
            nodes=400,
            pregnancies=20_000,
            today=datetime.now(UTC).date(),
            audit=500,
        )
    assert facts == 100_000
    asked = "INSERT INTO export_job (id, actor, region, request, types, state, made) VALUES ($1, 'root', '', '', $2, 'done', now())"
    async with hub.database.transaction() as connection:
        await connection.execute(asked, EXPORT, ["Patient", "Observation"])
    await hub.shards.refresh()
    await follow_and_refresh(hub.shards.first)
    await person(hub, name="root")
    async with serving(context) as address:
        yield address
        await context.pulse.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        one = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield one
        await one.close()


async def entered(browser: Browser, url: str, size: str = "desk", *, javascript: bool = True) -> tuple[Page, list[str]]:
    """A page after the login, and what the browser complains of."""
    width, height = SIZES[size]
    context = await browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, java_script_enabled=javascript
    )
    page = await context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    await page.goto("/admin")
    await page.get_by_label("Name").fill("root")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"{url}/admin")
    return page, told


@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits_and_is_for_everybody(browser: Browser, url: str, size: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page, told = await entered(browser, url, size)
    for path in PAGES:
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        await fits(page, path.strip("/").replace("/", "-"), size)
    await page.goto("/admin/me")
    await page.get_by_role("button", name="Show the secret").click()
    await page.get_by_label("Code", exact=True).wait_for()
    await fits(page, "admin-me-codes", size)
    assert told == []


async def fits(page: Page, name: str, size: str) -> None:
    """It does not scroll sideways, fingers hit what is on it, and axe finds nothing. Its picture is in build/console."""
    await page.screenshot(path=PICTURES / f"{name}-{size}.png", full_page=True)
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{name} scrolls sideways"
    assert await page.evaluate(SMALL) == [], name
    await page.evaluate(AXE)
    found = await page.evaluate(
        "async (rules) => (await axe.run(document, { runOnly: rules, resultTypes: ['violations'] })).violations"
        ".map((one) => one.id + ' ' + one.nodes[0].html.slice(0, 200))",
        RULES,
    )
    assert found == [], name


async def test_a_node_is_revoked_by_keys_alone_and_without_a_script(browser: Browser, url: str) -> None:
    page, _ = await entered(browser, url, javascript=False)
    await page.keyboard.press("Tab")
    assert await page.locator(":focus").inner_text() == "Skip to the content"
    await page.goto("/admin/nodes/n-000007")
    await page.get_by_role("link", name="Revoke…").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Revoke it").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("status").wait_for()
    assert "was revoked" in await page.get_by_role("status").inner_text()


async def test_counters_move_while_the_page_is_open(browser: Browser, url: str, hub: Hub) -> None:
    page, told = await entered(browser, url)
    online = page.locator('[data-live-value="pending"]')
    before = await online.inner_text()
    async with hub.database.transaction() as connection:
        await connection.execute("UPDATE node SET pending = pending + 1000 WHERE id = 'n-000001'")
    async with asyncio.timeout(60):
        while await online.inner_text() == before:
            await asyncio.sleep(0.05)
    after = int((await online.inner_text()).replace(",", ""))
    assert after == int(before.replace(",", "")) + 1000
    assert told == []


async def test_it_prints_what_is_on_it_and_nothing_that_is_operated(browser: Browser, url: str) -> None:
    page, _ = await entered(browser, url)
    await page.goto("/admin/maternal")
    await page.emulate_media(media="print")
    for hidden in (".menu", ".leave", ".search", ".file"):
        assert not await page.locator(hidden).first.is_visible(), hidden
    assert await page.locator("svg.chart").count() == 3
    assert await page.get_by_role("heading", level=1).is_visible()
    assert len(await page.pdf()) > 10_000
