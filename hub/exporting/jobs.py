"""An export from the side of who asks for it: begun, looked at, fetched, deleted. Each of these stands in the audit."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from hub.clues import body_of
from hub.errors import NotFound, TooManyExports
from hub.exporting.asking import Asked
from hub.places import Place
from hub.postgres.engine import Connection
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.states import States
from hub.store import exports
from hub.store.audit import note_act
from hub.store.exports import JobRow, PartRow
from hub.store.resources import lock_present

OPEN_MAX: Final = 5
"""Exports that one person may have waiting."""
ID_BYTES: Final = 16
ALL: Final = ""


async def begin(hub: Hub, visitor: Visitor, group: str, asked: Asked, request: str, now: datetime) -> str:
    """Asks for an export of all that the visitor's region has, or of a Group. Returns its id. Raises `NotFound`, `TooManyExports`."""
    region, facility, members = visitor.region, "", ""
    if group:
        region, facility, members = await _group(hub, group, visitor.region)
    job = JobRow(
        id=secrets.token_hex(ID_BYTES),
        actor=visitor.name,
        region=region,
        facility=facility,
        members=members,
        request=request,
        types=list(asked.types),
        since=asked.since,
        state="open",
        made=now,
        instant=None,
        ended=None,
        rows=0,
        tries=0,
    )
    async with hub.database.transaction() as connection:
        if await exports.count_open_jobs(connection, visitor.name) >= OPEN_MAX:
            raise TooManyExports
        await exports.add_job(connection, job)
        what = f"Group/{group}" if group else f"region/{region}" if region else "all"
        await note_act(connection, visitor.name, "export.begin", f"{job.id} {what} {asked.query}".strip())
    hub.export_asked.set()
    return job.id


async def places_of(hub: Hub, job: JobRow) -> list[Place]:
    """The shards that an export is of, by number: what all regions have is on the first. Raises `NotFound` for a facility that is none
    any more."""
    await hub.shards.refresh()
    if job.facility:
        return [await hub.shards.of_facility(job.facility)]
    return sorted(hub.shards.within(job.region), key=lambda place: place.id)


async def _group(hub: Hub, group: str, region: str) -> tuple[str, str, str]:
    """Region, facility and Group of what a Group's id stands for: a facility, or a Group in a facility's records. Raises `NotFound`."""
    async with hub.database.transaction() as connection:
        of_facility = await exports.region_of_facility(connection, group)
    if of_facility is not None and region in (ALL, of_facility):
        return of_facility, group, ""
    for place in hub.shards.of_region(region) if region else hub.shards:
        async with place.transaction() as connection:
            home = await exports.facility_of_record(connection, hub.keys.resource_key(f"Group/{group}"))
        if home is not None and region in (ALL, home[1]):
            return home[1], home[0], group
    raise NotFound("There is no such Group.", hint="A Group is a facility's id, or a Group in its records.")


async def members_of(place: Place, connection: Connection, group: str) -> frozenset[str]:
    """`Patient/id` of the active members of a Group. Raises `SealBroken`; none when it is deleted."""
    for row in await lock_present(connection, [place.keys.resource_key(f"Group/{group}")]):
        (scope,) = await place.on(connection).read_scopes([row.scope])
        return active_members(body_of(States(place).open(scope, row.rkey, row.state)))
    return frozenset()


def active_members(group: Mapping[str, Any]) -> frozenset[str]:
    """`Patient/id` of those who are in a Group now; of what is odd, none."""
    entries = [
        entry for entry in group.get("member", []) if isinstance(entry, dict) and entry.get("inactive") is not True
    ]
    named = [entry["entity"].get("reference") for entry in entries if isinstance(entry.get("entity"), dict)]
    return frozenset(name for name in named if isinstance(name, str) and name.startswith("Patient/"))


async def listed(hub: Hub, visitor: Visitor, limit: int) -> list[JobRow]:
    """The exports of this person, the latest first."""
    async with hub.database.transaction() as connection:
        return await exports.jobs_of(connection, visitor.name, visitor.region, limit)


async def find(hub: Hub, visitor: Visitor, job: str) -> tuple[JobRow, list[PartRow]]:
    """An export of this person, and its files when it is done. Raises `NotFound`, also when she has lost the region that it is of."""
    async with hub.database.transaction() as connection:
        row = await exports.find_job(connection, job, visitor.name)
        if row is None or visitor.region not in (ALL, row.region):
            raise NotFound("There is no such export.", hint="Ask for it anew; exports are kept for some time only.")
        parts = await exports.read_parts(connection, row.id) if row.state == "done" else []
    return row, parts


async def fetch(hub: Hub, visitor: Visitor, job: str, number: int) -> PartRow:
    """A file of an export, noted in the audit. Raises `NotFound`."""
    row, parts = await find(hub, visitor, job)
    found = [part for part in parts if part.number == number]
    if not found:
        raise NotFound("The export has no such file.", hint="Its manifest lists those that there are.")
    async with hub.database.transaction() as connection:
        await note_act(connection, visitor.name, "export.fetch", f"{row.id} {number} {found[0].type}")
    return found[0]


async def drop(hub: Hub, visitor: Visitor, job: str) -> None:
    """Ends an export, or erases what it made. Raises `NotFound`."""
    row, _ = await find(hub, visitor, job)
    async with hub.database.transaction() as connection:
        await exports.drop_jobs(connection, [row.id])
        await note_act(connection, visitor.name, "export.delete", row.id)
