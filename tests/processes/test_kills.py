"""Hub and clinics killed outright, again and again, while people write and nodes exchange: nothing that was answered is lost."""

import asyncio
import json
import os
import random
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from hub import runtime
from hub.postgres.keeper import pid_file
from hub.settings import load
from tests.processes.digests import digests_at
from tests.processes.programs import BIN, environment, wait_until
from tests.processes.work import MARK, Writer, missing
from tests.processes.world import PASSWORD, Clinic, Hub, world

ROUNDS: Final = 50
FACILITIES: Final = ("f0", "f0", "f1")
NAMES: Final = ("a", "b", "c")
WRITES_BETWEEN_MAX: Final = 25
SYNC_ROUNDS_MAX: Final = 6


def killed(hub: Hub, clinics: list[Clinic], chance: random.Random) -> str:
    """One program is killed, and started again; sometimes it is killed once more while it starts. Returns which."""
    victim = chance.choice(["hub", "postgres", *NAMES])
    if victim == "postgres":
        postmaster(hub).kill()  # whoever keeps it starts it again
        return victim
    server = hub.server if victim == "hub" else clinics[NAMES.index(victim)].server
    server.kill()
    if chance.random() < 0.25:
        server.begin()
        server.wait(chance.random())
        server.kill()
    if victim == "hub":
        hub.start()
    else:
        server.start()
    return victim


def postmaster(hub: Hub) -> psutil.Process:
    """The hub's Postgres, once it is ready."""
    ready: list[psutil.Process] = []

    def found() -> bool:
        """Whether the file of its process tells of one that runs: it may be left from one that was killed, or not be there yet."""
        lines = pid_file(hub.data / "postgres" / "data")
        if "ready" in lines and psutil.pid_exists(int(lines[0])):
            ready.append(psutil.Process(int(lines[0])))
        return bool(ready)

    wait_until(found, 60, "Postgres")
    return ready[0]


@contextmanager
def writing(clinics: list[Clinic], seed: int) -> Iterator[list[Writer]]:
    writers = [
        Writer(name, clinic.web, facility, seed + number)
        for number, (name, clinic, facility) in enumerate(zip(NAMES, clinics, FACILITIES, strict=True))
    ]
    with ExitStack() as stack:
        for writer in writers:
            writer.start()
            stack.callback(writer.stop)
        yield writers


def quiesce(clinics: list[Clinic]) -> None:
    """Exchanges until nothing waits anywhere and every digest is the hub's."""
    for _ in range(SYNC_ROUNDS_MAX):
        told = [clinic.call("sync") for clinic in clinics]
        quiet = all(one["pending"] == 0 and one["digest_equal"] and not one["pushed"] for one in told)
        if quiet and not any(one["pulled"] for one in told):
            return
    pytest.fail(f"no rest after {SYNC_ROUNDS_MAX} rounds: {told}")


def held_at(clinic: Clinic) -> dict[str, Any]:
    """All resources of a node, by `Type/id`."""
    words = [str(BIN / "medtech-edge"), "export", "--data", str(clinic.data)]
    lines = subprocess.run(words, capture_output=True, check=True, cwd="/", env=environment()).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return {f"{one['resourceType']}/{one['id']}": one for one in found}


async def hub_digests(hub: Hub) -> dict[str, tuple[str, str]]:
    async with runtime.opened(load({}, {"data": str(hub.data)})) as one:
        return await digests_at(one.shards.first, sorted(set(FACILITIES)))


def readable(folders: list[Path], words: list[bytes]) -> list[str]:
    """Files in which one of the words can be read."""
    found = []
    for folder in folders:
        for path in [one for one in folder.rglob("*") if one.is_file() and not one.is_symlink()]:
            try:
                content = path.read_bytes()
            except FileNotFoundError:  # Postgres, which goes on for a while, takes its lock away
                continue
            found += [f"{path.name}: {word!r}" for word in words if word in content]
    return found


@pytest.mark.slow
def test_what_was_answered_survives_fifty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("KILLS_SEED") or secrets.randbits(32))
    with capsys.disabled():
        print(f"\nkills: KILLS_SEED={seed}")
    chance = random.Random(seed)
    tmp_path.chmod(0o755)
    with world(tmp_path, FACILITIES, "--sync-interval", "0.3") as (hub, clinics):
        with writing(clinics, seed) as writers:

            def written() -> int:
                return sum(writer.book.written for writer in writers)

            victims = []
            for _ in range(ROUNDS):
                aim = written() + chance.randint(1, WRITES_BETWEEN_MAX)
                wait_until(lambda aim=aim: written() >= aim or any(w.failure for w in writers), 60, "writes")  # type: ignore[misc]
                victims.append(killed(hub, clinics, chance))
        # Everybody is killed once more, so that files are found as a power cut leaves them.
        for server in (hub.server, *(clinic.server for clinic in clinics)):
            server.kill()
        stores = [hub.data / "postgres" / "data", *(clinic.data for clinic in clinics)]
        words = [MARK.encode(), MARK.encode("utf-16-le"), PASSWORD.encode()]
        assert readable(stores, words) == []
        assert any((clinic.data / "edge.db-wal").exists() for clinic in clinics), "write-ahead logs were among them"
        hub.start()
        quiesce(clinics)
        for number, clinic in enumerate(clinics):
            held = held_at(clinic)
            for writer in [w for w in writers if w.facility == FACILITIES[number]]:
                assert missing(writer.book, held) == [], f"lost at {NAMES[number]}, seed {seed}"
            others = [name for w in writers if w.facility != FACILITIES[number] for name in w.book.created]
            assert not held.keys() & set(others), "another facility's"
        kept = [clinic.digests() for clinic in clinics]
        assert kept == [clinic.digests(rebuild=True) for clinic in clinics]
        at_hub = asyncio.run(hub_digests(hub))
        for number, facility in enumerate(FACILITIES):
            scope = f"facility/{facility}"
            assert at_hub[scope] == (kept[number][scope],) * 2, f"{scope}, seed {seed}"
        assert [clinic.call("status")["quarantine"] for clinic in clinics] == [0, 0, 0]
        assert hub.administer("GET", "/api/v1/quarantine") == []
        logs = [server.log.read_bytes() for server in (hub.server, *(c.server for c in clinics))]
        assert not any(word in log for log in logs for word in words)
        refused = sum(writer.book.unanswered for writer in writers)
        with capsys.disabled():
            print(
                f"kills: {written()} acknowledged writes, {refused} unanswered,"
                f" {', '.join(f'{victims.count(one)} of {one}' for one in sorted(set(victims)))}"
            )
    assert written() > ROUNDS
