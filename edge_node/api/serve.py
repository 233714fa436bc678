"""Running the server: uvicorn on uvloop, one line on standard output when it answers, and a quick end."""

import gc
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import TextIO

import msgspec
import structlog
import uvicorn

from edge_node.api.app import Options, Parts
from edge_node.api.door import Door

SHUTDOWN_SECONDS = 3
BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 75
COLLECT_AFTER = 20_000


class Address(msgspec.Struct, frozen=True):
    """Where to listen; port 0 takes a free one. `proxies`: whose X-Forwarded headers are believed."""

    host: str = "127.0.0.1"
    port: int = 8080
    proxies: str = "127.0.0.1"


def serve(app: Door, address: Address, *, say: TextIO = sys.stdout) -> None:
    """Serves until SIGTERM or SIGINT, with the log that the app's options ask for. Raises OSError when the port cannot be had."""
    options: Options = app.app.state.options
    set_up_log(options.log)
    listener = listen(address)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=address.proxies,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
    parts: Parts = app.app.state.parts
    server = Server(config, lambda: print(ready_line(f"http://{shown}:{port}"), file=say, flush=True), parts.feed.close)
    keep_collector_off_old_objects()
    with listener:
        server.run(sockets=[listener])


def keep_collector_off_old_objects() -> None:
    """What the program has loaded stays; looking through it again and again costs milliseconds in the middle of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)


def ready_line(url: str) -> str:
    """What is printed once, when the server answers."""
    return json.dumps({"event": "ready", "url": url})


def listen(address: Address) -> socket.socket:
    """A socket that listens there."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """uvicorn's server that says when it is ready, and ends listeners of events at once when it is told to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then says so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the endless answers first, which uvicorn would wait for."""
        self._stopping()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT end the server, which is no failure: the process is not killed by them. A second SIGINT waits for nobody."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def set_up_log(form: str, stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """The log of this process: lines for people (`text`) or JSON, on standard error. Never bodies, query strings, or ids of patients."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    end: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[*shared, end],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_without_extras, end])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _without_extras(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drops what the standard library's record brings along."""
    for key in ("_record", "_from_structlog", "exc_info"):
        event.pop(key, None)
    return event
