"""When exchanges run by themselves: level-triggered, one at a time, with full-jitter back-off after failures.

Nothing is queued: each run looks at what waits, on both sides, and does all of it. A run that fails only moves the next one.
"""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from edge_node.errors import EdgeError, NotEnrolled
from edge_node.store import exchange as stored
from edge_node.store.store import Store
from edge_node.sync import background
from edge_node.sync.exchanging import Progress, Syncing
from edge_node.sync.link import Busy
from sync_protocol.exchange import pace as paces

JOB: Final = "exchange"
SOON_SECONDS: Final = 2.0
"""After a write, so that what a person enters in one go travels in one exchange."""
log = structlog.get_logger()


class Schedule:
    """Runs `Syncing.run` every `interval_seconds`, or only when asked when that is 0."""

    def __init__(
        self,
        store: Store,
        syncing: Syncing,
        interval_seconds: float,
        done: Callable[[Progress], None] = lambda progress: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store, self._syncing, self._interval = store, syncing, interval_seconds
        self._done, self._jitter = done, jitter
        self._poked = self._failing = self._running = self._missed = False
        self._turn = threading.Lock()
        self._scheduler = BackgroundScheduler(timezone=UTC)

    def start(self) -> None:
        """Start running; the first exchange comes at once."""
        if self._interval > 0:
            # `_begin` takes no time and sees itself to it that one exchange runs: the scheduler must not leave one out because it has
            # not noticed yet that the call before is over.
            options: dict[str, Any] = {"id": JOB, "max_instances": 9, "coalesce": True, "misfire_grace_time": None}
            first = datetime.now(UTC)
            self._scheduler.add_job(self._begin, "interval", seconds=self._interval, next_run_time=first, **options)
            self._scheduler.start()

    def stop(self) -> None:
        """Stop, without waiting for an exchange in flight: it may be cut off at any point."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def poke(self) -> None:
        """Something was written: exchange soon, unless the link is failing and its time has not come. Cheap: called after
        every write, it moves the next run once."""
        if self._scheduler.running and not self._poked and not self._failing:
            self._poked = True
            self._next(timedelta(seconds=min(SOON_SECONDS, self._interval)))

    def _begin(self) -> None:
        """One exchange at a time; when its time comes while another one runs, it follows that."""
        with self._turn:
            self._missed = self._running
            if self._running:
                return
            self._running = True
        background.begin(self._work)

    def _work(self) -> None:
        wait = None
        try:
            wait = self._run()
        except Exception as error:  # noqa: BLE001 - said in the log; the next run comes all the same
            log.error("sync failed", error=type(error).__name__)
        with self._turn:
            self._running = False
            if self._missed and not self._failing:
                wait = timedelta(0)
        if wait is not None:  # only now: it may be at once, and must not find this one still running
            self._next(wait)

    def _run(self) -> timedelta | None:
        """One exchange, and when the next one should come, if not at its usual time."""
        self._poked, self._failing = False, True
        try:
            progress = self._syncing.run()
        except NotEnrolled:
            return None
        except Busy as error:
            return timedelta(seconds=error.retry_after_seconds * (1 + self._jitter()))
        except EdgeError as error:
            log.warning("sync failed", error=type(error).__name__, reason=str(error))
            return self._back_off()
        self._failing = False
        self._done(progress)
        return None

    def _back_off(self) -> timedelta:
        with self._store.reading() as connection:
            return timedelta(milliseconds=paces.wait_ms(stored.read_pace(connection), self._jitter()))

    def _next(self, wait: timedelta) -> None:
        if self._scheduler.running and self._scheduler.get_job(JOB) is not None:
            self._scheduler.modify_job(JOB, next_run_time=datetime.now(UTC) + wait)
