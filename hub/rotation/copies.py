"""Scopes that are at home on another shard: their rings follow those at home, and what is sealed here is sealed anew here.

A key goes from a copied ring when nothing here is under it, not when its home lets go of it. What is here is sealed anew once its home has
done so with its own: rows that come from there until then may be under either key.
"""

from hub.keys import rings as ring_rules
from hub.places import Place
from hub.store import key_rotations, rings
from hub.store.key_rotations import USED


async def refresh(place: Place, home: int) -> None:
    """Brings the rings of scopes up to date that a place knows from a shard. Raises what a transaction at either does."""
    async with place.transaction() as connection:
        copied = await rings.copied_rings(connection, home)
    async with place.others.at(home).transaction() as connection:
        present = await rings.rings_at_home(connection, list(copied))
    changed = [name for name, ring in present.items() if ring != copied[name]]
    if not changed:
        return
    async with place.transaction() as connection:
        locked = await rings.lock_copied(connection, changed)
        joined = {
            row.scope: ring_rules.joined(ring_rules.read(present[name]), ring_rules.read(row.ring))
            for name, row in locked.items()
        }
        await rings.write_rings(connection, {scope: ring_rules.pack(ring) for scope, ring in joined.items()})
        over = [
            row.scope
            for name, row in locked.items()
            if ring_rules.has_older(joined[row.scope]) and not ring_rules.has_older(ring_rules.read(present[name]))
        ]
        await key_rotations.begin(connection, over, USED)
