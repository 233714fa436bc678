"""People who may log in at nodes: added and disabled here, told to nodes by the exchange, remembered by them for a hub that went back.

A name is one person at the whole hub, since a record tells by name who wrote it, wherever it goes. Her facility says at whose nodes she may
log in; people without one may log in at every node when they look after nodes (operator, admin), at none otherwise. Adding a name again
gives it the role, facility and password that are given, and enables it. She is known on her facility's shard; who belongs to none, in the
hub's own database and on every shard.

At the hub itself its administrators log in, and its operators, who see all regions or one (`hub.sessions`). Of an operator of one region no
node is told. An operator looks after the people of facilities, in her region, and never after another operator or an administrator.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from msgspec.structs import asdict

from hub.errors import BadRequest, Forbidden, NotFound, PostgresFault
from hub.places import Place
from hub.postgres.engine import Connection
from hub.runtime import Hub, now_ms
from hub.sessions import authenticators
from hub.sessions import passwords as own
from hub.sessions.policy import GIVEN_BY_OPERATORS, logs_in_here
from hub.sessions.sessions import moment
from hub.sessions.visitor import Visitor
from hub.store import people as rows
from hub.store import shard_map
from hub.store.audit import note_act
from hub.store.nodes import NodeRow, read_facility
from hub.store.people import AccountRow
from hub.store.sessions import end_sessions
from hub.store.shard import Shard
from sync_protocol import passwords
from sync_protocol.bounds import ID_CHARS_MAX
from sync_protocol.exchange import people
from sync_protocol.exchange.messages import Request
from sync_protocol.exchange.people import Person

log = structlog.get_logger()


async def add_user(
    hub: Hub,
    by: Visitor,
    name: str,
    role: str,
    password: str,
    facility: str | None = None,
    patient: str | None = None,
    region: str | None = None,
) -> dict[str, Any]:
    """Makes a person, or gives one a new role, facility, region and password; her logins at the hub end.

    A shard that is away learns of somebody of no facility when it is back (`spread`). Who is to be of a facility may be of another one
    there, and is not made before it is known.
    Raises `BadRequest`, `NotFound` for the facility or region, `Forbidden` for what an operator may not, `PostgresFault`.
    """
    wrong = passwords.fault(name, role, password) or misplaced(role, facility, patient, region)
    if wrong is not None:
        raise BadRequest(f"{wrong}.", hint="Correct it and add the user again.")
    if by.role == "operator" and (role not in GIVEN_BY_OPERATORS or facility is None):
        raise Forbidden(f"An operator adds people of a facility, as {', '.join(sorted(GIVEN_BY_OPERATORS))}.")
    # It takes an eighth of a second, in which a serving hub answers others.
    secret, hub_secret = await hub.desk.workers.run(lambda: both_secrets(hub.desk.pepper, password))
    place = await hub.shards.of_facility(facility) if facility is not None else hub.shards.first
    async with hub.database.transaction() as central:
        revision = await rows.next_revision(central, now_ms())  # who changes people waits here for each other
        await check_places(central, by, facility, region)
        await check_reach(hub, central, by, name)
        person = Person(name, facility or "", role, secret, revision, patient=patient or "")
        moved = False
        for other in hub.shards:  # there first: should this end in the middle, she may log in nowhere
            if other is not place:
                try:
                    async with at(hub, other, central) as connection:
                        moved |= bool(await rows.remove_accounts(connection, {name: revision}))
                except PostgresFault:
                    if facility is not None:
                        raise
        async with at(hub, place, central) as connection:
            if facility is not None:
                await read_facility(connection, facility)
            added = await rows.put_account(connection, person, region or "", hub_secret) and not moved
            # Noted where she is: a region's people are named on its own shards alone.
            await note_act(connection, by.name, "user.add" if added else "user.change", name)
        await end_sessions(central, name, moment(now_ms()))
    await hub.desk.sessions.changed({name: revision})
    if facility is None:
        try:
            await spread(hub)
        except PostgresFault as error:
            log.warning("a shard that is away is told of people later", error=str(error))
    shown_ = {"name": name, "role": role, "facility": facility, "region": region, "added": added}
    return shown_ | {"nodes": nodes_of(role, facility or "", region or ""), "hub": logs_in_here(role, facility or "")}


def misplaced(role: str, facility: str | None, patient: str | None, region: str | None) -> str | None:
    """What does not go with a role, in words."""
    if patient is not None and (role != "citizen" or not 0 < len(patient) <= ID_CHARS_MAX):
        return "A patient's id goes with the role citizen"
    if region is not None and (role != "operator" or facility is not None):
        return "A region goes with the role operator, and without a facility"
    return None


def both_secrets(pepper: bytes, password: str) -> tuple[str, str]:
    """A password as nodes keep it, and as the hub does."""
    return (
        passwords.sealed(password, os.urandom(passwords.SALT_BYTES)),
        own.sealed(pepper, password, os.urandom(passwords.SALT_BYTES)),
    )


async def check_places(central: Connection, by: Visitor, facility: str | None, region: str | None) -> None:
    """Raises `NotFound` for a region that there is not, or a facility that is not, or not in the visitor's region."""
    if region is not None and region not in (await shard_map.read_map(central)).regions:
        raise NotFound(f"There is no region {region}.", hint="`medtech-hub shard list` names those there are.")
    if facility is not None and not await is_near(central, by, facility):
        raise NotFound(f"There is no facility {facility} in {by.region}.")


async def is_near(central: Connection, by: Visitor, facility: str) -> bool:
    """Whether a facility is of the visitor's region. Raises `NotFound`."""
    return by.region in ("", (await shard_map.read_place(central, facility))[0])


async def check_reach(hub: Hub, central: Connection, by: Visitor, name: str) -> None:
    """Raises `Forbidden` when this is somebody whom an operator may not change or disable: of her own kind, of another region."""
    if by.role != "operator":
        return
    for present in await everywhere(hub, central, lambda connection: rows.lock_account(connection, name)):
        mine = present.role in GIVEN_BY_OPERATORS and bool(present.facility)
        if not mine or not await is_near(central, by, present.facility):
            raise Forbidden(
                "This name is that of somebody whom you do not look after.",
                hint="Choose another name, or ask the hub's administrator.",
            )


async def disable_user(hub: Hub, by: Visitor, name: str) -> dict[str, Any]:
    """Lets a person log in no more: at the hub from her next request on, at each node from its next exchange on.

    A shard that is away learns of it when it is back (`spread`): it holds up nobody who has to be kept out of the others.
    Raises `NotFound`, `Forbidden`, or `PostgresFault` when she may be of such a shard alone.
    """
    async with hub.database.transaction() as central:
        revision = await rows.next_revision(central, now_ms())
        await check_reach(hub, central, by, name)
        disabled: list[AccountRow] = []

        async def disable(connection: Connection) -> AccountRow | None:
            row = await rows.disable_account(connection, name, revision)
            if row is not None:
                if not disabled:
                    await note_act(connection, by.name, "user.disable", name)
                disabled.append(row)
            return row

        if not await everywhere(hub, central, disable):
            raise NotFound("There is no user of this name.", hint="`medtech-hub user list` names those there are.")
        await end_sessions(central, name, moment(now_ms()))
    await hub.desk.sessions.changed({name: revision})
    return shown(disabled[0])


async def reset_codes(hub: Hub, actor: str, name: str) -> dict[str, Any]:
    """Takes a person's one-time codes away, and ends her logins. Raises `NotFound`."""
    async with hub.database.transaction() as central:
        await authenticators.reset(central, actor, name)
        ended = await end_sessions(central, name, moment(now_ms()))
    await hub.desk.sessions.ended(ended)
    return {"name": name, "one_time_codes": False}


async def list_users(hub: Hub, region: str = "") -> list[dict[str, Any]]:
    """All people, or those of a region, by name, without what proves who they are."""
    found: dict[str, AccountRow] = {}
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            for row in await rows.list_accounts(connection, region):
                found.setdefault(row.name, row)
    return [shown(found[name]) for name in sorted(found)]


async def everywhere(
    hub: Hub, central: Connection, act: Callable[[Connection], Awaitable[AccountRow | None]]
) -> list[AccountRow]:
    """What is done with somebody on each shard that answers, and what these say of her.

    Raises `PostgresFault` when none of them knows her and one that may is away.
    """
    found, away = [], None
    for place in hub.shards:
        try:
            async with at(hub, place, central) as connection:
                row = await act(connection)
        except PostgresFault as error:
            away = error
            continue
        if row is not None:
            found.append(row)
    if away is not None and not found:
        raise away
    return found


@asynccontextmanager
async def at(hub: Hub, place: Place, central: Connection) -> AsyncIterator[Connection]:
    """A transaction at a place, within one in the hub's own database, which is the first place's."""
    if place is hub.shards.first:
        yield central
    else:
        async with place.transaction() as connection:
            yield connection


async def spread(hub: Hub) -> None:
    """People of no facility are known on every shard: each is told what it lacks, and the hub's own database what only others know.

    Raises `PostgresFault` for a shard that is away, when all others have been told.
    """
    async with hub.database.transaction() as central:
        ours = (await rows.people_of(central, [""]))[""]
        untold = await rows.people_of_the_hub(central)
    away: PostgresFault | None = None
    for place in hub.shards:
        if place is not hub.shards.first:
            try:
                await _spread_to(hub, place, ours, untold)
            except PostgresFault as error:
                away = error
    if away is not None:
        raise away


async def _spread_to(hub: Hub, place: Place, ours: Sequence[Person], untold: Mapping[str, int]) -> None:
    async with place.transaction() as connection:
        theirs = (await rows.people_of(connection, [""]))[""]
        if lacking := [person for person in ours if person not in theirs]:
            await rows.recall(connection, lacking)
        # This shard was away when somebody of a facility there became an operator of one region.
        await rows.remove_accounts(connection, untold)
    if recalled := [person for person in theirs if person not in ours]:
        async with hub.database.transaction() as central:
            names = await rows.recall(central, recalled)
        await hub.desk.sessions.changed({one.name: one.revision for one in recalled if one.name in names})


async def tell_sessions(hub: Hub, place: Place) -> None:
    """What nodes reminded a shard of holds for those who are logged in here, too: it is committed by now."""
    if place.recalled:
        recalled, place.recalled = place.recalled, {}
        await hub.desk.sessions.changed(recalled)


def shown(row: AccountRow) -> dict[str, Any]:
    """A person for lists."""
    told = asdict(row)
    return {**told, "nodes": nodes_of(row.role, row.facility, row.region), "hub": logs_in_here(row.role, row.facility)}


def nodes_of(role: str, facility: str, region: str) -> str:
    """At which nodes a person may log in, in words."""
    if facility:
        return f"those of {facility}"
    return "all" if role in passwords.EVERYWHERE and not region else "none"


async def tell(shard: Shard, hub: Place, asking: Sequence[tuple[NodeRow, Request]]) -> list[tuple[list[bytes], bool]]:
    """For each node the statements that it lacks, and whether it holds others than this hub knows of. What nodes recall is taken first."""
    for node, request in asking:
        recalled = [people.proven(statement, hub.keys.receipt_key) for statement in request.recalled]
        known = [person for person in recalled if person is not None]
        if request.people is not None and known and (names := await shard.recall_people(known)):
            hub.recalled |= {one.name: one.revision for one in known if one.name in names}
            log.warning("people that this hub had forgotten were told again by a node", node=node.id, count=len(names))
    facilities = sorted({node.facility for node, request in asking if request.people is not None})
    held = await shard.people_of(facilities) if facilities else {}
    return [
        _told(hub, held[node.facility], request) if request.people is not None else ([], False)
        for node, request in asking
    ]


def _told(hub: Place, held: Sequence[Person], request: Request) -> tuple[list[bytes], bool]:
    assert request.people is not None
    found, whole = people.missing(held, request.people)
    return [people.state(person, hub.keys.receipt_key) for person in found], whole
