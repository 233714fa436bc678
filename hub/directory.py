"""The facilities of a region, as Organizations in the region's scope: every node of the region has their names, offline.

The id of the Organization is the facility's: a referral names whom it is for by `Organization/<facility>`.
"""

from typing import Any

from hub.authoring import put
from hub.places import Place, Places
from hub.store.nodes import FacilityRow
from hub.store.scopes import region_scope
from sync_protocol.referral import FACILITY_SYSTEM


def organization(facility: FacilityRow) -> dict[str, Any]:
    """A facility as nodes have it. FHIR R4 Organization."""
    return {
        "resourceType": "Organization",
        "id": facility.id,
        "identifier": [{"system": FACILITY_SYSTEM, "value": facility.id}],
        "active": True,
        "name": facility.name,
    }


async def publish(places: Places, now_ms: int) -> int:
    """Tells regions of facilities that they have not been told of. Returns of how many; it may be repeated.

    A region that has no scope yet waits for its first: nobody is there to be told.
    """
    return sum([await _publish_from(places, place, now_ms) for place in places])


async def _publish_from(places: Places, place: Place, now_ms: int) -> int:
    """The facilities that are at home at a place, told where their regions' reference data are at home; then noted."""
    async with place.shard() as shard:
        waiting = await shard.unlisted_facilities()
    told: list[str] = []
    for region in sorted({facility.region for facility in waiting}):
        of_region = [facility for facility in waiting if facility.region == region]
        home = places.of_region(region)[0]
        async with home.shard() as shard:
            for scope in await shard.named_scopes([region_scope(region)]):
                await put(home, shard, scope, [organization(facility) for facility in of_region], now_ms)
                told += [facility.id for facility in of_region]
    if told:
        async with place.shard() as shard:
            await shard.note_listed(told)
    return len(told)
