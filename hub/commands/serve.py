"""`medtech-hub serve`."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from hub.commands.run import settings_from, shared_options
from hub.errors import AlreadyServing

SERVE_LOCK: Final = "serve.lock"


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@shared_options
def serve(host: str | None, port: int | None, data: str | None, config: Path | None, as_json: bool) -> None:
    """Serve the hub until SIGTERM or SIGINT. Prints one line of JSON when it answers."""
    settings = settings_from(data, config, host=host, port=port, log="json" if as_json else None)
    # Imported here so that other commands start without a web server.
    from hub import logs, server

    logs.configure(settings.log)
    with alone(Path(settings.data)):
        server.serve(settings)


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """The only server of this folder. Raises `AlreadyServing`. The kernel forgets it however the process ends."""
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / SERVE_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise AlreadyServing(f"A hub is already serving from {data}.") from error
    finally:
        os.close(descriptor)
