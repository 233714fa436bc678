"""Passwords of people who log in at the hub, off the event loop, a few at a time.

`account.secret` is what nodes check while offline: a stolen disk is what it has to withstand, so it costs 64 MiB and 130 ms. The hub
checks one
of its own, `account.hub_secret`: Argon2id of the password's HMAC under a key that no database holds. With the database alone there is
nothing to
try; so 19 MiB and two passes do (OWASP's least), 15 ms, and a hub answers many. An account that has none yet (from before, or told by a
node to a
hub that went back) is checked by the first, once, and gets the second.
"""

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from hub.errors import Busy
from sync_protocol import passwords

MEMORY_KIB: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
KEY_BYTES: Final = 32
T = TypeVar("T")


def sealed(pepper: bytes, password: str, salt: bytes) -> str:
    """A password as the hub stores it for itself (PHC string)."""
    kdf = Argon2id(salt=salt, length=KEY_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_peppered(pepper, password))


def opens(pepper: bytes, password: str, hub_secret: str, secret: str) -> bool:
    """Whether a password is the stored one: by the hub's own, else by that of nodes."""
    if not hub_secret:
        return passwords.opens(password, secret)
    try:
        Argon2id.verify_phc_encoded(_peppered(pepper, password), hub_secret)
    except (InvalidKey, ValueError):
        return False
    return True


def _peppered(pepper: bytes, password: str) -> bytes:
    return hmac.digest(pepper, password.encode(errors="surrogatepass"), sha256)


class Workers:
    """Threads for that. `waiting_max` may wait for one of them; more are told to come later."""

    def __init__(self, threads: int, waiting_max: int) -> None:
        self._places = threads + waiting_max
        self._taken = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises `Busy` when too many wait."""
        if self._taken >= self._places:
            raise Busy("Too many people log in at the same time.", retry_after_seconds=1)
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Ends the threads; what waits is not done any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
