"""The decision in this process: where there is no Redis, or it is away."""

from collections.abc import Callable, Sequence
from typing import Final

from hub.limits.gcra import Decision, Take, decide

KEPT_MAX: Final = 100_000


class InProcess:
    """Limits of one process. `clock_us`: a steady one. A restart forgives."""

    def __init__(self, clock_us: Callable[[], int], kept_max: int = KEPT_MAX) -> None:
        self._clock_us = clock_us
        self._kept_max = kept_max
        self._moments: dict[str, int] = {}

    async def decide(self, takes: Sequence[Take]) -> Decision:
        """One decision."""
        now_us = self._clock_us()
        decision, after = decide(takes, self._moments, now_us)
        self._moments.update(after)
        if len(self._moments) > self._kept_max:
            self._forget(now_us)
        return decision

    def _forget(self, now_us: int) -> None:
        """Those that are made up for go; if that is too few, those that are so soonest, a tenth at a time."""
        left = sorted((moment, key) for key, moment in self._moments.items() if moment > now_us)
        self._moments = {key: moment for moment, key in left[-(self._kept_max * 9 // 10) :]}
