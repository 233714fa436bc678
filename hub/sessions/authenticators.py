"""Whose one-time codes are asked for: enrolling an authenticator, confirming it, taking it away."""

from hub.errors import Exists, LoginRefused, NotFound
from hub.postgres.engine import Connection
from hub.sessions import codes
from hub.sessions.codes import Enrolment
from hub.sessions.desk import Desk
from hub.store import sessions as rows
from hub.store.audit import note_act


async def enrol(desk: Desk, actor: str, name: str, *, confirmed: bool) -> Enrolment:
    """The secret for an authenticator, shown this once. `confirmed`: codes are asked for from now on; else from the first that is right.

    Raises `NotFound`, or `Exists` when she has one.
    """
    made = codes.new_enrolment(name)
    async with desk.database.transaction() as connection:
        if await rows.find_login(connection, name) is None:
            raise NotFound("There is no user of this name.", hint="`medtech-hub user list` names those there are.")
        sealed = desk.codes.seal(made.secret.encode(), name.encode())
        if not await rows.put_code_secret(connection, name, sealed, confirmed=confirmed):
            raise Exists(
                "She has one-time codes already.",
                hint="`medtech-hub user totp NAME --reset` takes them away; then enrol again.",
            )
        await note_act(connection, actor, "one-time-codes.enrol", name)
    return made


async def confirm(desk: Desk, name: str, code: str, now_ms: int) -> None:
    """She shows a code of the authenticator that she enrolled; from now on one is asked for. Raises `NotFound`, `LoginRefused`,
    `TooManyTries`."""
    await desk.limits.code(name)
    async with desk.database.transaction() as connection:
        sealed = await rows.unconfirmed_code_secret(connection, name)
        if sealed is None:
            raise NotFound("There is nothing to confirm.", hint="Enrol an authenticator first.")
        step = codes.step_of(desk.codes.open(sealed, name.encode()).decode(), code, now_ms)
        if step is None or not await rows.take_code_step(connection, name, sealed, step):
            raise LoginRefused("The code is wrong.")
        await note_act(connection, name, "one-time-codes.confirm", name)
    await desk.limits.code(name, -1)


async def reset(connection: Connection, actor: str, name: str) -> None:
    """Takes her one-time codes away. Raises `NotFound` when she has none."""
    if not await rows.delete_code_secret(connection, name):
        raise NotFound("This user has no one-time codes.")
    await note_act(connection, actor, "one-time-codes.reset", name)
