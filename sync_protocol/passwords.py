"""Passwords as they are kept and carried: Argon2id, as text in PHC form. Names, roles and passwords that may be given.

Hub and nodes keep the same form, since a password that was set at the hub is asked for at a node that may be offline. Salt is an argument.
"""

from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sync_protocol import bounds

ROLES: Final = ("clinician", "midwife", "registrar", "operator", "admin", "citizen")
EVERYWHERE: Final = frozenset({"operator", "admin"})
"""Roles whose people, when they belong to no facility, may log in at every node."""
PASSWORD_CHARS_MIN: Final = 8
PASSWORD_CHARS_MAX: Final = 1_024

MEMORY_KIB: Final = 64 * 1024
ITERATIONS: Final = 3
LANES: Final = 1
"""RFC 9106, second recommended option, with one lane as fits small machines: about 130 ms here."""
SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32


def sealed(password: str, salt: bytes) -> str:
    """A password as it is stored (PHC string)."""
    kdf = Argon2id(salt=salt, length=_KEY_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


def opens(password: str, secret: str) -> bool:
    """Whether a password is the stored one; none is that of a secret that is no PHC string."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), secret)
    except (InvalidKey, ValueError):
        return False
    return True


def fault(name: str, role: str, password: str) -> str | None:
    """What is wrong with a person's name, role or password, in words; None when they will do."""
    if not 0 < len(name) <= bounds.USER_CHARS_MAX or not name.isprintable() or name != name.strip():
        return f"A user's name has 1 to {bounds.USER_CHARS_MAX} printable characters, and no space at its ends"
    if role not in ROLES:
        return f"A role is one of {', '.join(ROLES)}"
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        return f"A password has at least {PASSWORD_CHARS_MIN} characters, and at most {PASSWORD_CHARS_MAX}"
    return None
