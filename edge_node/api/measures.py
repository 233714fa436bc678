"""Numbers for Prometheus. Labels are methods, route templates and status classes; never a name, an id or anything of a patient."""

from collections.abc import Callable

import msgspec
from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest

from edge_node.store.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4"
_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Measures:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Histogram(
            "medtech_request_seconds",
            "Requests and how long they took.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._pending = Gauge("medtech_pending", "Own writes that the hub does not have yet.", registry=self.registry)
        self._conflicts = Gauge("medtech_conflicts", "Open conflicts.", registry=self.registry)
        self._quarantine = Gauge("medtech_quarantine", "Things put aside.", registry=self.registry)
        self._last_sync = Gauge(
            "medtech_last_sync_seconds", "Unix time of the last exchange; 0: never.", registry=self.registry
        )
        self._children: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def request(self, method: str, template: str, status: int, seconds: float) -> None:
        """One request was answered."""
        key = (method, template, status // 100)
        observe = self._children.get(key)
        if observe is None:
            known = method if method in _METHODS else "other"
            observe = self._children[key] = self._requests.labels(known, template, f"{status // 100}xx").observe
        observe(seconds)

    def text(self, store: Store) -> bytes:
        """All of it, in Prometheus's format."""
        now = numbers(store)
        self._pending.set(now.pending)
        self._conflicts.set(now.conflicts)
        self._quarantine.set(now.quarantine)
        self._last_sync.set(now.last_sync_ms / 1000)
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Numbers(msgspec.Struct, frozen=True):
    """What the store is asked for at each scrape; all are small tables."""

    pending: int
    conflicts: int
    quarantine: int
    last_sync_ms: int


def numbers(store: Store) -> Numbers:
    """Pending, conflicts, quarantine, last sync."""
    query = (
        "SELECT (SELECT count(*) FROM outbox WHERE counter > (SELECT acked FROM sync)), (SELECT count(*) FROM conflict),"
        " (SELECT count(*) FROM quarantine), (SELECT coalesce(last_sync, 0) FROM sync)"
    )
    with store.reading() as connection:
        return Numbers(*connection.execute(query).fetchone())
