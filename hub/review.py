"""What waits for a person, and the hub at a glance: of all shards together."""

from typing import Any

from hub.errors import NotFound
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store import held
from hub.store.audit import note_act
from hub.store.facts import Stats, read_stats
from hub.store.held import ConflictCount, QuarantineRow

LISTED_MAX = 1_000


async def count_conflicts(hub: Hub, region: str = "") -> list[ConflictCount]:
    """Open conflicts by scope, of all or of a region."""
    found: list[ConflictCount] = []
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            found += await held.count_conflicts(connection, region)
    return sorted(found, key=lambda one: one.scope)


async def list_quarantine(hub: Hub, region: str = "") -> list[QuarantineRow]:
    """What is in quarantine and not resolved, of all or of a region, the oldest first."""
    found: list[QuarantineRow] = []
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            found += await held.list_quarantine(connection, region, limit=LISTED_MAX)
    return sorted(found, key=lambda one: (one.since, one.id))[:LISTED_MAX]


async def resolve_quarantine(hub: Hub, by: Visitor, number: int) -> None:
    """Notes that a person has dealt with it. Its number tells its shard's apart from others'.

    Raises `NotFound`, also for what is of another region.
    """
    for place in hub.shards.within(by.region):
        async with place.transaction() as connection:
            if await held.resolve_quarantine(connection, number, by.region):
                await note_act(connection, by.name, "quarantine.resolve", str(number))
                return
    raise NotFound(f"Nothing with the number {number} is in quarantine.")


async def stats(hub: Hub, region: str = "") -> Stats:
    """The hub or a region at a glance."""
    found: list[Stats] = []
    for place in hub.shards.within(region):
        async with place.transaction() as connection:
            found.append(await read_stats(connection, region))
    return Stats(*(_sum([getattr(one, field) for one in found]) for field in Stats.__struct_fields__))


def _sum(numbers: list[int | None]) -> Any:
    """What all say together; None where that is not told."""
    told = [number for number in numbers if number is not None]
    return sum(told) if len(told) == len(numbers) else None
