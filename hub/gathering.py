"""Exchanges of a process that wait for a shard: whatever came while it worked on others is its next transaction.

Nobody waits for others to come: who finds a lane (`hub.lanes`) idle is carried out at once. A request is decoded when its turn comes, so
that what waits takes no more memory than it had on the wire.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from hub.errors import PostgresFault, RequestFault
from hub.exchange import Answered, Asked, carry_out, read
from hub.lanes import Lane, Size, Waiting
from hub.places import Place
from hub.store.nodes import NodeRow
from sync_protocol.errors import ProtocolError

IN_A_THREAD_BYTES: Final = 32 * 1024
"""From here on a request is decoded beside the event loop, which others have meanwhile."""


FORESEEN: Final = (RequestFault, PostgresFault, ProtocolError)


class _Call(Struct, frozen=True):
    node: NodeRow
    body: bytes
    answer: "asyncio.Future[bytes]"


class Gathering:
    """The lanes of one shard, each worked off by a task that ends when nobody waits."""

    def __init__(self, place: Place, clock: Callable[[], int]) -> None:
        self.place, self._clock = place, clock
        self._lanes: dict[Size, Lane[_Call]] = {"small": Lane(), "large": Lane()}
        self._tasks: dict[Size, asyncio.Task[None]] = {}
        self._behind: set[str] = set()
        """Nodes that are far behind in a feed: their next request is carried out alone, and answered with as much as they take."""
        self._harmful: set[str] = set()
        """Nodes whose last request failed for a reason that nobody foresaw: the next is carried out alone."""

    async def exchange(self, node: NodeRow, body: bytes) -> bytes:
        """Carry out a request and answer it. Raises ProtocolError for what cannot be read, HubError for what is not allowed."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        alone = node.id in self._behind or node.id in self._harmful
        waiting = Waiting(_Call(node, body, answer), node.id, len(body), alone)
        self._lanes[waiting.size].add(waiting)
        task = self._tasks.get(waiting.size)
        if task is None or task.done():
            self._tasks[waiting.size] = asyncio.create_task(self._work_off(waiting.size))
        return await answer

    async def _work_off(self, size: Size) -> None:
        lane = self._lanes[size]
        while together := lane.next():
            calls = [waiting.thing for waiting in together]
            try:
                await self._carry_out(calls)
            except Exception as fault:  # noqa: BLE001 - raised again where each of them is waited for
                for call in calls:
                    _tell(call, fault)

    async def _carry_out(self, calls: list[_Call]) -> None:
        asked: list[tuple[_Call, Asked]] = []
        for call in calls:
            try:
                asked.append((call, await self._read(call)))
            except ProtocolError as fault:
                _tell(call, fault)
        for part in _apart(asked):
            answered = await carry_out(self.place, [one for _, one in part])
            for (call, _), answer in zip(part, answered, strict=True):
                self._note(call.node.id, answer)
                _tell(call, answer.answer)

    async def _read(self, call: _Call) -> Asked:
        if len(call.body) < IN_A_THREAD_BYTES:
            await self.place.breathe()
            return read(call.node, call.body, self._clock())
        return await asyncio.to_thread(read, call.node, call.body, self._clock())

    def _note(self, node: str, answered: Answered) -> None:
        fault = answered.answer if isinstance(answered.answer, Exception) else None
        for nodes, one_of_them in (
            (self._behind, answered.behind),
            (self._harmful, fault is not None and not isinstance(fault, FORESEEN)),
        ):
            (nodes.add if one_of_them else nodes.discard)(node)


class Gatherings:
    """One for each shard that a process works with."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._at: dict[int, Gathering] = {}

    def at(self, place: Place) -> Gathering:
        """That of a shard, whose database may be another since the last time."""
        found = self._at.get(place.id)
        if found is None or found.place is not place:
            found = self._at[place.id] = Gathering(place, self._clock)
        return found


def _apart(asked: list[tuple[_Call, Asked]]) -> list[list[tuple[_Call, Asked]]]:
    """Those that go together, and each that has to be alone; in order."""
    parts: list[list[tuple[_Call, Asked]]] = []
    for one in asked:
        if not parts or one[1].alone or parts[-1][-1][1].alone:
            parts.append([])
        parts[-1].append(one)
    return parts


def _tell(call: _Call, answer: bytes | Exception) -> None:
    if call.answer.done():  # whoever waited for it is gone
        return
    if isinstance(answer, Exception):
        call.answer.set_exception(answer)
    else:
        call.answer.set_result(answer)
