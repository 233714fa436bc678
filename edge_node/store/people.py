"""Users of this node: names, roles, and passwords as Argon2id."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from edge_node.errors import NotFound, SettingsWrong, Unauthorised
from edge_node.store.connection import Connection
from edge_node.store.model import User
from sync_protocol import bounds

ROLES = ("clinician", "midwife", "registrar", "operator", "admin", "citizen")
PASSWORD_CHARS_MIN = 8

MEMORY_KIB = 64 * 1024
ITERATIONS = 3
LANES = 1
"""RFC 9106, second recommended option, with one lane as fits small machines: about 130 ms here."""
_SALT_BYTES, _KEY_BYTES = 16, 32


def seal_password(password: str, salt: bytes) -> str:
    """A password as it is stored (PHC string)."""
    kdf = Argon2id(salt=salt, length=_KEY_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


def opens(password: str, secret: str) -> bool:
    """Whether a password is the stored one."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), secret)
    except InvalidKey:
        return False
    return True


class Users:
    """The table of users."""

    def __init__(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        reading: Callable[[], AbstractContextManager[Connection]],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._transaction, self._reading, self._random_bytes = transaction, reading, random_bytes

    def add(self, name: str, role: str, password: str, now_ms: int) -> User:
        """Makes a user, or gives an existing one a new role and password. Raises SettingsWrong."""
        if not 0 < len(name) <= bounds.USER_CHARS_MAX or not name.isprintable():
            raise SettingsWrong(f"A user's name has 1 to {bounds.USER_CHARS_MAX} printable characters")
        if role not in ROLES:
            raise SettingsWrong(f"A role is one of {', '.join(ROLES)}")
        if len(password) < PASSWORD_CHARS_MIN:
            raise SettingsWrong(f"A password has at least {PASSWORD_CHARS_MIN} characters")
        secret = seal_password(password, self._random_bytes(_SALT_BYTES))
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO user (name, role, secret, created) VALUES (?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET role = excluded.role, secret = excluded.secret, disabled = 0",
                (name, role, secret, now_ms),
            )
        return User(name, role, False, now_ms)

    def list(self) -> "list[User]":
        """All users, by name."""
        with self._reading() as connection:
            found = connection.execute("SELECT name, role, disabled, created FROM user ORDER BY name").fetchall()
        return [User(name, role, bool(disabled), created) for name, role, disabled, created in found]

    def get(self, name: str) -> User | None:
        """A user by name, disabled or not."""
        return next((user for user in self.list() if user.name == name), None)

    def verify(self, name: str, password: str) -> User:
        """The user whose password this is. An unknown name takes as long as a wrong password. Raises Unauthorised."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT role, secret, disabled, created FROM user WHERE name = ?", (name,)
            ).fetchone()
        if row is None:
            seal_password(password, bytes(_SALT_BYTES))
            raise Unauthorised()
        if not opens(password, row[1]) or row[2]:
            raise Unauthorised()
        return User(name, row[0], False, row[3])

    def disable(self, name: str) -> None:
        """Lets a user log in no more. Raises NotFound."""
        with self._transaction() as connection:
            if connection.execute("UPDATE user SET disabled = 1 WHERE name = ?", (name,)).rowcount == 0:
                raise NotFound()
