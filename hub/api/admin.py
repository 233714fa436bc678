"""What the hub's administrator calls: `/api/v1`, with the token in `admin.token` of the data folder.

Lists are bounded by what a hub can have; the commands of `medtech-hub` do the same things without HTTP.
"""

from typing import Annotated, Any, Final

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from hub import people
from hub.api.context import Context, administrators_only
from hub.directory import publish
from hub.enrolment import Invitation, Role, invite
from hub.store import nodes
from hub.store.audit import note_act
from hub.store.facts import Stats, read_stats
from hub.store.held import ConflictCount, QuarantineRow, count_conflicts, list_quarantine, resolve_quarantine
from hub.store.nodes import FacilityRow

ACTOR: Final = "api"
ID: Final = r"^[A-Za-z0-9\-\.]{1,64}$"


class NewFacility(Struct, frozen=True):
    """A facility to add. Ids are as FHIR's: letters, digits, `-` and `.`, at most 64."""

    id: Annotated[str, Meta(pattern=ID)]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    region: Annotated[str, Meta(pattern=ID)]


class NewInvitation(Struct, frozen=True):
    """Whom to invite."""

    facility: str
    role: Role = "clinic"
    region: str | None = None


@get("/facilities", summary="All facilities")
async def facilities(context: NamedDependency[Context]) -> list[FacilityRow]:
    async with context.hub.database.transaction() as connection:
        return await nodes.list_facilities(connection)


@post("/facilities", summary="Add a facility")
async def add_facility(data: JSONBody[NewFacility], context: NamedDependency[Context]) -> FacilityRow:
    async with context.hub.database.transaction() as connection:
        if await nodes.add_facility(connection, context.hub.keys, data.id, data.name, data.region):
            await note_act(connection, ACTOR, "facility.add", data.id)
        added = await nodes.read_facility(connection, data.id)
    await publish(context.hub, context.clock())
    return added


@get("/nodes", summary="All nodes")
async def list_nodes(context: NamedDependency[Context]) -> list[dict[str, Any]]:
    async with context.hub.database.transaction() as connection:
        return [nodes.shown(node) for node in await nodes.list_nodes(connection)]


@post("/nodes/invitations", summary="Invite a node; the code is shown this once")
async def invite_node(data: JSONBody[NewInvitation], context: NamedDependency[Context]) -> Invitation:
    return await invite(context.hub, data.facility, data.role, data.region, ACTOR)


@delete("/nodes/{node:str}", status_code=200, summary="Revoke a node's credentials")
async def revoke_node(node: FromPath[str], context: NamedDependency[Context]) -> dict[str, Any]:
    return await change_state(context, node, "revoked", "node.revoke")


@post("/nodes/{node:str}/wipe", status_code=200, summary="Mark a node as lost: it gets nothing any more")
async def wipe_node(node: FromPath[str], context: NamedDependency[Context]) -> dict[str, Any]:
    return await change_state(context, node, "wipe", "node.wipe")


async def change_state(context: Context, node: str, state: str, act: str) -> dict[str, Any]:
    async with context.hub.database.transaction() as connection:
        changed = await nodes.set_node_state(connection, node, state)
        await note_act(connection, ACTOR, act, node)
    return nodes.shown(changed)


class NewUser(Struct, frozen=True):
    """A person to add. `facility`: at whose nodes she may log in."""

    name: str
    role: str
    password: str
    facility: str | None = None
    patient: str | None = None


@get("/users", summary="All people who may log in at nodes")
async def users(context: NamedDependency[Context]) -> list[dict[str, Any]]:
    return await people.list_users(context.hub)


@post("/users", summary="Add a person, or give one a new role, facility and password")
async def add_user(data: JSONBody[NewUser], context: NamedDependency[Context]) -> dict[str, Any]:
    return await people.add_user(context.hub, ACTOR, data.name, data.role, data.password, data.facility, data.patient)


@post("/users/{name:str}/disable", status_code=200, summary="Let a person log in no more")
async def disable_user(name: FromPath[str], context: NamedDependency[Context]) -> dict[str, Any]:
    return await people.disable_user(context.hub, ACTOR, name)


@get("/conflicts", summary="Open conflicts, counted by scope")
async def conflicts(context: NamedDependency[Context]) -> list[ConflictCount]:
    async with context.hub.database.transaction() as connection:
        return await count_conflicts(connection)


@get("/quarantine", summary="What is in quarantine: why, since when, from whom")
async def quarantine(context: NamedDependency[Context]) -> list[QuarantineRow]:
    async with context.hub.database.transaction() as connection:
        return await list_quarantine(connection)


@delete("/quarantine/{number:int}", status_code=204, summary="Note that a person has dealt with it")
async def resolve(number: FromPath[int], context: NamedDependency[Context]) -> None:
    async with context.hub.database.transaction() as connection:
        await resolve_quarantine(connection, number)
        await note_act(connection, ACTOR, "quarantine.resolve", str(number))


@get("/stats", summary="The hub at a glance")
async def stats(context: NamedDependency[Context]) -> Stats:
    async with context.hub.database.transaction() as connection:
        return await read_stats(connection)


router = Router(
    "/api/v1",
    route_handlers=[
        *(facilities, add_facility, list_nodes, invite_node, revoke_node, wipe_node),
        *(users, add_user, disable_user),
        *(conflicts, quarantine, resolve, stats),
    ],
    guards=[administrators_only],
    tags=["administration"],
)
