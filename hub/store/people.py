"""People who may log in at nodes. Every change has a revision of its own, given under one lock: what is committed later is greater."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from hub.postgres.engine import Connection
from sync_protocol.exchange.people import Person
from sync_protocol.passwords import EVERYWHERE


class AccountRow(Struct, frozen=True):
    """A person as the hub knows her. `facility`: '' for none. `region`: which an operator of the hub sees; '' for all."""

    name: str
    role: str
    facility: str
    disabled: bool
    patient: str
    revision: int
    created: datetime
    region: str


_SHOWN: Final = ", ".join(f"account.{field}" for field in AccountRow.__struct_fields__)
_WITHIN: Final = """($1 = '' OR account.region = $1
    OR EXISTS (SELECT FROM facility WHERE facility.id = account.facility AND facility.region = $1))"""
_PERSON: Final = "name, facility, role, secret, revision, disabled, patient"


async def next_revision(connection: Connection, now_ms: int) -> int:
    """A revision greater than all before; others wait for it until the transaction ends."""
    query = """
        INSERT INTO account_clock (revision) VALUES ($1)
        ON CONFLICT (single) DO UPDATE SET revision = greatest(account_clock.revision + 1, excluded.revision)
        RETURNING revision
        """
    return int(await connection.fetchval(query, now_ms))


async def put_account(connection: Connection, person: Person, region: str = "", hub_secret: str = "") -> bool:
    """Writes an account, new or as it is from now on. True when it was not there. One that moves is gone from where it was.

    `region` and `hub_secret` are the hub's own: nodes are not told of them, and what a node gives back has neither.
    """
    before = await lock_account(connection, person.name)
    await connection.execute(
        f"""
        INSERT INTO account ({_PERSON}, region, hub_secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (name) DO UPDATE SET facility = excluded.facility, role = excluded.role, secret = excluded.secret,
            revision = excluded.revision, disabled = excluded.disabled, patient = excluded.patient,
            region = excluded.region, hub_secret = excluded.hub_secret
        """,
        *(person.name, person.facility, person.role, person.secret, person.revision, person.disabled, person.patient),
        *(region, hub_secret),
    )
    if is_told(person.facility, person.role, region):
        query = "DELETE FROM account_left WHERE facility = $1 AND name = $2"
        await connection.execute(query, person.facility, person.name)
    if before is not None and leaves(before.facility, before.role, person, before.region, region):
        await put_left(connection, person.name, before.facility, person.revision)
    return before is None


async def lock_account(connection: Connection, name: str) -> AccountRow | None:
    """A person, locked until the transaction ends; None when there is none."""
    row = await connection.fetchrow(f"SELECT {_SHOWN} FROM account WHERE name = $1 FOR UPDATE", name)
    return AccountRow(*row) if row is not None else None


def is_told(facility: str, role: str, region: str = "") -> bool:
    """Whether any node is told of such a person. Who sees one region of the hub works at the hub: other regions' nodes hear nothing of
    her."""
    return bool(facility) or (role in EVERYWHERE and not region)


def leaves(facility: str, role: str, after: Person, region: str = "", region_after: str = "") -> bool:
    """Whether nodes that were told of a person of this facility and role are not told what she is now: they have to know that she left."""
    told_after = is_told(after.facility, after.role, region_after)
    return is_told(facility, role, region) and (facility != after.facility or not told_after)


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


async def remove_accounts(connection: Connection, revisions: Mapping[str, int]) -> list[str]:
    """Takes accounts away from a shard that are on another since these revisions of theirs. Returns the names of those that were there."""
    removed = await connection.fetch(
        """
        DELETE FROM account USING unnest($1::text[], $2::bigint[]) AS moved (name, revision)
        WHERE account.name = moved.name AND account.revision < moved.revision
        RETURNING account.name, account.facility, account.role, account.region, moved.revision
        """,
        *(list(revisions), list(revisions.values())),
    )
    for row in removed:
        if is_told(row["facility"], row["role"], row["region"]):
            await put_left(connection, row["name"], row["facility"], row["revision"])
    return [row["name"] for row in removed]


async def people_of_the_hub(connection: Connection) -> dict[str, int]:
    """Name → revision of those whom no shard is told of: operators of one region."""
    rows = await connection.fetch("SELECT name, revision FROM account WHERE region <> ''")
    return {row["name"]: row["revision"] for row in rows}


async def disable_account(connection: Connection, name: str, revision: int) -> AccountRow | None:
    """Lets a person log in no more. None when there is none of this name."""
    row = await connection.fetchrow(
        f"UPDATE account SET disabled = true, revision = $2 WHERE name = $1 RETURNING {_SHOWN}", name, revision
    )
    return AccountRow(*row) if row is not None else None


async def list_accounts(connection: Connection, region: str = "") -> list[AccountRow]:
    """All people, or those of a region, by name, disabled ones too; never their secrets."""
    rows = await connection.fetch(f"SELECT {_SHOWN} FROM account WHERE {_WITHIN} ORDER BY name", region)
    return [AccountRow(*row) for row in rows]


async def people_of(connection: Connection, facilities: Collection[str]) -> dict[str, list[Person]]:
    """Facility → all that a node of it shall hold: its people, those of all nodes, and who is gone from there."""
    rows = await connection.fetch(
        f"""
        SELECT {_PERSON}, false FROM account
        WHERE region = '' AND (facility = ANY($1::text[]) OR (facility = '' AND role = ANY($2::text[])))
        UNION ALL
        SELECT name, facility, '', '', revision, true, '', true FROM account_left WHERE facility = ANY($3::text[])
        """,
        *(list(facilities), sorted(EVERYWHERE), ["", *facilities]),
    )
    found = {}
    for facility in facilities:
        told = [row for row in rows if row["facility"] in ("", facility)]
        here = {row["name"]: Person(*row) for row in told if not row[-1]}
        gone = {row["name"]: Person(*row) for row in sorted(told, key=_revision) if row[-1] and row["name"] not in here}
        found[facility] = [*here.values(), *gone.values()]
    return found


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
