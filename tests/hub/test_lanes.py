"""In which order exchanges are carried out: by themselves, and in virtual time with a process that has one processor."""

import heapq
from collections.abc import Callable
from random import Random

from hub.lanes import SMALL_BYTES_MAX, TOGETHER_BYTES_MAX, TOGETHER_MAX, Lane, Size, Waiting

SMALL, LARGE = 500, 60_000


def lane(*nodes: str, size: int = SMALL) -> Lane[int]:
    one: Lane[int] = Lane()
    for number, node in enumerate(nodes):
        one.add(Waiting(number, node, size))
    return one


def taken(one: Lane[int]) -> list[list[int]]:
    found = []
    while together := one.next():
        found.append([waiting.thing for waiting in together])
    return found


def test_all_that_waits_is_carried_out_together() -> None:
    assert taken(lane("a", "b", "c")) == [[0, 1, 2]]
    assert taken(lane()) == []


def test_nodes_take_turns_and_each_one_keeps_its_order() -> None:
    one = lane("a", "a", "a", "b", "c", "b", size=TOGETHER_BYTES_MAX)
    assert len(one) == 6
    assert taken(one) == [[0], [3], [4], [1], [5], [2]]
    assert taken(lane("a", "a", "b")) == [[0, 2, 1]]


def test_together_they_stay_within_bounds() -> None:
    assert [len(some) for some in taken(lane(*map(str, range(150))))] == [TOGETHER_MAX, TOGETHER_MAX, 22]
    sizes = [len(some) for some in taken(lane(*map(str, range(10)), size=LARGE))]
    assert sizes == [TOGETHER_BYTES_MAX // LARGE] * 2 + [10 % (TOGETHER_BYTES_MAX // LARGE)]
    assert taken(lane("a", "b", size=TOGETHER_BYTES_MAX + 1)) == [[0], [1]]


def test_who_has_to_be_alone_is() -> None:
    one = lane("a", "b")
    one.add(Waiting(2, "c", SMALL, alone=True))
    one.add(Waiting(3, "d", SMALL))
    assert taken(one) == [[0, 1], [2], [3]]


def test_the_size_says_which_lane() -> None:
    assert Waiting(0, "a", SMALL_BYTES_MAX).size == "small"
    assert Waiting(0, "a", SMALL_BYTES_MAX + 1).size == "large"
    assert Waiting(0, "a", 1, alone=True).size == "large"


class Process:
    """One processor in virtual time (ms), shared evenly by the lanes that have work. A transaction costs `A_TRANSACTION`, a request
    `A_REQUEST`, and what it brings."""

    A_TRANSACTION = 3.0
    A_REQUEST = 0.3
    A_BYTE = 0.002

    def __init__(self) -> None:
        self.now = 0.0
        self.lanes: dict[Size, Lane[Callable[[], None]]] = {"small": Lane(), "large": Lane()}
        self.in_work: dict[Size, tuple[float, list[Callable[[], None]]]] = {}
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.number = 0

    def at(self, time: float, event: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.events, (time, self.number, event))

    def ask(self, node: str, size: int, answered: Callable[[], None]) -> None:
        waiting = Waiting(answered, node, size)
        self.lanes[waiting.size].add(waiting)
        self.begin(waiting.size)

    def begin(self, size: Size) -> None:
        if size not in self.in_work and (together := self.lanes[size].next()):
            cost = self.A_TRANSACTION + sum(self.A_REQUEST + self.A_BYTE * one.bytes for one in together)
            self.in_work[size] = (cost, [one.thing for one in together])

    def run(self, until: float) -> None:
        while self.now < until:
            share = len(self.in_work) or 1
            ends = min(((cost * share, size) for size, (cost, _) in self.in_work.items()), default=(until, None))
            next_event = self.events[0][0] if self.events else until
            passed = max(0.0, min(ends[0], next_event - self.now, until - self.now))
            self.now += passed
            self.in_work = {size: (cost - passed / share, some) for size, (cost, some) in self.in_work.items()}
            for size in [size for size, (cost, _) in self.in_work.items() if cost <= 1e-9]:
                _, some = self.in_work.pop(size)
                for answered in some:
                    answered()
                self.begin(size)
            while self.events and self.events[0][0] <= self.now:
                heapq.heappop(self.events)[2]()


def test_a_first_sync_of_months_holds_no_clinic_up() -> None:
    """One node sends a large frame as soon as the last is answered; a hundred clinics send one change each, twice a second."""
    process, chance = Process(), Random(1)
    waited: list[float] = []
    frames: list[float] = []

    def send_frame() -> None:
        frames.append(process.now)
        process.ask("months", LARGE, send_frame)

    def send_change(node: str) -> None:
        begun = process.now
        process.ask(node, SMALL, lambda: waited.append(process.now - begun))

    send_frame()
    for clinic in range(100):
        for _ in range(20):
            process.at(chance.uniform(0, 10_000), lambda node=f"c{clinic}": send_change(node))  # type: ignore[misc]
    process.run(10_500)
    assert len(waited) == 2_000
    assert max(waited) < 80  # alone, such a frame takes 123
    alone = 10_500 / (Process.A_TRANSACTION + Process.A_REQUEST + LARGE * Process.A_BYTE)
    assert len(frames) > 0.4 * alone


def test_no_number_of_clinics_holds_a_first_sync_up() -> None:
    """A thousand clinics call again and again, more than there is time for; the large frames have half of it all the same."""
    process = Process()
    frames: list[float] = []
    served: dict[str, int] = {}

    def send_frame(node: str) -> None:
        frames.append(process.now)
        process.ask(node, LARGE, lambda: send_frame(node))

    def send_change(node: str) -> None:
        served[node] = served.get(node, 0) + 1
        process.ask(node, SMALL, lambda: send_change(node))

    for clinic in range(1_000):
        send_change(f"c{clinic}")
    send_frame("months")
    process.run(60_000)
    alone = 60_000 / (Process.A_TRANSACTION + Process.A_REQUEST + LARGE * Process.A_BYTE)
    assert len(frames) > 0.45 * alone
    assert max(served.values()) - min(served.values()) <= 1


def test_who_asks_twenty_times_at_once_gets_no_more_than_others() -> None:
    process = Process()
    served = {"greedy": 0, "modest": 0}

    def again(node: str) -> None:
        served[node] += 1
        process.ask(node, TOGETHER_BYTES_MAX, lambda: again(node))

    for _ in range(20):
        again("greedy")
    again("modest")
    process.run(60_000)
    assert abs(served["greedy"] - 20 - served["modest"]) <= 1
