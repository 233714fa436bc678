"""What the console does to the hub: the same functions as the API and the commands, which know nothing outside of the visitor's region."""

import re
from typing import Final, Literal, cast

from hub import facilities, fleet, people, relocating
from hub.console.desk import Desk
from hub.enrolment import Invitation
from hub.enrolment import invite as make_invitation
from hub.errors import BadRequest, Forbidden, NotFound
from hub.places import Place
from hub.store import shard_map, trail
from hub.store.audit import note_act
from hub.store.held import resolve_quarantine

ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
SHARD: Final = re.compile(r"[0-9]{1,6}")


async def revoke(desk: Desk, node: str) -> Place:
    """Takes a node's credentials back. Returns where. Raises `NotFound`."""
    return await _change_node(desk, node, "revoked", "node.revoke")


async def wipe(desk: Desk, node: str) -> Place:
    """Has a node erase itself. Returns where. Raises `NotFound`."""
    return await _change_node(desk, node, "wipe", "node.wipe")


async def _change_node(desk: Desk, node: str, state: str, act: str) -> Place:
    await fleet.change_state(desk.hub, desk.visitor, node, state, act)
    return await desk.hub.shards.with_node(node)


async def invite(desk: Desk, facility: str, role: str) -> Invitation:
    """Invites a node. Raises `NotFound` for a facility, `BadRequest`."""
    if role not in ("clinic", "pop"):
        raise BadRequest("There is no such sort of node.", hint="Choose one from the list.")
    sort, by = cast(Literal["clinic", "pop"], role), desk.visitor
    return await make_invitation(desk.hub, facility, sort, None, by.name, within=by.region)


async def add_facility(desk: Desk, facility: str, name: str, region: str) -> Place:
    """Adds a facility. Returns where. Raises `BadRequest`, `Exists`, `Forbidden`."""
    if not ID.fullmatch(facility) or not ID.fullmatch(region) or not 0 < len(name) <= 200:
        raise BadRequest(
            "The facility's id, name or region cannot be so.",
            hint="Ids and regions have letters without accents, digits, - and . only, at most 64; a name at most 200 letters.",
        )
    if desk.visitor.region not in ("", region):
        raise Forbidden(f"You look after {desk.visitor.region}, not after {region}.")
    now_ms = int(desk.now.timestamp() * 1000)
    await facilities.add_facility(desk.hub, desk.visitor.name, facility, name, region, now_ms)
    return await desk.hub.shards.of_facility(facility)


async def place_of(desk: Desk, facility: str) -> tuple[str, int]:
    """Region and shard of a facility, also of one that is between two shards. Raises `NotFound`."""
    async with desk.hub.database.transaction() as central:
        region, shard = await shard_map.read_place(central, facility)
    if desk.visitor.region not in ("", region):
        raise NotFound(f"There is no facility {facility}.", hint="Go back to the list and choose again.")
    return region, shard


async def move_facility(desk: Desk, facility: str, shard: str) -> None:
    """Has a facility moved to another shard of its region, in the background. Raises `NotFound`, `BadRequest`."""
    await place_of(desk, facility)
    if not SHARD.fullmatch(shard):
        raise BadRequest("There is no such shard.", hint="Choose one from the list.")
    await relocating.begin(desk.hub, desk.visitor.name, facility, int(shard))


async def add_person(desk: Desk, name: str, role: str, password: str, facility: str, region: str) -> None:
    """Adds a person, or gives one another role, place and password. Raises `BadRequest`, `NotFound`, `Forbidden`."""
    await people.add_user(desk.hub, desk.visitor, name, role, password, facility or None, None, region or None)


async def disable_person(desk: Desk, name: str) -> None:
    """Lets a person log in no more. Raises `NotFound`, `Forbidden`."""
    await people.disable_user(desk.hub, desk.visitor, name)


async def reset_codes(desk: Desk, name: str) -> None:
    """Takes a person's one-time codes away. Raises `NotFound`."""
    await people.reset_codes(desk.hub, desk.visitor.name, name)


async def resolve(desk: Desk, number: int) -> Place:
    """Notes that somebody dealt with what is in quarantine. Returns where it was. Raises `NotFound`."""
    for place in desk.reader.places():
        async with place.transaction() as connection:
            if await trail.aside_in(connection, desk.visitor.region, number):
                await resolve_quarantine(connection, number)
                await note_act(connection, desk.visitor.name, "quarantine.resolve", str(number))
                return place
    raise NotFound(f"Nothing with the number {number} is in quarantine.", hint="Somebody has dealt with it already.")
