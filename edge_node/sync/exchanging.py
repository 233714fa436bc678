"""Exchanges until nothing waits on either side: what `medtech-edge sync`, the page's button and the schedule run.

One exchange is in flight at a time, over all processes that have the folder open: a lock on `DIR/sync.lock` sees to it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from edge_node.errors import DatabaseBusy, HubRefused, SyncFault
from edge_node.store import exchange as stored
from edge_node.store.reconciling import Question
from edge_node.store.stale import end_reminders
from edge_node.store.store import Store, new_incarnation
from edge_node.sync.condition import told
from edge_node.sync.enrolment import hub_of
from edge_node.sync.link import Link
from edge_node.sync.reconciling import give_back, reconcile
from sync_protocol import bounds
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange.messages import Answer, encode, read_answer

LOCK_NAME: Final = "sync.lock"
EXCHANGES_MAX: Final = 100_000
"""A bound on one sync: more than any node holds in frames."""


class Progress(msgspec.Struct, frozen=True):
    """What a sync has done so far; `digest_equal` when nothing waits and every scope's digest is the hub's."""

    pushed: int = 0
    pulled: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    round_trips: int = 0
    conflicts: int = 0
    digest_equal: bool = False
    pending: int = 0


class Syncing:
    """Runs exchanges for one store. `now_ms` and `random_bytes` are the clock and the randomness."""

    def __init__(
        self,
        store: Store,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        program: str,
        disk_free_percent: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._store, self._now_ms, self._random_bytes, self._program = store, now_ms, random_bytes, program
        self._disk_free_percent = disk_free_percent
        self._agreed: bool | None = None
        """What the last sync of this process found when it compared with the hub; None while it did not."""
        self._link: tuple[tuple[str, str], Link] | None = None

    def close(self) -> None:
        """Closes the link."""
        if self._link is not None:
            self._link[1].close()
            self._link = None

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Exchange until nothing waits. Raises NotEnrolled, DatabaseBusy (another sync runs), or what `Link.exchange` raises;
        what was exchanged before a failure stays exchanged."""
        with self._alone():
            link = self._linked()
            done = Progress()
            equal: dict[str, bool] = {}
            repaired: set[str] = set()
            ended = False
            for _ in range(EXCHANGES_MAX):
                done, taken, _ = self._once(link, done)
                equal |= taken.equal
                report(done)
                ask = partial(self._asked, link)
                if taken.unshown:
                    for scope in self._store.digests():
                        reconcile(self._store, scope, ask)
                    stored.shown(self._store, taken.unshown)
                if taken.parting:
                    give_back(self._store, ask)
                if taken.unshown or taken.parting or taken.more:
                    continue
                unequal = [scope for scope, verdict in equal.items() if not verdict and scope not in repaired]
                if not unequal:
                    # What came may have ended reminders of ours; that has to be told before a message is sent.
                    if done.pulled and not ended and end_reminders(self._store, self._now_ms(), self._random_bytes):
                        ended = True
                        continue
                    break
                for scope in unequal:
                    repaired.add(scope)
                    reconcile(self._store, scope, ask)
            scopes = self._store.digests().keys()
            compared = done.pending == 0 and equal.keys() == scopes
            verdict = compared and all(equal.values())
            self._agreed = verdict if compared else self._agreed
            return msgspec.structs.replace(done, digest_equal=verdict, conflicts=len(self._store.conflicts()))

    def _asked(self, link: Link, question: Question) -> Answer:
        return self._once(link, Progress(), question)[2]

    def _once(
        self, link: Link, done: Progress, question: Question | None = None
    ) -> tuple[Progress, stored.Taken, Answer]:
        token = self._random_bytes(bounds.TOKEN_BYTES)
        outgoing = stored.prepare(self._store, token, self._now_ms(), self._program, question)
        try:
            asked = link.exchange(encode(told(outgoing.request, self._disk_free_percent(), self._agreed)))
            answer = read_answer(asked.body)
            now = self._now_ms()
            taken = stored.take(
                self._store, outgoing, answer, now, lambda: new_incarnation(self._random_bytes), now - outgoing.sent_ms
            )
        except ProtocolError as error:
            stored.failed(self._store, str(error))
            raise HubRefused(f"The hub's answer was not understood: {error}", hint=error.hint) from error
        except SyncFault as error:
            stored.failed(self._store, str(error))
            raise
        return (
            Progress(
                done.pushed + len(outgoing.keys),
                done.pulled + taken.pulled,
                done.bytes_sent + asked.sent,
                done.bytes_received + asked.received,
                done.round_trips + 1,
                pending=taken.pending,
            ),
            taken,
            answer,
        )

    def _linked(self) -> Link:
        hub = hub_of(self._store)
        if self._link is None or self._link[0] != hub:
            self.close()
            self._link = (hub, Link(*hub))
        return self._link[1]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self._store.path.parent / LOCK_NAME):
            yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock that ends with the process. Waits for another holder, whose exchanges end by themselves."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise DatabaseBusy("Another sync is running") from error
        yield
    finally:
        os.close(descriptor)
