"""A node's server within the test's own process, ended afterwards as a real one is."""

from collections.abc import Iterator
from contextlib import contextmanager

from edge_node.api.app import Parts
from edge_node.api.door import Door


@contextmanager
def running(app: Door) -> Iterator[Door]:
    """The server; when the block ends, who listens hears no more, and its threads end."""
    try:
        yield app
    finally:
        parts: Parts = app.app.state.parts
        parts.feed.close()
        parts.threads.close()
