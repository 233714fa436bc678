"""An edge's server, as a clinic runs it, with the Synthea patients: how soon it answers, how fast, and how much memory it keeps.

`medtech-edge serve` is a process of its own. Sixteen clients in another process (`tests/bench/client.py`), logged in, read
single resources over HTTP, chosen at random, each as soon as it has its last answer. Then the server takes part in exchanges:
a thousand edits that another node made come in. Memory is what the kernel says of the process: its proportional share of
resident pages (PSS) and the highest resident size that it ever had (VmHWM, which counts shared pages in full).
"""

import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.bench import first_sync, nodes, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import cpu_of, quantile

CLIENTS = 16
READS = 8_000
EDITS = 1_000
MIB = 1 << 20


def measure(options: Options) -> list[Row]:
    with nodes.folder() as place, nodes.hub(place) as hub, nodes.node(place / "other", hub, place) as other:
        other.store.import_resources(samples.items(first_sync.RESOURCES), samples.AUTHOR, nodes.now_ms)
        other.sync()
        with nodes.node(place / "clinic", hub, place) as clinic:
            clinic.sync()
        nodes.add_user(place / "clinic")
        starts: list[float] = []
        latencies: list[list[float]] = []
        shares: list[float] = []
        peaks: list[float] = []
        busy: list[float] = []
        for run in range(options.runs):
            with nodes.edge_server(place / "clinic") as server:
                starts.append(server.ready_seconds)
                token = _token(server.url)
                _read(server.url, token, 500)
                begun = cpu_of(server.process)
                latencies.append(_read(server.url, token, READS))
                busy.append((cpu_of(server.process) - begun) / READS)
                _edits(other, run)
                _exchange(server.url, token)
                shares.append(_kernel(server, "smaps_rollup", "Pss:"))
                peaks.append(_kernel(server, "status", "VmHWM:"))
    reads = [1000 * quantile(seconds, 0.99) for seconds in latencies]
    middles = [1000 * median(seconds) for seconds in latencies]
    note = f"median {median(middles):.2f} ms; {1000 * median(busy):.2f} ms of processor a read"
    return [
        Row(
            name="read",
            work="read over HTTP, 16 clients, p99",
            value=median(reads),
            unit="ms",
            must=10,
            aim=3,
            note=note,
        ),
        Row(
            name="memory",
            work="edge server, serving and exchanging, PSS",
            value=median(shares),
            unit="MiB",
            must=180,
            aim=110,
        ),
        Row(name="memory peak", work="its highest resident size", value=median(peaks), unit="MiB", must=180),
        Row(name="start", work="start to ready", value=median(starts), unit="s", must=3, aim=1),
    ]


def _token(url: str) -> str:
    login = {"username": nodes.USER, "password": nodes.PASSWORD}
    return str(httpx.post(f"{url}/auth/login", json=login, timeout=30).raise_for_status().json()["access_token"])


def _read(url: str, token: str, number: int) -> list[float]:
    chosen = random.Random(number)
    names = [samples.name(body) for body in chosen.choices(samples.originals(), k=number)]
    plan = {
        "host": url.removeprefix("http://"),
        "token": token,
        "clients": CLIENTS,
        "paths": [f"/fhir/{type_}/{id_}" for type_, id_ in names],
    }
    program = Path(__file__).with_name("client.py")
    done = subprocess.run([sys.executable, program], input=json.dumps(plan), capture_output=True, text=True, check=True)
    latencies: list[int] = json.loads(done.stdout)
    return [one / 1e6 for one in latencies]


def _edits(node: nodes.Node, run: int) -> None:
    bodies = samples.editable(EDITS, among=first_sync.RESOURCES)
    writes = [samples.edit(node.store, body, run * EDITS + i) for i, body in enumerate(bodies)]
    node.store.write(writes, samples.AUTHOR, nodes.now_ms())
    node.sync()


def _exchange(url: str, token: str) -> None:
    answer = httpx.post(f"{url}/api/v1/sync", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    report: Any = answer.raise_for_status().json()
    assert report["pulled"] >= EDITS, report


def _kernel(server: nodes.Server, file: str, name: str) -> float:
    """A size that the kernel keeps of a process, in MiB."""
    for line in Path(f"/proc/{server.process.pid}/{file}").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / MIB
    raise KeyError(name)
