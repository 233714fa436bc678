"""Another data key for a scope: at once for what is written from now on, and for all that is there in the background, in slices.

    announced   the key is in the ring; nothing is sealed with it, since transactions that are running may not know it
    used        it seals; transactions that are running may still seal with the old one
    sealing     nobody does any more: rows under the old key are sealed anew, under their locks, nothing else of them changed
    sealed      all rows are; transactions that are running may have read the ring, or a row, from before
    (over)      a count by version has shown that nothing is under the old key, and it has gone from the ring; else
    stuck       something does not open: the old key stays, until somebody has mended it and begins anew

A step is taken when all transactions have ended that were running after the last one was committed; so whoever reads a scope's row
and then rows of that scope, in one transaction, has all keys that he meets. Any process takes any step; one that ends in the middle is
followed by another. Feeds, digests and times stay as they are: nobody sees a change.

How often a key seals is bounded by NIST SP 800-38D (`Seal`). Each sealed state that is committed takes a position in its scope's feed, so
the positions since the key was first used count them. What takes none (parked, quarantined, rolled back, sealed anew) is less than
three times as many: at 2^30 positions, a quarter of the bound, a scope gets another key by itself.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from hub.errors import SealBroken
from hub.keys import Keys
from hub.keys import rings as ring_rules
from hub.keys.seals import ScopeSeal, header_of
from hub.postgres.engine import Connection
from hub.store import key_rotations, rings
from hub.store.audit import note_act
from hub.store.key_rotations import (
    ANNOUNCED,
    SEALED,
    SEALED_TABLES,
    STUCK,
    USED,
    RotationRow,
    SealedRow,
)
from hub.store.rings import RingRow
from hub.store.wrapping import master_in_use

log = structlog.get_logger()

SEALS_MAX: Final = 1 << 30
ROWS_A_SLICE: Final = 500
BYTES_A_SLICE: Final = 4 << 20
"""What a slice opens and seals: some milliseconds of work."""
SCOPES_A_STEP: Final = 200


async def begin(connection: Connection, keys: Keys, scopes: Sequence[int], actor: str) -> list[int]:
    """Announces another data key for each of these scopes; those that are getting one already are left, and those that have moved to
    another shard meanwhile: two shards would give one version to two keys. Returns which it began for.

    Raises MasterKeyWrong, KmsFault.
    """
    noted = await key_rotations.begin(connection, scopes, ANNOUNCED)
    master, now_ms = await master_in_use(connection, keys.masters.first.id)
    locked = await rings.lock_rings_at_home(connection, noted)
    made = {row.scope: await keys.data.announced(row.ring, master, now_ms) for row in locked}
    await rings.write_rings(connection, made)
    await key_rotations.end(connection, [scope for scope in noted if scope not in made])
    for scope in made:
        await note_act(connection, actor, "key.rotate-data", f"scope {scope}")
    return list(made)


async def begin_by_itself(connection: Connection, keys: Keys) -> None:
    """The same for scopes whose keys have sealed much. Those that came from another shard in the middle of a rotation go on with it: a key
    that was announced is used, what is under older ones is sealed anew."""
    resting = await rings.resting_rings(connection)
    if over := [row.scope for row in resting if seals(row) >= SEALS_MAX]:
        await begin(connection, keys, over, "hub")
    of_scopes = {row.scope: ring_rules.read(row.ring) for row in resting}
    if announced := [scope for scope, ring in of_scopes.items() if ring.newest.version > ring.current]:
        await key_rotations.begin(connection, announced, ANNOUNCED)
    if left := [scope for scope, ring in of_scopes.items() if ring_rules.has_older(ring)]:
        await key_rotations.begin(connection, left, USED)


def seals(row: RingRow) -> int:
    """How many positions the feed has taken since the scope's current key was first used."""
    return row.seq - ring_rules.read(row.ring).of_current.begun_seq


async def step(connection: Connection, keys: Keys) -> bool:
    """Takes one step of each rotation that is ripe for one, or seals one slice. Whether there is more to do without waiting."""
    if await key_rotations.note_who_is_waited_for(connection):
        return True
    ripe = await key_rotations.lock_ripe(connection, [ANNOUNCED, USED, SEALED], SCOPES_A_STEP)
    if ripe:
        await _use(connection, [row.scope for row in ripe if row.step == ANNOUNCED])
        await _begin_sealing(connection, [row.scope for row in ripe if row.step == USED])
        await _retire(connection, [row for row in ripe if row.step == SEALED])
        return True
    sealing = await key_rotations.lock_sealing(connection)
    if sealing is not None:
        await _seal_slice(connection, keys, sealing)
    return sealing is not None


async def _use(connection: Connection, scopes: Sequence[int]) -> None:
    locked = await rings.lock_rings(connection, scopes)
    used = {row.scope: ring_rules.pack(ring_rules.used(ring_rules.read(row.ring), row.seq)) for row in locked}
    await rings.write_rings(connection, used)
    await key_rotations.set_step(connection, scopes, USED)


async def _begin_sealing(connection: Connection, scopes: Sequence[int]) -> None:
    """Those that have no older key any more are over: their home, elsewhere, says that another one is current."""
    found = {scope: ring_rules.read(await rings.read_ring(connection, scope)) for scope in scopes}
    sealing = {scope: ring.current for scope, ring in found.items() if ring_rules.has_older(ring)}
    await key_rotations.begin_sealing(connection, sealing)
    await key_rotations.end(connection, [scope for scope in scopes if scope not in sealing])


async def _retire(connection: Connection, rotations: Sequence[RotationRow]) -> None:
    """Lets go of keys that nothing is under any more, as a count shows. Nobody seals with them since, so it is counted without locks.

    The ring of a scope that is at home elsewhere may get a newer key from there at any time: then what was sealed is sealed anew with
    that one; and a key goes only from the ring that was counted by.
    """
    counted: dict[int, bytes] = {}
    for scope, version in [(row.scope, row.version) for row in rotations]:
        ring = await rings.read_ring(connection, scope)
        current = ring_rules.read(ring).current
        if current != version:
            await key_rotations.set_step(connection, [scope], USED)
        elif left := await key_rotations.count_others(connection, scope, header_of(current)):
            log.error("an old data key is still needed", scope=scope, rows=left)
            await key_rotations.set_step(connection, [scope], STUCK)
        else:
            counted[scope] = ring
    locked = [row for row in await rings.lock_rings(connection, list(counted)) if row.ring == counted[row.scope]]
    left_keys = {row.scope: ring_rules.pack(ring_rules.retired(ring_rules.read(row.ring))) for row in locked}
    await rings.write_rings(connection, left_keys)
    await key_rotations.end(connection, list(left_keys))
    for scope in left_keys:
        await note_act(connection, "hub", "key.retire", f"scope {scope}")


async def _seal_slice(connection: Connection, keys: Keys, rotation: RotationRow) -> None:
    table = SEALED_TABLES[rotation.place]
    ring = await rings.read_ring(connection, rotation.scope)
    await keys.data.prepare([ring])
    found = await key_rotations.next_rows(
        connection, table, rotation.scope, rotation.after_row, ROWS_A_SLICE, BYTES_A_SLICE
    )
    if found:
        rows = await key_rotations.lock_rows(connection, table, rotation.scope, found)
        await key_rotations.write_sealed(connection, table, _sealed_anew(keys.seal_of(ring), table.name, rows))
        await key_rotations.note_progress(connection, rotation.scope, rotation.place, found[-1])
    elif rotation.place + 1 < len(SEALED_TABLES):
        await key_rotations.note_progress(connection, rotation.scope, rotation.place + 1, 0)
    else:
        await key_rotations.set_step(connection, [rotation.scope], SEALED)


def _sealed_anew(seal: ScopeSeal, table: str, rows: Sequence[SealedRow]) -> list[tuple[int, bytes]]:
    """Those that are under an older key, sealed with the current one. What does not open stays as it is, and is told in the log."""
    anew: list[tuple[int, bytes]] = []
    for row in rows:
        try:
            version, plain = seal.opened(row.sealed, row.about)
        except SealBroken:
            log.error("a record does not open", table=table, key=row.key)
            continue
        if version != seal.current:
            anew.append((row.key, seal.seal(plain, row.about)))
    return anew
