"""`medtech-hub key`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

import click

from hub.commands.run import actor, on_hub, opened_hub, settings_from, shared_options, show, working
from hub.errors import KeyStays, NotFound, SettingsWrong
from hub.keys.masters import LocalMaster, Master
from hub.keys.transit import TransitMaster
from hub.places import Place
from hub.rotation import data as data_rotation
from hub.rotation.master import wrap_anew
from hub.rotation.master_file import leave_alone, new_master_key, put_beside
from hub.rotation.status import KeyStatus, ScopeKeys, read_scope_keys, read_status
from hub.runtime import Hub, now_ms
from hub.sessions.rotation import rotate_login
from hub.settings import Settings
from hub.store import key_rotations, rings
from hub.store.key_rotations import ANNOUNCED, STUCK, RotationStatus
from hub.upkeep import rotate

LOOK_SECONDS: Final = 0.05
USED_SECONDS_MAX: Final = 20.0
"""So long a command waits for the transactions of others; then the serving hub goes on with it."""


@click.group()
def key() -> None:
    """Keys: what protects the stored records, and how each is exchanged for another."""


@key.command("status")
@on_hub
async def status(hub: Hub) -> list[KeyStatus]:
    """Which master key everything on each shard is under, and how far exchanges are."""
    found: list[KeyStatus] = []
    for place in hub.shards:
        async with place.transaction() as connection:
            found.append(await read_status(connection, hub.keys, place.id))
    return found


@key.command("scopes")
@on_hub
async def scopes(hub: Hub) -> list[ScopeKeys]:
    """The data keys of each scope: versions, age, how often the present one has sealed."""
    found: list[ScopeKeys] = []
    for place in hub.shards:
        async with place.transaction() as connection:
            found += await read_scope_keys(connection, place.id)
    return found


@key.command("rotate-data")
@click.option("--facility", metavar="ID", help="A facility's records.")
@click.option("--region", help="All facilities of a region, and its reference data.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--wait", is_flag=True, help="Seal all that is there anew before it ends; else the serving hub does.")
@on_hub
async def rotate_data(
    hub: Hub, facility: str | None, region: str | None, everything: bool, wait: bool
) -> dict[str, Any]:
    """Seal with another data key: what is written at once, what is there in the background."""
    if [bool(facility), bool(region), everything].count(True) != 1:
        raise click.UsageError("Say one of --facility, --region and --all.")
    found, begun = 0, 0
    for place in hub.shards:
        async with place.transaction() as connection:
            wanted = await rings.scopes_matching(connection, facility, region)
            found += len(wanted)
            begun += len(await data_rotation.begin(connection, hub.keys, wanted, actor()))
    if not found:
        raise NotFound(
            "There is no scope of that name.", hint="`medtech-hub facility list` names facilities and regions."
        )
    steps = [rotation.step for place in hub.shards for rotation in await _carried_on(place, wait)]
    return {"begun": begun, "announced": steps.count(ANNOUNCED), "sealing": len(steps), "stuck": steps.count(STUCK)}


async def _carried_on(place: Place, wait: bool) -> Sequence[RotationStatus]:
    """What is left of rotations when nothing is only announced any more, or nothing is left at all; or others take too long."""
    until = monotonic() + USED_SECONDS_MAX
    while True:
        while await rotate(place):
            until = monotonic() + USED_SECONDS_MAX
        async with place.transaction() as connection:
            left = await key_rotations.list_rotations(connection)
        going = [rotation for rotation in left if rotation.step != STUCK]
        if not [one for one in going if wait or one.step == ANNOUNCED] or monotonic() > until:
            return left
        await asyncio.sleep(LOOK_SECONDS)


@key.command("rotate-login")
@click.option("--at-once", is_flag=True, help="The old keys are in somebody's hands: everybody has to log in again.")
@on_hub
async def rotate_for_login(hub: Hub, at_once: bool) -> dict[str, Any]:
    """Replace the key that signs access tokens. What the old one signed is good until its time is over."""
    return await rotate_login(hub.desk, actor(), now_ms(), at_once=at_once)


@key.command("rotate-master")
@click.option(
    "--new-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the new master key, 64 hex digits.",
)
@click.option(
    "--to-kms",
    metavar="NAME",
    help="A key of the KMS, named in kms_keys; the same as now wraps with its newest version.",
)
@shared_options
def rotate_master(
    new_file: Path | None, to_kms: str | None, data: str | None, config: Path | None, as_json: bool
) -> None:
    """Put everything under another master key. The same again finishes what was interrupted."""
    if (new_file is None) == (to_kms is None):
        raise click.UsageError("Say one of --new-file and --to-kms.")
    settings = settings_from(data, config)
    new = new_master_key(new_file) if new_file is not None else b""
    if new:
        put_beside(settings, new)
    with working():
        done = asyncio.run(_wrapped(settings, LocalMaster(new).id if new else b"", to_kms or ""))
    if new:
        done["old_kept"] = ", ".join(str(path) for path in leave_alone(settings, new))
    show(done, as_json)


async def _wrapped(settings: Settings, identity: bytes, name: str) -> dict[str, Any]:
    async with opened_hub(settings) as hub:
        target = hub.keys.masters.named(identity) if identity else _of_kms(hub.keys.masters.all, name)
        done = 0
        for place in hub.shards:
            async with place.transaction() as connection:
                done += (await wrap_anew(connection, hub.keys, target, actor())).scopes
        return {"master": target.id.hex(), "scopes": done}


def _of_kms(masters: Sequence[Master], name: str) -> Master:
    for master in masters:
        if isinstance(master, TransitMaster) and master.key == name:
            return master
    raise SettingsWrong(
        f"The KMS's key {name} is not one of kms_keys.",
        hint="Name it there for all processes first; then do this again.",
    )


@key.command("rotate-index", short_help="Why the index key stays, and what to do when it leaked.")
@shared_options
def rotate_index(**_: Any) -> None:
    """The index key is not exchanged by a command."""
    raise KeyStays(
        "The index key stays: what records, elements and people are found by is hashed with it, and so is what nodes keep of feeds."
    )
