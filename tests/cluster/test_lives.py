"""A cluster starts from nothing, and again over what is there; whatever ends it, nothing is left running. As root and as anybody."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from hub.postgres.engine import Database
from tests.cluster.shape import Cluster, running_cluster
from tests.processes.programs import wait_until

START_SECONDS_MAX = 60.0
SMALL = ("--shards", "1", "--replicas", "1")


def ask(dsn: str, question: str) -> object:
    async def one() -> object:
        database = Database(dsn, connections_max=1, pooled=True)
        try:
            async with database.transaction() as connection:
                return await connection.execute(question)
        finally:
            await database.close()

    return asyncio.run(one())


def test_again_it_finds_everything_as_it_was_and_who_is_the_primary(tmp_path: Path) -> None:
    with running_cluster(tmp_path, *SMALL) as first:
        before = first.ready
        shard = first.shard(1)
        ask(shard.dsn, "CREATE TABLE kept AS SELECT 1 AS n")
        promoted = shard.standby.name
        shard.promote(force=True)
        shard.wait_until_whole()
        secrets = [(first.data / name).read_bytes() for name in ("master.key", "admin.token", "redis.password")]
        assert first.down() == 0
    with running_cluster(tmp_path, "--replicas", "2") as again:
        shard = again.shard(1)
        assert shard.primary.name == promoted
        assert ask(shard.dsn, "SELECT FROM kept") == "SELECT 1"
        assert len(shard.with_role("standby")) == 2, "it grew"
        assert again.seconds_to_ready < START_SECONDS_MAX
        for name in ("url", "workers", "redis"):
            assert again.ready[name] == before[name]
        assert secrets == [(again.data / name).read_bytes() for name in ("master.key", "admin.token", "redis.password")]
        assert shard.dsn.startswith(before["shards"][0]["dsn"].partition("&")[0])
        refused = again.call("cluster", "up", "--shards", "1", expect=1)
        assert refused["error"] == "AlreadyServing"


def test_the_death_of_what_keeps_it_leaves_nothing_and_harms_nothing(tmp_path: Path) -> None:
    with running_cluster(tmp_path, *SMALL) as cluster:
        ask(cluster.shard(1).dsn, "CREATE TABLE kept AS SELECT 1 AS n")
        processes = cluster.processes()
        assert len(processes) > 10
        no_secret_in(processes, (cluster.data / "redis.password").read_text().strip())
        cluster.down(signal.SIGKILL)
        wait_until(lambda: not any(process.is_running() for process in processes[1:]), 30, "all gone")
        cluster.up()
        assert ask(cluster.shard(1).dsn, "SELECT FROM kept") == "SELECT 1"


def no_secret_in(processes: list[psutil.Process], secret: str) -> None:
    for process in processes:
        try:
            assert secret not in " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue  # a backend that just ended


def test_a_cluster_that_does_not_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with running_cluster(tmp_path, *SMALL) as cluster:
        assert cluster.down() == 0
        (cluster.data / "shard-1" / "server-1" / "data" / "global" / "pg_control").unlink()
        failed = subprocess_up(cluster)
        assert failed.returncode == 1
        assert "ClusterFault" in failed.stderr
        assert "pg_control" in failed.stderr
        wait_until(cluster.is_gone, 30, "nothing left")
        wrong = cluster.call("cluster", "up", "--replicas", "0", expect=2)
        assert wrong["error"] == "SettingsWrong"
        nowhere = cluster.call("cluster", "stop", "shard-9/server-9", expect=1)
        assert nowhere["error"] == "NotFound"


def subprocess_up(cluster: Cluster) -> "subprocess.CompletedProcess[str]":
    from tests.processes.programs import BIN, environment

    return subprocess.run(
        [str(BIN / "medtech-hub"), "cluster", "up", "--data", str(cluster.data), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        cwd="/",
    )


def test_what_an_asynchronous_standby_may_lack_is_said(tmp_path: Path) -> None:
    with running_cluster(tmp_path, *SMALL, "--asynchronous") as cluster:
        shard = cluster.shard(1)
        standby = shard.standby
        standby.kill(stay_away=True)
        ask(shard.dsn, "CREATE TABLE unseen AS SELECT 1 AS n")
        old = shard.primary
        old.kill(stay_away=True)
        standby.start()
        done = shard.promote()
        assert done["may_be_lost"]
        with pytest.raises(asyncpg.UndefinedTableError):
            ask(shard.dsn, "SELECT FROM unseen")
        old.start()
        wait_until(lambda: old.role == "standby", 60, "the old primary follows")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may walk through."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_nobody_else_of_the_machine_gets_in(open_folder: Path) -> None:
    """As root its servers run as another user; started by an ordinary user, as that one. Neither lets a third one in."""
    user = "" if os.geteuid() != 0 else "nobody"
    with running_cluster(open_folder, "--shards", "1", "--replicas", "0", user=user) as cluster:
        mine = pwd.getpwnam(user).pw_uid if user else os.geteuid()
        running = [process for process in cluster.processes() if process.is_running()]
        assert {process.uids().real for process in running} == {mine}
        host = cluster.shard(1).dsn.partition("host=")[2].partition("&")[0]
        assert stat.S_IMODE(Path(host).stat().st_mode) == 0o700
        assert stat.S_IMODE((cluster.data / "hub.toml").stat().st_mode) == 0o600
        stranger = {"user": "daemon", "group": "daemon", "extra_groups": []} if os.geteuid() == 0 else {}
        if stranger:
            tried = subprocess.run(["/bin/ls", host], capture_output=True, cwd="/", **stranger)  # type: ignore[call-overload]
            assert tried.returncode != 0
