"""Real Redis servers for tests: one, or a cluster of three masters. They end with the test process, however that ends."""

import ctypes
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import pytest
import redis

SECONDS_MAX: Final = 30
PR_SET_PDEATHSIG: Final = 1
MASTERS: Final = 3
CLUSTER_PORTS: Final = range(17_000, 22_000)
"""A cluster's bus is 10,000 above: higher ports would meet the ephemeral ones."""


class Server:
    """One redis-server, which can be killed and started again over the same folder, where it keeps nothing unless told to."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.port = port
        self._command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._command += ["--appendonly", "no", "--logfile", str(folder / f"redis-{port}.log"), *options]
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        libc = ctypes.CDLL(None)
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        self.wait()

    def wait(self) -> None:
        """Waits until it answers."""
        until = monotonic() + SECONDS_MAX
        with redis.Redis(port=self.port) as client:
            while True:
                with suppress(redis.ConnectionError):
                    if client.ping():
                        return
                assert monotonic() < until, "redis-server does not answer"
                assert self.process.poll() is None, "redis-server ended"
                sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def call(self, *command: str | bytes) -> Any:
        with redis.Redis(port=self.port) as client:
            return client.execute_command(*command)


@contextmanager
def one_server(folder: Path, *options: str) -> Iterator[Server]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = Server(folder, port, *options)
    try:
        yield server
    finally:
        server.kill()


def cluster_ports() -> list[int]:
    """Ports that are free now, with those of the bus."""
    ports = []
    for port in CLUSTER_PORTS:
        with suppress(OSError), ExitStack() as stack:
            for number in (port, port + 10_000):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            ports.append(port)
        if len(ports) == MASTERS:
            return ports
    raise AssertionError("no free ports for a cluster")


@contextmanager
def three_masters(folder: Path) -> Iterator[list[Server]]:
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
    servers: list[Server] = []
    try:
        for port in cluster_ports():
            servers.append(Server(folder, port, *options, "--cluster-config-file", f"nodes-{port}.conf"))
        share = 16_384 // MASTERS + 1
        for number, server in enumerate(servers):
            last = min((number + 1) * share, 16_384) - 1
            server.call("CLUSTER", "ADDSLOTSRANGE", str(number * share), str(last))
            server.call("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            if number:
                servers[0].call("CLUSTER", "MEET", "127.0.0.1", str(server.port))
        until = monotonic() + SECONDS_MAX
        while not all(whole(server) for server in servers):
            assert monotonic() < until, "the cluster does not come together"
            sleep(0.02)
        yield servers
    finally:
        for server in servers:
            server.kill()


def whole(server: Server) -> bool:
    """Whether it knows of all masters and all slots."""
    info = server.call("CLUSTER", "INFO")
    assert isinstance(info, bytes)
    return {b"cluster_state:ok", b"cluster_known_nodes:%d" % MASTERS} <= set(info.split(b"\r\n"))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with one_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with three_masters(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers
