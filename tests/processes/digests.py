"""What a shard has, by its digests: the kept ones, and those of what rests there."""

from collections.abc import Sequence

from hub.places import Place
from hub.states import States
from sync_protocol import digest, pack


async def digests_at(place: Place, facilities: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Scope → the digest that the shard keeps, and the one that its sealed states give when they are opened."""
    async with place.shard() as shard:
        states = States(place)
        found = {}
        for scope in await shard.named_scopes([f"facility/{name}" for name in facilities]):
            total = digest.EMPTY
            after = 0
            while rows := await shard.scan_scope(scope.id, after, 1_000):
                for row in rows:
                    resource = states.open(scope, row.rkey, row.state)
                    total = digest.add(total, new=pack.hash_of(resource.type, resource.id, pack.pack(resource)))
                after = rows[-1].key
            found[scope.name] = (digest.to_bytes(scope.digest).hex(), digest.to_bytes(total).hex())
        return found
