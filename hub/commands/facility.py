"""`medtech-hub facility`."""

import re
from typing import Any, Final

import click

from hub.commands.run import actor, on_hub
from hub.directory import publish
from hub.runtime import Hub, now_ms
from hub.store import nodes
from hub.store.audit import note_act

ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def checked_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """An id as FHIR has them."""
    if not ID.fullmatch(value):
        raise click.BadParameter("letters, digits, '-' and '.', at most 64.")
    return value


@click.group()
def facility() -> None:
    """Clinics, and whatever else holds records together."""


@facility.command("add")
@click.argument("facility_id", metavar="ID", callback=checked_id)
@click.option("--name", required=True, help="Its name, for people.")
@click.option("--region", required=True, callback=checked_id, help="Region whose shard keeps its records.")
@on_hub
async def add(hub: Hub, facility_id: str, name: str, region: str) -> dict[str, Any]:
    """Add a facility. The same one again changes nothing."""
    async with hub.database.transaction() as connection:
        added = await nodes.add_facility(connection, hub.keys, facility_id, name, region)
        if added:
            await note_act(connection, actor(), "facility.add", facility_id)
    await publish(hub, now_ms())
    return {"id": facility_id, "name": name, "region": region, "added": added}


@facility.command("list")
@on_hub
async def list_facilities(hub: Hub) -> list[nodes.FacilityRow]:
    """All facilities."""
    async with hub.database.transaction() as connection:
        return await nodes.list_facilities(connection)
