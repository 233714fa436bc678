"""What the hub counts for Prometheus. Labels are routes, never paths or names."""

from time import perf_counter
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

UNMATCHED: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
log = structlog.get_logger()


class Metrics:
    """The hub's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "medtech_hub_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "medtech_hub_request_seconds", "Time to answer, uploads included.", ["route"], registry=self.registry
        )
        self.in_work = Gauge("medtech_hub_exchanges_in_work", "Exchanges being worked on.", registry=self.registry)
        self.bytes_in_work = Gauge(
            "medtech_hub_exchange_bytes_in_work", "Bytes of exchanges being worked on.", registry=self.registry
        )
        self.busy = Counter("medtech_hub_exchanges_busy", "Exchanges told to come later.", registry=self.registry)
        self.received = Counter("medtech_hub_exchange_received_bytes", "Bytes of requests.", registry=self.registry)
        self.sent = Counter("medtech_hub_exchange_sent_bytes", "Bytes of answers.", registry=self.registry)
        self.enrolled = Counter("medtech_hub_enrolled", "Nodes enrolled.", registry=self.registry)
        self.refused = Counter("medtech_hub_enroll_refused", "Codes refused.", registry=self.registry)


def watched(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Counts and logs each request: method, route, status and time; no path that was not ours, and no query.

    It stands around the whole application, so that requests for which there is no route are counted too.
    """

    async def watch(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begun = perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in METHODS else UNMATCHED
            route = str(scope.get("path_template") or UNMATCHED)
            seconds = perf_counter() - begun
            metrics.requests.labels(method, route, str(status)).inc()
            metrics.seconds.labels(route).observe(seconds)
            if route not in QUIET:
                log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    return watch
