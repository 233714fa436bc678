"""A hub with two shards, as processes: two databases in its own Postgres. The region `west` is on both, `east` on the second alone."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes.programs import call
from tests.processes.world import Hub, running_hub
from tests.shards.databases import Databases
from tests.sync.nodes import Node

NewNode = Callable[..., Node]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is closed when the test is over."""
    with ExitStack() as one:
        yield one


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name."""
    with tempfile.TemporaryDirectory(prefix="mt") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def hub(tmp_path: Path, short: Path) -> Iterator[Hub]:
    """The hub, serving."""
    folder = tmp_path / "centre"
    folder.mkdir()
    for part in (tmp_path, *tmp_path.parents):
        if part.owner() == folder.owner() and part.stat().st_mode & 0o77 == 0:
            part.chmod(0o711)
    with running_hub(folder) as one:
        databases = Databases(one.data, short)
        databases.add("second")
        regions = ("--region", "west", "--region", "east")
        call(
            "medtech-hub",
            "shard",
            "add",
            "2",
            "--dsn-file",
            "-",
            *regions,
            data=one.data,
            given=databases.dsn("second"),
        )
        call("medtech-hub", "shard", "serve", "1", "--region", "west", data=one.data)
        yield one


@pytest.fixture
def databases(hub: Hub, short: Path) -> Databases:
    """What is in its databases."""
    return Databases(hub.data, short)


@pytest.fixture
def new_node(hub: Hub, tmp_path: Path, stack: ExitStack) -> NewNode:
    """Makes a node of a facility that there is."""

    def make(name: str, facility: str, role: str = "clinic") -> Node:
        invited = call("medtech-hub", "node", "invite", "--facility", facility, "--role", role, data=hub.data)
        code = invited["code"]
        node = Node(tmp_path / name)
        stack.callback(lambda: node.close())
        return node.join(hub.url, code)

    return make
