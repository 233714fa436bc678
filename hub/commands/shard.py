"""`medtech-hub shard`."""

import asyncio
import sys
from pathlib import Path

import click

from hub import sharding
from hub.commands.run import actor, on_hub, settings_from, shared_options, show, working
from hub.runtime import Hub

ADDRESS = click.option(
    "--dsn-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the address, postgresql://…, all servers of the shard with commas; - is standard input.",
)


@click.group()
def shard() -> None:
    """Shards: the Postgres servers that keep regions' records."""


@shard.command("add")
@click.argument("shard_id", metavar="ID", type=click.IntRange(2, 9_999))
@ADDRESS
@click.option("--region", "regions", multiple=True, help="A region whose records it keeps; may be given several times.")
@on_hub
async def add(hub: Hub, shard_id: int, dsn_file: Path, regions: tuple[str, ...]) -> sharding.ShardShown:
    """Add a shard. Its database is empty, or was this shard's before."""
    return await sharding.add_shard(hub, actor(), shard_id, _address(dsn_file), regions)


@shard.command("set")
@click.argument("shard_id", metavar="ID", type=click.IntRange(1, 9_999))
@click.option(
    "--dsn-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the new address of the same database; - is standard input.",
)
@click.option("--open/--closed", "is_open", default=None, help="Whether new facilities may be placed on it.")
@on_hub
async def change(hub: Hub, shard_id: int, dsn_file: Path | None, is_open: bool | None) -> sharding.ShardShown:
    """Give a shard another address, or open or close it for new facilities."""
    address = _address(dsn_file) if dsn_file is not None else None
    return await sharding.change_shard(hub, actor(), shard_id, address, is_open)


@shard.command("serve")
@click.argument("shard_id", metavar="ID", type=click.IntRange(1, 9_999))
@click.option("--region", required=True, help="The region.")
@on_hub
async def serve(hub: Hub, shard_id: int, region: str) -> sharding.ShardShown:
    """Keep records of a region on a shard, too. Where they are now they stay."""
    return await sharding.serve_region(hub, actor(), shard_id, region)


@shard.command("list")
@on_hub
async def list_all(hub: Hub) -> list[sharding.ShardShown]:
    """All shards, with their regions."""
    return await sharding.list_shards(hub)


@shard.command("status")
@on_hub
async def status(hub: Hub) -> list[sharding.ServerShown]:
    """Every server of every shard: primary or standby, its timeline, how far it is behind."""
    return await sharding.status(hub)


@shard.command("promote")
@click.argument("shard_id", metavar="ID", type=click.IntRange(1, 9_999))
@click.option("--force", is_flag=True, help="Though the primary answers: it is fenced, and nothing is lost by it.")
@shared_options
def promote(shard_id: int, force: bool, data: str | None, config: Path | None, as_json: bool) -> None:
    """Make the most advanced standby of a shard the primary, and tell whether acknowledged changes may be lost by it."""
    settings = settings_from(data, config)
    with working():
        show(asyncio.run(sharding.promote(settings, shard_id, force)), as_json)


def _address(file: Path) -> str:
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    return text.strip()
