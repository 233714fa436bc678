"""The commands as people and scripts call them: real processes, one database, the contract's JSON and exit statuses."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_node.programme import Programme

PATIENT = '{"resourceType":"Patient","id":"p","name":[{"family":"Owusu"}],"multipleBirthInteger":2}'
OBSERVATION = (
    '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Hb"},"subject":{"reference":"Patient/p"},'
    '"valueQuantity":{"value":10.50,"unit":"g/dL"}}'
)


class Edge:
    """`medtech-edge` on one folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data, self.environment = data, environment

    def run(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDTECH_")}
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from edge_node.cli import main; main()",
                *map(str, arguments),
                "--data",
                str(self.data),
            ],
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
            timeout=120,
            env={**kept, **self.environment},
        )

    def json(self, *arguments: str | Path, stdin: str = "") -> Any:
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    """A node with a patient and an observation."""
    file = tmp_path / "two.ndjson"
    file.write_text(f"{PATIENT}\n{OBSERVATION}\n")
    made = Edge(tmp_path / "node")
    assert made.json("import", file)["resources"] == 2
    return made


def test_import_tells_what_it_did_and_export_gives_it_back(edge: Edge, tmp_path: Path) -> None:
    lines = edge.run("export").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["p", "o"]
    assert '"value":10.50,' in lines[1]
    assert [json.loads(line)["id"] for line in edge.run("export", "--type", "Patient").stdout.splitlines()] == ["p"]
    again = edge.json("import", tmp_path / "two.ndjson")
    assert again.keys() >= {"resources", "seconds"}
    assert (again["resources"], again["changed"]) == (2, 0)


@pytest.mark.parametrize("arguments", [("serve",), ("sync",), ("import", "two.ndjson"), ("status",)])
def test_a_programme_that_means_nothing_stops_every_command(
    edge: Edge, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    programme = tmp_path / "programme.toml"
    programme.write_text('vaccines = "kenya"\n')
    edge.environment["MEDTECH_EDGE_PROGRAMME"] = str(programme)
    given = [tmp_path / one if one.endswith("ndjson") else one for one in arguments]
    done = edge.run(*given)
    assert done.returncode == 2
    assert "there are who-child, kenya-child" in done.stderr


def test_an_import_ends_the_reminders_of_who_died(edge: Edge, tmp_path: Path) -> None:
    reminder = (
        '{"resourceType":"Task","id":"t","status":"requested","intent":"order","for":{"reference":"Patient/p"},'
        '"identifier":[{"system":"urn:medtech-edge:reminder:immunisation","value":"bcg"}]}'
    )
    died = PATIENT.replace('"multipleBirthInteger":2', '"deceasedBoolean":true')
    (tmp_path / "more.ndjson").write_text(f"{reminder}\n{died}\n")
    edge.json("import", tmp_path / "more.ndjson")
    task = json.loads(edge.run("export", "--type", "Task").stdout)
    assert task["status"] == "cancelled"


def test_status_has_the_shape_that_scripts_read(edge: Edge) -> None:
    status = edge.json("status")
    assert status.keys() >= {
        *("node", "incarnation", "hub", "last_sync", "pending", "acked", "scopes"),
        *("conflicts", "quarantine", "clock_offset_ms"),
    }
    assert (status["pending"], status["acked"], status["hub"]) == (2, 0, None)
    (scope,) = status["scopes"]
    assert scope.keys() == {"scope", "seq", "digest"}
    assert "pending: 2" in edge.run("status").stdout


def test_digest_computed_from_all_rows_is_the_one_that_is_kept(edge: Edge) -> None:
    kept, computed = edge.json("digest"), edge.json("digest", "--rebuild")
    assert kept == computed
    assert kept["scopes"][0]["scope"] == "local"


def test_where_no_node_is_commands_that_read_say_so(tmp_path: Path) -> None:
    done = Edge(tmp_path / "none").run("status", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"] == "NoDatabase"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [["import"], ["nonsense"], ["export", "--nonsense"], ["import", "/nowhere/file"]])
def test_a_wrong_call_is_status_2(edge: Edge, arguments: list[str]) -> None:
    done = edge.run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["a file", "nowhere at all"])
def test_a_folder_that_cannot_be_used_is_told_in_one_clear_line(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text(PATIENT)
    data = tmp_path / "file" if folder == "a file" else Path("/proc/nowhere/node")
    done = Edge(data).run("import", tmp_path / "file", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"] == "FileFault"


def test_a_backup_into_a_folder_that_is_not_there_says_so(edge: Edge, tmp_path: Path) -> None:
    done = edge.run("backup", "--out", tmp_path / "full of nothing" / "copy", "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]) == (1, "FileFault")


@pytest.mark.parametrize("hub", ["nonsense", "ftp://hub.example", "http://", "http://[::1"])
def test_what_is_no_address_of_a_hub_is_a_wrong_call(edge: Edge, hub: str) -> None:
    done = edge.run("enroll", "--hub", hub, "--code", "x", "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]) == (2, "SettingsWrong")


def test_a_hub_that_is_away_is_status_75_in_one_clear_line(edge: Edge) -> None:
    done = edge.run("enroll", "--hub", "http://127.0.0.1:9", "--code", "x")
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    assert edge.run("sync").returncode == 1  # not enrolled: trying again would not help


def test_a_file_of_nothing_but_faults_is_a_failure_and_one_of_some_is_not(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "bad.ndjson").write_text('{"resourceType":"Patient","id":"x","birthDate":"soon"}')
    assert edge.run("import", tmp_path / "bad.ndjson").returncode == 1
    (tmp_path / "some.ndjson").write_text('{"resourceType":"Patient","id":"x","birthDate":"soon"}\n' + PATIENT)
    done = edge.run("import", tmp_path / "some.ndjson", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["quarantined"] == 1
    assert edge.json("status")["quarantine"] == 1


def test_what_can_be_read_only_once_is_refused_and_not_taken_for_empty(edge: Edge) -> None:
    done = edge.run("import", "/dev/stdin", stdin=PATIENT)
    assert done.returncode == 2
    assert "read twice" in done.stderr


def test_a_password_comes_from_a_file_or_standard_input(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    added = edge.json("user", "add", "ama", "--role", "clinician", "--password-file", tmp_path / "password")
    assert (added["name"], added["role"]) == ("ama", "clinician")
    edge.json("user", "add", "kofi", "--role", "admin", stdin="another horse\n")
    assert [user["name"] for user in edge.json("user", "list")] == ["ama", "kofi"]
    assert edge.run("user", "add", "esi", "--role", "admin", stdin="short\n").returncode == 2
    edge.json("user", "disable", "kofi")
    assert edge.json("user", "list")[1]["disabled"] is True
    edge.json("user", "enable", "kofi")
    edge.json("user", "unlock", "kofi")
    assert [(user["disabled"], user["origin"]) for user in edge.json("user", "list")] == [(False, "local")] * 2
    assert edge.run("user", "unlock", "nobody").returncode == 1
    (told,) = [found for found in edge.json("doctor")["findings"] if found["name"] == "people"]
    assert told["text"] == "2 may log in: 0 from the hub, 2 made here"


def test_the_doctor_finds_nothing_wrong_and_warns_of_a_plain_key(edge: Edge) -> None:
    told = edge.json("doctor")
    assert told["ok"] is True
    assert {f["name"]: f["state"] for f in told["findings"]}["key"] == "warning"


def test_the_doctor_tells_of_a_key_that_others_may_read_and_of_a_damaged_file(edge: Edge) -> None:
    (edge.data / "edge.key").chmod(0o644)
    done = edge.run("doctor", "--json")
    assert done.returncode == 1
    assert [f["name"] for f in json.loads(done.stdout)["findings"] if f["state"] == "wrong"] == ["key file"]
    (edge.data / "edge.db").write_bytes(b"\0" * 8192)
    assert edge.run("doctor").returncode == 1


def test_a_passphrase_protects_the_key_from_the_first_day(tmp_path: Path) -> None:
    (tmp_path / "right").write_text("a long passphrase\n")
    (tmp_path / "wrong").write_text("another passphrase\n")
    edge = Edge(tmp_path / "node", MEDTECH_PASSPHRASE_FILE=str(tmp_path / "right"))
    edge.json("user", "add", "ama", "--role", "admin", stdin="correct horse\n")
    assert edge.json("status")["pending"] == 0
    assert (
        "plain" not in json.loads((edge.data / "edge.key").read_bytes())
        or not json.loads((edge.data / "edge.key").read_bytes())["plain"]
    )
    for environment, error in (
        ({"MEDTECH_PASSPHRASE_FILE": str(tmp_path / "wrong")}, "WrongPassphrase"),
        ({}, "PassphraseMissing"),
    ):
        done = Edge(edge.data, **environment).run("status", "--json")
        assert (done.returncode, json.loads(done.stderr)["error"]) == (1, error)


def test_rotating_wraps_the_key_and_the_old_passphrase_opens_it_no_more(edge: Edge, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"the {name} passphrase")
    first, second = (Edge(edge.data, MEDTECH_PASSPHRASE_FILE=str(tmp_path / name)) for name in ("first", "second"))
    first.json("rotate-key")
    assert edge.run("status").returncode == 1
    second.json("rotate-key", "--old-passphrase-file", tmp_path / "first")
    assert first.run("status").returncode == 1
    assert second.json("status")["pending"] == 2


def test_a_port_that_is_taken_is_told_in_one_clear_line(edge: Edge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = edge.run("serve", "--port", str(taken.getsockname()[1]), "--sync-interval", "0")
    assert done.returncode == 2
    assert "Cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


# --- backups ----------------------------------------------------------------------------------------------------------


def test_a_backup_is_encrypted_and_comes_back_as_a_new_incarnation(edge: Edge, tmp_path: Path) -> None:
    backup = tmp_path / "copy"
    written = edge.json("backup", "--out", backup)
    assert written["resources"] == 2
    assert b"Owusu" not in backup.read_bytes()
    other = Edge(tmp_path / "other")
    other.json("restore", backup)
    before, after = edge.json("status"), other.json("status")
    assert before["incarnation"] != after["incarnation"]
    assert (before["scopes"], before["pending"]) == (after["scopes"], after["pending"])
    assert edge.run("export").stdout == other.run("export").stdout


def test_a_backup_under_a_passphrase_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "right").write_text("a long passphrase")
    (tmp_path / "wrong").write_text("another passphrase")
    edge = Edge(tmp_path / "node", MEDTECH_PASSPHRASE_FILE=str(tmp_path / "right"))
    edge.json("user", "add", "ama", "--role", "admin", stdin="correct horse\n")
    assert edge.json("backup", "--out", tmp_path / "copy")["key_file"] is None
    done = Edge(tmp_path / "b", MEDTECH_PASSPHRASE_FILE=str(tmp_path / "wrong")).run(
        "restore", tmp_path / "copy", "--json"
    )
    assert (done.returncode, json.loads(done.stderr)["error"]) == (1, "WrongPassphrase")
    other = Edge(tmp_path / "c", MEDTECH_PASSPHRASE_FILE=str(tmp_path / "right"))
    other.json("restore", tmp_path / "copy")
    assert [user["name"] for user in other.json("user", "list")] == ["ama"]


def test_a_plain_key_comes_back_under_the_passphrase_that_is_set(edge: Edge, tmp_path: Path) -> None:
    edge.json("backup", "--out", tmp_path / "copy")
    (tmp_path / "secret").write_text("a long passphrase")
    other = Edge(tmp_path / "other", MEDTECH_PASSPHRASE_FILE=str(tmp_path / "secret"))
    other.json("restore", tmp_path / "copy")
    assert other.json("status")["resources"] == 2
    done = Edge(other.data).run("status", "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]) == (1, "PassphraseMissing")


def test_restoring_over_a_node_keeps_what_was_there_beside_it(edge: Edge, tmp_path: Path) -> None:
    edge.json("backup", "--out", tmp_path / "copy")
    (tmp_path / "more.ndjson").write_text(PATIENT.replace('"p"', '"q"'))
    edge.json("import", tmp_path / "more.ndjson")
    edge.json("restore", tmp_path / "copy")
    assert edge.json("status")["resources"] == 2
    assert (edge.data / "edge.db.before-restore").exists()


def test_restoring_under_a_running_program_is_refused(edge: Edge, tmp_path: Path) -> None:
    from edge_node import keys
    from edge_node.store.store import DATABASE_NAME, Store

    edge.json("backup", "--out", tmp_path / "copy")
    key = keys.unlock(edge.data, None, database_name=DATABASE_NAME)
    with Store.open(edge.data, key.raw, Programme()):
        done = edge.run("restore", tmp_path / "copy", "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]) == (75, "DatabaseBusy")
    assert edge.json("status")["resources"] == 2


@pytest.mark.parametrize("fault", ["cut", "flipped", "other", "keyless"])
def test_a_backup_that_is_not_whole_is_refused_and_touches_nothing(edge: Edge, tmp_path: Path, fault: str) -> None:
    backup = tmp_path / "copy"
    edge.json("backup", "--out", backup)
    whole = bytearray(backup.read_bytes())
    whole[len(whole) // 2] ^= 1
    backup.write_bytes(
        {"cut": bytes(whole[:9000]), "flipped": bytes(whole), "other": b"hello", "keyless": backup.read_bytes()}[fault]
    )
    if fault == "keyless":
        (tmp_path / "copy.key").unlink()
    other = Edge(tmp_path / "other")
    done = other.run("restore", backup, "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]) == (
        1,
        "KeyMissing" if fault == "keyless" else "BadBackup",
    )
    assert not list(other.data.glob("edge.*"))


def test_a_backup_taken_while_others_write_is_of_one_moment(edge: Edge, tmp_path: Path) -> None:
    lines = "\n".join(PATIENT.replace('"p"', f'"p{n}"') for n in range(6000))
    (tmp_path / "many.ndjson").write_text(lines)
    code = "from edge_node.cli import main; main()"
    arguments = [sys.executable, "-c", code, "import", str(tmp_path / "many.ndjson"), "--data", str(edge.data)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as importing:
        written = edge.json("backup", "--out", tmp_path / "copy")
        assert importing.wait(timeout=60) == 0
    assert written["resources"] in (2, 2002, 4002, 6002)
    assert edge.json("status")["resources"] == 6002
