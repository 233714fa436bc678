"""PINs that will do, and for how long a login is locked after wrong tries.

Sources: Bonneau, Preibusch, Anderson, "A birthday present every eleven wallets? The security of customer-chosen banking PINs", Financial
Cryptography 2012 (sections 3 and 5: refuse the commonest; what is left needs a bound on tries, and has it: `PIN_TRIES_MAX`);
NIST SP 800-63B (2017) section 5.2.2 (a bound on wrong tries, with growing waits).
"""

from itertools import pairwise
from typing import Final

from edge_node.language import _

PIN_DIGITS_MIN: Final = 4
PIN_DIGITS_MAX: Final = 6
PIN_TRIES_MAX: Final = 5
"""Wrong PINs end the session: from then on the password is asked for."""
TRIES_MAX: Final = 5
"""Wrong passwords, one after another, lock the login; so many more lock it again, for twice as long."""
LOCK_MS: Final = 60_000
LOCK_MS_MAX: Final = 3_600_000
"""Not longer: whoever types wrong passwords under a colleague's name shall not keep her from her patients for a day."""

_COMMON: Final = frozenset(
    "2580 0852 1004 2468 1357 1379 1397 7410 0147 3690 0963 6969 1122 2211 1212 1010 0007 4321 1112 4200 5683"
    " 123123 121212 112233 101010 123321 159753 147258 159357 147852 258258 654321 696969 123654".split()
)


def lock_ms(wrong: int) -> int:
    """For how long the login is locked after so many wrong tries in a row, the last of them just now; 0: it is not."""
    if wrong <= 0 or wrong % TRIES_MAX:
        return 0
    doublings = min(wrong // TRIES_MAX - 1, 16)
    return int(min(LOCK_MS << doublings, LOCK_MS_MAX))


def remaining_ms(wrong: int, locked_until: int, now_ms: int) -> int:
    """How much is left of a lock that so many wrong tries brought about; never more than it lasts, however the clock was put back."""
    return min(max(locked_until - now_ms, 0), lock_ms(wrong) or LOCK_MS)


def pin_fault(pin: str) -> str | None:
    """What is wrong with a PIN, in words; None when it will do."""
    if not (pin.isascii() and pin.isdigit() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        return _("A PIN has %(least)s to %(most)s digits.", least=PIN_DIGITS_MIN, most=PIN_DIGITS_MAX)
    if pin in _COMMON or _is_run(pin) or _is_repeated(pin) or _is_year(pin):
        return _("This PIN is too easy to guess. Do not take a year, a row of digits, or a pattern.")
    return None


def _is_run(pin: str) -> bool:
    """Whether each digit is as far from the one before: 1234, 9876, 1111, 1357."""
    return len({(int(b) - int(a)) % 10 for a, b in pairwise(pin)}) == 1


def _is_repeated(pin: str) -> bool:
    """Whether it is one part twice or three times, or the same forwards and backwards: 2727, 272727, 2772."""
    return pin == pin[::-1] or any(pin == pin[:size] * (len(pin) // size) for size in (1, 2, 3))


def _is_year(pin: str) -> bool:
    return len(pin) == 4 and pin[:2] in ("19", "20")
