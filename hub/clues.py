"""By what people are found at the hub: the clues of their records (`sync_protocol.matching.clues`), kept as keyed hashes.

They follow a Patient in the transaction that stores, changes, deletes or moves her. Records that were stored before there were clues,
or by other rules, get theirs in slices, in the background, going on where the last process ended.
"""

from collections.abc import Sequence
from typing import Any, Final

import structlog

from hub.errors import SealBroken
from hub.places import Place
from hub.states import States
from hub.store.resources import ResourceRow
from hub.store.shard import Shard
from sync_protocol.errors import MalformedJson, ProtocolError
from sync_protocol.matching import clues as rules
from sync_protocol.matching.person import person_of
from sync_protocol.resource import Resource, gone, shown
from sync_protocol.showing import shown_object

log = structlog.get_logger()

PATIENT: Final = "Patient"
ROWS_A_SLICE: Final = 500
"""What a step of the backfill reads: some 20 ms, in which nobody else is answered."""


def body_of(resource: Resource) -> dict[str, Any]:
    """A resource as it is shown, decoded; without members when it is deleted, or its values make none."""
    if gone(resource):
        return {}
    try:
        return shown_object(resource.type, resource.id, shown(resource))
    except MalformedJson:
        return {}


def tokens(hub: Place, region: str, patient: Resource) -> frozenset[int]:
    """The keyed hashes of a patient's clues in a region; none of who is deleted."""
    person = person_of(body_of(patient))
    return frozenset(hub.keys.clue_token(region, clue.kind, clue.value) for clue in rules.left_by(person))


async def index(hub: Place, shard: Shard, patients: Sequence[tuple[int, int, Resource]]) -> None:
    """Brings the clues of Patients, `(key, scope, resource)`, up to date; their rows are locked by the caller."""
    if patients:
        regions = await shard.regions_of(sorted({scope for _, scope, _ in patients}))
        await shard.replace_clues(
            {
                key: tokens(hub, regions[scope], patient) if scope in regions else frozenset()
                for key, scope, patient in patients
            }
        )


async def backfill(hub: Place) -> bool:
    """One slice. Whether anything is left to do for this process. A record that does not open holds nobody up."""
    async with hub.shard() as shard:
        place = await shard.begin_backfill(rules.VERSION)
        if place is None:
            return False
        rows = await shard.scan_from(*place, ROWS_A_SLICE)
        # Read again under their locks: whoever changes one meanwhile is waited for, and not overwritten with less.
        locked = await shard.lock_present([row.rkey for row, patient in await opened(hub, shard, rows) if patient])
        found = await opened(hub, shard, locked)
        await index(hub, shard, [(row.key, row.scope, patient) for row, patient in found if patient is not None])
        await shard.note_backfill(rules.VERSION, rows[-1].key if len(rows) == ROWS_A_SLICE else place[1])
        return True


async def opened(
    hub: Place, shard: Shard, rows: Sequence[ResourceRow], type_: str | None = PATIENT
) -> list[tuple[ResourceRow, Resource | None]]:
    """Records, and those of them that are of a type (None: of any) as resources: under its hash nobody can tell what a record is.

    One that is damaged counts as none, and is told in the log.
    """
    scopes = {scope.id: scope for scope in await shard.read_scopes(sorted({row.scope for row in rows}))}
    states = States(hub)
    found: list[tuple[ResourceRow, Resource | None]] = []
    for row in rows:
        found_one = None
        try:
            if type_ is None or states.is_of(type_, scopes[row.scope], row.rkey, row.state):
                found_one = states.open(scopes[row.scope], row.rkey, row.state)
        except (SealBroken, ProtocolError) as error:
            log.error("a record does not open", key=row.key, error=type(error).__name__)
        found.append((row, found_one))
    return found
