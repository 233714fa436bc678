"""`medtech-hub facility`."""

import re
import sys
from collections.abc import Callable
from typing import Any, Final

import click

from hub import facilities
from hub.commands.run import actor, on_hub
from hub.relocating import move_facility
from hub.runtime import Hub, now_ms
from hub.store import nodes

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
@click.option("--shard", type=int, help="Shard of that region; the one with the fewest facilities if not given.")
@on_hub
async def add(hub: Hub, facility_id: str, name: str, region: str, shard: int | None) -> dict[str, Any]:
    """Add a facility. The same one again changes nothing."""
    added = await facilities.add_facility(hub, actor(), facility_id, name, region, now_ms(), shard)
    return {"id": facility_id, "name": name, "region": region, "added": added}


@facility.command("list")
@on_hub
async def list_facilities(hub: Hub) -> list[nodes.FacilityRow]:
    """All facilities."""
    return await facilities.list_facilities(hub)


@facility.command("move")
@click.argument("facility_id", metavar="ID")
@click.option("--shard", required=True, type=int, help="Shard of its region to move it to.")
@on_hub
async def move(hub: Hub, facility_id: str, shard: int) -> dict[str, Any]:
    """Move a facility to another shard while it works. May be repeated: it goes on where it was."""
    return await move_facility(hub, actor(), facility_id, shard, told_on_terminal())


def told_on_terminal() -> Callable[[int, int], None]:
    """Says on a terminal how far it is."""

    def told(seq: int, of: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"{seq:,} of {of:,} changes copied", err=True)

    return told
