"""What the interactions work with: the store, the clock, chance, and the seal of cursors."""

from collections.abc import Callable

import msgspec

from edge_node.api.cursor import Sealer
from edge_node.store.store import Store


class Service(msgspec.Struct, frozen=True):
    """Everything outside of a request. `now_ms`: ms since 1970 UTC. `new_id`: a new resource's id."""

    store: Store
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    sealer: Sealer


def time_ordered_id(now_ms: int, chance: Callable[[int], bytes]) -> str:
    """A UUID of version 7 (RFC 9562): random, and ordered by time, so that new rows stand together in the index."""
    random = bytearray(chance(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    text = (now_ms.to_bytes(6, "big") + bytes(random)).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
