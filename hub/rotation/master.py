"""Another master key: everything that is under it is wrapped anew, in one transaction a database.

Both keys are at hand while it lasts, and every wrapped key says which one it is under. So a crash leaves what opens as before, and the same
again finishes it. Running processes go on with the data keys that they have opened, and look for the other master key when they meet one
that is under it (`Masters.named`).
"""

from msgspec import Struct

from hub.keys import Keys
from hub.keys.hub_secrets import wrapped_anew
from hub.keys.masters import Master
from hub.postgres.engine import Connection
from hub.store import rings, wrapping
from hub.store.audit import note_act


class Wrapped(Struct, frozen=True):
    """What was done in a database: how many scopes' keys were wrapped anew."""

    scopes: int
    secrets: int


async def wrap_anew(connection: Connection, keys: Keys, target: Master, actor: str) -> Wrapped:
    """Wraps a database's keys under `target`. Raises MasterKeyWrong, KmsFault; then nothing is changed.

    A KMS is asked before rows are locked: exchanges wait for one update, not for it.
    """
    before = await rings.all_rings(connection)
    made = dict(zip(before.values(), await keys.data.wrapped_anew(list(before.values()), target), strict=True))
    await wrapping.replace_master(connection, target.id)
    locked = await rings.lock_all_rings(connection)
    late = [ring for ring in locked.values() if ring not in made]
    made |= dict(zip(late, await keys.data.wrapped_anew(late, target), strict=True))
    await rings.write_rings(connection, {scope: made[ring] for scope, ring in locked.items()})
    secrets = await wrapping.lock_secrets(connection)
    if secrets is not None:
        await wrapping.write_secrets(connection, await wrapped_anew(keys.masters, secrets, target))
    await note_act(connection, actor, "key.rotate-master", target.id.hex())
    return Wrapped(len(locked), int(secrets is not None))
