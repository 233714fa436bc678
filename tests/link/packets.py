"""The link itself: packets from one TUN device to the other, late, at a rate, with losses and cuts."""

import heapq
import os
import random
import selectors
import threading
import time
from typing import Final

from tests.link.quality import GOOD, Counts, Cuts, Quality

PACKET_BYTES_MAX: Final = 2048
LONGEST_WAIT_SECONDS: Final = 0.1


class PacketLink(threading.Thread):
    """Carries packets between `near` (the clinic's end) and `far` (the hub's), descriptors of TUN devices, until `stop`."""

    def __init__(self, near: int, far: int, seed: int) -> None:
        super().__init__(name="link", daemon=True)
        self.quality, self.cuts, self.counts = GOOD, Cuts(), Counts()
        self._ends = (near, far)
        self._chance = random.Random(seed)
        self._under_way: list[tuple[float, int, int, bytes]] = []
        """When it arrives, its number, the end where it arrives, the packet."""
        self._number = 0
        self._free_at = [0.0, 0.0]
        self._down_until = 0.0
        self._since_cut = 0
        self._stopping = threading.Event()

    def worsen(self, quality: Quality, cuts: Cuts) -> None:
        """From now on it is this bad, and counted anew."""
        self.quality, self.cuts, self.counts, self._since_cut = quality, cuts, Counts(), 0

    def stop(self) -> None:
        """Ends it and closes the devices."""
        self._stopping.set()
        self.join(10)
        for descriptor in self._ends:
            os.close(descriptor)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for end, descriptor in enumerate(self._ends):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ, end)
            while not self._stopping.is_set():
                for key, _ in selector.select(self._wait()):
                    self._take(key.data)
                self._deliver()

    def _wait(self) -> float:
        due = self._under_way[0][0] - time.monotonic() if self._under_way else LONGEST_WAIT_SECONDS
        return min(max(due, 0.0), LONGEST_WAIT_SECONDS)

    def _take(self, end: int) -> None:
        """One packet that was sent at an end."""
        try:
            packet = os.read(self._ends[end], PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        now, quality = time.monotonic(), self.quality
        self.counts.packets += 1
        if now < self._down_until:
            self.counts.dropped_by_cuts += 1
            return
        leaves = max(now, self._free_at[end])
        if quality.bits_per_second:
            leaves += len(packet) * 8 / quality.bits_per_second
        if leaves - now > quality.queue_seconds:
            self.counts.overflowed += 1
            return
        self._free_at[end] = leaves
        if self._chance.random() < quality.loss:
            self.counts.lost += 1
            return
        self._number += 1
        heapq.heappush(self._under_way, (leaves + quality.round_trip_seconds / 2, self._number, 1 - end, packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, _, end, packet = heapq.heappop(self._under_way)
            os.write(self._ends[end], packet)
            if end == 1:
                self.counts.bytes_up += len(packet)
            else:
                self.counts.bytes_down += len(packet)
            self._since_cut += len(packet)
            if self.counts.cuts < self.cuts.times and self._since_cut >= self.cuts.after_bytes:
                self._cut(now)

    def _cut(self, now: float) -> None:
        self.counts.cuts += 1
        self.counts.dropped_by_cuts += len(self._under_way)
        self._under_way.clear()
        self._since_cut = 0
        self._free_at = [now, now]
        self._down_until = now + self.cuts.seconds
