"""People who may log in at nodes: added and disabled here, told to nodes by the exchange, remembered by them for a hub that went back.

A name is one person at the whole hub, since a record tells by name who wrote it, wherever it goes. Her facility says at whose nodes she may
log in; people without one may log in at every node when they look after nodes (operator, admin), at none otherwise. Adding a name again
gives it the role, facility and password that are given, and enables it.
"""

import asyncio
import os
from typing import Any

import structlog
from msgspec.structs import asdict

from hub.errors import BadRequest
from hub.runtime import Hub, now_ms
from hub.store import people as rows
from hub.store.audit import note_act
from hub.store.nodes import NodeRow, read_facility
from hub.store.people import AccountRow
from hub.store.shard import Shard
from sync_protocol import passwords
from sync_protocol.bounds import ID_CHARS_MAX
from sync_protocol.exchange import people
from sync_protocol.exchange.messages import Request
from sync_protocol.exchange.people import Person

log = structlog.get_logger()


async def add_user(
    hub: Hub, actor: str, name: str, role: str, password: str, facility: str | None = None, patient: str | None = None
) -> dict[str, Any]:
    """Makes a person, or gives one a new role, facility and password. Raises `BadRequest`, or `NotFound` for the facility."""
    wrong = passwords.fault(name, role, password)
    if wrong is None and patient is not None and (role != "citizen" or not 0 < len(patient) <= ID_CHARS_MAX):
        wrong = "A patient's id goes with the role citizen"
    if wrong is not None:
        raise BadRequest(f"{wrong}.", hint="Correct it and add the user again.")
    # It takes an eighth of a second, in which a serving hub answers others.
    secret = await asyncio.to_thread(passwords.sealed, password, os.urandom(passwords.SALT_BYTES))
    async with hub.database.transaction() as connection:
        if facility is not None:
            await read_facility(connection, facility)
        revision = await rows.next_revision(connection, now_ms())
        person = Person(name, facility or "", role, secret, revision, patient=patient or "")
        added = await rows.put_account(connection, person)
        await note_act(connection, actor, "user.add" if added else "user.change", name)
    return {"name": name, "role": role, "facility": facility, "added": added, "nodes": nodes_of(role, facility or "")}


async def disable_user(hub: Hub, actor: str, name: str) -> dict[str, Any]:
    """Lets a person log in no more: at each node from its next exchange on. Raises `NotFound`."""
    async with hub.database.transaction() as connection:
        revision = await rows.next_revision(connection, now_ms())
        disabled = await rows.disable_account(connection, name, revision)
        await note_act(connection, actor, "user.disable", name)
    return shown(disabled)


async def list_users(hub: Hub) -> list[dict[str, Any]]:
    """All people, without what proves who they are."""
    async with hub.database.transaction() as connection:
        return [shown(row) for row in await rows.list_accounts(connection)]


def shown(row: AccountRow) -> dict[str, Any]:
    """A person for lists."""
    told = asdict(row)
    return {**told, "nodes": nodes_of(row.role, row.facility)}


def nodes_of(role: str, facility: str) -> str:
    """At which nodes a person may log in, in words."""
    if facility:
        return f"those of {facility}"
    return "all" if role in passwords.EVERYWHERE else "none"


async def tell(shard: Shard, hub: Hub, node: NodeRow, request: Request) -> tuple[list[bytes], bool]:
    """The statements that a node lacks, and whether it holds others than this hub knows of. What it recalls of them is taken first."""
    if request.people is None:
        return [], False
    recalled = [people.proven(statement, hub.keys.receipt_key) for statement in request.recalled]
    if recalled:
        names = await shard.recall_people([person for person in recalled if person is not None])
        if names:
            log.warning("people that this hub had forgotten were told again by a node", node=node.id, count=len(names))
    found, whole = people.missing(await shard.people_of(node.facility), request.people)
    return [people.state(person, hub.keys.receipt_key) for person in found], whole
