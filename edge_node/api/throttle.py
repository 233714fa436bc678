"""How many wrong passwords are let through: three leaky buckets, in memory, of a steady clock that is given
(with one that is put back, nobody of an address could log in until it is where it was).

One for a user at an address, one for an address, one for a user. A colleague who forgot her password waits for half a minute; a
machine that guesses from one address is held; one that guesses from many slows down everyone who uses that name, and no one else.
"""

from collections.abc import Callable

import msgspec

from edge_node.errors import TooManyTries

BUCKETS_MAX = 10_000


class Rule(msgspec.Struct, frozen=True):
    """So many wrong tries at once, and one more each `refill_ms`."""

    tries: int
    refill_ms: int


BOTH = Rule(tries=5, refill_ms=30_000)
ADDRESS = Rule(tries=30, refill_ms=5_000)
USER = Rule(tries=50, refill_ms=5_000)


class Throttle:
    """Counts wrong tries. A bucket is the moment at which it will be empty again."""

    def __init__(self, steady_ms: Callable[[], int], address: Rule = ADDRESS) -> None:
        self._steady_ms = steady_ms
        self._address = address
        self._empty_at: dict[tuple[str, str], int] = {}

    def take(self, user: str, address: str) -> None:
        """Counts a try as wrong, before it is looked at. Raises TooManyTries when there were too many."""
        now = self._steady_ms()
        buckets = self._buckets(user, address)
        for key, rule in buckets.items():
            if self._level(key, now) > (rule.tries - 1) * rule.refill_ms:
                raise TooManyTries
        if len(self._empty_at) >= BUCKETS_MAX:
            self._empty_at = {key: at for key, at in self._empty_at.items() if at > now}
        for key, rule in buckets.items():
            self._empty_at[key] = now + self._level(key, now) + rule.refill_ms

    def give_back(self, user: str, address: str) -> None:
        """The try was right: it does not count, and this user starts afresh at this address."""
        for key, rule in self._buckets(user, address).items():
            if rule is BOTH:
                self._empty_at.pop(key, None)
            elif key in self._empty_at:
                self._empty_at[key] -= rule.refill_ms

    def _level(self, key: tuple[str, str], now: int) -> int:
        return max(0, self._empty_at.get(key, now) - now)

    def _buckets(self, user: str, address: str) -> dict[tuple[str, str], Rule]:
        return {(user, address): BOTH, ("", address): self._address, (user, ""): USER}
