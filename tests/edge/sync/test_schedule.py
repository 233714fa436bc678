"""Exchanges run by themselves: at once, after a write, later after a failure, and when the hub says."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge_node.errors import HubUnreachable
from edge_node.programme import Programme
from edge_node.store.store import Store
from edge_node.sync.exchanging import Progress, Syncing
from edge_node.sync.link import Busy
from edge_node.sync.schedule import Schedule

SECONDS_MAX = 30.0


class Told(Syncing):
    """A sync that does what it is told instead of calling a hub, and says when it ran."""

    def __init__(self, store: Store, outcomes: list[Progress | Exception]) -> None:
        super().__init__(store, lambda: 0, bytes, "test")
        self._outcomes = outcomes
        self.runs = threading.Semaphore(0)

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Progress:
        outcome = self._outcomes.pop(0) if self._outcomes else Progress()
        self.runs.release()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, bytes(32), Programme(), create=True) as opened:
        yield opened


def test_it_runs_at_once_and_tells_what_was_done(store: Store) -> None:
    done: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    schedule = Schedule(store, Told(store, [Progress(pushed=3)]), 3600, done.put)
    schedule.start()
    try:
        assert done.get(timeout=SECONDS_MAX).pushed == 3
    finally:
        schedule.stop()


def test_a_write_makes_it_run_soon_though_the_interval_is_long(store: Store) -> None:
    told = Told(store, [])
    schedule = Schedule(store, told, 3600)
    schedule.start()
    try:
        assert told.runs.acquire(timeout=SECONDS_MAX)
        while not told.runs.acquire(timeout=0.2):  # the first run may not have ended at the first poke
            schedule.poke()
    finally:
        schedule.stop()


def runs_twice(store: Store, failure: Exception) -> None:
    """The first run fails, and another one follows though the interval is long."""
    told = Told(store, [failure])
    schedule = Schedule(store, told, 3600, jitter=lambda: 0.0)
    schedule.start()
    try:
        assert told.runs.acquire(timeout=SECONDS_MAX)
        assert told.runs.acquire(timeout=SECONDS_MAX)
    finally:
        schedule.stop()


@pytest.mark.parametrize("failure", [HubUnreachable(), Busy(0)])
def test_after_a_failure_it_runs_again_by_itself(store: Store, failure: Exception) -> None:
    runs_twice(store, failure)


def test_a_run_that_should_come_at_once_is_not_missed_by_the_one_that_asked_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came while the failed one was just ending, was taken for a second one beside it, and was left out until the next interval."""
    real = Schedule._next

    def slowly(schedule: Schedule, wait: timedelta) -> None:
        real(schedule, wait)
        time.sleep(1)

    monkeypatch.setattr(Schedule, "_next", slowly)
    runs_twice(store, Busy(0))


def test_with_interval_0_it_never_runs_by_itself(store: Store) -> None:
    told = Told(store, [])
    schedule = Schedule(store, told, 0)
    schedule.start()
    schedule.poke()
    schedule.stop()
    assert not told.runs.acquire(blocking=False)
