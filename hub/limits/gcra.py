"""The generic cell rate algorithm (ITU-T I.371, 1996) as a pure function; what it keeps of a limit is one moment.

That moment, the theoretical arrival time, is when everything that was taken will have been made up for. Taking moves it on by one
interval; where that would be further ahead than the burst allows, it is refused, and the answer tells how long to wait.

Several limits are one decision: all of them are taken from, or none. A moment further ahead than any taking can bring about (the clock was
put back, the limit was changed) counts as the furthest there can be, so that nobody waits for longer than a burst takes.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

SECOND: Final = 1_000_000
"""Everything is in microseconds."""


class Limit(Struct, frozen=True):
    """So many at once (`burst`), and one more each `interval_us`."""

    burst: int
    interval_us: int


class Take(NamedTuple):
    """What somebody wants of a limit. `key` names whose it is: in a cluster, keys of one decision have one hash tag. `what`: for the
    refusal. `cost`: 1 takes, -1 gives back."""

    key: str
    limit: Limit
    what: str
    cost: int = 1


class Decision(Struct, frozen=True):
    """`wait_us`: 0 when it is allowed. `refused_by`: the place of the limit that makes one wait longest."""

    wait_us: int = 0
    refused_by: int = 0


def per(seconds: int, allowed: int, burst: int | None = None) -> Limit:
    """`allowed` in so many seconds; all of them at once, unless `burst` says how many."""
    return Limit(burst or allowed, max(1, seconds * SECOND // allowed))


def decide(takes: Sequence[Take], moments: Mapping[str, int], now_us: int) -> tuple[Decision, dict[str, int]]:
    """The decision, and the moments to be kept after it. What `hub.limits.in_redis` says in Lua is this, line by line."""
    wait_us, refused_by, after = 0, 0, dict[str, int]()
    for place, take in enumerate(takes):
        interval, burst = take.limit.interval_us, take.limit.burst
        begun = min(max(moments.get(take.key, 0), now_us), now_us + burst * interval)
        moment = max(begun + take.cost * interval, now_us)
        wait = moment - burst * interval - now_us if take.cost > 0 else 0
        if wait > wait_us:
            wait_us, refused_by = wait, place
        after[take.key] = moment
    return Decision(wait_us, refused_by), {} if wait_us > 0 else after
