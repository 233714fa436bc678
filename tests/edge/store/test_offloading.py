"""Work in a second process comes back whole and in order, or its failure does; and the process never outlives it."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from edge_node.errors import InvalidResource, StorageFault
from edge_node.store import offloading
from edge_node.store.offloading import pieces


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})


def numbered(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b"%d" % number * 1000


def test_all_pieces_come_in_order() -> None:
    assert list(pieces(lambda: numbered(500))) == list(numbered(500))
    assert list(pieces(lambda: iter(()))) == []


def test_a_failure_there_is_raised_here_after_what_came_before() -> None:
    def make() -> Iterator[bytes]:
        yield b"one"
        raise InvalidResource([], "not JSON")

    received = pieces(make)
    assert next(received) == b"one"
    with pytest.raises(InvalidResource, match="not JSON"):
        next(received)


def test_with_other_threads_the_work_is_done_here() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert list(pieces(lambda: iter([str(os.getpid()).encode()]))) == [str(os.getpid()).encode()]
    finally:
        stop.set()
        other.join()


def test_a_process_that_dies_is_an_error_and_not_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offloading, "_can_fork", lambda: True)

    def make() -> Iterator[bytes]:
        yield b"one"
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(StorageFault):
        list(pieces(make))


def test_whoever_stops_early_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offloading, "_can_fork", lambda: True)

    def make() -> Iterator[bytes]:
        while True:
            yield b"%d" % os.getpid()

    received = pieces(make)
    child = int(next(received))
    received.close()  # type: ignore[attr-defined]
    assert child != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
