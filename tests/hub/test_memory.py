"""The memory of a process of ours is not for others: no core dump, and no other process of the same user reads it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ASKED = """
import ctypes, resource, os, sys
if sys.argv[1] == "kept":
    from hub.memory import keep_to_ourselves
    keep_to_ourselves()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0] == 0)
print("ready", flush=True)
sys.stdin.read()
"""


def told(kept: str) -> tuple[str, int]:
    """What such a process says of itself, and whom the system says that its memory belongs to."""
    words = [sys.executable, "-c", ASKED, kept]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as one:
        assert one.stdout is not None
        line = one.stdout.readline().strip()
        assert one.stdout.readline() == "ready\n"
        owner = Path(f"/proc/{one.pid}/mem").stat().st_uid
        one.communicate("")
    return line, owner


def test_nobody_gets_the_memory_of_a_process_of_ours() -> None:
    assert told("as it is")[0].startswith("1 ")
    line, owner = told("kept")
    assert (line, owner) == ("0 True", 0)


def test_the_server_does_it(start: Any) -> None:
    server = start()
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    (core,) = [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core == ["0", "0"]
