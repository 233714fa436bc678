"""Locking a browser's login, and unlocking it with a PIN or the password. A PIN opens nothing that a full login had not opened here."""

from collections.abc import Callable

from edge_node.api.access import Access, Caller
from edge_node.api.login import Credentials, Logins
from edge_node.api.threads import Threads
from edge_node.errors import Unauthorised
from edge_node.store.store import Store
from edge_node.store.trail import Action


class WrongPin(Exception):
    """The PIN is wrong. `left`: so many more may be tried before the password is needed."""

    def __init__(self, left: int) -> None:
        super().__init__("The PIN is wrong")
        self.left = left


class Unlocking:
    """The lock of sessions."""

    def __init__(
        self, store: Store, access: Access, logins: Logins, now_ms: Callable[[], int], threads: Threads
    ) -> None:
        self._store, self._access, self._logins, self._now_ms, self._threads = store, access, logins, now_ms, threads

    async def lock(self, caller: Caller) -> None:
        """Nothing is answered to this login until it is unlocked."""
        await self._threads.write(self._store.sessions.lock, *self._place(caller))
        await self._logins.record(caller.author, "lock")

    async def with_pin(self, caller: Caller, pin: str) -> None:
        """Unlocks. Raises WrongPin, or Unauthorised when that was the last one: the login has ended."""
        if not caller.has_pin:
            raise Unauthorised("This user has no PIN", hint="Use the password.")
        await self._threads.write(self._keep, caller)
        left = await self._threads.write(self._store.sessions.count_pin, caller.session)
        if await self._threads.password(self._store.users.has_pin_of, caller.author.user, pin):
            await self._open(caller, "unlock-pin")
            return
        await self._logins.record(caller.author, "pin-failed")
        if left == 0:
            await self._threads.write(self._store.sessions.end, caller.session)
            await self._logins.record(caller.author, "pin-ended-login")
            raise Unauthorised("There were too many wrong PINs", hint="Log in with the password.")
        raise WrongPin(left)

    async def with_password(self, caller: Caller, password: str, address: str) -> None:
        """Unlocks. Raises Unauthorised or TooManyTries, as a login does."""
        await self._logins.check(Credentials(caller.author.user, password), address)
        await self._open(caller, "unlock-password")

    async def set_pin(self, caller: Caller, password: str, pin: str, address: str) -> None:
        """Gives herself a PIN; the password says that it is she. Raises Unauthorised, TooManyTries, SettingsWrong."""
        await self._logins.check(Credentials(caller.author.user, password), address)
        await self._threads.password(self._store.users.set_pin, caller.author.user, pin)
        await self._logins.record(caller.author, "pin-set")

    async def _open(self, caller: Caller, action: Action) -> None:
        await self._threads.write(self._store.sessions.unlock, *self._place(caller))
        self._access.unlocked(caller)
        await self._logins.record(caller.author, action)

    def _keep(self, caller: Caller) -> None:
        """Wrong PINs are counted in a session that is kept; an idle one is locked with that, so that time unlocks nothing."""
        self._store.sessions.lock(*self._place(caller))

    def _place(self, caller: Caller) -> tuple[str, str, int, int]:
        return caller.session, caller.author.user, self._now_ms(), caller.ends_ms
