"""What a facility is told (`hub.notices`) is written where it is at home: here, or by a message to the shard where that is."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hub import relayed
from hub.authoring import put
from hub.clues import body_of
from hub.places import Place
from hub.relayed import Relayed
from hub.states import States
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard


async def tell(place: Place, shard: Shard, scope: ScopeRow, notice: Mapping[str, Any], at_ms: int) -> None:
    """Tells a facility, by its scope, something."""
    if scope.home is None:
        await put(place, shard, scope, [notice], at_ms)
    else:
        await shard.send([relayed.told(place, scope, "told", notice, at_ms)])


async def end(place: Place, shard: Shard, record: int, notice: str, status: str, at_ms: int) -> None:
    """Says in the notice of this id how what it told of ended: here, else wherever the record that it told of has been."""
    if await _end_here(place, shard, notice, status, at_ms):
        return
    former = (await shard.former_scopes([record])).get(record, frozenset())
    for scope in await shard.read_scopes(sorted(former)):
        if scope.home is not None:
            ended = {"id": notice, "status": status}
            await shard.send([relayed.told(place, scope, "ended", ended, at_ms)])


async def take(place: Place, shard: Shard, scope: ScopeRow, message: Relayed) -> None:
    """Writes what another shard has to tell a facility that is at home here."""
    notice = msgspec.json.decode(message.notice)
    if message.kind == "told":
        await put(place, shard, scope, [notice], message.at_ms)
    else:
        await _end_here(place, shard, notice["id"], notice["status"], message.at_ms)


async def _end_here(place: Place, shard: Shard, notice: str, status: str, at_ms: int) -> bool:
    """Whether the notice is here."""
    rows = await shard.lock_present([place.keys.resource_key(f"Communication/{notice}")])
    for row in rows:
        (scope,) = await shard.read_scopes([row.scope])
        if scope.home is None:
            if body := body_of(States(place).open(scope, row.rkey, row.state)):
                await put(place, shard, scope, [{**body, "status": status}], at_ms)
            return True
    return False
