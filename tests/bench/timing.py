"""Clocks and medians. The machine may be shared: work and floor take turns, so that what disturbs one disturbs the other."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import psutil

_WHOLE_PROCESS = 2
"""CPUCLOCK_SCHED, of all threads (linux/posix-timers_types.h)."""


class Clock:
    """Seconds on the wall, and processor seconds of this process and of those that worked for it."""

    def __init__(self) -> None:
        self.wall = self.own = self.others = 0.0

    @property
    def cpu(self) -> float:
        """Processor seconds of all processes together."""
        return self.own + self.others


def cpu_of(process: "psutil.Process | None") -> float:
    """Processor seconds of a process and of all that it started and that still run.

    By the clocks that Linux has of each (`clock_getcpuclockid(3)`): what `/proc` says is in steps of ten milliseconds.
    """
    if process is None:
        return 0.0
    return sum(
        time.clock_gettime(~one.pid << 3 | _WHOLE_PROCESS) for one in (process, *process.children(recursive=True))
    )


@contextmanager
def timed(other: "psutil.Process | None" = None) -> Iterator[Clock]:
    """Times what happens inside; `other` is a process that works for it (with its children)."""
    clock = Clock()
    others, own, wall = cpu_of(other), time.process_time(), time.perf_counter()
    try:
        yield clock
    finally:
        clock.wall = time.perf_counter() - wall
        clock.own = time.process_time() - own
        clock.others = cpu_of(other) - others


def middle(clocks: Sequence[Clock]) -> Clock:
    """The median of several, of each kind of time by itself."""
    clock = Clock()
    clock.wall = median(one.wall for one in clocks)
    clock.own = median(one.own for one in clocks)
    clock.others = median(one.others for one in clocks)
    return clock


def turns(times: int, *works: Callable[[int], None]) -> tuple[list[float], ...]:
    """Runs each work in turn, `times` times: the seconds on the wall of each. A work is told the number of its turn."""
    seconds: tuple[list[float], ...] = tuple([] for _ in works)
    for turn in range(times):
        for mine, work in zip(seconds, works, strict=True):
            begun = time.perf_counter()
            work(turn)
            mine.append(time.perf_counter() - begun)
    return seconds


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which a part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
