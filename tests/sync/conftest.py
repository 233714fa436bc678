"""One hub for the tests of a process, a facility of its own for each test, and nodes of it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes.world import Hub, running_hub
from tests.sync.nodes import Node

NewNode = Callable[..., Node]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that nobody stops."""
    with running_hub(tmp_path_factory.mktemp("hub")) as one:
        yield one


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility of this test alone."""
    return "f" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is closed when the test is over."""
    with ExitStack() as one:
        yield one


@pytest.fixture
def new_node(hub: Hub, facility: str, tmp_path: Path, stack: ExitStack) -> NewNode:
    """Makes nodes of this test's facility, by name."""

    def make(name: str, at: Hub = hub) -> Node:
        node = Node(tmp_path / name, f"{facility}-")
        stack.callback(lambda: node.close())
        return node.join(at.url, at.invite(facility))

    return make


@pytest.fixture
def a(new_node: NewNode) -> Node:
    return new_node("a")


@pytest.fixture
def b(new_node: NewNode) -> Node:
    return new_node("b")


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub that the test may stop, copy and break."""
    folder = tmp_path / "centre"
    folder.mkdir()
    for part in (tmp_path, *tmp_path.parents):
        if part.owner() == folder.owner() and part.stat().st_mode & 0o77 == 0:
            part.chmod(0o711)
    with running_hub(folder) as one:
        yield one
