"""`medtech-hub quarantine` and `conflicts`: what waits for a person."""

import click

from hub import review
from hub.commands.run import by_command, on_hub
from hub.runtime import Hub
from hub.store import held


@click.group()
def quarantine() -> None:
    """What nodes sent and could not be used."""


@quarantine.command("list")
@on_hub
async def list_quarantine(hub: Hub) -> list[held.QuarantineRow]:
    """What is in quarantine: why, since when, from whom."""
    return await review.list_quarantine(hub)


@quarantine.command("resolve")
@click.argument("number", type=int)
@on_hub
async def resolve(hub: Hub, number: int) -> dict[str, int]:
    """Note that a person has dealt with it."""
    await review.resolve_quarantine(hub, by_command(), number)
    return {"resolved": number}


@click.command(short_help="Open conflicts, counted by scope.")
@on_hub
async def conflicts(hub: Hub) -> list[held.ConflictCount]:
    """Open conflicts that clinicians have to review, counted by scope."""
    return await review.count_conflicts(hub)
