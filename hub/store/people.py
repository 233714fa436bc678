"""People who may log in at nodes. Every change has a revision of its own, given under one lock: what is committed later is greater."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from hub.errors import NotFound
from hub.postgres.engine import Connection
from sync_protocol.exchange.people import Person
from sync_protocol.passwords import EVERYWHERE


class AccountRow(Struct, frozen=True):
    """A person as the hub knows her. `facility`: '' for none."""

    name: str
    role: str
    facility: str
    disabled: bool
    patient: str
    revision: int
    created: datetime


_SHOWN: Final = ", ".join(AccountRow.__struct_fields__)
_PERSON: Final = "name, facility, role, secret, revision, disabled, patient"


async def next_revision(connection: Connection, now_ms: int) -> int:
    """A revision greater than all before; others wait for it until the transaction ends."""
    query = """
        INSERT INTO account_clock (revision) VALUES ($1)
        ON CONFLICT (single) DO UPDATE SET revision = greatest(account_clock.revision + 1, excluded.revision)
        RETURNING revision
        """
    return int(await connection.fetchval(query, now_ms))


async def put_account(connection: Connection, person: Person) -> bool:
    """Writes an account, new or as it is from now on. True when it was not there. One that moves is gone from where it was."""
    before = await connection.fetchrow("SELECT facility, role FROM account WHERE name = $1 FOR UPDATE", person.name)
    await connection.execute(
        f"""
        INSERT INTO account ({_PERSON}) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (name) DO UPDATE SET facility = excluded.facility, role = excluded.role, secret = excluded.secret,
            revision = excluded.revision, disabled = excluded.disabled, patient = excluded.patient
        """,
        *(person.name, person.facility, person.role, person.secret, person.revision, person.disabled, person.patient),
    )
    if is_told(person.facility, person.role):
        query = "DELETE FROM account_left WHERE facility = $1 AND name = $2"
        await connection.execute(query, person.facility, person.name)
    if before is not None and leaves(before["facility"], before["role"], person):
        await put_left(connection, person.name, before["facility"], person.revision)
    return before is None


def is_told(facility: str, role: str) -> bool:
    """Whether any node is told of such a person."""
    return bool(facility) or role in EVERYWHERE


def leaves(facility: str, role: str, after: Person) -> bool:
    """Whether nodes that were told of a person of this facility and role are not told what she is now: they have to know that she left."""
    return is_told(facility, role) and (facility != after.facility or not is_told(after.facility, after.role))


def counts(person: Person, facility: str, revision: int) -> bool:
    """Whether a statement says more than an account of this facility and revision does.

    Of who moved there are two of one revision: where she is, and that she is gone from where she was. Clinics give them back in any
    order, and the second says nothing of an account that is elsewhere.
    """
    if person.facility == facility:
        return person.revision > revision
    return person.gone or person.revision >= revision


async def put_left(connection: Connection, name: str, facility: str, revision: int) -> bool:
    """Notes that a person works at this facility no more. False when that was noted before."""
    noted = await connection.fetchval(
        "INSERT INTO account_left (name, facility, revision) VALUES ($1, $2, $3) ON CONFLICT (facility, name)"
        " DO UPDATE SET revision = excluded.revision WHERE account_left.revision < excluded.revision RETURNING name",
        *(name, facility, revision),
    )
    return noted is not None


async def disable_account(connection: Connection, name: str, revision: int) -> AccountRow:
    """Lets a person log in no more. Raises `NotFound`."""
    row = await connection.fetchrow(
        f"UPDATE account SET disabled = true, revision = $2 WHERE name = $1 RETURNING {_SHOWN}", name, revision
    )
    if row is None:
        raise NotFound("There is no user of this name.", hint="`medtech-hub user list` names those there are.")
    return AccountRow(*row)


async def list_accounts(connection: Connection) -> list[AccountRow]:
    """All people, by name, disabled ones too; never their secrets."""
    return [AccountRow(*row) for row in await connection.fetch(f"SELECT {_SHOWN} FROM account ORDER BY name")]


async def people_of(connection: Connection, facility: str) -> list[Person]:
    """All that a node of this facility shall hold: its people, those of all nodes, and who is gone from there."""
    rows = await connection.fetch(
        f"""
        SELECT {_PERSON}, false FROM account WHERE facility = $1 OR (facility = '' AND role = ANY($2::text[]))
        UNION ALL
        SELECT name, facility, '', '', revision, true, '', true FROM account_left WHERE facility = ANY($3::text[])
        """,
        *(facility, sorted(EVERYWHERE), ["", facility]),
    )
    here = {row["name"]: Person(*row) for row in rows if not row[-1]}
    gone = {row["name"]: Person(*row) for row in sorted(rows, key=_revision) if row[-1] and row["name"] not in here}
    return [*here.values(), *gone.values()]


def _revision(row: Any) -> int:
    return int(row["revision"])


async def recall(connection: Connection, people: Sequence[Person]) -> list[str]:
    """Takes again what this hub said and forgot, where it is newer than what it knows. Returns the names."""
    if not people:
        return []
    # The clock's row first, as whoever adds a user does: in another order the two would wait for each other.
    await next_revision(connection, max(person.revision for person in people))
    taken = []
    for person in sorted(people, key=lambda one: (one.name, one.revision)):
        held = await connection.fetchrow(
            "SELECT facility, revision FROM account WHERE name = $1 FOR UPDATE", person.name
        )
        if held is not None and not counts(person, held["facility"], held["revision"]):
            continue
        if person.gone:
            await connection.execute(
                "UPDATE account SET disabled = true, revision = $3 WHERE name = $1 AND facility = $2",
                *(person.name, person.facility, person.revision),
            )
            if not await put_left(connection, person.name, person.facility, person.revision):
                continue
        else:
            await put_account(connection, person)
        taken.append(person.name)
    return taken
