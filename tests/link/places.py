"""Where the clinic and the hub are, with a bad link between them: two network namespaces, or, where that is not permitted,
this machine's loopback with a relay that has the same delay, rate, losses and cuts."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from tests.link import inside
from tests.link.packets import PacketLink
from tests.link.quality import Counts, Cuts, Quality
from tests.processes.programs import environment
from tests.processes.relay import FREE, Relay, Shape
from tests.processes.web import on_loopback

CLINIC: Final = "10.213.0.1"
HUB: Final = "10.213.0.2"
MESSAGE_BYTES_MAX: Final = 4_096


class NotPermitted(Exception):
    """This user may not make network namespaces here. The reason is the text."""


class Place(Protocol):
    """A hub's place and a clinic's, and the link between them. `kind` says for people what it is."""

    kind: str
    hub_host: str
    hub_inside: Sequence[str]
    clinic_inside: Sequence[str]

    @property
    def counts(self) -> Counts:
        """What the link did since it was made worse."""

    def hub_address(self, port: int) -> str:
        """The hub's address as the clinic's nodes call it."""

    def connect(self, port: int) -> socket.socket:
        """A connection to a port of the clinic's own machine."""

    def worsen(self, quality: Quality, cuts: Cuts) -> None:
        """From now on the link is this bad, and counted anew."""


class Namespace:
    """A network namespace with one end of a link. It lives as long as the process that is in it."""

    def __init__(self, address: str, peer: str) -> None:
        mine, theirs = socket.socketpair()
        new = (
            ["unshare", "--net"]
            if os.geteuid() == 0
            else ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
        )
        with theirs:
            self._process = subprocess.Popen(
                [*new, "--", sys.executable, "-I", "-S", inside.__file__, str(theirs.fileno()), address, peer],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env=environment(),
            )
        self._outside = mine
        self._lock = threading.Lock()
        told, found, _, _ = socket.recv_fds(mine, MESSAGE_BYTES_MAX, 1)
        if told != b"+":
            self.close()
            raise NotPermitted((told or self._words).decode(errors="replace").lstrip("!"))
        self.tun = found[0]
        pid = str(self._process.pid)
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.inside = ["nsenter", "--target", pid, *user, "--net", "--"]

    def connect(self, port: int) -> socket.socket:
        """A connection to a port of the namespace's loopback. Raises ConnectionRefusedError."""
        with self._lock:
            self._outside.sendall(str(port).encode())
            told, found, _, _ = socket.recv_fds(self._outside, MESSAGE_BYTES_MAX, 1)
        if told != b"+":
            raise ConnectionRefusedError(port)
        return socket.socket(fileno=found[0])

    def close(self) -> None:
        """Ends the process in it, and so the namespace."""
        self._outside.close()
        _, self._words = self._process.communicate(timeout=30)

    _words = b""


class Apart:
    """Hub and clinic in two network namespaces, packets between them."""

    kind = "two network namespaces, packets over a relay between TUN devices"
    hub_host = HUB

    def __init__(self, clinic: Namespace, hub: Namespace, seed: int) -> None:
        self._clinic = clinic
        self.clinic_inside: Sequence[str] = clinic.inside
        self.hub_inside: Sequence[str] = hub.inside
        self.link = PacketLink(clinic.tun, hub.tun, seed)
        self.connect = clinic.connect
        self.worsen = self.link.worsen

    @property
    def counts(self) -> Counts:
        return self.link.counts

    def hub_address(self, port: int) -> str:
        return f"http://{HUB}:{port}"


class Together:
    """Hub and clinic on this machine, a relay of byte streams between them."""

    kind = "loopback, byte streams over a relay (network namespaces are not permitted here)"
    hub_host = "127.0.0.1"
    hub_inside: Sequence[str] = ()
    clinic_inside: Sequence[str] = ()

    def __init__(self, relay: Relay, seed: int) -> None:
        self._relay, self._seed = relay, seed
        self._before = (0, 0)
        self._cuts = Cuts()
        self._done = 0
        self._stopping = threading.Event()
        self._cutter = threading.Thread(target=self._cut, daemon=True)
        self._cutter.start()
        self.connect = on_loopback

    def hub_address(self, port: int) -> str:
        self._relay.target = port
        return self._relay.url

    @property
    def counts(self) -> Counts:
        up, down = self._passed()
        return Counts(bytes_up=up - self._before[0], bytes_down=down - self._before[1], cuts=self._done)

    def worsen(self, quality: Quality, cuts: Cuts) -> None:
        half = quality.round_trip_seconds / 2
        self._relay.shape = Shape(half, quality.bits_per_second, quality.loss, self._seed)
        self._before, self._done, self._cuts = self._passed(), 0, cuts

    def __enter__(self) -> "Together":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._cutter.join(10)

    def _passed(self) -> tuple[int, int]:
        return self._relay.bytes_to_target, self._relay.bytes_from_target

    def _cut(self) -> None:
        """Holds everything back for a while, as often as it is wanted."""
        last = 0
        while not self._stopping.wait(0.02):
            passed = sum(self._passed())
            if self._done >= self._cuts.times:
                last = passed
            elif passed - last >= self._cuts.after_bytes:
                self._done += 1
                self._relay.hold()
                self._stopping.wait(self._cuts.seconds)
                self._relay.let_go()
                last = sum(self._passed())


@contextmanager
def apart(seed: int) -> Iterator[Apart]:
    """Two namespaces with a good link between them. Raises NotPermitted."""
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            raise NotPermitted(f"there is no program {program}")
    if not Path("/dev/net/tun").exists():
        raise NotPermitted("there is no /dev/net/tun")
    with contextlib.ExitStack() as stack:
        clinic = Namespace(CLINIC, HUB)
        stack.callback(clinic.close)
        hub = Namespace(HUB, CLINIC)
        stack.callback(hub.close)
        place = Apart(clinic, hub, seed)
        place.link.start()
        stack.callback(place.link.stop)
        yield place


@contextmanager
def together(seed: int) -> Iterator[Together]:
    """The same on loopback."""
    with Relay(shape=FREE) as relay, Together(relay, seed) as place:
        yield place


@contextmanager
def place_for(seed: int) -> Iterator[Place]:
    """The better of the two that is permitted here."""
    with contextlib.ExitStack() as stack:
        place: Place
        try:
            place = stack.enter_context(apart(seed))
        except NotPermitted as reason:
            place = stack.enter_context(together(seed))
            place.kind = f"{place.kind}: {reason}"
        yield place
