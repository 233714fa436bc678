"""In which order exchanges that wait for a shard are carried out, and how many together. Nothing here waits or knows of time.

Small requests and large ones have a lane each, and a transaction at a time works on either. So a node with months to send holds no
clinic up that has one change, and no thousand clinics hold up that node: the process's time goes to both in turn. Within a lane nodes
take turns: who has several requests waiting is served one, then the others.
"""

from collections import deque
from typing import Final, Generic, Literal, TypeVar

from msgspec import Struct

_Thing = TypeVar("_Thing")
Size = Literal["small", "large"]

SMALL_BYTES_MAX: Final = 8 * 1024
"""A request of this size pushes some two hundred resources at most."""
TOGETHER_MAX: Final = 64
TOGETHER_BYTES_MAX: Final = 256 * 1024
"""Of requests that are carried out together: some five thousand resources."""


class Waiting(Struct, Generic[_Thing], frozen=True):
    """A request that waits. `alone`: it has a transaction to itself."""

    thing: _Thing
    node: str
    bytes: int
    alone: bool = False

    @property
    def size(self) -> Size:
        """Its lane."""
        return "large" if self.alone or self.bytes > SMALL_BYTES_MAX else "small"


class Lane(Generic[_Thing]):
    """What waits, node by node in the order of their turns."""

    def __init__(self) -> None:
        self._nodes: dict[str, deque[Waiting[_Thing]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._nodes.values()))

    def add(self, waiting: Waiting[_Thing]) -> None:
        """One more, behind all others of its node and, if it has none, behind all nodes."""
        self._nodes.setdefault(waiting.node, deque()).append(waiting)

    def next(self) -> list[Waiting[_Thing]]:
        """Those whose turn it is, taken out: together within the bounds, or one. None when nobody waits."""
        together: list[Waiting[_Thing]] = []
        size = 0
        while self._nodes and len(together) < TOGETHER_MAX:
            node, queue = next(iter(self._nodes.items()))
            head = queue[0]
            if together and (head.alone or size + head.bytes > TOGETHER_BYTES_MAX):
                break
            del self._nodes[node]
            queue.popleft()
            if queue:
                self._nodes[node] = queue
            together.append(head)
            size += head.bytes
            if head.alone:
                break
        return together
