"""The commands as people run them: processes, with and without a server, and after every kind of death."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from hub.errors import PostgresFault
from hub.postgres.embedded import SocketAddress, is_kept
from tests.hub.conftest import PROGRAM
from tests.processes.programs import wait_until


def facility(run: Any, name: str = "f0", **options: Any) -> Any:
    return run("facility", "add", name, "--name", "Clinic", "--region", "west-africa", **options)


def test_commands_work_beside_a_server_and_without_one(start: Any, run: Any, tmp_path: Path) -> None:
    server = start()
    assert json.loads(server.first_line) == {"event": "ready", "url": server.url}
    assert facility(run).json == {"id": "f0", "name": "Clinic", "region": "west-africa", "added": True}
    assert facility(run).json["added"] is False
    code = run("node", "invite", "--facility", "f0").json["code"]
    enrolled = httpx.post(f"{server.url}/sync/v1/enroll", json={"code": code}).json()
    (node,) = run("node", "list").json
    assert (node["id"], node["state"]) == (enrolled["node"], "active")
    assert server.end() == 0
    assert not is_kept(tmp_path / "hub" / "postgres")
    assert run("node", "revoke", enrolled["node"]).json["state"] == "revoked"
    assert run("node", "wipe", enrolled["node"]).json["state"] == "wipe"
    assert [row["id"] for row in run("facility", "list").json] == ["f0"]
    assert run("quarantine", "list").json == run("conflicts").json == []
    assert not is_kept(tmp_path / "hub" / "postgres")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Any, number: int, tmp_path: Path) -> None:
    server = start()
    assert server.end(number) == 0
    assert not is_kept(tmp_path / "hub" / "postgres")
    events = [json.loads(line)["event"] for line in server.log_text().splitlines()]
    assert events == ["ready", "stopping"]


def test_a_hub_waits_for_its_database(run: Any, dsn: str, tmp_path: Path) -> None:
    """As after a power cut: hub and Postgres start together."""
    folder = urlsplit(dsn).query.removeprefix("host=")
    with tempfile.TemporaryDirectory() as short:
        soon = Path(short) / "s"
        environment = {"MEDTECH_HUB_DSN": dsn.replace(folder, str(soon))}
        log = tmp_path / "hub.log"
        with (
            log.open("wb") as written,
            subprocess.Popen(
                [PROGRAM, "serve", "--data", str(tmp_path / "hub"), "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=written,
                env={**os.environ, "MEDTECH_LOG": "json", **environment},
            ) as process,
        ):
            wait_until(lambda: log.read_text().endswith("\n"), 60, "the hub's word that it waits")
            assert {json.loads(line)["event"] for line in log.read_text().splitlines()} == {
                "the database is waited for"
            }
            assert run("facility", "list", environment=environment).status == PostgresFault.exit_code, (
                "a command tells it at once"
            )
            soon.symlink_to(folder)
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "ready"
            process.terminate()
        assert process.returncode == 0


def test_a_database_that_does_not_let_it_in_is_told_at_once(run: Any, dsn: str) -> None:
    wrong = run("serve", environment={"MEDTECH_HUB_DSN": dsn.replace("/hub?", "/nothing?")})
    assert wrong.status == PostgresFault.exit_code
    assert json.loads(wrong.stderr.splitlines()[-1])["error"] == "PostgresFault"


def test_a_killed_hub_comes_back_with_everything(start: Any, run: Any) -> None:
    first = start()
    facility(run)
    first.end(signal.SIGKILL)
    second = start()  # at once: the Postgres of the first may still be ending
    assert [row["id"] for row in run("facility", "list").json] == ["f0"]
    second.end(signal.SIGKILL)
    assert [row["id"] for row in run("facility", "list").json] == ["f0"]


def test_two_hubs_do_not_serve_one_folder(start: Any, run: Any) -> None:
    start()
    second = run("serve")
    assert second.status == 1
    assert json.loads(second.stderr)["error"] == "AlreadyServing"


def test_a_port_that_is_taken_is_named(start: Any, run: Any, tmp_path: Path) -> None:
    port = start().url.rsplit(":", 1)[1]
    second = run("serve", "--port", port, data=tmp_path / "other")
    assert second.status == 1
    assert f"port {port}" in json.loads(second.stderr.splitlines()[-1])["detail"]


def test_a_wrong_master_key_is_called_one_and_changes_nothing(run: Any, tmp_path: Path) -> None:
    facility(run)
    key = tmp_path / "hub" / "master.key"
    right = key.read_text()
    key.write_text("00" * 32)
    wrong = run("facility", "list")
    said = json.loads(wrong.stderr)
    assert (wrong.status, said["error"]) == (1, "MasterKeyWrong")
    assert "MEDTECH_HUB_MASTER_KEY_FILE" in said["hint"]
    key.unlink()
    missing = run("facility", "list")
    assert (missing.status, json.loads(missing.stderr)["error"]) == (1, "MasterKeyMissing")
    assert not key.exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(right)
    assert run("facility", "list", environment={"MEDTECH_HUB_MASTER_KEY_FILE": str(elsewhere)}).json[0]["id"] == "f0"


def test_a_given_postgres_is_used(dsn: str, start: Any, run: Any, tmp_path: Path) -> None:
    environment = {"MEDTECH_HUB_DSN": dsn}
    server = start(environment=environment)
    facility(run, environment=environment)
    assert httpx.get(f"{server.url}/readyz").json()["status"] == "ready"
    assert server.end() == 0
    assert not (tmp_path / "hub" / "postgres").exists()
    assert run("facility", "list", environment=environment).json[0]["id"] == "f0"


def test_a_settings_file_in_the_folder_is_read_by_all(dsn: str, start: Any, run: Any, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "hub.toml").write_text(f'dsn = "{dsn}"\ndsn_pooled = false\n')
    start()
    facility(run)
    assert run("facility", "list").json[0]["id"] == "f0"
    assert not (tmp_path / "hub" / "postgres").exists()


def test_a_postgres_that_is_not_there_is_said_to_be_so(run: Any, postgres: SocketAddress) -> None:
    for address in (
        "postgresql://u:sesame@127.0.0.1:1/x",
        f"postgresql://medtech:sesame@/none?host={os.path.realpath(postgres.folder)}",
    ):
        away = run("facility", "list", environment={"MEDTECH_HUB_DSN": address})
        assert away.status == 75
        assert json.loads(away.stderr)["error"] == "PostgresFault"
        assert "sesame" not in away.stderr
        assert "Traceback" not in away.stderr


@pytest.mark.parametrize(
    "arguments",
    [("facility", "add"), ("facility", "add", "a/b", "--name", "n", "--region", "r"), ("nothing",), ("node", "invite")],
)
def test_wrong_usage_is_2(run: Any, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).status == 2


def test_a_wrong_setting_is_2(run: Any) -> None:
    wrong = run("facility", "list", environment={"MEDTECH_HUB_CONNECTIONS_MAX": "many"})
    assert wrong.status == 2
    assert "connections_max" in wrong.stderr


def test_what_is_not_there_is_1(run: Any) -> None:
    missing = run("node", "revoke", "n-none")
    assert (missing.status, json.loads(missing.stderr)["error"]) == (1, "NotFound")


def test_secrets_are_their_owner_s_alone(run: Any, tmp_path: Path) -> None:
    facility(run)
    for name in ("master.key", "admin.token"):
        assert (tmp_path / "hub" / name).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_used_is_named_in_one_line(run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("facility", "list", data=tmp_path / "file" / "hub")
    assert done.status == 1
    assert str(tmp_path / "file") in json.loads(done.stderr)["detail"]
