"""`make demo`, from its start to its end: ready with everything in it, and gone without a trace."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from rich.console import Console

from tests.demo.people import NORTH, SOUTH, write_people
from tests.demo.screen import Line, exchange_table
from tests.demo.story import CASTS
from tests.processes.programs import wait_until
from tests.processes.web import Web

ROOT = Path(__file__).resolve().parent.parent.parent
END_SECONDS_MAX = 20.0
"""A few seconds are wanted; tests run beside others."""


class Running:
    """A demonstration whose folder is made in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = (folder.parent / "told").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.told,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
        )

    @property
    def out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def end(self, number: int) -> float:
        """Seconds until it has ended."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(END_SECONDS_MAX)
        return time.monotonic() - begun

    def words(self) -> str:
        """What people saw."""
        self.told.flush()
        return (self.folder.parent / "told").read_text()

    def left(self) -> list[str]:
        """Programs that still have something to do with its folder."""
        found = []
        for process in psutil.process_iter():
            try:
                about = " ".join([*process.cmdline(), process.cwd()])
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue
            if str(self.folder) in about:
                found.append(about)
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    running = Running(folder)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)
    running.out.close()
    running.told.close()


def test_it_gets_ready_shows_what_it_promises_and_leaves_nothing(demo: Running) -> None:
    line = demo.out.readline()
    assert line, demo.words()
    ready = json.loads(line)
    assert ready["event"] == "ready"
    assert len(ready["edges"]) == 3
    assert [login["url"] for login in ready["logins"]] == ready["edges"]
    totals = []
    for login in ready["logins"]:
        web = web_of(login)
        found = web.ask("GET", "/fhir/Patient?_summary=count")
        assert found.status == 200
        totals.append(found.json["total"])
        assert web.ask("GET", "/api/v1/status").json["hub"]
    assert totals == [40, 40, 40]
    conflicts = web_of(ready["logins"][1]).ask("GET", "/api/v1/conflicts").json["conflicts"]
    assert len(conflicts) == 3
    words = demo.words()
    assert "hold the same, to the last byte" in words
    assert "not yet" not in words
    assert all(edge in words for edge in ready["edges"])
    seconds = demo.end(signal.SIGINT)
    assert demo.process.returncode == 0, demo.words()
    assert seconds < END_SECONDS_MAX
    assert demo.out.read() == "", "one line on standard output, no more"
    assert demo.left() == []
    assert list(demo.folder.iterdir()) == []


def test_at_a_terminal_of_80_columns_no_number_is_cut() -> None:
    told = {"pushed": 10_166, "pulled": 9_851, "bytes_sent": 9_999, "bytes_received": 490_000}
    result: dict[str, object] = {**told, "round_trips": 12, "conflicts": 3, "digest_equal": True}
    lines = [Line(cast.name, 10_166, result, 12.34, "67a7a518") for cast in CASTS]
    console = Console(file=io.StringIO(), width=80)
    console.print(exchange_table([*lines, Line("waiting", 10_166)], narrow=True))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    rows = shown.splitlines()
    assert rows[-1].split() == ["waiting", "10,166", "wait"]
    numbers = "10,166 9,851 9,999 B 490 kB 12 12.34 s 3 ✓ 67a7a518"
    assert [" ".join(row.split()) for row in rows[2:-1]] == [f"{cast.name} {numbers}" for cast in CASTS]


def web_of(login: dict[str, Any]) -> Web:
    return Web(lambda: int(login["url"].rpartition(":")[2]), login["username"], login["password"])


def test_it_ends_as_quickly_while_it_is_still_beginning(demo: Running) -> None:
    wait_until(lambda: "take in their people" in demo.words(), 60, "the story's second step")
    demo.end(signal.SIGTERM)
    assert demo.process.returncode == 0, demo.words()
    assert demo.out.read() == ""
    assert "Traceback" not in demo.words()
    assert demo.left() == []
    assert list(demo.folder.iterdir()) == []


def test_people_are_the_same_every_time_and_only_their_names_and_places_are_new(tmp_path: Path) -> None:
    first = write_people(tmp_path / "a", SOUTH, 0, 3)
    again = write_people(tmp_path / "b", SOUTH, 0, 3)
    assert first == again
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert first[0]["address"][0]["city"] in SOUTH
    assert write_people(tmp_path / "c", NORTH, 3, 2)[0]["address"][0]["city"] in NORTH
    text = (tmp_path / "a").read_text()
    assert "Massachusetts" not in text
    assert "Tremblay" not in text
    assert "166.82501702858627" in text  # numbers keep their digits
