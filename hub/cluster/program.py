"""A program that is kept running: started again when it ends by itself, ended when it is told to, and with whoever started it.

Three things are left to the kernel, so that no kind of death leaves anything behind or lets two run on one folder:

* a program is told to end when this process ends, however it ends (`PR_SET_PDEATHSIG`);
* it holds a lock on `running.lock` in its folder from its first moment on, and so do all processes that it starts; the lock is free
  when the last of them is gone. The next one waits for it;
* what somebody wants to stay away is said by a file, `down`, which outlives whoever said it (`medtech-hub cluster stop`).
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec import Struct

from hub.errors import ClusterFault, HubError
from hub.postgres.keeper import end_with_parent, last_lines, rotate

log = structlog.get_logger()

DOWN: Final = "down"
PID: Final = "pid"
LOG: Final = "log"
RUNNING_LOCK: Final = "running.lock"
START_SECONDS_MAX: Final = 120.0
STOP_SECONDS_MAX: Final = 20.0
EARLIER_SECONDS_MAX: Final = 60.0
CANCEL_SECONDS: Final = 0.5
POLL_SECONDS: Final = 0.02
WANTED_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 0.3
PAUSE_SECONDS_MAX: Final = 5.0


class Command(Struct, frozen=True):
    """How a program is started. `options` are `subprocess`'s: whom it runs as, its environment. `given` is its standard input.
    `ends` are the signals that end it, the gentlest first."""

    words: tuple[str, ...]
    folder: Path
    options: dict[str, Any]
    ends: tuple[int, ...]
    given: bytes = b""


class Kept:
    """A program in a folder of its own. `prepare` makes ready what it needs and tells how to start it; `answers`: does it do its work?"""

    def __init__(
        self,
        name: str,
        folder: Path,
        prepare: Callable[[], Awaitable[Command]],
        answers: Callable[[], Awaitable[bool]],
    ) -> None:
        self.name, self.folder = name, folder
        self.up = asyncio.Event()
        """Whether it runs and answers."""
        self._prepare, self._answers = prepare, answers
        self._process: asyncio.subprocess.Process | None = None
        self._command: Command | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Starts it and waits until it answers; from then on it is kept. Raises `ClusterFault` with its last words when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DOWN).unlink(missing_ok=True)
        await self._start()
        if not await self._until_up():
            await self.stop()
            raise ClusterFault(f"{self.name} did not start: {last_lines(self.folder / LOG) or 'it said nothing'}")
        self._keeping = asyncio.create_task(self._keep(), name=f"keeper of {self.name}")

    async def restart(self) -> None:
        """Ends it; its keeper starts it again."""
        await self._end()

    async def stop(self) -> None:
        """Ends it for good."""
        if self._keeping is not None:
            await end_task(self._keeping)
        await self._end()

    async def _keep(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            await self._until_ended()
            await asyncio.sleep(pause)
            while self._is_unwanted():
                await asyncio.sleep(POLL_SECONDS)
            pause = PAUSE_SECONDS if await self._came_again() else min(2 * pause, PAUSE_SECONDS_MAX)

    def _is_unwanted(self) -> bool:
        return (self.folder / DOWN).exists()

    async def _until_ended(self) -> None:
        """Until it has ended, by itself or because somebody wants it away."""
        assert self._process is not None
        ending = asyncio.create_task(self._process.wait())
        while not ending.done():
            if self._is_unwanted():
                await self._end()
            await asyncio.wait([ending], timeout=WANTED_SECONDS)
        if self.up.is_set():
            log.warning("ended", program=self.name, status=ending.result())
        self._note_end()

    async def _came_again(self) -> bool:
        try:
            await self._start()
        except (HubError, OSError) as error:
            # Its folder, its programs or another server are not as they have to be; that may pass.
            log.warning("not started", program=self.name, reason=str(error))
            return False
        if not await self._until_up():
            await self._end()
            log.warning("does not answer", program=self.name, last=last_lines(self.folder / LOG))
            return False
        log.info("runs again", program=self.name)
        return True

    async def _start(self) -> None:
        command = self._command = await self._prepare()
        rotate(self.folder / LOG)
        lock = await self._lock()
        try:
            with (self.folder / LOG).open("ab") as said:
                self._process = await asyncio.create_subprocess_exec(
                    *command.words,
                    cwd=command.folder,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=said,
                    stderr=said,
                    # A Ctrl-C in the terminal is for us, who end all in order.
                    start_new_session=True,
                    preexec_fn=end_with_parent(command.ends[0]),
                    pass_fds=(lock,),
                    **command.options,
                )
        except FileNotFoundError as error:
            raise ClusterFault(
                f"{self.name}: there is no program {command.words[0]}.",
                hint="`make setup` installs what this needs; on Debian: apt-get install pgbouncer redis-server.",
            ) from error
        finally:
            os.close(lock)
        (self.folder / PID).write_text(f"{self._process.pid}\n", encoding="ascii")
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it ended before it read; its status tells
            self._process.stdin.write(command.given)
            await self._process.stdin.drain()
        self._process.stdin.close()

    async def _lock(self) -> int:
        """The lock that says that something runs in this folder, when nothing of an earlier life does any more. Raises `ClusterFault`."""
        descriptor = os.open(self.folder / RUNNING_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + EARLIER_SECONDS_MAX
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise ClusterFault(
                        f"Something that was started in {self.folder} still runs.", hint="End it, then try again."
                    ) from None
                await asyncio.sleep(POLL_SECONDS)
            else:
                return descriptor

    async def _until_up(self) -> bool:
        """Whether it answers before it ends, within bounds."""
        process = self._process
        assert process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and process.returncode is None:
            if await self._answers():
                self.up.set()
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _end(self) -> None:
        """Ends the process, each signal given its time."""
        process, command = self._process, self._command
        if process is None or command is None:
            return
        for number in (*command.ends, signal.SIGKILL):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):  # the next signal is for that
                await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        self._note_end()

    def _note_end(self) -> None:
        self.up.clear()
        (self.folder / PID).unlink(missing_ok=True)


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancels a task until it has ended: libraries swallow a cancellation that comes just when what they wait for does."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)


def pid_of(folder: Path) -> int | None:
    """The process that runs in a folder, for whoever is not its keeper."""
    try:
        return int((folder / PID).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def nothing_runs(folder: Path) -> bool:
    """Whether neither the program of this folder nor anything that it started is left."""
    try:
        descriptor = os.open(folder / RUNNING_LOCK, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
