"""The documents are true: commands in them run as written, references are made from the program."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 300

WAIT_UNTIL_IT_ANSWERS = """
answers() { for _ in $(seq 600); do python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$1/healthz')" \\
  2>/dev/null && return 0; sleep 0.1; done; return 1; }
"""


@pytest.mark.slow
def test_the_commands_of_operations_run_in_order(tmp_path: Path) -> None:
    hub, edge = str(free_port()), str(free_port())
    blocks = BLOCK.findall((ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8"))
    assert len(blocks) > 5
    script = "set -e -m\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n" + WAIT_UNTIL_IT_ANSWERS
    for block in blocks:
        script += block
        script += "".join(f"answers {port}\n" for port in ("8080", "8070") if f"--port {port}" in block)
    script += "echo every command ran\n"
    tmp_path.chmod(0o755)
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script.replace("8080", hub).replace("8070", edge)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.endswith("every command ran\n")


def test_the_reference_is_made_from_the_program() -> None:
    made = subprocess.run(
        [sys.executable, "packaging/reference/make.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "REFERENCE.md").read_text(encoding="utf-8") == made, (
        "run `python packaging/reference/make.py > docs/REFERENCE.md`"
    )


def test_every_error_that_operations_names_exists() -> None:
    text = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    reference = (ROOT / "docs" / "REFERENCE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", text))
    assert len(named) > 8
    assert {name for name in named if f"| `{name}` |" not in reference} == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
