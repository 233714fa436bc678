"""Keeps one Postgres running for as long as anybody uses it, and stops it then. Run as a program of its own.

Every user holds a shared lock on `users.lock`; the kernel releases it however that user ends. The keeper waits for
the exclusive lock: when it has it, nobody is left, and Postgres is stopped. So a hub that is killed outright
leaves nothing behind, and several processes on one folder need no counting.

    starter                         keeper                          postgres
    users.lock (shared) ──────────► keeper.lock (exclusive)
                                    an earlier postmaster is ended
                                    ──────────────────────────────► started; ends with its keeper
    ◄────────────────── "ready"     waits for users.lock (exclusive)
    ends, or is killed ───────────► has it: stops ────────────────► fast shutdown

Standard library only, and nothing of this project: it is started with `-I -S` so that it is small and starts at once.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

USERS_LOCK: Final = "users.lock"
KEEPER_LOCK: Final = "keeper.lock"
LOG: Final = "log"
LOG_BYTES_MAX: Final = 4 * 1024 * 1024
PORT: Final = 5432

START_SECONDS_MAX: Final = 120.0
"""Recovery after a crash replays what was written since the last checkpoint."""
STOP_SECONDS_MAX: Final = 15.0
POLL_SECONDS: Final = 0.01
RESTART_PAUSE_SECONDS: Final = 1.0
PR_SET_PDEATHSIG: Final = 1

FLAGS: Final = {
    # Reached only through a socket in the data folder, which nobody else can enter; a relative path is never too long.
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "port": str(PORT),
    "cluster_name": "medtech-hub",
    # What was acknowledged survives a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Errors are logged without the values of rows and parameters.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "30s",
    "jit": "off",
    "wal_compression": "lz4",
    "max_wal_size": "2GB",
}


class Keeper:
    """One Postgres, kept running until nobody uses it. `data` is its data folder, beside the locks."""

    def __init__(self, folder: Path, command: list[str], options: dict[str, Any]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.command = command
        self.options = options
        self.unused = threading.Event()
        self.guard = threading.Lock()
        self.postmaster: subprocess.Popen[bytes] | None = None

    def run(self, tell: Callable[[str], None]) -> int:
        """Until nobody uses it. Tells "ready", or what is wrong. Returns the exit status."""
        end_earlier_postmaster(self.data)
        rotate(self.folder / LOG)
        told = False
        while not self.unused.is_set():
            with (self.folder / LOG).open("ab") as log:
                postmaster = self.start(log)
            if self.wait_until_ready(postmaster):
                if not told:
                    threading.Thread(target=self.stop_when_unused, daemon=True).start()
                    tell("ready")
                    told = True
                postmaster.wait()
            elif not told:
                stop(postmaster)
                tell("failed: " + last_lines(self.folder / LOG))
                return 1
            # It ended while it was used: killed for want of memory, perhaps. The next one recovers.
            self.unused.wait(RESTART_PAUSE_SECONDS)
        return 0

    def start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        with self.guard:
            self.postmaster = subprocess.Popen(
                self.command,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(),
                **self.options,
            )
            return self.postmaster

    def wait_until_ready(self, postmaster: "subprocess.Popen[bytes]") -> bool:
        """Until the postmaster's own file says so, which is how pg_ctl knows it."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and postmaster.poll() is None:
            if pid_file(self.data)[:1] == [str(postmaster.pid)] and pid_file(self.data)[7:8] == ["ready"]:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def stop_when_unused(self) -> None:
        """Waits for the last user to be gone; what holds the lock then is this process, until Postgres has ended."""
        lock = os.open(self.folder / USERS_LOCK, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.unused.set()
        with self.guard:
            postmaster = self.postmaster
        if postmaster is not None:
            stop(postmaster)


def stop(postmaster: "subprocess.Popen[bytes]") -> None:
    """A fast shutdown: sessions are ended, everything is written. When that takes too long, an immediate one."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if postmaster.poll() is None:
            postmaster.send_signal(number)
        try:
            postmaster.wait(STOP_SECONDS_MAX)
            return
        except subprocess.TimeoutExpired:
            continue


def end_with_parent(number: int = signal.SIGINT) -> Callable[[], None] | None:
    """What a child does so that it is told to shut down when its keeper dies (Linux; None elsewhere).

    It has to be done after the change of user, which clears it: `subprocess` calls it at that point. The kernel looks at the
    thread that started the child, not at the process: start it from one that stays.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    keeper = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != keeper:
            # It died before it was asked for that.
            os._exit(1)

    return in_child


def end_earlier_postmaster(data: Path) -> None:
    """Ends a postmaster whose keeper was killed, and removes a pid file that speaks of some other process.

    Process numbers are used again, in containers nearly always by the same programs: Postgres would then refuse to
    start. A postmaster stands in its data folder, which tells it from everything else.
    """
    lines = pid_file(data)
    if not lines or not lines[0].isdigit() or not Path("/proc/self/cwd").exists():
        return
    pid = int(lines[0])
    signals = [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL]
    while stands_in(pid, data) and signals:
        os.kill(pid, signals.pop(0))
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while stands_in(pid, data) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    (data / "postmaster.pid").unlink(missing_ok=True)


def stands_in(pid: int, folder: Path) -> bool:
    """Whether the process runs and has this working directory."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except OSError:
        return False


def pid_file(data: Path) -> list[str]:
    """The lines of `postmaster.pid`: process, folder, start, port, socket folder, address, memory, status."""
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def rotate(log: Path) -> None:
    """Keeps the log and one earlier one."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".1"))


def last_lines(log: Path, lines: int = 4) -> str:
    """The end of the log, as one line."""
    return " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def main(arguments: list[str]) -> int:
    """`keeper FOLDER COMMAND OPTIONS`, the last two as JSON. Prints one line, then keeps on without a terminal."""
    folder, command, options = Path(arguments[0]), json.loads(arguments[1]), json.loads(arguments[2])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # It ends with its users, after them: a service manager that signals all processes would end it too early.
        signal.signal(number, signal.SIG_IGN)
    lock = os.open(folder / KEEPER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def tell(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        # Whoever reads is done, and later there is nobody.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)

    return Keeper(folder, command, options).run(tell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
