"""`medtech-hub quarantine` and `conflicts`: what waits for a person."""

import click

from hub.commands.run import actor, on_hub
from hub.runtime import Hub
from hub.store import held
from hub.store.audit import note_act


@click.group()
def quarantine() -> None:
    """What nodes sent and could not be used."""


@quarantine.command("list")
@on_hub
async def list_quarantine(hub: Hub) -> list[held.QuarantineRow]:
    """What is in quarantine: why, since when, from whom."""
    async with hub.database.transaction() as connection:
        return await held.list_quarantine(connection)


@quarantine.command("resolve")
@click.argument("number", type=int)
@on_hub
async def resolve(hub: Hub, number: int) -> dict[str, int]:
    """Note that a person has dealt with it."""
    async with hub.database.transaction() as connection:
        await held.resolve_quarantine(connection, number)
        await note_act(connection, actor(), "quarantine.resolve", str(number))
    return {"resolved": number}


@click.command(short_help="Open conflicts, counted by scope.")
@on_hub
async def conflicts(hub: Hub) -> list[held.ConflictCount]:
    """Open conflicts that clinicians have to review, counted by scope."""
    async with hub.database.transaction() as connection:
        return await held.count_conflicts(connection)
