"""A clinic of 100,000 patients and 2,000,000 resources on one node, over HTTP: finding, a patient's page, work lists, catching up, memory.

The data (`clinic_records.py`) are imported as `medtech-edge import` does, into the encrypted store, once: the folder under `var/bench` is
used again as long as the generator is the same and its day is not more than `FRESH_DAYS` ago. Then the server runs as a process of its
own, works out its lists (catching up was measured before, with nothing else to do), and four clients in another process ask for pages as a
browser does, each as soon as it has its last answer. Finding is timed as the answer to the page that the find box leads to.

Catching up goes through all patients once, so resources a second are those of the store over the time that it took.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from edge_node.store import due
from edge_node.store.store import Store
from edge_node.worklists import watching
from tests.bench import clinic_records, nodes, persons, samples
from tests.bench.rows import Options, Row
from tests.bench.serving import _kernel, _token
from tests.bench.timing import quantile

CLIENTS: Final = 4
FRESH_DAYS: Final = 14
ASKED: Final = 400
LISTS: Final = ("due", "overdue", "high-risk", "lost", "births", "immunisation")
PLACE: Final = nodes.ROOT / "var" / "bench"


class Built(msgspec.Struct, frozen=True):
    """What stands in the folder. `seconds`: how long the import took; `caught_up`: how long all lists took to work out."""

    version: str
    anchor: date
    patients: int
    resources: int
    seconds: float
    caught_up: float


def measure(options: Options) -> list[Row]:
    data = PLACE / "large-clinic"
    built = _kept(data) or _build(data)
    people = list(islice(persons.patients(clinic_records.PATIENTS), built.patients))
    with nodes.edge_server(data) as server:
        token = _token(server.url)
        _wait_until_worked_out(server.url, token)
        finds = _places(server.url, token, people)
        patients = [f"/patients/{one['id']}" for one in random.Random(5).sample(people, ASKED)]
        lists = [f"/lists/{name}" for name in LISTS] * (ASKED // len(LISTS))
        for some in (finds, patients, lists):
            _asked(server.url, token, some[:40])
        rows = [
            _row(
                "find",
                f"the find box's page among {built.patients:,} patients, 4 clients, p99",
                _asked(server.url, token, finds),
                100,
            ),
            _row("patient", "a patient's page, the same, p99", _asked(server.url, token, patients), 150),
            _row("list", "a work list's first page, the same, p99", _asked(server.url, token, lists), 300),
            _row("today", "the page of all lists, the same, p99", _asked(server.url, token, ["/today"] * 100), 300),
        ]
        memory, peak = _kernel(server, "smaps_rollup", "Pss:"), _kernel(server, "status", "VmHWM:")
    return [
        Row(
            name="import",
            work=f"import of {built.resources:,} resources",
            value=built.resources / built.seconds,
            unit="/s",
            better="more",
            must=4_000,
            note=f"{built.seconds:.0f} s, when the data were made",
        ),
        Row(
            name="catch-up",
            work="all lists worked out from nothing, resources",
            value=built.resources / built.caught_up,
            unit="/s",
            better="more",
            must=4_000,
            note=f"{built.caught_up:.0f} s for {built.patients:,} patients, without the pauses that a server makes",
        ),
        *rows,
        Row(name="memory", work="the server of that clinic after it, PSS", value=memory, unit="MiB", must=250, aim=180),
        Row(name="memory peak", work="its highest resident size", value=peak, unit="MiB", must=300),
    ]


# --- the data ---------------------------------------------------------------------------------------------------------


def _kept(data: Path) -> Built | None:
    """The data of an earlier run, while they serve."""
    file = data / "built.json"
    if not file.exists():
        return None
    built = msgspec.json.decode(file.read_bytes(), type=Built)
    fresh = _today() - built.anchor <= timedelta(days=FRESH_DAYS)
    return built if built.version == clinic_records.VERSION and fresh else None


def _build(data: Path) -> Built:
    """Makes the data anew."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    anchor = _today()
    with nodes.opened(data) as store:
        begun = time.perf_counter()
        report = store.import_resources(clinic_records.items(anchor), samples.AUTHOR, nodes.now_ms)
        imported = time.perf_counter() - begun
        caught_up = _catch_up(store, anchor)
    nodes.add_user(data)
    built = Built(clinic_records.VERSION, anchor, clinic_records.PATIENTS, report.resources, imported, caught_up)
    (data / "built.json").write_bytes(msgspec.json.encode(built))
    return built


def _catch_up(store: Store, today: date) -> float:
    begun, more, rules = time.perf_counter(), True, watching.rules(store.programme)
    while more:
        with store.transaction() as connection:
            more = due.catch_up(connection, rules, today)
    return time.perf_counter() - begun


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


# --- asking -----------------------------------------------------------------------------------------------------------


def _client(url: str, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}", "accept": "text/html", "origin": url}
    return httpx.Client(base_url=url, headers=headers, timeout=60)


def _wait_until_worked_out(url: str, token: str) -> None:
    """The rules may have changed since the data were made; then the server works them out itself."""
    with _client(url, token) as client:
        while "working-out" in client.get("/today").raise_for_status().text:
            time.sleep(1)


def _places(url: str, token: str, people: Sequence[dict[str, Any]]) -> list[str]:
    """The pages that the find box leads to for names as recorded and misspelled, beginnings, telephones, numbers."""
    chance = random.Random(4)
    typed = []
    for one in chance.sample(list(people), ASKED // 5):
        name = persons.full_name(one)
        typed += [name, persons.one_edit(name, chance), name[:3], one["telecom"][0]["value"], one["address"][0]["city"]]
    with _client(url, token) as client:
        return [client.post("/", data={"find": text}).headers["location"] for text in typed]


def _asked(url: str, token: str, paths: Sequence[str]) -> list[float]:
    plan = {"host": url.removeprefix("http://"), "token": token, "clients": CLIENTS, "paths": list(paths)}
    program = Path(__file__).with_name("client.py")
    done = subprocess.run([sys.executable, program], input=json.dumps(plan), capture_output=True, text=True, check=True)
    latencies: list[int] = json.loads(done.stdout)
    return [one / 1e6 for one in latencies]


def _row(name: str, work: str, seconds: Sequence[float], must: float) -> Row:
    return Row(
        name=name,
        work=work,
        value=1000 * quantile(seconds, 0.99),
        unit="ms",
        must=must,
        aim=must / 2,
        note=f"median {1000 * quantile(seconds, 0.5):.0f} ms of {len(seconds)}",
    )
