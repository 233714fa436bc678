"""Users of this node: names, roles, passwords and PINs as Argon2id, and wrong tries, which no restart forgives.

A user is made here (`local`), or comes from the hub with the exchange (`roster.py`). Under one name the hub's is the one that counts: it
takes a local one's place, and nobody here gives it another password or role. Here it can be barred, at once and whatever the hub says.
Whatever changes who somebody is (password, role, disabled, barred) raises her generation, which ends all her logins.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from edge_node.errors import AlreadyExists, NotFound, SettingsWrong, TooManyTries, Unauthorised
from edge_node.language import marked
from edge_node.store.connection import Connection
from edge_node.store.model import User
from edge_node.store.passwords import lock_ms, pin_fault, remaining_ms
from sync_protocol import passwords

HUB, LOCAL = "hub", "local"
_COLUMNS = "name, role, disabled OR barred, created, origin, patient, generation, pin IS NOT NULL, wrong, locked_until"
_STRANGER = "login_stranger"


class Users:
    """The table of users."""

    def __init__(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        reading: Callable[[], AbstractContextManager[Connection]],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._transaction, self._reading, self._random_bytes = transaction, reading, random_bytes

    def add(self, name: str, role: str, password: str, now_ms: int, patient: str | None = None) -> User:
        """Makes a user, or gives an existing one a new role and password. `patient`: the Patient that a citizen is.

        Raises SettingsWrong, or AlreadyExists when the name is known from the hub.
        """
        wrong = passwords.fault(name, role, password)
        if wrong is not None:
            raise SettingsWrong(wrong)
        if patient is not None and role != "citizen":
            raise SettingsWrong("Only a citizen is one of the patients")
        secret = self._sealed(password)
        with self._transaction() as connection:
            known = connection.execute("SELECT origin FROM user WHERE name = ?", (name,)).fetchone()
            if known is not None and known[0] == HUB:
                raise AlreadyExists(marked("This name is known from the hub"), hint=_ASK_THE_HUB)
            connection.execute(
                "INSERT INTO user (name, role, secret, created, patient) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET role = excluded.role, secret = excluded.secret, patient = excluded.patient,"
                " disabled = 0, pin = NULL, wrong = 0, locked_until = 0, generation = generation + 1",
                (name, role, secret, now_ms, patient),
            )
            return _one(connection, name)

    def list(self) -> "list[User]":
        """All users, by name."""
        with self._reading() as connection:
            found = connection.execute(f"SELECT {_COLUMNS} FROM user ORDER BY name").fetchall()
        return [_user(row) for row in found]

    def get(self, name: str) -> User | None:
        """A user by name, disabled or not."""
        with self._reading() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM user WHERE name = ?", (name,)).fetchone()
        return _user(row) if row is not None else None

    def verify(self, name: str, password: str, now_ms: int) -> User:
        """The user whose password this is. The try is counted before it is looked at, and forgotten when it was right.

        An unknown name takes as long as a wrong password. Raises Unauthorised, or TooManyTries while the login is locked.
        """
        with self._transaction() as connection:
            row = connection.execute("SELECT secret, wrong, locked_until FROM user WHERE name = ?", (name,)).fetchone()
            left = remaining_ms(row[1], row[2], now_ms) if row is not None else 0
            if row is None:
                _note_stranger(connection)
            else:
                # A lock that ends too late is of before the clock was put back: it begins anew, and no try gets past it.
                wrong = row[1] if left else row[1] + 1
                until = now_ms + (left or lock_ms(wrong)) if left or lock_ms(wrong) else 0
                connection.execute("UPDATE user SET wrong = ?, locked_until = ? WHERE name = ?", (wrong, until, name))
        if left:
            raise TooManyTries("This login is locked for a while", hint=_WAIT)
        if row is None:
            passwords.sealed(password, bytes(passwords.SALT_BYTES))
            raise Unauthorised()
        if not passwords.opens(password, row[0]):
            raise Unauthorised()
        with self._transaction() as connection:
            user = _one(connection, name)
            if user.disabled:
                raise Unauthorised()
            connection.execute("UPDATE user SET wrong = 0, locked_until = 0 WHERE name = ?", (name,))
        return user

    def set_password(self, name: str, password: str, now_ms: int) -> User:
        """Gives a local user another password. Raises NotFound, SettingsWrong, or AlreadyExists for one of the hub."""
        present = self.get(name)
        if present is None:
            raise NotFound()
        return self.add(name, present.role, password, now_ms, present.patient)

    def disable(self, name: str) -> None:
        """Lets a user log in no more, at this node; one of the hub stays barred here whatever the hub says. Raises NotFound."""
        self._change(name, "disabled = CASE origin WHEN 'local' THEN 1 ELSE disabled END, barred = origin = 'hub'")

    def enable(self, name: str) -> None:
        """Takes back what `disable` did here; what the hub disabled stays so. Raises NotFound."""
        self._change(name, "disabled = CASE origin WHEN 'local' THEN 0 ELSE disabled END, barred = 0")

    def unlock(self, name: str) -> None:
        """Forgets wrong tries. Raises NotFound."""
        self._change(name, "wrong = 0, locked_until = 0", ends_logins=False)

    def set_pin(self, name: str, pin: str) -> None:
        """The PIN that unlocks this user's sessions from now on. Raises SettingsWrong, NotFound."""
        wrong = pin_fault(pin)
        if wrong is not None:
            raise SettingsWrong(wrong)
        self._change(name, "pin = ?", self._sealed(pin), ends_logins=False)

    def has_pin_of(self, name: str, pin: str) -> bool:
        """Whether this is the user's PIN."""
        with self._reading() as connection:
            row = connection.execute("SELECT pin FROM user WHERE name = ?", (name,)).fetchone()
        return row is not None and row[0] is not None and passwords.opens(pin, row[0])

    def _sealed(self, password: str) -> str:
        return passwords.sealed(password, self._random_bytes(passwords.SALT_BYTES))

    def _change(self, name: str, what: str, *values: str, ends_logins: bool = True) -> None:
        ending = ", generation = generation + 1" if ends_logins else ""
        with self._transaction() as connection:
            if connection.execute(f"UPDATE user SET {what}{ending} WHERE name = ?", (*values, name)).rowcount == 0:
                raise NotFound()


_ASK_THE_HUB = marked(
    "Its password and role are changed at the hub. For the time being, add somebody under another name here."
)
_WAIT = "Wait, then try again. An administrator of this node can end the wait."


def _note_stranger(connection: Connection) -> None:
    """What a wrong try of a known name costs, so that the time it takes tells nothing."""
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (_STRANGER,)
    )


def _one(connection: Connection, name: str) -> User:
    return _user(connection.execute(f"SELECT {_COLUMNS} FROM user WHERE name = ?", (name,)).fetchone())


def _user(row: "tuple[str, str, int, int, str, str | None, int, int, int, int]") -> User:
    name, role, disabled, created, origin, patient, generation, has_pin, wrong, locked_until = row
    return User(name, role, bool(disabled), created, origin, patient, generation, bool(has_pin), wrong, locked_until)
