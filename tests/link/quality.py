"""How bad a link is, and what became of what was sent over it."""

from typing import Final

from msgspec import Struct


class Quality(Struct, frozen=True):
    """A link, the same in both directions. Each way has its own rate and its own loss."""

    round_trip_seconds: float = 0.0
    bits_per_second: float = 0.0
    """0: no limit."""
    loss: float = 0.0
    queue_seconds: float = 8.0
    """What would wait longer than this before it leaves is dropped, as the modem's buffer overflows."""


GOOD: Final = Quality()
REMOTE: Final = Quality(round_trip_seconds=0.6, bits_per_second=30_000, loss=0.05)
"""A mobile network's edge, or a satellite on a cloudy day."""


class Cuts(Struct, frozen=True):
    """The link is gone `times` times for `seconds`, each time when `after_bytes` more have arrived at either end."""

    times: int = 0
    seconds: float = 3.0
    after_bytes: int = 1_500


class Counts(Struct):
    """What a link did. Bytes are those of whole packets, and of those that arrived; `up` is towards the hub."""

    bytes_up: int = 0
    bytes_down: int = 0
    packets: int = 0
    lost: int = 0
    overflowed: int = 0
    dropped_by_cuts: int = 0
    cuts: int = 0
