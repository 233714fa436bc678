"""A point of presence may hold facilities that are at home on other shards: what it gets of those is read there, after its transaction."""

from collections.abc import Mapping, Sequence

import structlog

from hub.errors import HubError
from hub.ingest import Ingest
from hub.places import Place
from hub.pulling import Asking, Puller
from hub.pushed import FACILITY, Speaker
from hub.reconciling import Comparison, compare
from hub.relaying import deliver
from hub.store.scopes import ScopeRow
from sync_protocol.exchange.messages import Pull, Request

log = structlog.get_logger()


def held_abroad(scopes: Mapping[int, ScopeRow]) -> list[ScopeRow]:
    """Those of a node's scopes that are read elsewhere. What all nodes hold is mirrored here."""
    return [scope for scope in scopes.values() if scope.home is not None and scope.kind == FACILITY]


async def pulled(hub: Place, request: Request, scopes: Sequence[ScopeRow]) -> list[Pull]:
    """What a node gets of these scopes. What it has just said is carried over first; a shard that is away has nothing for it now."""
    if hub.sends:
        await deliver(hub)
    found: list[Pull] = []
    for home in sorted({scope.home for scope in scopes if scope.home is not None}):
        names = {scope.name for scope in scopes if scope.home == home}
        try:
            place = hub.others.at(home)
            async with place.shard() as there:
                (pulls,) = await Puller(place, there, together=False).pulls([Asking(request, names)])
        except HubError as error:
            log.warning("a point of presence gets nothing of another shard", shard=home, error=type(error).__name__)
            continue
        found += pulls
    return found


async def compared(hub: Place, scope: ScopeRow, request: Request, speaker: Speaker) -> Comparison:
    """A round of a reconciliation of such a scope. Raises what the exchange with its shard does."""
    assert scope.home is not None
    place = hub.others.at(scope.home)
    async with place.shard() as there:
        (theirs,) = await there.named_scopes([scope.name])
        ingest = Ingest(place, there)
        same = Speaker(
            speaker.node, speaker.incarnation, speaker.own, [theirs], forgetful=speaker.forgetful, home=theirs.id
        )
        answer = await compare(place, there, theirs, request, ingest, same)
        await ingest.write()
        await ingest.publish()
    speaker.notes += same.notes
    return answer
