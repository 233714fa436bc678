"""The project's programs as real processes, driven as outsiders drive them: commands, signals, one ready line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

BIN: Final = Path(sys.executable).parent
READY_SECONDS_MAX: Final = 90.0
END_SECONDS_MAX: Final = 30.0
COMMAND_SECONDS_MAX: Final = 300.0
POLL_SECONDS: Final = 0.01


class Failed(Exception):
    """A program ended with another status than it should have, or did not get ready. Its last words are in the text."""

    def __init__(self, what: str, status: int | None, words: str) -> None:
        super().__init__(f"{what}: {status}: {words[-1500:]}")
        self.status = status
        self.words = words


def environment(**more: str) -> dict[str, str]:
    """This process's, without settings of ours that would change what a program does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDTECH_")}
    return {**kept, **more}


def call(
    program: str,
    *arguments: str | Path,
    data: Path,
    given: str = "",
    expect: int = 0,
    inside: Sequence[str] = (),
) -> Any:
    """Runs a command with `--json` and gives its result. Raises Failed when its status is not `expect`.

    `inside`: words that go before it and put it somewhere else, as `nsenter` does.
    """
    words = [*inside, str(BIN / program), *map(str, arguments), "--data", str(data), "--json"]
    done = subprocess.run(
        words, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, cwd="/", env=environment()
    )
    if done.returncode != expect:
        raise Failed(" ".join([program, *map(str, arguments)]), done.returncode, done.stderr + done.stdout)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    return json.loads(lines[-1]) if lines else done.stderr


def wait_until(true: Callable[[], bool], seconds_max: float, what: str) -> None:
    """Polls. Raises TimeoutError, naming what did not come."""
    deadline = time.monotonic() + seconds_max
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds_max} s")
        time.sleep(POLL_SECONDS)


class Server:
    """`medtech-hub serve` or `medtech-edge serve` on a folder. After a restart it has the same port, unless that is 0 again."""

    def __init__(
        self, program: str, data: Path, *options: str, inside: Sequence[str] = (), env: dict[str, str] | None = None
    ) -> None:
        self.program, self.data, self.options, self.inside = program, data, options, inside
        self.env = env or {}
        self.url = ""
        self.port = 0
        self.seconds_to_ready = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._told = False

    @property
    def log(self) -> Path:
        """What it says on standard error, in all its lives."""
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def pid(self) -> int:
        """Its process. It has to be running."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def begin(self, port: int = 0) -> None:
        """Starts it, without waiting."""
        assert not self.running
        self.data.mkdir(parents=True, exist_ok=True)
        self._begun = time.monotonic()
        self._told = False
        words = [*self.inside, str(BIN / self.program), "serve", "--data", str(self.data), "--port", str(port)]
        with self._said.open("wb") as said, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*words, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                cwd="/",
                env=environment(**self.env),
                # A Ctrl-C in the terminal is for whoever started it, and is passed on as that one sees fit.
                start_new_session=True,
            )

    def wait_ready(self) -> "Server":
        """Until it has printed its line. Raises Failed when it ended instead."""
        wait_until(lambda: self._line() is not None or not self.running, READY_SECONDS_MAX, f"{self.program} ready")
        line = self._line()
        if line is None:
            assert self._process is not None
            raise Failed(f"{self.program} serve", self._process.wait(), self.log.read_text(errors="replace"))
        self.url = str(json.loads(line)["url"])
        self.port = int(self.url.rpartition(":")[2])
        self.seconds_to_ready = time.monotonic() - self._begun
        return self

    def start(self, port: int = 0) -> "Server":
        """Starts it and waits until it answers."""
        self.begin(port)
        return self.wait_ready()

    def send(self, number: int) -> None:
        """A signal, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, and waits until the kernel has taken it away."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(END_SECONDS_MAX)

    def wait(self, seconds_max: float) -> bool:
        """Whether it ended by itself within that time."""
        assert self._process is not None
        try:
            self._process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            return False
        return True

    def tell_to_end(self) -> None:
        """SIGTERM, once: a program that is ending is killed by a second one, before it has cleaned up behind it."""
        if not self._told:
            self._told = True
            self.send(signal.SIGTERM)

    def stop(self) -> int | None:
        """SIGTERM and its exit status; by force when it does not end."""
        self.tell_to_end()
        if self._process is None:
            return None
        try:
            return self._process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def _said(self) -> Path:
        return self.data.with_name(f"{self.data.name}.out")

    def _line(self) -> str | None:
        text = self._said.read_text(encoding="utf-8", errors="replace")
        return next((line for line in text.split("\n")[:-1] if '"ready"' in line), None)
