"""What is measured, running: a hub as a process with its own Postgres, nodes enrolled with it, and commands."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from edge_node import keys
from edge_node.commands.run import now_ms as now_ms
from edge_node.programme import Programme
from edge_node.store.store import DATABASE_NAME, Store
from edge_node.sync.enrolment import enroll
from edge_node.sync.exchanging import Progress, Syncing

ROOT: Final = Path(__file__).resolve().parents[2]
EDGE: Final = "from edge_node.cli import main; main()"
HUB: Final = "from hub.cli import main; main()"
FACILITY: Final = "f0"
ON_DEMAND: Final = ("--sync-interval", "0")
USER, PASSWORD = "ama", "correct horse battery staple 9!"


def command(program: str, *arguments: str, data: Path) -> Any:
    """What a command of this tree prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--data", str(data), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


class Server:
    """A server of this tree as a process. `ready_seconds`: from its start to its line that it answers."""

    def __init__(self, program: str, data: Path, *options: str) -> None:
        begun = time.perf_counter()
        with (data.parent / f"{data.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, *options],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.ready_seconds = time.perf_counter() - begun
        if b"ready" not in line:
            said = data.with_name(f"{data.name}.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{program} did not start: {said[-1000:]}")
        self.url = str(json.loads(line)["url"])
        self.process = psutil.Process(self._process.pid)
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def stop(self) -> None:
        """Ends it, as a supervisor does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, that Postgres' user may walk through, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="medtech-bench-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def hub(place: Path) -> Iterator[Server]:
    """A fresh hub with one facility."""
    data = place / "hub"
    data.mkdir()
    server = Server(HUB, data, "serve", "--data", str(data), "--port", "0")
    try:
        command(HUB, "facility", "add", FACILITY, "--name", "Clinic", "--region", "west", data=data)
        yield server
    finally:
        server.stop()


@contextmanager
def edge_server(data: Path) -> Iterator[Server]:
    """A node's server, exchanging only on demand."""
    server = Server(EDGE, data, "serve", "--data", str(data), "--port", "0", *ON_DEMAND)
    try:
        yield server
    finally:
        server.stop()


def opened(data: Path) -> Store:
    """The store of a folder, made when it is not there. Its key lies beside it."""
    key = keys.unlock(data, None, database_name=DATABASE_NAME, create=True)
    return Store.open(data, key.raw, Programme(), create=True)


def add_user(data: Path) -> None:
    """A clinician who may log in."""
    password = data / "password"
    password.write_text(PASSWORD)
    command(EDGE, "user", "add", USER, "--role", "clinician", "--password-file", str(password), data=data)


class Node:
    """A node in this process: its store, enrolled, and its end of the exchange."""

    def __init__(self, store: Store, server: Server | None = None, place: Path | None = None) -> None:
        self.store = store
        if server is not None and place is not None:
            invitation = command(HUB, "node", "invite", "--facility", FACILITY, data=place / "hub")
            enroll(store, server.url, invitation["code"], "bench")
        self.syncing = Syncing(store, now_ms, os.urandom, "bench")

    def sync(self) -> Progress:
        """Exchanges until nothing waits."""
        return self.syncing.run()

    def close(self) -> None:
        self.syncing.close()
        self.store.close()


@contextmanager
def node(data: Path, server: Server, place: Path) -> Iterator[Node]:
    """A node of a folder, enrolled with a hub, open in this process."""
    one = Node(opened(data), server, place)
    try:
        yield one
    finally:
        one.close()


def copy(source: Path, target: Path) -> None:
    """A copy of the folder of a node that nobody has open. Each copy is the only one of its life that its hub meets."""
    shutil.copytree(source, target)
