"""Facilities across shards: a new one gets its place on a shard of its region, and every shard of the region knows of it.

Each step may be repeated, and upkeep does: what a process did not get to, the next one does.
"""

from hub.directory import publish
from hub.errors import BadRequest, Exists
from hub.mirroring import mirror_shared
from hub.places import Place
from hub.runtime import Hub
from hub.store import nodes, shard_map
from hub.store.audit import note_act
from hub.store.nodes import FacilityRow
from hub.store.scopes import GLOBAL, ScopeRow, ensure_scope, facility_scope, named_scopes, put_foreign, region_scope


async def add_facility(
    hub: Hub, actor: str, facility: str, name: str, region: str, now_ms: int, shard: int | None = None
) -> bool:
    """Adds a facility to a shard of its region, the one with the fewest if none is given. False when the same one is there already.

    Raises `Exists` when one of that id is there with another name or region, `BadRequest` when the region is on no shard.
    """
    place = await _placed(hub, facility, region, shard)
    await share_scopes(hub, region)
    async with place.transaction() as connection:
        added = await nodes.add_facility(connection, hub.keys, facility, name, region)
        if added:
            await note_act(connection, actor, "facility.add", facility)
    await tell_siblings(hub, place, region, facility)
    await publish(hub.shards, now_ms)
    await mirror_shared(hub.shards)
    return added


async def _placed(hub: Hub, facility: str, region: str, shard: int | None) -> Place:
    async with hub.database.transaction() as central:
        known = await shard_map.read_map(central)
        row = known.regions.get(region)
        if row is None:
            if len(known.shards) > 1:
                raise BadRequest(
                    f"The region {region} is on no shard yet.", hint=f"`medtech-hub shard serve ID --region {region}`."
                )
            await shard_map.lock_map(central)
            await shard_map.add_region(central, region, shard_map.FIRST)
        shards = row.shards if row is not None else (shard_map.FIRST,)
        if shard is not None and shard not in shards:
            raise BadRequest(f"The region {region} is not on shard {shard}.", hint="`medtech-hub shard list` shows it.")
        wanted = shard if shard is not None else await shard_map.emptiest(central, shards)
        in_region, at = await shard_map.place_facility(central, facility, region, wanted)
        if in_region != region:
            raise Exists(f"There is a facility {facility} already, in {in_region}.")
    await hub.shards.refresh()
    return hub.shards.at(at)


async def share_scopes(hub: Hub, region: str) -> None:
    """The scopes that all nodes of a region hold are known on each of its shards: at home on one, mirrored on the others."""
    places = hub.shards.of_region(region)
    for name, home in ((region_scope(region), places[0]), (GLOBAL, hub.shards.first)):
        async with home.transaction() as connection:
            await nodes.ensure_region(connection, region)
            await ensure_scope(connection, hub.keys, name)
            (row,) = await named_scopes(connection, [name])
        for place in places:
            if place is not home:
                await _tell_scope(place, region, row, home.id)


async def _tell_scope(place: Place, region: str, row: ScopeRow, home: int) -> None:
    async with place.transaction() as connection:
        await nodes.ensure_region(connection, region)
        await put_foreign(connection, row, home)


async def tell_siblings(hub: Hub, place: Place, region: str, facility: str = "") -> None:
    """The other shards of a region know of a facility that is at home at a place, or of all there, and where it is."""
    others = [other for other in hub.shards.of_region(region) if other is not place]
    if not others:
        return
    async with place.transaction() as connection:
        known = await nodes.facilities_at_home(connection, region)
        here = [one for one in known if facility in ("", one.id)]
        scopes = {row.name: row for row in await named_scopes(connection, [facility_scope(one.id) for one in here])}
    for other in others:
        async with other.transaction() as connection:
            await nodes.ensure_region(connection, region)
            for one in here:
                scope = await put_foreign(connection, scopes[facility_scope(one.id)], place.id)
                await nodes.put_foreign(connection, one, scope)


async def list_facilities(hub: Hub, region: str = "") -> list[FacilityRow]:
    """All facilities, or those of a region, by id, each told by the shard where it is at home."""
    found: list[FacilityRow] = []
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            found += await nodes.facilities_at_home(connection, region)
    return sorted(found, key=lambda one: one.id)
