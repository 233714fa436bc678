"""Shards by command, while the hub runs: added, given another address, opened and closed; the regions they serve; their servers."""

import asyncio
from typing import Literal

import asyncpg
from msgspec import Struct

from hub.errors import BadRequest, Exists, HubError, PromotionRefused
from hub.facilities import share_scopes, tell_siblings
from hub.places import Place
from hub.postgres import failover
from hub.postgres.failover import Promotion
from hub.postgres.servers import State, servers_of, survey
from hub.runtime import Hub, opened
from hub.settings import Settings
from hub.store import shard_map
from hub.store.audit import note_act
from hub.store.shard_map import FIRST


class ServerShown(Struct, frozen=True):
    """A server for people. `behind_seconds`: of a standby, by its heartbeat; None: it does not say."""

    shard: int
    server: str
    role: Literal["primary", "standby", "away"]
    timeline: int
    behind_seconds: float | None


class ShardShown(Struct, frozen=True):
    """A shard for people, without its address, which may hold a password."""

    shard: int
    regions: str
    facilities: int
    open: bool
    servers: str


async def add_shard(hub: Hub, actor: str, shard: int, address: str, regions: tuple[str, ...]) -> ShardShown:
    """Adds a shard: its database is brought to this program's schema and claimed. The same one again changes nothing.

    Raises `Exists`, `ShardWrong` for a database that is another's, `PostgresFault`, `SettingsWrong`.
    """
    if shard <= FIRST:
        raise BadRequest(f"Shard {FIRST} is the hub's own database.", hint="Choose a number from 2 on.")
    database = hub.shards.database_at(address)
    trial = Place(shard, hub.identity.id, database, hub.keys, hub.settings)
    try:
        await trial.prepare(hub.identity.id)
    finally:
        await trial.close()
    async with hub.database.transaction() as central:
        known = (await shard_map.read_map(central)).shards.get(shard)
        if known is None:
            await shard_map.lock_map(central)
            await shard_map.add_shard(central, shard, hub.shards.sealed_address(shard, address))
            await note_act(central, actor, "shard.add", str(shard))
        elif known.address is None or hub.shards.opened_address(shard, known.address) != address:
            raise Exists(f"Shard {shard} has another address.", hint="`medtech-hub shard set` gives it a new one.")
    await hub.shards.refresh()
    for region in regions:
        await serve_region(hub, actor, shard, region)
    return await shown(hub, shard)


async def change_shard(
    hub: Hub, actor: str, shard: int, address: str | None = None, is_open: bool | None = None
) -> ShardShown:
    """Gives a shard a new address (servers came or went), or opens or closes it for new facilities. Raises `NotFound`, `ShardWrong`."""
    sealed = None
    if address is not None:
        if shard == FIRST:
            raise BadRequest("The address of the hub's own database is a setting.", hint="Change `dsn` and restart.")
        trial = Place(shard, hub.identity.id, hub.shards.database_at(address), hub.keys, hub.settings)
        try:
            await trial.prepare(hub.identity.id)
        finally:
            await trial.close()
        sealed = hub.shards.sealed_address(shard, address)
    async with hub.database.transaction() as central:
        await shard_map.lock_map(central)
        await shard_map.change_shard(central, shard, address=sealed, is_open=is_open)
        await note_act(central, actor, "shard.change", str(shard))
    await hub.shards.refresh()
    return await shown(hub, shard)


async def serve_region(hub: Hub, actor: str, shard: int, region: str) -> ShardShown:
    """Puts a region on a shard, beside those that it is on already. Raises `NotFound`."""
    place = hub.shards.at(shard)
    async with hub.database.transaction() as central:
        known = (await shard_map.read_map(central)).regions.get(region)
        if known is None or shard not in known.shards:
            await shard_map.lock_map(central)
            await shard_map.add_region(central, region, shard)
            await note_act(central, actor, "shard.serve", f"{shard} {region}")
    await hub.shards.refresh()
    await share_scopes(hub, region)
    for other in hub.shards.of_region(region):
        if other is not place:
            await tell_siblings(hub, other, region)
    return await shown(hub, shard)


async def list_shards(hub: Hub) -> list[ShardShown]:
    """All shards."""
    return [await shown(hub, shard) for shard in sorted(hub.shards.map.shards)]


async def shown(hub: Hub, shard: int) -> ShardShown:
    """One shard for people."""
    row = hub.shards.map.shards[hub.shards.at(shard).id]
    async with hub.database.transaction() as central:
        facilities = await shard_map.count_facilities(central, shard)
    regions = [one.name for one in hub.shards.map.regions.values() if shard in one.shards]
    servers = ", ".join(server.name for server in hub.shards.at(shard).database.servers)
    return ShardShown(shard, ", ".join(regions), facilities, row.open, servers)


async def status(hub: Hub) -> list[ServerShown]:
    """Every server of every shard: what it is, and how far behind."""
    found = await asyncio.gather(*(_status_of(hub, shard) for shard in sorted(hub.shards.map.shards)))
    return [server for servers in found for server in servers]


async def promote(settings: Settings, shard: int, force: bool) -> Promotion:
    """Makes the most advanced standby of a shard the primary (`hub.postgres.failover`).

    Raises `PromotionRefused`, `PostgresFault`, `NotFound`. The hub's own database is not asked about itself: it may be what is away.
    """
    if shard == FIRST:
        if not settings.dsn:
            raise PromotionRefused(
                "This hub runs its own Postgres, which has no standby.", hint="Set `dsn` to servers that have one."
            )
        return await failover.promote(servers_of(settings.dsn), force=force)
    async with opened(settings) as hub:
        place = hub.shards.at(shard)
        done = await failover.promote(place.database.servers, force=force, timeline_min=place.database.timeline)
        place.database.heard_of(done.timeline)
        await hub.shards.tell_timeline(place)
        return done


async def _status_of(hub: Hub, shard: int) -> list[ServerShown]:
    place = hub.shards.at(shard)
    states = {state.server.name: state for state in await survey(place.database.servers, asyncpg.connect)}
    ages = {name: await _age(place, state) for name, state in states.items()}
    return [
        ServerShown(shard, server.name, state.role, state.timeline, ages[server.name])
        if (state := states.get(server.name)) is not None
        else ServerShown(shard, server.name, "away", 0, None)
        for server in place.database.servers
    ]


async def _age(place: Place, state: State) -> float | None:
    if state.role == "primary":
        return None
    try:
        return await place.standbys.age_of(state.server)
    except HubError:
        return None
