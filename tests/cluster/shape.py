"""A cluster as a process, and its parts as things that tests kill, stop, start and promote.

with running_cluster(root, "--workers", "2") as cluster:
    cluster.shard(1).primary.kill()                 # kill -9; its keeper starts it again
    cluster.shard(1).primary.kill(stay_away=True)   # … until start()
    cluster.shard(1).promote()
    cluster.redis(0).kill(lose_data=True)
    cluster.worker(0).kill()
"""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from hub.cluster.program import DOWN, PID, nothing_runs
from hub.cluster.shape import read
from hub.cluster.status import status
from tests.processes.programs import BIN, Failed, environment, wait_until

READY_SECONDS_MAX: Final = 120.0
END_SECONDS_MAX: Final = 60.0
AGAIN_SECONDS_MAX: Final = 60.0
AWAY: Final = ("away", "stopped", "does not answer")


class Part:
    """One program of the cluster, known by its folder."""

    def __init__(self, cluster: "Cluster", name: str) -> None:
        self.cluster, self.name = cluster, name
        self.folder = cluster.data / name

    @property
    def pid(self) -> int | None:
        """Its process, if its keeper says that it has one."""
        try:
            return int((self.folder / PID).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, *, stay_away: bool = False, lose_data: bool = False) -> None:
        """`kill -9`, and waits until nothing of it is left. Its keeper starts it again, unless it is to stay away."""
        if stay_away or lose_data:
            (self.folder / DOWN).touch()
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid is None or not alive(pid), END_SECONDS_MAX, f"{self.name} dead")
        if stay_away or lose_data:
            wait_until(lambda: nothing_runs(self.folder), END_SECONDS_MAX, f"{self.name} gone")
        if lose_data:
            shutil.rmtree(self.folder / "data")
        if lose_data and not stay_away:
            (self.folder / DOWN).unlink()

    def start(self) -> None:
        """Lets it run again, and waits until it answers."""
        (self.folder / DOWN).unlink(missing_ok=True)
        self.wait_until_it_answers()

    def stop(self) -> None:
        """Ends it in order, until `start`."""
        self.cluster.call("cluster", "stop", self.name)

    def wait_until_it_answers(self) -> None:
        """Until the status says that it does what it is for."""
        wait_until(
            lambda: self.cluster.states()[self.name]["state"] not in AWAY, AGAIN_SECONDS_MAX, f"{self.name} answers"
        )


class PostgresServer(Part):
    """A server of a shard."""

    @property
    def pooler(self) -> Part:
        """The PgBouncer in front of it."""
        return Part(self.cluster, self.name.replace("server", "pooler"))

    @property
    def role(self) -> str:
        """`primary`, `standby`, `old primary`, or what keeps it from answering."""
        return str(self.cluster.states()[self.name]["state"])


class ShardOfServers:
    """A shard: its servers, and its address as it was told when the cluster was ready."""

    def __init__(self, cluster: "Cluster", number: int) -> None:
        self.cluster, self.number = cluster, number
        self.told = next(shard for shard in cluster.ready["shards"] if shard["id"] == number)
        self.dsn: str = self.told["dsn"]
        self.servers = [PostgresServer(cluster, server["name"]) for server in self.told["servers"]]

    @property
    def primary(self) -> PostgresServer:
        """Whoever is the primary now."""
        return self.with_role("primary")[0]

    @property
    def standby(self) -> PostgresServer:
        """A standby."""
        return self.with_role("standby")[0]

    def with_role(self, role: str) -> list[PostgresServer]:
        """The servers that are this now."""
        states = self.cluster.states()
        return [server for server in self.servers if states[server.name]["state"] == role]

    def promote(self, *, force: bool = False) -> Any:
        """`medtech-hub shard promote`."""
        return self.cluster.call("shard", "promote", str(self.number), *(["--force"] if force else []))

    def wait_until_whole(self) -> None:
        """Until there is one primary, all others follow it, and commits wait for them."""

        def whole() -> bool:
            states = self.cluster.states()
            mine = [states[server.name] for server in self.servers]
            roles = sorted(state["state"] for state in mine)
            return roles == ["primary", *["standby"] * (len(mine) - 1)] and not any(
                sick in state["note"] for state in mine for sick in ("not", "no standby", "fenced")
            )

        wait_until(whole, AGAIN_SECONDS_MAX, f"shard {self.number} whole")


class Cluster:
    """`medtech-hub cluster up` on a folder. `user`: whom it runs as, if that is not us."""

    def __init__(self, data: Path, *options: str, user: str = "") -> None:
        self.data, self.options, self.user = data, options, user
        self.said, self.log = data.with_name(f"{data.name}.out"), data.with_name(f"{data.name}.log")
        self.ready: Any = None
        self.seconds_to_ready = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.data})"

    def up(self) -> "Cluster":
        """Starts it and waits until it is ready. Raises Failed when it ended instead."""
        begun = time.monotonic()
        self.data.mkdir(parents=True, exist_ok=True)
        before: list[str] = []
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.data, entry.pw_uid, entry.pw_gid)
            # May read what lies in root's home, this program perhaps, and is an ordinary user in all else.
            kept = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
            before = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", *kept, "--"]
        with self.said.open("wb") as said, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, str(BIN / "medtech-hub"), "cluster", "up", "--data", str(self.data), "--json", *self.options],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                cwd="/",
                env=environment(),
                start_new_session=True,
            )
        wait_until(lambda: self._line() != "" or not self.running, READY_SECONDS_MAX, "cluster ready")
        if not self._line():
            raise Failed("cluster up", self._process.wait(), self.log.read_text(errors="replace"))
        self.ready = json.loads(self._line())
        self.seconds_to_ready = time.monotonic() - begun
        return self

    def _line(self) -> str:
        return next((line for line in self.said.read_text().split("\n")[:-1] if '"ready"' in line), "")

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def down(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and returns its status. Nothing of it runs afterwards."""
        assert self._process is not None
        if self.running:
            self._process.send_signal(number)
        try:
            status = self._process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        wait_until(self.is_gone, END_SECONDS_MAX, "all parts gone")
        return status

    def is_gone(self) -> bool:
        """Whether nothing runs in any of its folders, as the kernel says."""
        return all(nothing_runs(lock.parent) for lock in self.data.rglob("running.lock"))

    def processes(self) -> list[psutil.Process]:
        """All processes of it, itself first."""
        me = psutil.Process(self.pid)
        return [me, *me.children(recursive=True)]

    def call(self, *arguments: str, expect: int = 0, given: str = "") -> Any:
        """A command of `medtech-hub` on this cluster."""
        done = subprocess.run(
            [str(BIN / "medtech-hub"), *arguments, "--data", str(self.data), "--json"],
            input=given,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS_MAX,
            cwd="/",
            env=environment(),
        )
        if done.returncode != expect:
            raise Failed(" ".join(arguments), done.returncode, done.stderr + done.stdout)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("{", "["))]
        return json.loads(lines[-1]) if lines else json.loads(done.stderr.splitlines()[-1])

    def states(self) -> dict[str, Any]:
        """What runs: part → its row of `cluster status`; without starting a command, which takes a second."""
        with ThreadPoolExecutor(1) as thread:  # whoever asks may be in a loop of her own
            found = thread.submit(asyncio.run, status(read(self.data), self.data)).result()
        return {part.name: msgspec.to_builtins(part) for part in found}

    def shard(self, number: int) -> ShardOfServers:
        """A shard, from 1."""
        return ShardOfServers(self, number)

    def redis(self, number: int) -> Part:
        """A master of the Redis Cluster, from 0."""
        return Part(self, f"redis/node-{number + 1}")

    def worker(self, number: int) -> Part:
        """A hub process, from 0."""
        return Part(self, f"hub-{number + 1}")

    @property
    def urls(self) -> Sequence[str]:
        """Where the hub processes answer; they keep their addresses."""
        return list(self.ready["workers"])

    def answers(self, number: int) -> bool:
        """Whether a hub process can do its work."""
        try:
            with urllib.request.urlopen(f"{self.urls[number]}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Nobody starts or mends any part within this."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def start_all(self) -> None:
        """Lets everything run again that was to stay away."""
        for mark in self.data.rglob(DOWN):
            mark.unlink()

    def wait_until_whole(self) -> None:
        """Until everything does its work again."""
        for shard in self.ready["shards"]:
            self.shard(shard["id"]).wait_until_whole()

        def all_answer() -> bool:
            return not any(part["state"] in AWAY for part in self.states().values())

        wait_until(all_answer, AGAIN_SECONDS_MAX, "all parts answer")


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be counted as ended does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running_cluster(root: Path, *options: str, user: str = "") -> Iterator[Cluster]:
    """A cluster that is ready, and gone afterwards."""
    cluster = Cluster(root / "cluster", *options, user=user)
    try:
        yield cluster.up()
    finally:
        cluster.down()
