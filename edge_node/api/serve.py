"""Running the server: uvicorn on uvloop, one line on standard output when it answers, and a quick end."""

import asyncio
import contextlib
import gc
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO, TypeAlias

import msgspec
import structlog
import uvicorn

from edge_node.api.app import Options, Parts
from edge_node.api.door import Door
from edge_node.tls.serving import Certificates

ASGIApp: TypeAlias = Callable[..., Any]
SHUTDOWN_SECONDS = 3
BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 75
SWITCH_SECONDS = 0.00003
"""So soon a thread that computes lets another go on (the default is 5 ms). A request lets go of the interpreter eight times, at its socket
and at each look into the database; while lists are worked out beside it, it waited so long each time."""
COLLECT_AFTER = 20_000


class Address(msgspec.Struct, frozen=True):
    """Where to listen; port 0 takes a free one. `proxies`: whose X-Forwarded headers are believed."""

    host: str = "127.0.0.1"
    port: int = 8080
    proxies: str = "127.0.0.1"


class Secure(msgspec.Struct, frozen=True):
    """HTTPS: what is shown to clients, and what answers without it on `port`: `beside` makes that of both ports once they are known."""

    certificates: Certificates
    beside: Callable[[int, int], ASGIApp]
    port: int


def serve(app: Door, address: Address, *, secure: Secure | None = None, say: TextIO = sys.stdout) -> None:
    """Serves until SIGTERM or SIGINT, with the log that the app's options ask for. Raises OSError when a port cannot be had."""
    options: Options = app.app.state.options
    set_up_log(options.log)
    parts: Parts = app.app.state.parts
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(address))
        url = url_of("http" if secure is None else "https", listener)
        told = ready_line(url)
        config = configured(app, address, lifespan=True, secure=secure)
        beside = None
        if secure is not None:
            plain = stack.enter_context(listen(msgspec.structs.replace(address, port=secure.port)))
            answers = secure.beside(plain.getsockname()[1], listener.getsockname()[1])
            beside = Beside(configured(answers, address, lifespan=False), plain, secure.certificates)
            told = ready_line(url, trust=f"{url_of('http', plain)}/trust")
        server = Server(config, lambda: print(told, file=say, flush=True), parts.feed.close, beside)
        keep_collector_off_old_objects()
        server.run(sockets=[listener])


def configured(app: ASGIApp, address: Address, *, lifespan: bool, secure: Secure | None = None) -> uvicorn.Config:
    """How uvicorn runs an application here."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=address.proxies,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
        ssl_context_factory=None if secure is None else lambda config, default: secure.certificates.context,
    )


def url_of(scheme: str, listener: socket.socket) -> str:
    """The address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def keep_collector_off_old_objects() -> None:
    """What the program has loaded stays; looking through it again and again costs milliseconds in the middle of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)


def ready_line(url: str, **more: str) -> str:
    """What is printed once, when the server answers. `trust`: where devices are told how to trust it, by HTTPS only."""
    return json.dumps({"event": "ready", "url": url, **more})


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

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        stopping: Callable[[], None],
        beside: "Beside | None" = None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._beside = beside

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then says so."""
        await super().startup(sockets)
        if self.started and self._beside is not None:
            await self._beside.start()
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the endless answers first, which uvicorn would wait for."""
        self._stopping()
        if self._beside is not None:
            await self._beside.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT end the server, which is no failure: the process is not killed by them. A second SIGINT waits for nobody."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


class Beside:
    """What runs beside a server of HTTPS, in its event loop: the listener without it, and who looks after the certificate."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, certificates: Certificates) -> None:
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._listener = listener
        self._certificates = certificates
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answers from now on."""
        await self._server.startup([self._listener])
        self._keeping = asyncio.create_task(self._certificates.keep())

    async def stop(self) -> None:
        """Ends both."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            await self._server.shutdown([self._listener])


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
