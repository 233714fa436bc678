"""The hub's server: uvicorn around the application, from its start to its clean end."""

import asyncio
import gc
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from socket import AF_INET6
from typing import Final

import asyncpg
import structlog
import uvicorn
import uvloop

from hub.api.context import new_context
from hub.app import create_app
from hub.errors import HubError, PostgresFault
from hub.exporting.working import exporting
from hub.refreshing import refreshing
from hub.runtime import Hub, now_ms, opened
from hub.settings import Settings
from hub.upkeep import upkeep

log = structlog.get_logger()

COLLECT_AFTER: Final = 100_000
DATABASE_WAIT_SECONDS: Final = 120.0
"""How long a database that is not there is waited for at the start: as a Postgres may take to recover."""
DATABASE_PAUSE_SECONDS: Final = 2.0


class Server(uvicorn.Server):
    """uvicorn, with one line on standard output when it answers, and an end that leaves the rest of us time to end too."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self.ending = ending
        """Ends what would go on for as long as it is let: streams."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end it; uvicorn's own way would raise them again and kill the process before it is clean."""
        loop = asyncio.get_running_loop()
        ends = (signal.SIGTERM, signal.SIGINT)
        for number in ends:
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in ends:
                loop.remove_signal_handler(number)

    def end(self) -> None:
        """Ends the server; asked a second time, without waiting for requests."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: "list[object] | None" = None) -> None:  # type: ignore[override]
        """Starts, and says so."""
        try:
            await super().startup()
        except SystemExit as error:
            raise HubError(
                f"The hub cannot listen on {self.config.host}, port {self.config.port}.",
                hint="Another program listens there, or the address is not this machine's. Choose another --port.",
            ) from error
        if self.started:
            listening = self.servers[0].sockets[0]
            port = listening.getsockname()[1]
            host = f"[{self.config.host}]" if listening.family == AF_INET6 else self.config.host
            ready = {"event": "ready", "url": f"http://{host}:{port}"}
            print(json.dumps(ready, separators=(",", ":")), flush=True)
            log.info("ready", url=ready["url"])

    async def shutdown(self, sockets: "list[object] | None" = None) -> None:  # type: ignore[override]
        """Ends streams first, which nobody should wait for."""
        await self.ending()
        await super().shutdown()


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    uvloop.run(run(settings))


async def run(settings: Settings) -> None:
    """The server on an open hub. Requests in work are waited for, then the database is closed."""
    async with _opened_once_there(settings) as hub:
        context = new_context(hub)
        config = uvicorn.Config(
            create_app(context),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        keep_collector_off_old_objects()
        async with upkeep(hub, now_ms), exporting(hub, now_ms), refreshing(hub):
            await Server(config, context.pulse.close).serve()
        log.info("stopping")


@asynccontextmanager
async def _opened_once_there(settings: Settings) -> AsyncIterator[Hub]:
    """The hub, as soon as its database answers: a machine that starts may start the hub first. Raises what `opened` does."""
    async with AsyncExitStack() as stack:
        until, hub = time.monotonic() + DATABASE_WAIT_SECONDS, None
        while hub is None:
            try:
                hub = await stack.enter_async_context(opened(settings))
            except PostgresFault as fault:
                if time.monotonic() > until or not _may_pass(fault):
                    raise
                log.warning("the database is waited for", error=str(fault))
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)
        yield hub


def _may_pass(fault: BaseException | None) -> bool:
    """Whether a fault is of a database that is not there yet. A wrong password stays wrong."""
    while fault is not None:
        if isinstance(fault, (OSError, asyncpg.CannotConnectNowError)):
            return True
        fault = fault.__cause__
    return False


def keep_collector_off_old_objects() -> None:
    """What the program has loaded stays, and an exchange makes many objects and no cycles: they are looked through less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
