"""A store in a folder of its own, and what must hold after every test: digests and index are those of the rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.store.store import Store
from tests.edge.store import nodes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with nodes.opened(tmp_path / "node") as opened:
        yield opened
        nodes.digests_are_those_of_the_rows(opened)
        nodes.search_index_is_that_of_the_rows(opened)
