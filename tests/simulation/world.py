"""The virtual outside: time that only events move, a network that does its worst, disks that lose what was not synced, wrong clocks."""

import heapq
import shutil
from collections.abc import Callable
from hashlib import blake2b
from itertools import count
from pathlib import Path
from random import Random

import msgspec

from edge_node.store.store import DATABASE_NAME

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
YEAR = 365 * 24 * HOUR
BEGINNING_MS = 1_790_000_000_000


class Crash(BaseException):
    """A process ends here, between two instructions. Nothing of the product may catch it."""


class Weather(msgspec.Struct):
    """Chances, in [0, 1], of what may happen to one message, and how long one takes."""

    lost: float = 0.0
    repeated: float = 0.0
    truncated: float = 0.0
    corrupted: float = 0.0
    delay_ms: int = 600


class World:
    """One seed's world: its chance, its time, and the events to come."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.chance = Random(seed)
        self.now_ms = BEGINNING_MS
        self.weather = Weather()
        self.log: list[str] = []
        self.counts: dict[str, int] = {}
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._folders = count()

    # --- time ---

    def after(self, delay_ms: int, event: Callable[[], None]) -> None:
        """Something happens later. Events of one moment happen in the order in which they were told."""
        heapq.heappush(self._events, (self.now_ms + max(0, delay_ms), next(self._order), event))

    def run(self, until_ms: int | None = None) -> None:
        """Lets events happen, up to a moment, or until there are none."""
        while self._events and (until_ms is None or self._events[0][0] <= until_ms):
            at, _, event = heapq.heappop(self._events)
            self.now_ms = max(self.now_ms, at)
            event()
        if until_ms is not None:
            self.now_ms = max(self.now_ms, until_ms)

    def step(self, until_ms: int) -> bool:
        """Lets the next event happen if it comes before a moment; else it is that moment, and there is none."""
        if self._events and self._events[0][0] <= until_ms:
            at, _, event = heapq.heappop(self._events)
            self.now_ms = max(self.now_ms, at)  # an event may itself wait, and time does not go back
            event()
            return True
        self.now_ms = max(self.now_ms, until_ms)
        return False

    def note(self, kind: str, text: str = "") -> None:
        """A line of the log, which is the same whenever this seed runs."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.log.append(f"{self.now_ms - BEGINNING_MS:>12} {kind} {text}")

    @property
    def trace(self) -> str:
        """A hash of all that happened."""
        return blake2b("\n".join(self.log).encode(), digest_size=8).hexdigest()

    def maybe(self, probability: float) -> bool:
        """Whether it happens this time."""
        return probability > 0 and self.chance.random() < probability

    # --- the network ---

    def send(self, message: bytes, deliver: Callable[[bytes], None]) -> None:
        """Takes a message somewhere: late, twice, damaged, or never. An old one may come much later once more."""
        weather = self.weather
        if self.maybe(weather.repeated):
            self.after(self.chance.randrange(10 * MINUTE), lambda: deliver(message))
            self.note("network", "repeats")
        if self.maybe(weather.lost):
            self.note("network", "loses")
            return
        if self.maybe(weather.truncated):
            message = message[: self.chance.randrange(len(message))]
            self.note("network", "truncates")
        elif self.maybe(weather.corrupted):
            message = self.damaged(message)
            self.note("network", "corrupts")
        self.after(self.chance.randrange(1, weather.delay_ms), lambda: deliver(message))

    def damaged(self, message: bytes) -> bytes:
        """The message with some bits of one stretch changed."""
        at = self.chance.randrange(len(message))
        changed = bytearray(message)
        for i in range(at, min(len(message), at + self.chance.choice((1, 1, 4)))):
            changed[i] ^= self.chance.randrange(1, 256)
        return bytes(changed)

    # --- disks ---

    def new_folder(self) -> Path:
        """An empty folder."""
        folder = self.folder / f"disk-{next(self._folders)}"
        folder.mkdir()
        return folder


class Clock:
    """A device's clock: it goes at the right speed and may say anything."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wrong_by_ms = 0

    def __call__(self) -> int:
        return max(0, self._world.now_ms + self.wrong_by_ms)


def image(disk: Path, into: Path) -> Path:
    """What a disk holds at this moment, as a power cut or a copying person would find it: the database and its log."""
    into.mkdir(exist_ok=True)
    for name in (DATABASE_NAME, f"{DATABASE_NAME}-wal"):
        if (disk / name).exists():
            shutil.copyfile(disk / name, into / name)
    return into
