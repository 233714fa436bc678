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
        self._poked = self._failing = self._missed = False
        self._alone = threading.Lock()
        self._scheduler = BackgroundScheduler(timezone=UTC)

    def start(self) -> None:
        """Start running; the first exchange comes at once."""
        if self._interval > 0:
            options: dict[str, Any] = {"id": JOB, "max_instances": 1, "coalesce": True, "misfire_grace_time": None}
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
        if self._alone.acquire(blocking=False):
            background.begin(self._work)
        else:
            self._missed = True

    def _work(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - said in the log; the next run comes all the same
            log.error("sync failed", error=type(error).__name__)
        finally:
            self._alone.release()
        if self._missed and not self._failing:
            self._missed = False
            self._next(timedelta(0))

    def _run(self) -> None:
        self._poked, self._failing = False, True
        try:
            progress = self._syncing.run()
        except NotEnrolled:
            return
        except Busy as error:
            self._next(timedelta(seconds=error.retry_after_seconds * (1 + self._jitter())))
            return
        except EdgeError as error:
            log.warning("sync failed", error=type(error).__name__, reason=str(error))
            self._back_off()
            return
        self._failing = False
        self._done(progress)

    def _back_off(self) -> None:
        with self._store.reading() as connection:
            wait = paces.wait_ms(stored.read_pace(connection), self._jitter())
        self._next(timedelta(milliseconds=wait))

    def _next(self, wait: timedelta) -> None:
        if self._scheduler.running and self._scheduler.get_job(JOB) is not None:
            self._scheduler.modify_job(JOB, next_run_time=datetime.now(UTC) + wait)
