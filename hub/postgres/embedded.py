"""The hub's own Postgres, under its data folder: made, started and found again by any process that needs it.

    DIR/postgres/data        the data, owned by the user Postgres runs as, entered by nobody else; the socket is in it
    DIR/postgres/log         what Postgres says
    DIR/postgres/*.lock      see hub/postgres/keeper.py

Who may connect is decided by the kernel: Postgres asks it who is at the other end of the socket (peer authentication),
so there is no password to keep. No name on the way to the socket can be too long (a socket's path has at most 107
bytes): Postgres names it relative to its working directory, and clients go through an open descriptor of the folder.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from msgspec import Struct

from hub.errors import PostgresFault
from hub.postgres import keeper
from hub.postgres.programs import RunAs, programs_for, user_for, user_name

START_LOCK: Final = "start.lock"
ROLE: Final = "medtech"
DATABASE: Final = "postgres"
HANDOVER_SECONDS: Final = 0.25
"""A keeper that waits for the last user has the lock long before this; later, somebody else uses Postgres."""
STOP_SECONDS_MAX: Final = 30.0
MIB: Final = 1 << 20
BUFFERS_MIB_MIN: Final = 64
BUFFERS_MIB_MAX: Final = 1024


class SocketAddress(Struct, frozen=True):
    """Where the embedded Postgres answers: a folder with a socket in it."""

    folder: str
    port: int = keeper.PORT
    user: str = ROLE
    database: str = DATABASE


@contextmanager
def embedded(folder: Path) -> Iterator[SocketAddress]:
    """The Postgres of this folder, running for as long as this lasts; made if it is not there.

    Any number of processes may do this at the same time. Whoever comes first starts it; after the last one it stops.
    Raises `PostgresFault` when it does not start, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    data = folder / "data"
    users = open_lock(folder / keeper.USERS_LOCK)
    try:
        with locked(folder / START_LOCK):
            # Waits here while a keeper that was the last one stops its Postgres.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not is_kept(folder):
                start(folder, data)
        with entrance(data) as address:
            yield address
    finally:
        # Closing releases the lock.
        os.close(users)
        wait_for_end(folder)


def start(folder: Path, data: Path) -> None:
    """Starts a keeper with Postgres, and waits until it answers."""
    user = user_for(data)
    programs = programs_for(user)
    if not data.exists():
        initialise(programs, user, data)
    write_access(data, user)
    settings = keeper.FLAGS | {"shared_buffers": f"{buffers_mib(psutil.virtual_memory().total)}MB"}
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", seen_by(user, data), *flags]
    process = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", keeper.__file__),
            *(str(folder), json.dumps(command), json.dumps(user.subprocess_options())),
        ],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as answer:
        line = answer.readline().decode(errors="replace").strip()
    if line != "ready":
        process.wait()
        raise PostgresFault(f"The hub's own Postgres did not start: {line.removeprefix('failed: ') or 'no answer'}")
    # Others may use it for longer than we do; if it ends before us, its entry in the process table is taken away.
    threading.Thread(target=process.wait, name="reaper of the keeper", daemon=True).start()


def buffers_mib(memory_bytes: int) -> int:
    """How much Postgres keeps of its tables in memory: an eighth of the machine's. The index by which resources are found is read all over
    (its keys are hashes), so ingest costs the same for as long as that fits: 1 GiB is enough for 20 million resources. Whoever has more
    runs a Postgres of their own."""
    return min(max(memory_bytes // 8 // MIB, BUFFERS_MIB_MIN), BUFFERS_MIB_MAX)


def initialise(programs: Path, user: RunAs, data: Path) -> None:
    """Makes a database cluster, with checksums on its pages. It gets its name only when it is complete."""
    made = data.with_name("data.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    os.chown(made, user.uid, user.gid)
    options = ["--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions", "--auth=peer"]
    done = subprocess.run(
        [programs / "initdb", "-D", seen_by(user, made), f"--username={ROLE}", *options],
        cwd=made,
        capture_output=True,
        text=True,
        **user.subprocess_options(),
    )
    if done.returncode:
        shutil.rmtree(made)
        raise PostgresFault(
            f"A database could not be made in {data}: {' / '.join(done.stderr.split(chr(10))[-4:]).strip(' /')}",
            hint="See that there is room on the disk and that the folder may be written to.",
        )
    made.rename(data)


def write_access(data: Path, user: RunAs) -> None:
    """Says who may connect: whoever runs Postgres, whoever starts it, and root."""
    names = sorted({user.name, user_name(os.geteuid()), user_name(0)})
    contents = {
        # The second line is for copies of all of it (pg_basebackup) and for standbys.
        "pg_hba.conf": "local all all peer map=medtech\nlocal replication all peer map=medtech\n",
        "pg_ident.conf": "".join(f'medtech "{name}" {ROLE}\n' for name in names),
    }
    for name, text in contents.items():
        path = data / name
        path.write_text(text)
        os.chown(path, user.uid, user.gid)


def seen_by(user: RunAs, data: Path) -> str:
    """How Postgres is told where its data are.

    A user who is not allowed to walk there (the folder may be inside root's home) can stand there all the same: the
    process is put into the folder before it changes its user, and finds it as its own working directory.
    """
    return "/proc/self/cwd" if user.switched and Path("/proc/self/cwd").exists() else str(data)


@contextmanager
def entrance(data: Path) -> Iterator[SocketAddress]:
    """A short path to the folder with the socket, for this process, while this lasts."""
    if not hasattr(os, "O_PATH"):
        yield SocketAddress(str(data))
        return
    descriptor = os.open(data, os.O_PATH | os.O_DIRECTORY)
    try:
        yield SocketAddress(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among all processes that lock this file, while this lasts."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_free(path: Path, how: int) -> bool:
    """Whether the lock could be had just now."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def is_kept(folder: Path) -> bool:
    """Whether a keeper runs here."""
    return not is_free(folder / keeper.KEEPER_LOCK, fcntl.LOCK_EX)


def wait_for_end(folder: Path) -> None:
    """Until Postgres has stopped, if we were its last user: whoever removes the folder next finds nothing running."""
    begun = time.monotonic()
    while is_kept(folder) and time.monotonic() < begun + STOP_SECONDS_MAX:
        used = is_free(folder / keeper.USERS_LOCK, fcntl.LOCK_SH)
        if used and time.monotonic() > begun + HANDOVER_SECONDS:
            break
        time.sleep(keeper.POLL_SECONDS)
