"""What a process has taken in and not answered yet, and what it tells nodes of it: how much to send next, when to come again."""

from typing import Final

from msgspec import Struct

from sync_protocol import bounds

PLENTY: Final = 0.5
"""Up to this part of the bound on bytes in work nodes send as much as their link is good for."""


class Load(Struct):
    """Exchanges and their bytes in work; `refused`: how many were told to come later since there was room the last time."""

    exchanges: int = 0
    bytes: int = 0
    refused: int = 0

    def has_room(self, exchanges_max: int, bytes_max: int, more_bytes: int) -> bool:
        """Whether one more exchange of that size is taken in. One always is: else a bound that is too small would stop all."""
        if not self.exchanges:
            return True
        return self.exchanges < exchanges_max and self.bytes + more_bytes <= bytes_max

    def credit_bytes(self, bytes_max: int) -> int:
        """How much a node may send next, 0 for as much as it likes: an even share of what is left, among all who are in work now.

        Between the smallest frame, so that everybody gets on, and the largest.
        """
        if not self.refused and self.bytes <= PLENTY * bytes_max:
            return 0
        share = max(0, bytes_max - self.bytes) // max(1, self.exchanges)
        return max(bounds.FRAME_BYTES_FLOOR, min(bounds.FRAME_BYTES_TOP, share))


def retry_after_seconds(soonest_seconds: int, refused: int, places: int, chance: float) -> int:
    """When one who was refused should come again. `chance` in [0, 1).

    As many as there are `places` can come in each `soonest_seconds`; who is refused comes at some time within as many of these as those
    who were `refused` before fill, so that a thousand who were told at once do not come at once.
    """
    return soonest_seconds + int(chance * soonest_seconds * (1 + refused / places)) if refused else soonest_seconds
