"""What the hub's administrators and operators call: `/api/v1`, with an access token, the session cookie, or the local administrator's token
(`admin.token` in the data folder). Each endpoint names its act (`hub.sessions.policy`), and asks within the visitor's region.

Lists are bounded by what a hub can have; the commands of `medtech-hub` do the same things without HTTP.
"""

from typing import Annotated, Any, Final

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from hub import fleet, people, review
from hub.api.access import permitted
from hub.api.answers import answers
from hub.api.context import Context
from hub.enrolment import Invitation, Role, invite
from hub.errors import Forbidden, NotFound
from hub.facilities import add_facility as add
from hub.facilities import list_facilities as listed
from hub.sessions.visitor import Visitor
from hub.store import nodes
from hub.store.facts import Stats
from hub.store.held import ConflictCount, QuarantineRow
from hub.store.nodes import FacilityRow

ID: Final = r"^[A-Za-z0-9\-\.]{1,64}$"
NUMBER_MAX: Final = (1 << 63) - 1
Id = Annotated[str, Meta(pattern=ID)]
Text = Annotated[str, Meta(max_length=4_096)]


class NewFacility(Struct, frozen=True):
    """A facility to add. Ids are as FHIR's: letters, digits, `-` and `.`, at most 64."""

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    region: Id


class NewInvitation(Struct, frozen=True):
    """Whom to invite."""

    facility: Id
    role: Role = "clinic"
    region: Id | None = None


@get(
    "/facilities",
    summary="All facilities",
    guards=[permitted("facilities.see")],
    responses=answers(401, 403, 429, 503),
)
async def facilities(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> list[FacilityRow]:
    return await listed(context.hub, visitor.region)


@post(
    "/facilities",
    summary="Add a facility",
    guards=[permitted("facilities.add")],
    responses=answers(400, 413, 401, 403, 409, 429, 503),
)
async def add_facility(
    data: JSONBody[NewFacility], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> FacilityRow:
    if visitor.region not in ("", data.region):
        raise Forbidden(f"This login is for {visitor.region} alone.")
    await add(context.hub, visitor.name, data.id, data.name, data.region, context.clock())
    place = await context.hub.shards.of_facility(data.id)
    async with place.transaction() as connection:
        return await nodes.read_facility(connection, data.id)


@get("/nodes", summary="All nodes", guards=[permitted("nodes.see")], responses=answers(401, 403, 429, 503))
async def list_nodes(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> list[dict[str, Any]]:
    return [nodes.shown(node) for node in await fleet.list_nodes(context.hub, visitor.region)]


@post(
    "/nodes/invitations",
    summary="Invite a node; the code is shown this once",
    guards=[permitted("nodes.invite")],
    responses=answers(400, 413, 401, 403, 404, 429, 503),
)
async def invite_node(
    data: JSONBody[NewInvitation], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> Invitation:
    return await invite(context.hub, data.facility, data.role, data.region, visitor.name, within=visitor.region)


@delete(
    "/nodes/{node:str}",
    status_code=200,
    summary="Revoke a node's credentials",
    guards=[permitted("nodes.revoke")],
    responses=answers(401, 403, 404, 429, 503),
)
async def revoke_node(
    node: FromPath[str], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> dict[str, Any]:
    return nodes.shown(await fleet.change_state(context.hub, visitor, named(node), "revoked", "node.revoke"))


@post(
    "/nodes/{node:str}/wipe",
    status_code=200,
    summary="Mark a node as lost: it gets nothing any more",
    guards=[permitted("nodes.wipe")],
    responses=answers(401, 403, 404, 429, 503),
)
async def wipe_node(
    node: FromPath[str], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> dict[str, Any]:
    return nodes.shown(await fleet.change_state(context.hub, visitor, named(node), "wipe", "node.wipe"))


def named(text: str) -> str:
    """A name out of an address. Raises `NotFound` for one that nothing can have."""
    if not text.isprintable():
        raise NotFound("Nothing has such a name.")
    return text


class NewUser(Struct, frozen=True):
    """A person to add. `facility`: at whose nodes she may log in. `region`: of an operator of the hub, the one that she sees."""

    name: Text
    role: Text
    password: Text
    facility: Id | None = None
    patient: Id | None = None
    region: Id | None = None


@get(
    "/users",
    summary="All people who may log in, at nodes or here",
    guards=[permitted("people.see")],
    responses=answers(401, 403, 429, 503),
)
async def users(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> list[dict[str, Any]]:
    return await people.list_users(context.hub, visitor.region)


@post(
    "/users",
    summary="Add a person, or give one a new role, facility, region and password",
    guards=[permitted("people.add")],
    responses=answers(400, 413, 401, 403, 404, 429, 503),
)
async def add_user(
    data: JSONBody[NewUser], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> dict[str, Any]:
    return await people.add_user(
        *(context.hub, visitor, data.name, data.role, data.password, data.facility, data.patient, data.region)
    )


@post(
    "/users/{name:str}/disable",
    status_code=200,
    summary="Let a person log in no more",
    guards=[permitted("people.disable")],
    responses=answers(401, 403, 404, 429, 503),
)
async def disable_user(
    name: FromPath[str], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> dict[str, Any]:
    return await people.disable_user(context.hub, visitor, named(name))


@delete(
    "/users/{name:str}/totp",
    status_code=200,
    summary="Take a person's one-time codes away: she lost her telephone",
    guards=[permitted("people.reset-codes")],
    responses=answers(401, 403, 404, 429, 503),
)
async def reset_codes(
    name: FromPath[str], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> dict[str, Any]:
    return await people.reset_codes(context.hub, visitor.name, named(name))


@get(
    "/conflicts",
    summary="Open conflicts, counted by scope",
    guards=[permitted("conflicts.see")],
    responses=answers(401, 403, 429, 503),
)
async def conflicts(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> list[ConflictCount]:
    return await review.count_conflicts(context.hub, visitor.region)


@get(
    "/quarantine",
    summary="What is in quarantine: why, since when, from whom",
    guards=[permitted("quarantine.see")],
    responses=answers(401, 403, 429, 503),
)
async def quarantine(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> list[QuarantineRow]:
    return await review.list_quarantine(context.hub, visitor.region)


@delete(
    "/quarantine/{number:int}",
    status_code=204,
    summary="Note that a person has dealt with it",
    guards=[permitted("quarantine.resolve")],
    responses=answers(401, 403, 404, 429, 503),
)
async def resolve(number: FromPath[int], visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> None:
    if not 0 <= number <= NUMBER_MAX:
        raise NotFound(f"Nothing with the number {number} is in quarantine.")
    await review.resolve_quarantine(context.hub, visitor, number)


@get(
    "/stats",
    summary="The hub, or the visitor's region, at a glance",
    guards=[permitted("stats.see")],
    responses=answers(401, 403, 429, 503),
)
async def stats(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> Stats:
    return await review.stats(context.hub, visitor.region)


router = Router(
    "/api/v1",
    route_handlers=[
        *(facilities, add_facility, list_nodes, invite_node, revoke_node, wipe_node),
        *(users, add_user, disable_user, reset_codes),
        *(conflicts, quarantine, resolve, stats),
    ],
    tags=["administration"],
)
