"""Time that goes on whatever the computer's clock is set to: how long something has lasted is measured by it.

It counts while the computer sleeps, as a tablet's owner would expect (Linux, `man 2 clock_gettime`: CLOCK_BOOTTIME), and begins anew with
each start of the computer, so nothing of it is stored. What outlives a restart is told by the wall clock alone.
"""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def steady_ms() -> int:
    """Milliseconds since the computer was started."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Ends:
    """When things end that have been given so much time: after that they are over, though the wall clock says that there is some left."""

    def __init__(self, steady: Clock) -> None:
        self._steady = steady
        self._ends: dict[int, int] = {}

    def is_over(self, number: int, left_ms: int) -> bool:
        """Whether the time is over of what has that number. `left_ms`: what it has left by the wall clock."""
        if len(self._ends) >= _REMEMBERED_MAX and number not in self._ends:
            del self._ends[min(self._ends)]
        now = self._steady()
        return now >= self._ends.setdefault(number, now + left_ms)


_REMEMBERED_MAX = 10_000
