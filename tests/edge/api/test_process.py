"""The server as a real process: ready, quick to end, small, quiet about patients."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from edge_node.programme import Programme
from edge_node.store.store import Store
from tests.edge.api.conftest import KEY, PASSWORD, START_MS

PROGRAM = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from edge_node.api.app import Options, make_app
    from edge_node.api.serve import Address, serve
    from edge_node.programme import Programme
    from edge_node.store.store import Store

    with Store.open(Path(sys.argv[1]), bytes(range(32)), Programme()) as store:
        serve(make_app(store, lambda: time.time_ns() // 1_000_000, Options(log="json")), Address(port=0))
    """
)
READY_SECONDS_MAX = 10.0
"""Three seconds are wanted on a machine that does nothing else; tests run beside others."""


class Running:
    """A server of a store."""

    def __init__(self, directory: Path) -> None:
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(directory)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.seconds_to_ready = time.monotonic() - begun
        ready = json.loads(line)
        assert ready["event"] == "ready"
        self.port = int(ready["url"].rpartition(":")[2])

    def request(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def token(self) -> str:
        status, body = self.request("POST", "/auth/login", {"username": "ama", "password": PASSWORD})
        assert status == 200
        return str(json.loads(body)["access_token"])

    def end(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        """What it wrote after it was ready, and its log."""
        os.kill(self.process.pid, number)
        out, err = self.process.communicate(timeout=20)
        return out, err


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with Store.open(tmp_path, KEY, Programme(), create=True) as store:
        store.users.add("ama", "clinician", PASSWORD, START_MS)
    running = Running(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def test_it_is_ready_soon_and_works_and_ends_soon(server: Running, tmp_path: Path) -> None:
    assert server.seconds_to_ready < READY_SECONDS_MAX
    bearer = {"Authorization": f"Bearer {server.token()}"}
    patient = {"resourceType": "Patient", "id": "p-77", "name": [{"family": "Quartey"}]}
    assert server.request("PUT", "/fhir/Patient/p-77", patient, **bearer)[0] == 201
    assert server.request("GET", "/fhir/Patient?family=quartey", **bearer)[0] == 200
    assert server.request("GET", "/fhir/Patient/p-77", **bearer)[0] == 200
    assert server.request("GET", "/fhir/Patient/none-such", **bearer)[0] == 404
    assert psutil.Process(server.process.pid).memory_info().rss < 200 * 1024 * 1024
    begun = time.monotonic()
    out, err = server.end()
    assert time.monotonic() - begun < 5
    assert server.process.returncode == 0
    assert out == ""
    for word in ("Quartey", "quartey", "p-77", "none-such", PASSWORD):
        assert word not in err
    with Store.open(tmp_path, KEY, Programme()) as store:
        assert store.read("Patient", "p-77") is not None


def test_listeners_do_not_hold_up_the_end(server: Running) -> None:
    bearer = {"Authorization": f"Bearer {server.token()}"}
    heard: list[bytes] = []
    listening = threading.Event()

    def listen() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/events", headers=bearer)
        answer = connection.getresponse()
        heard.append(answer.readline())
        listening.set()
        heard.append(answer.read())
        connection.close()

    listener = threading.Thread(target=listen)
    listener.start()
    assert listening.wait(10)
    begun = time.monotonic()
    server.end()
    assert time.monotonic() - begun < 5
    listener.join(10)
    assert heard[0].startswith(b"retry: ")
    assert len(heard) == 2


def test_what_was_answered_survives_a_kill(server: Running, tmp_path: Path) -> None:
    bearer = {"Authorization": f"Bearer {server.token()}"}
    answered = []
    for number in range(20):
        status, _ = server.request(
            "PUT", f"/fhir/Patient/k-{number}", {"resourceType": "Patient", "id": f"k-{number}"}, **bearer
        )
        assert status == 201
        answered.append(f"k-{number}")
    server.end(signal.SIGKILL)
    with Store.open(tmp_path, KEY, Programme()) as store:
        assert all(store.read("Patient", name) is not None for name in answered)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /fhir/Patient HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /%ff%00/..%2f HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GARBAGE\r\n\r\n",
    ],
)
def test_raw_nonsense_harms_nobody(server: Running, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    assert not answer or answer.startswith(b"HTTP/1.1 4") or b"text/plain" in answer
    assert server.request("GET", "/healthz")[0] == 200
    _, err = server.end()
    assert "Traceback" not in err
