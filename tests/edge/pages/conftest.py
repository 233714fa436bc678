"""A clinic's server with its pages as a process, and a browser to look at it with."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY

PATIENTS = 40
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run "
    "--host-resolver-rules=MAP clinic.test 127.0.0.1"
)
_RULES = OPTIONS.index("--host-resolver-rules")
ARGUMENTS = (*OPTIONS[:_RULES].split(), OPTIONS[_RULES:])
SIZES = {"phone": (360, 740), "desk": (1280, 800)}


class Served:
    """A running server and the folder of its node."""

    def __init__(self, data: Path, module: str = "tests.edge.pages.server") -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(data)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).parents[3],
            )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = urlsplit(self.url).port

    def store(self) -> Store:
        """The same store, as another process has it open."""
        return Store.open(self.data, KEY, Programme())

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with patients, to copy."""
    folder = tmp_path_factory.mktemp("clinic") / "node"
    clinic.make(folder, PATIENTS)
    return folder


@pytest.fixture
def served(filled: Path, tmp_path: Path) -> Iterator[Served]:
    """A server of its own for each test."""
    folder = tmp_path / "node"
    shutil.copytree(filled, folder)
    one = Served(folder)
    yield one
    one.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while it is there an event loop counts as running, and other tests need their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """What a browser did that it should not have: errors of scripts, breaches of the policy, requests to other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.findings: list[str] = []
        self._host = urlsplit(url).netloc
        context.on("weberror", lambda error: self.findings.append(str(error.error)))
        context.on("console", lambda message: self._console(message.text, message.type))
        context.on("request", lambda request: self._request(request.url))

    def _console(self, text: str, kind: str) -> None:
        if kind == "error" and "the server responded with a status of 4" not in text:
            self.findings.append(text)

    def _request(self, url: str) -> None:
        if urlsplit(url).netloc != self._host:
            self.findings.append(f"asked for {url}")


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page of a clinician who is logged in; nothing may have gone wrong in it at the end."""
    width, height = SIZES["desk"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    watched = Watched(context, served.url)
    page = context.new_page()
    log_in(page)
    yield page
    context.close()
    assert watched.findings == []


def log_in(page: Page, name: str = "ama", password: str = clinic.PASSWORD) -> None:
    page.goto("/login")
    somebody_else = page.get_by_role("button", name="Somebody else")
    expect(page.get_by_label("Name").or_(somebody_else)).to_be_visible()
    if somebody_else.count():  # others have logged in on this device
        somebody_else.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url or name == "nobody")
