"""The hub's decisions about a pull: from where in a scope's feed, and which registers of a resource."""

from collections.abc import Callable, Sequence

from sync_protocol.exchange.messages import Cursor
from sync_protocol.resource import Resource


def pull_from(cursor: Cursor, seq: int, lineage: Sequence[tuple[int, int]]) -> int:
    """From which seq a node must be served, so that it misses nothing, whatever lives this hub has had.

    `lineage`: `(epoch, start seq)` of the scope's epochs, oldest first; `seq`: its last. The newest epoch that both know
    decides: what the node saw in it, or where the hub's memory of that epoch ends, whichever comes first.
    """
    starts = [start for _, start in lineage]
    ends = dict(zip((epoch for epoch, _ in lineage), [*starts[1:], seq], strict=False))
    for epoch, last in ((cursor.epoch, cursor.seq), *cursor.lineage):
        if epoch in ends:
            return min(last, ends[epoch])
    return 0


def named(resource: Resource, hashes: bytes | None, hash_of: Callable[[str], bytes]) -> Resource:
    """The part of a resource that pointers name by 4-byte keyed hashes of element keys, one after the other; None names all.

    A pointer holds no name in the clear; a collision only sends one register more.
    """
    if hashes is None:
        return resource
    wanted = {hashes[i : i + 4] for i in range(0, len(hashes), 4)}
    return resource.part(key for key in resource.elements if hash_of(key) in wanted)
