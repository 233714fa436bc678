"""How much to send at once, and how long to wait after a failure: pure functions of what happened.

Frames start small, double after a quick success and halve after a failure, between a floor and a top, so that a link which
passes 2 kB a minute still gets on. Back-off is exponential with full jitter (Brooker, "Exponential Backoff and Jitter", 2015).
"""

import msgspec

from sync_protocol import bounds

QUICK_MS = 4_000
"""An exchange under this may be followed by a larger one."""
SLOW_MS = 20_000
"""An exchange over this is followed by a smaller one."""


class Pace(msgspec.Struct, frozen=True):
    """`frame_bytes`: aimed size of a frame, each way. `failures`: exchanges failed in a row."""

    frame_bytes: int = bounds.FRAME_BYTES_START
    failures: int = 0
    bytes_per_resource: int = 128
    credit_bytes: int = 0
    """What the hub said last that may be sent with the next request at most; 0: it said nothing."""


def succeeded(pace: Pace, elapsed_ms: int, sent_bytes: int, received_bytes: int, credit_bytes: int = 0) -> Pace:
    """After an answer: larger when it was quick and the frame was full, smaller when it was slow. `credit_bytes`: the hub's word in it."""
    size = pace.frame_bytes
    full = max(sent_bytes, received_bytes) * 2 >= size
    if elapsed_ms > SLOW_MS:
        size //= 2
    elif elapsed_ms < QUICK_MS and full:
        size *= 2
    return Pace(_within(size), 0, pace.bytes_per_resource, max(0, credit_bytes))


def failed(pace: Pace) -> Pace:
    """After a timeout or a dropped link: half the size, down to the floor."""
    return Pace(_within(pace.frame_bytes // 2), pace.failures + 1, pace.bytes_per_resource, pace.credit_bytes)


def measured(pace: Pace, resources: int, frame_bytes: int) -> Pace:
    """Remember how many bytes a resource took, so that the next frame holds the right number."""
    if not resources:
        return pace
    recent = max(16, frame_bytes // resources)
    return Pace(pace.frame_bytes, pace.failures, (pace.bytes_per_resource + recent) // 2, pace.credit_bytes)


def aimed_bytes(pace: Pace) -> int:
    """How large the next frame to be sent should be: as the link is, and no larger than the hub allows."""
    return min(pace.frame_bytes, pace.credit_bytes or pace.frame_bytes)


def most_bytes(pace: Pace) -> int:
    """Over this a frame is made anew with fewer resources: twice what the link is good for is still sent, not so what the hub allows."""
    return min(2 * pace.frame_bytes, pace.credit_bytes or 2 * pace.frame_bytes)


def resources_per_frame(pace: Pace) -> int:
    """How many resources to put into the next frame."""
    return max(1, min(aimed_bytes(pace) // pace.bytes_per_resource, 4_000))


def wait_ms(pace: Pace, random: float) -> int:
    """Full jitter: between nothing and the doubled wait. `random` in [0, 1)."""
    if not pace.failures:
        return 0
    top = min(bounds.BACKOFF_TOP_MS, bounds.BACKOFF_START_MS << min(pace.failures, 20))
    return int(top * random)


def _within(size: int) -> int:
    return max(bounds.FRAME_BYTES_FLOOR, min(bounds.FRAME_BYTES_TOP, size))
