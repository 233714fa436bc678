"""A tablet whose Wi-Fi can be lost: a browser that reaches the clinic's server through a relay, and what lies in its stores."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.pages import clinic
from tests.edge.pages.conftest import Served, log_in
from tests.edge.pages.waiting import until
from tests.processes.relay import Relay

PATIENT = {
    "resourceType": "Patient",
    "id": "amina",
    "name": [{"family": "Yusufzai", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1994-03-02",
    "address": [{"city": "Kakuma"}],
}
RECORD, FORM = "/patients/amina", "/patients/amina/try"
READY = "document.documentElement.dataset.offline === 'ready' && navigator.serviceWorker.controller !== null"
DUMP = """async () => {
  const told = [];
  const result = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const plain = (one) => {
    if (one instanceof ArrayBuffer) one = new Uint8Array(one);
    if (ArrayBuffer.isView(one)) {
      const hex = (b) => b.toString(16).padStart(2, '0');
      return Array.from(one, (b) => String.fromCharCode(b)).join('') + ' ' + Array.from(one, hex).join('');
    }
    if (one instanceof CryptoKey) return 'CRYPTOKEY';
    if (Array.isArray(one)) return one.map(plain).join(' ');
    if (one && typeof one === 'object')
      return Object.entries(one).map(([name, value]) => name + ' ' + plain(value)).join(' ');
    return String(one);
  };
  for (const about of await indexedDB.databases()) {
    const database = await result(indexedDB.open(about.name));
    for (const name of database.objectStoreNames) {
      const all = await result(database.transaction(name).objectStore(name).getAll());
      told.push(name + ': ' + all.length + ' ' + all.map(plain).join(' '));
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) told.push(request.url + ' ' + await (await cache.match(request)).text());
  }
  told.push(JSON.stringify(Object.entries(localStorage)) + JSON.stringify(Object.entries(sessionStorage)));
  return told.join('\\n');
}"""
"""Everything that a page of ours can find in this browser, as text."""


class Tablet:
    """One browser at one clinic."""

    def __init__(self, context: BrowserContext, relay: Relay, served: Served) -> None:
        self.context, self.relay, self.served = context, relay, served
        self.page = context.new_page()

    def log_in(self, name: str = "ama") -> None:
        """Logs in, and waits until the worker is there and has the keys."""
        log_in(self.page, name)
        self.ready()

    def ready(self) -> None:
        """The page has done what it does at its beginning."""
        until(lambda: bool(self.page.evaluate(READY)))

    def open(self, path: str) -> None:
        """A page, ready."""
        self.page.goto(path)
        self.ready()

    def kept(self, path: str) -> None:
        """A page is opened, and its copy is there."""
        before = self.count("pages")
        self.open(path)
        until(lambda: self.count("pages") > before)

    def count(self, store: str) -> int:
        """How much there is of a kind."""
        found: int = self.page.evaluate(COUNT, store)
        return found

    def dump(self) -> str:
        """What lies in the browser's stores."""
        found: str = self.page.evaluate(DUMP)
        return found

    def offline(self) -> None:
        """The page that is shown says that the clinic's computer does not answer."""
        expect(self.page.get_by_role("heading", name="The clinic's computer does not answer")).to_be_visible(
            timeout=15_000
        )


COUNT = """async (name) => {
  const result = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const database = await result(indexedDB.open('medtech', 1));
  const found = await result(database.transaction(name).objectStore(name).count());
  database.close();
  return found;
}"""


@contextlib.contextmanager
def tablet_at(browser: Browser, filled: Path, folder: Path) -> Iterator[Tablet]:
    """A tablet at a clinic of its own."""
    data = folder / "node"
    shutil.copytree(filled, data)
    with contextlib.ExitStack() as stack:
        served = Served(data, "tests.edge.pages.form_server")
        stack.callback(served.end)
        with served.store() as store:
            clinic.write(store, PATIENT)
            store.users.add("zuri", "midwife", clinic.PASSWORD, clinic.START_MS)
        assert served.port is not None
        relay = stack.enter_context(Relay(served.port))
        context = browser.new_context(base_url=relay.url)
        stack.callback(context.close)
        yield Tablet(context, relay, served)


def notes(served: Served) -> list[str]:
    """What the form saved, each as often as it was."""
    with served.store() as store:
        return [value for body in bodies(store) if (value := body.get("valueString"))]


def bodies(store: Store) -> Iterator[dict[str, Any]]:
    """All that is recorded about her."""
    for stored in store.everything("amina"):
        assert stored.body is not None
        yield json.loads(stored.body)


def problem(id_: str, text: str, patient: str = "amina") -> dict[str, Any]:
    """A condition of hers, or of another patient."""
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Condition", "id": id_, "subject": subject, "code": {"text": text}}


def save(served: Served, body: dict[str, Any], user: str = "zuri") -> None:
    """A colleague's change."""
    with served.store() as store:
        write = Write(body["resourceType"], body["id"], json.dumps(body).encode())
        store.write([write], Author(user, "midwife"), time.time_ns() // 1_000_000)
