"""`medtech-hub facts`: the numbers of the console."""

import click

from hub import counting
from hub.commands.run import actor, on_hub
from hub.errors import BadRequest
from hub.runtime import Hub
from hub.store.audit import note_act


@click.group()
def facts() -> None:
    """The numbers that the console shows."""


@facts.command("recount")
@click.option("--wait", is_flag=True, help="Count to the end; else a serving hub does it, in the background.")
@click.option("--shard", type=int, help="On this shard alone.")
@on_hub
async def recount(hub: Hub, wait: bool, shard: int | None) -> list[dict[str, object]]:
    """Count all records anew. The numbers are incomplete until that is done; clinics go on meanwhile."""
    places = [place for place in hub.shards if shard in (None, place.id)]
    if not places:
        raise BadRequest(f"There is no shard {shard}.", hint="`medtech-hub shard list` names those there are.")
    for place in places:
        await counting.begin(place, anew=True)
        while wait and (await counting.recount(place) or await counting.waits(place)):
            continue
    async with hub.database.transaction() as connection:
        await note_act(connection, actor(), "facts.recount", "all" if shard is None else str(shard))
    return [{"shard": place.id, "counted": wait} for place in places]
