"""`medtech-hub key` as people run it: beside a server, against every kind of interruption, and with what is wrong."""

import asyncio
import json
import os
import secrets
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from click.testing import CliRunner, Result

from hub.cli import cli
from hub.errors import MasterKeyWrong
from hub.keys.masters import LocalMaster
from hub.runtime import opened
from hub.settings import Settings
from hub.store.nodes import add_facility
from tests.hub.conftest import PROGRAM

OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


class Place:
    """A hub's folder and database with a clinic in it, and commands there, in this process."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.settings, self.new = settings, tmp_path / "new.key"
        self.file = Path(settings.data) / "master.key"
        self.file.parent.mkdir()
        self.file.write_text(OLD)
        self.new.write_text(NEW)
        asyncio.run(self._filled())

    async def _filled(self) -> None:
        async with opened(self.settings) as hub, hub.database.transaction() as connection:
            await add_facility(connection, hub.keys, "f0", "Clinic", "west")

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "MEDTECH_HUB_DSN": self.settings.dsn, **more}

    def command(self, *words: str, **environment: str) -> Result:
        return CliRunner().invoke(
            cli, ["key", *words, "--data", self.settings.data, "--json"], env=self.environment(**environment)
        )

    def rotate(self, **environment: str) -> Result:
        return self.command("rotate-master", "--new-file", str(self.new), **environment)

    def master(self) -> str:
        """The one that everything is under, by whoever opens the hub anew, who opens all of it."""

        async def found() -> str:
            async with opened(self.settings) as hub, hub.shards.first.shard() as shard:
                for row in await shard.named_scopes(["facility/f0", "region/west"]):
                    hub.keys.seal_of(row.data_key)
                async with hub.database.transaction() as connection:
                    return bytes(await connection.fetchval("SELECT id FROM key_master")).hex()

        return asyncio.run(found())

    def keys(self) -> list[str]:
        return self.file.read_text().split()


def name(key: str) -> str:
    return LocalMaster(bytes.fromhex(key)).id.hex()


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Place:
    return Place(settings, tmp_path)


def test_another_master_key_takes_the_place_of_the_first(place: Place) -> None:
    assert (place.master(), place.keys()) == (name(OLD), [OLD])
    done = place.rotate()
    kept = place.file.with_name(f"master.key.old-{name(OLD)}")
    assert json.loads(done.output) == {"master": name(NEW), "scopes": 2, "old_kept": str(kept)}
    assert (place.master(), place.keys(), kept.read_text().strip()) == (name(NEW), [NEW], OLD)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place.file, kept)} == {0o600}
    again = json.loads(place.rotate().output)
    assert (again["scopes"], again["old_kept"]) == (2, "")
    assert place.master() == name(NEW)
    (told,) = json.loads(place.command("status").output)
    assert (told["master"], told["under_others"], told["kept_in"]) == (name(NEW), 0, "a file or the environment")
    place.file.write_text(OLD)
    with pytest.raises(MasterKeyWrong):
        place.master()


@pytest.mark.parametrize("stopped_in", ["hub.commands.key.opened_hub", "hub.commands.key.leave_alone"])
def test_interrupted_between_its_steps_it_leaves_what_opens_and_is_finished(
    place: Place, monkeypatch: pytest.MonkeyPatch, stopped_in: str
) -> None:
    def stopped(*_: Any) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(stopped_in, stopped)
        assert isinstance(place.rotate().exception, InterruptedError)
    assert place.keys() == [NEW, OLD]
    assert place.master() == name(OLD if "opened_hub" in stopped_in else NEW)
    place.rotate()
    assert (place.master(), place.keys()) == (name(NEW), [NEW])


def test_killed_in_the_middle_of_its_transaction_it_has_changed_nothing(place: Place) -> None:
    async def killed() -> None:
        other = await asyncpg.connect(place.settings.dsn)
        await other.execute("BEGIN")
        await other.execute("SELECT 1 FROM hub_identity FOR UPDATE")  # the scopes are written, the secrets are not
        words = [str(PROGRAM), "key", "rotate-master", "--new-file", str(place.new), "--data", place.settings.data]
        with subprocess.Popen(words, env=place.environment()) as command:
            async with asyncio.timeout(60):
                while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.02)
            command.send_signal(signal.SIGKILL)
        await other.execute("COMMIT")
        await other.close()

    asyncio.run(killed())
    assert (place.master(), place.keys()) == (name(OLD), [NEW, OLD])
    place.rotate()
    assert (place.master(), place.keys()) == (name(NEW), [NEW])


def test_a_key_from_the_environment_is_given_together_with_the_new_one_first(place: Place) -> None:
    place.file.unlink()
    alone = place.rotate(MEDTECH_HUB_MASTER_KEY=OLD)
    assert "MEDTECH_HUB_MASTER_KEY" in str(alone.exception)
    assert NEW not in str(alone.exception) + alone.output
    done = place.rotate(MEDTECH_HUB_MASTER_KEY=f"{NEW} {OLD}")
    assert json.loads(done.output) == {"master": name(NEW), "scopes": 2, "old_kept": ""}
    assert not place.file.exists()
    place.file.write_text(NEW)
    assert place.master() == name(NEW)


@pytest.mark.parametrize("wrong", ["", "abc", OLD + NEW, f"{OLD} {NEW}"])
def test_a_file_without_one_key_changes_nothing(place: Place, wrong: str) -> None:
    place.new.write_text(wrong)
    done = place.rotate()
    assert type(done.exception).__name__ == "SettingsWrong"
    assert OLD not in str(done.exception)
    assert (place.master(), place.keys()) == (name(OLD), [OLD])


def test_the_wrong_old_key_changes_nothing(place: Place) -> None:
    place.file.write_text(secrets.token_hex(32))
    assert isinstance(place.rotate().exception, MasterKeyWrong)
    place.file.write_text(OLD)
    assert place.master() == name(OLD)


def test_what_makes_no_sense_is_a_wrong_use(run: Any) -> None:
    for words in (
        ["rotate-master"],
        ["rotate-data"],
        ["rotate-data", "--all", "--facility", "f0"],
        ["rotate-master", "--to-kms", "none"],
    ):
        assert run("key", *words).status == 2
    nothing = run("key", "rotate-data", "--facility", "none")
    assert (nothing.status, json.loads(nothing.stderr)["error"]) == (1, "NotFound")
    index = run("key", "rotate-index")
    assert json.loads(index.stderr)["error"] == "KeyStays"
    assert index.status == 1


def test_a_server_goes_on_through_both_rotations(start: Any, run: Any, tmp_path: Path) -> None:
    server = start()
    administrator = {"Authorization": f"Bearer {(tmp_path / 'hub' / 'admin.token').read_text().strip()}"}

    def add(facility: str) -> int:
        body = {"id": facility, "name": facility, "region": "west"}
        return httpx.post(f"{server.url}/api/v1/facilities", json=body, headers=administrator).status_code

    assert add("f0") == 201
    (tmp_path / "new.key").write_text(NEW)
    assert run("key", "rotate-master", "--new-file", str(tmp_path / "new.key")).status == 0
    assert add("f1") == 201  # a new scope: the server found the new master key in the file
    assert [row["under_others"] for row in run("key", "status").json] == [0]
    done = run("key", "rotate-data", "--region", "west", "--wait").json
    assert done == {"begun": 3, "announced": 0, "sealing": 0, "stuck": 0}
    assert {row["scope"]: row["version"] for row in run("key", "scopes").json} == {
        "facility/f0": 2,
        "facility/f1": 2,
        "global": 1,
        "region/west": 2,
    }
    assert add("f2") == 201
    log = server.log_text()
    for key in (NEW, (tmp_path / "hub" / "admin.token").read_text().strip()):
        assert key not in log
    assert server.end() == 0
    assert start().url
